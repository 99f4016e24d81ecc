import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { describeError } from "../../../cli/console.ts";

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
