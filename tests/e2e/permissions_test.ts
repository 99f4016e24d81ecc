// The programs, with the permissions of their tasks, once they have started: what they may do still. A probe that Deno
// loads before the program looks in the very process.

import assert from "node:assert/strict";
import path from "node:path";
import { namesIn, writeRandomFile } from "./files.ts";
import { type Launch, launchOfTask, Stage } from "./programs.ts";

/** Where a program must not get to; the probe tries each, in the ways that it names. */
interface Targets {
  /** A file beside what the program works with. */
  readonly outside: string;
  /** A file in what the program works with. */
  readonly inside: string;
}

/**
 * Waits in the background until the program has given up what it does not need, and then says what it still may: a line
 * for each thing, `probe WHAT: yes` or `no`.
 */
function probeSource({ outside, inside }: Targets): string {
  return `
const say = (line) => Deno.stderr.writeSync(new TextEncoder().encode(line + "\\n"));
const attempts = {
  "read inside": () => Deno.readFileSync(${JSON.stringify(inside)}),
  "write inside": () => Deno.utimeSync(${JSON.stringify(inside)}, 1, 1),
  "read outside": () => Deno.readFileSync(${JSON.stringify(outside)}),
  "stat outside": () => Deno.lstatSync(${JSON.stringify(outside)}),
  "list outside": () => [...Deno.readDirSync("/etc")],
  "write outside": () => Deno.writeTextFileSync(${JSON.stringify(outside)}, "mine"),
  "make outside": () => Deno.mkdirSync(${JSON.stringify(outside)} + ".d"),
  "link outside": () => Deno.linkSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".link"),
  "symlink outside": () => Deno.symlinkSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".symlink"),
  "rename outside": () => Deno.renameSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".away"),
  "climb outside": () => Deno.readFileSync(${JSON.stringify(path.dirname(inside))} + "/../" + ${
    JSON.stringify(path.basename(outside))
  }),
  "run": () => new Deno.Command("true").outputSync(),
  "load a library": () => Deno.dlopen("libc.so.6", {}),
  "read the environment": () => Deno.env.get("CLICOLOR_FORCE"),
  "read all of the environment": () => Deno.env.toObject(),
  "import": () => import("https://127.0.0.1:9/x.ts"),
  "know the host": () => Deno.hostname(),
};
const mayRun = (error) => error.name !== "NotCapable" && !/Requires \\w+ access/.test(error.message);
const timer = setInterval(async () => {
  if (Deno.permissions.querySync({ name: "env", variable: "CLICOLOR_FORCE" }).state === "granted") return;
  clearInterval(timer);
  for (const [what, attempt] of Object.entries(attempts)) {
    let may = true;
    try { await attempt(); } catch (error) { may = mayRun(error); }
    say("probe " + what + ": " + (may ? "yes" : "no"));
  }
  say("probe done");
}, 1);
// Otherwise the program would not begin before it has ended.
Deno.unrefTimer(timer);
`;
}

const NEVER = [
  ...["read", "stat", "list", "write", "make", "link", "symlink", "rename", "climb"].map((verb) => `${verb} outside`),
  "run",
  "load a library",
  "read the environment",
  "read all of the environment",
  "import",
  "know the host",
];

/** A task's program, with the probe. */
async function probed(task: string, targets: Targets): Promise<Launch> {
  const { command, args } = await launchOfTask(task);
  const probe = path.join(path.dirname(targets.outside), "probe.js");
  await Deno.writeTextFile(probe, probeSource(targets));
  const [run, ...rest] = args;
  return { command, args: [run!, "--preload", probe, ...rest] };
}

function assertMay(stderr: string, expected: Readonly<Record<string, "yes" | "no">>): void {
  const found = Object.fromEntries([...stderr.matchAll(/^probe (.*): (yes|no)$/gm)].map((match) => match.slice(1)));
  const all = { ...Object.fromEntries(NEVER.map((what) => [what, "no"])), ...expected };
  assert.deepEqual(found, all);
}

/** Where the probe lies, with the file that nobody may reach. */
async function makeOutside(): Promise<string> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-e2e-" }));
  const outside = path.join(folder, "outside");
  await Deno.writeTextFile(outside, "precious");
  return outside;
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
    const server = await stage.startServer({ args: ["--simulate", "delay=100ms"] });
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
    assert.equal(await Deno.readTextFile(outside), "precious");
  } finally {
    await Deno.remove(path.dirname(outside), { recursive: true });
  }
});
