import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import { Corpus, hexOf, MAX_FEATURES, MAX_KEPT_BYTES, readInputs } from "../../../../testing/fuzz/corpus.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

Deno.test("Corpus keeps an input that shows something new, and the smallest that shows it", () => {
  const corpus = new Corpus();
  assert.equal(corpus.consider(bytes(1, 2, 3), ["a", "b"]), true);
  assert.equal(corpus.consider(bytes(4, 5, 6), ["a"]), false, "nothing new, and no smaller");
  assert.equal(corpus.consider(bytes(7, 8), ["a"]), false, "smaller, but nothing new");
  assert.deepEqual(corpus.inputs, [bytes(7, 8), bytes(1, 2, 3)]);
  corpus.consider(bytes(9), ["a", "b"]);
  assert.deepEqual(corpus.inputs, [bytes(9)], "what nothing needs any more is gone");
});

Deno.test("Corpus keeps a copy, nothing that is too large, and no end of features", () => {
  const corpus = new Corpus();
  const input = bytes(1);
  corpus.consider(input, ["a"]);
  input[0] = 2;
  assert.deepEqual(corpus.pick(new Random(1)), bytes(1));
  assert.equal(corpus.consider(new Uint8Array(MAX_KEPT_BYTES + 1), ["b"]), false);
  for (let n = 0; n < 2 * MAX_FEATURES; n++) corpus.consider(bytes(n & 0xff, n >> 8), [`feature ${n}`]);
  assert.equal([...corpus.features].length, MAX_FEATURES);
});

Deno.test("Corpus.pick gives nothing while there is nothing", () => {
  assert.equal(new Corpus().pick(new Random(1)), undefined);
});

Deno.test("Corpus.toText is read again by readInputs, and says what each input is kept for", () => {
  const corpus = new Corpus();
  corpus.consider(new Uint8Array(0), ["nothing"]);
  corpus.consider(bytes(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2), ["zeros", "a"]);
  assert.equal(corpus.toText(), "# nothing\n01(00 x 9)02 # a; zeros\n");
  assert.deepEqual(readInputs(corpus.toText()), corpus.inputs);
});

Deno.test("hexOf counts long runs alone", () => {
  assert.equal(hexOf(bytes(1, 1, 2)), "010102");
  assert.equal(hexOf(new Uint8Array(7)), "00".repeat(7));
  assert.equal(hexOf(new Uint8Array(8)), "(00 x 8)");
});
