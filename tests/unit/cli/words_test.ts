import assert from "node:assert/strict";
import fc from "fast-check";
import { splitWords } from "../../../cli/words.ts";

Deno.test("splitWords parts at spaces and keeps what quotes hold together", () => {
  assert.deepEqual(splitWords('  put "my file.txt"\tnew.txt '), ["put", "my file.txt", "new.txt"]);
  assert.deepEqual(splitWords(`put 'say "hi".txt'`), ["put", 'say "hi".txt']);
  assert.deepEqual(splitWords('a"b c"d'), ["ab cd"]);
  assert.deepEqual(splitWords('get ""'), ["get", ""]);
  assert.deepEqual(splitWords(""), []);
});

Deno.test("splitWords leaves backslashes as they are", () => {
  assert.deepEqual(splitWords("put C:\\files\\a.txt"), ["put", "C:\\files\\a.txt"]);
});

Deno.test("splitWords tells of a quote that is not closed", () => {
  assert.deepEqual(splitWords('put "a.txt'), { error: 'a closing " is missing' });
});

Deno.test("splitWords gives back words that were quoted", () => {
  fc.assert(
    fc.property(fc.array(fc.string().map((word) => word.replaceAll('"', ""))), (words) => {
      assert.deepEqual(splitWords(words.map((word) => `"${word}"`).join(" ")), words);
    }),
    { numRuns: 200 },
  );
});
