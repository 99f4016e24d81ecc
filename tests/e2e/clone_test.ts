// The tasks of `deno.json` as they are typed in a clone, in any folder of the user's below or beside it.

import assert from "node:assert/strict";
import path from "node:path";
import { type Launch, Stage } from "../../testing/programs/programs.ts";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

/** A task by its name, without Deno's line with the command. */
function taskLaunch(task: string): Launch {
  const config = path.join(PROJECT, "deno.json");
  return { command: Deno.execPath(), args: ["task", "--quiet", "--config", config, task] };
}

Deno.test("tasks say nothing but what the programs say, and take paths from where they are typed", async () => {
  await using stage = await Stage.open();
  const serve = stage.run(taskLaunch("serve"), ["--port", "0", "--root", "kept"]);
  try {
    const [, port] = await serve.says(/^\S+ INFO +listening on 127\.0\.0\.1:(\d+)/m);
    const server = ["--server", `127.0.0.1:${port}`];
    await Deno.writeTextFile(stage.path("report.txt"), "content");
    const sent = await stage.run(taskLaunch("send"), ["report.txt", ...server]).finished();
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    assert.equal(await Deno.readTextFile(stage.path("kept", "report.txt")), "content");
    const got = await stage.run(taskLaunch("get"), ["report.txt", "--output", "copy.txt", ...server]).finished();
    assert.deepEqual([got.code, got.stderr], [0, ""]);
    assert.equal(await Deno.readTextFile(stage.path("copy.txt")), "content");
  } finally {
    // The task passes it on; killed, it would leave the server behind.
    serve.signal("SIGTERM");
  }
  assert.equal((await serve.finished()).stderr, "");
});

Deno.test("a program that no task has started stays where it is, whatever INIT_CWD says", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await Deno.writeTextFile(stage.path("report.txt"), "content");
  const env = { INIT_CWD: PROJECT };
  const sent = await stage.client(["send", "report.txt", "--server", server.address], { env });
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
});
