// Readers of the programs' output that are slow, or that are not there: the transfers go on, and no line is lost in silence.

import assert from "node:assert/strict";
import path from "node:path";
import { assertSameFile, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, launchOfTask, Stage } from "../../testing/programs/programs.ts";

/** More log lines than a pipe holds: one for each of some thousand datagrams. */
const MANY_FAULTS = ["--simulate", "duplicate=99%,seed=1"];
const MANY_DATAGRAMS_BYTES = 4_000_000;

Deno.test("server goes on while nobody reads its log, and writes all of it once somebody does", async () => {
  await using stage = await Stage.open();
  const { command, args } = await launchOfTask("serve");
  const root = stage.path("storage");
  const server = new Deno.Command(command, {
    args: [...args, "--port", "0", "--root", root, "--state", stage.path("state"), ...MANY_FAULTS],
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
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (?:INFO |WARN ) \S.*$/);
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
