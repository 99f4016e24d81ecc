import assert from "node:assert/strict";
import { escapeUnprintable, MAX_DISPLAY_LENGTH, quote, sanitizeForDisplay } from "../../../base/display_text.ts";

Deno.test("sanitizeForDisplay escapes what a terminal would obey", () => {
  assert.equal(sanitizeForDisplay("a\tb\r\n\x1b[31m\x00\x9b"), "a\\tb\\r\\n\\x1b[31m\\x00\\x9b");
  assert.equal(sanitizeForDisplay("x\u202egpj\ud800\u2028"), "x\\u202egpj\\ud800\\u2028");
  assert.equal(sanitizeForDisplay("\u00fcber \u{1f600} C:\\x"), "\u00fcber \u{1f600} C:\\x");
});

Deno.test("sanitizeForDisplay bounds the length", () => {
  assert.equal(sanitizeForDisplay("x".repeat(MAX_DISPLAY_LENGTH)).length, MAX_DISPLAY_LENGTH);
  assert.equal(sanitizeForDisplay("x".repeat(1_000_000)), "x".repeat(MAX_DISPLAY_LENGTH) + "...");
  assert(sanitizeForDisplay("\x1b".repeat(1_000_000)).length <= MAX_DISPLAY_LENGTH + 3);
});

Deno.test("quote escapes what it quotes, and uses single quotes around double ones", () => {
  assert.equal(quote("a.bin\n"), '"a.bin\\n"');
  assert.equal(quote('"'), `'"'`);
});

Deno.test("escapeUnprintable escapes in JSON what JSON does not, and parses to the same", () => {
  const value = { name: "\u009b2J\x1b\x7f\u202e\u2028\\\u00e9\u{1f600}" };
  const json = escapeUnprintable(JSON.stringify(value));
  assert.equal(json, '{"name":"\\u009b2J\\u001b\\u007f\\u202e\\u2028\\\\\u00e9\u{1f600}"}');
  assert.deepEqual(JSON.parse(json), value);
});
