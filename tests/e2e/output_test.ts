// Readers of the programs' output that are slow, terminals that go, and disks behind standard output that are full: the
// transfers go on or stop cleanly, and no line is lost in silence.

import assert from "node:assert/strict";
import path from "node:path";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, type Launch, launchOfTask, Stage } from "../../testing/programs/programs.ts";

/** More log lines than a pipe holds: one for each of some thousand datagrams. */
const MANY_FAULTS = ["--log-level", "debug", "--simulate", "duplicate=99%,seed=1"];
const MANY_DATAGRAMS_BYTES = 4_000_000;

Deno.test("server goes on while nobody reads its log, and writes all of it once somebody does", async () => {
  await using stage = await Stage.open();
  const { command, args } = await launchOfTask("serve");
  const root = stage.path("storage");
  const server = new Deno.Command(command, {
    args: [...args, "--port", "0", "--root", root, "--open", "--state", stage.path("state"), ...MANY_FAULTS],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let log = "";
    while (!/listening on 127\.0\.0\.1:\d+/.test(log)) log += (await reader.read()).value ?? "";
    const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(log)!;
    const source = await writeRandomFile(stage.path("up"), MANY_DATAGRAMS_BYTES);
    const sent = await stage.client(["send", source, "--quiet", "--server", `127.0.0.1:${port}`]);
    assert.equal(sent.code, 0, sent.stderr);
    await assertSameFile(path.join(root, "up"), source);
    server.kill("SIGTERM");
    for (;;) {
      const { value, done } = await inTime(reader.read(), () => "the rest of the log");
      if (done) break;
      log += value;
    }
    const { code } = await inTime(server.status, () => "the server's end");
    assert.equal(code, 0);
    const lines = log.trimEnd().split("\n");
    assert.ok(log.length > 100_000, `a log of ${log.length} bytes waits for no reader`);
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (?:DEBUG|INFO |WARN ) \S.*$/);
    assert.ok(lines.some((line) => line.includes('received "up"')));
    assert.match(lines.at(-1)!, /stopped$/);
  } finally {
    try {
      server.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await Promise.all([server.stderr.cancel(), server.status]);
  }
});

/** The program of a task, allowed everything: on Linux it can find out whether SIGHUP is ignored. */
async function withAllPermissions(task: string): Promise<Launch> {
  const { command, args } = await launchOfTask(task);
  return { command, args: ["run", "--quiet", "--allow-all", args.at(-1)!] };
}

async function startSlowDownload(stage: Stage, shell: string) {
  const server = await stage.startServer({ args: ["--rate", "8M"] });
  await writeRandomFile(path.join(server.root, "down"), 2_000_000);
  await Deno.mkdir(stage.path("copies"));
  const args = ["get", "down", "--output", stage.path("copies"), "--server", server.address];
  const client = stage.startClient(args, { shell });
  await stage.untilPartialFile(stage.path("copies"));
  return { client, server };
}

Deno.test("client stops cleanly at SIGHUP, and a server without a terminal reads its list and goes on", async () => {
  await using stage = await Stage.open();
  const { client, server } = await startSlowDownload(stage, ":");
  client.signal("SIGHUP");
  const { code, stderr } = await client.finished();
  assert.match(stderr, /^error: interrupted.*$/m);
  assert.equal(code, 129);
  assert.deepEqual(await namesIn(stage.path("copies")), []);
  await server.program.says(/disconnected: the other side closed the connection/);
  const key = (await stage.client(["key"])).stdout.trim();
  await Deno.writeTextFile(stage.path("keys"), `${key}\n`, { mode: 0o600 });
  const listed = await stage.startServer({ root: "listed", args: ["--authorized-keys", "keys"] });
  listed.program.signal("SIGHUP");
  await listed.program.says(/access control reloaded: 1 .*, 0 connections closed/);
  assert.equal((await stage.client(["list", "--server", listed.address])).code, 0);
  assert.equal((await listed.stop()).code, 0);
  server.program.signal("SIGHUP");
  assert.equal((await stage.client(["list", "--server", server.address])).code, 0);
  const stopped = await server.stop();
  assert.equal(stopped.code, 0);
  assert.match(stopped.stdout, /stopped\n$/);
});

if (Deno.build.os === "linux") {
  Deno.test("client that was started with SIGHUP ignored goes on to the end", async () => {
    const launches = { server: await launchOfTask("serve"), client: await withAllPermissions("list") };
    await using stage = await Stage.open(launches);
    const { client, server } = await startSlowDownload(stage, "trap '' HUP");
    client.signal("SIGHUP");
    const { code, stderr } = await client.finished();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    await assertSameFile(stage.path("copies", "down"), path.join(server.root, "down"));
  });

  Deno.test("a full disk behind standard output fails no transfer, and is told once", async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer();
    const target = ["--server", server.address];
    const sources = [await writeRandomFile(stage.path("one"), 1000), await writeRandomFile(stage.path("two"), 1000)];
    for (const args of [["send", ...sources, ...target], ["list", ...target], ["key"]]) {
      const { code, stderr } = await stage.client(args, { shell: "exec > /dev/full" });
      assert.deepEqual([code, stderr], [7, "error: could not write to standard output: No space left on device\n"]);
    }
    assert.deepEqual(await namesIn(server.root), ["one", "two"]);
  });
}
