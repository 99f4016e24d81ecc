import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { describeError, finishOutput } from "../../../cli/console.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";

Deno.test("describeError shows a failure's message alone, with what a peer may have put in escaped", () => {
  const shown = describeError(new SluiceError("refused", 'the server refused: "a\x1b[2J\nb"'));
  assert.equal(shown.includes("\x1b") || shown.includes("\n"), false);
  assert.match(shown, /^the server refused: "a/);
});

Deno.test("describeError shows where a bug was", () => {
  assert.match(
    describeError(new TypeError("bug")),
    /^internal error, please report it: TypeError: bug\n.*console_test/,
  );
  assert.equal(describeError("thrown text"), "internal error: thrown text");
});

Deno.test("finishOutput tells that standard output could not be written; a failure before that decides the exit code", async () => {
  for (const [before, after] of [[0, 7], [3, 3]] as const) {
    const console = new FakeConsole();
    console.outFailure = "No space left on device";
    assert.equal(await finishOutput(console, before), after);
    assert.deepEqual(console.errLines, ["error: could not write to standard output: No space left on device"]);
    assert.equal(console.isFlushed, true);
  }
  const console = new FakeConsole();
  assert.equal(await finishOutput(console, 0), 0);
  assert.deepEqual(console.errLines, []);
  assert.equal(console.isFlushed, true);
});

Deno.test("finishOutput says nothing of a reader that has gone, and exits as if by SIGPIPE, but for a log", async () => {
  const console = new FakeConsole();
  console.outLoss = { reason: undefined };
  assert.equal(await finishOutput(console, 0), 141);
  assert.equal(await finishOutput(console, 3), 3);
  assert.equal(await finishOutput(console, 0, { isLog: true }), 0);
  assert.deepEqual(console.errLines, []);
});

Deno.test("finishOutput waits for a reader, but no longer than it is told", async () => {
  const console = new FakeConsole();
  console.waitingBytes = 1;
  assert.equal(await finishOutput(console, 0, { timeout: () => Promise.resolve() }), 7);
  assert.deepEqual(console.errLines, ["error: could not write to standard output: it is not being read"]);
});
