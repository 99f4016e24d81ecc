// The programs, with the permissions of their tasks, once they have started: what they may do still. A probe that Deno
// loads before the program looks in the very process.

import assert from "node:assert/strict";
import path from "node:path";
import { namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { assertMay, makeOutside, NETWORK, type Targets, writeProbe } from "../../testing/programs/probe.ts";
import { type Launch, launchOfTask, Stage } from "../../testing/programs/programs.ts";

/** A task's program, with the probe. */
async function probed(task: string, targets: Targets): Promise<Launch> {
  const { command, args } = await launchOfTask(task);
  const [run, ...rest] = args;
  return { command, args: [run!, "--preload", await writeProbe(targets), ...rest] };
}

for (const isReadOnly of [false, true]) {
  const kind = isReadOnly ? "read-only server" : "server";
  Deno.test(`${kind} program may read ${isReadOnly ? "" : "and write "}its folder alone once it listens`, async () => {
    const outside = await makeOutside();
    try {
      const root = path.join(path.dirname(outside), "root");
      const inside = path.join(root, "a");
      await Deno.mkdir(root);
      await Deno.writeTextFile(inside, "content");
      const client = await launchOfTask("list");
      await using stage = await Stage.open({ server: await probed("serve", { outside, inside }), client });
      const server = await stage.startServer({
        root: path.relative(stage.folder, root),
        args: isReadOnly ? ["--read-only"] : [],
      });
      await server.program.complains(/probe done/);
      assertMay(server.program.stderr, { "read inside": "yes", "write inside": isReadOnly ? "no" : "yes" });
      const target = ["--server", server.address, "--quiet"];
      assert.equal((await stage.client(["get", "a", ...target])).code, 0);
      await writeRandomFile(stage.path("up"), 100_000);
      assert.equal((await stage.client(["send", "up", ...target])).code, isReadOnly ? 4 : 0);
      assert.equal(await Deno.readTextFile(outside), "precious");
      assert.deepEqual(await namesIn(root), isReadOnly ? ["a"] : ["a", "up"]);
    } finally {
      await Deno.remove(path.dirname(outside), { recursive: true });
    }
  });
}

Deno.test("client program may read what it sends alone, write where it saves alone, and neither to list", async (t) => {
  const outside = await makeOutside();
  try {
    const folder = path.dirname(outside);
    const copies = path.join(folder, "copies");
    await Deno.mkdir(copies);
    await Deno.writeTextFile(path.join(copies, "old"), "old");
    await Deno.writeTextFile(path.join(folder, "up"), "content");
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: ["--open", "--simulate", "delay=100ms"] });
    const run = async (args: readonly string[], inside: string) => {
      await using own = await Stage.open({
        server: await launchOfTask("serve"),
        client: await probed("send", { outside, inside }),
      });
      // Faults delay its end as well as its beginning: the probe has its time.
      const program = own.startClient([...args, "--server", server.address]);
      const { code, stderr } = await program.finished();
      assert.equal(code, 0, stderr);
      assert.match(stderr, /probe done/);
      return stderr;
    };
    await t.step("send", async () => {
      const inside = path.join(folder, "up");
      assertMay(await run(["send", inside], inside), { "read inside": "yes", "write inside": "no" });
    });
    await t.step("get", async () => {
      const stderr = await run(["get", "up", "--output", copies], path.join(copies, "old"));
      assertMay(stderr, { "read inside": "yes", "write inside": "yes" });
      assert.deepEqual(await namesIn(copies), ["old", "up"]);
    });
    await t.step("list", async () => {
      assertMay(await run(["list"], path.join(copies, "old")), { "read inside": "no", "write inside": "no" });
    });
    await t.step("list by Deno's socket", async () => {
      const stderr = await run(["list", "--no-native"], path.join(copies, "old"));
      assertMay(stderr, { "read inside": "no", "write inside": "no", ...NETWORK });
    });
    assert.equal(await Deno.readTextFile(outside), "precious");
  } finally {
    await Deno.remove(path.dirname(outside), { recursive: true });
  }
});

Deno.test("server program needs no more than its folder and its address from the start", async () => {
  const { command, args } = await launchOfTask("serve");
  const [run, ...rest] = args;
  const isOther = (flag: string) => !/^--allow-(?:net|read|write|env)\b/.test(flag);
  const given = ["--allow-net=127.0.0.1", "--allow-read=storage,state", "--allow-write=storage,state"];
  const server = { command, args: [run!, ...given, ...rest.filter(isOther)] };
  await using stage = await Stage.open({ server, client: await launchOfTask("list") });
  const { address, root } = await stage.startServer({ args: ["--open", "--state", "state"] });
  await writeRandomFile(stage.path("a"), 100_000);
  const target = ["--server", address, "--quiet"];
  assert.equal((await stage.client(["send", "a", ...target])).code, 0);
  assert.equal((await stage.client(["get", "a", ...target])).code, 0);
  assert.deepEqual(await namesIn(root), ["a"]);
});

Deno.test("the programs work in /dev/shm with all permissions, and the server says that it keeps them", async () => {
  if (Deno.build.os !== "linux") return;
  const shared = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "sluice-e2e-" });
  try {
    const withAll = async (task: string): Promise<Launch> => {
      const { command, args } = await launchOfTask(task);
      const [run, ...rest] = args;
      return { command, args: [run!, "--allow-all", ...rest.filter((arg) => !/^--allow-/.test(arg))] };
    };
    await using stage = await Stage.open({ server: await withAll("serve"), client: await withAll("list") });
    const { address, program } = await stage.startServer({ root: path.relative(stage.folder, shared) });
    await writeRandomFile(stage.path("a"), 100_000);
    const target = ["--server", address, "--quiet"];
    assert.equal((await stage.client(["send", "a", ...target])).code, 0);
    assert.equal((await stage.client(["get", "a", "--output", path.join(shared, "b"), ...target])).code, 0);
    assert.equal((await stage.client(["send", path.join(shared, "b"), "--as", "c", ...target])).code, 0);
    assert.deepEqual(await namesIn(shared), ["a", "b", "c"]);
    assert.match(program.stdout, /WARN.* requires all permissions of Deno, as all of \/dev, \/proc and \/sys/);
  } finally {
    await Deno.remove(shared, { recursive: true });
  }
});
