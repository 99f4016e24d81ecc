/**
 * The targets of `deno task fuzz`: a few tries each, so that they do not rot, and all that is kept in the corpus.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { isThorough } from "../../testing/effort.ts";
import { keptInputs, regressions } from "../../testing/fuzz/corpus_folder.ts";
import { Corpus, hexOf } from "../../testing/fuzz/corpus.ts";
import { feedAll, runTry } from "../../testing/fuzz/runner.ts";
import { makeInput } from "../../testing/fuzz/target.ts";
import { TARGETS } from "../../testing/fuzz/targets.ts";

/** Fixed, so that a failure can be repeated: `deno task fuzz --seed 21325 --target NAME --try N`. */
const SEED = 0x534d;
const TRIES = isThorough ? 150 : 100;
const SCENES = new Map([["conversation", 15], ["hostile", 5]]);

/** All that is kept, in bytes of text: small enough to be read in a review. */
const MAX_CORPUS_BYTES = 60_000;

for (const [name, target] of TARGETS) {
  if (target.kind === "scene") {
    Deno.test(`fuzzing: ${name} ends as it must`, async () => {
      for (let tryNumber = 0; tryNumber < SCENES.get(name)!; tryNumber++) {
        const failure = await runTry(name, { seed: SEED, tryNumber });
        assert.equal(failure?.what, undefined, `try ${tryNumber}`);
      }
    });
    continue;
  }
  Deno.test(`fuzzing: ${name} withstands what is kept in the corpus, and what comes of changing that`, () => {
    const corpus = new Corpus();
    feedAll(target, corpus, keptInputs(name));
    assert(corpus.inputs.length > 3, "a corpus of nothing proves nothing");
    const random = new Random(SEED).fork(name);
    for (let count = 0; count < TRIES; count++) {
      feedAll(target, new Corpus(), [makeInput(target, random, () => corpus.pick(random))]);
    }
  });
}

Deno.test("fuzzing: the corpus is small", () => {
  let corpusBytes = 0;
  for (const [name] of TARGETS) {
    for (const input of keptInputs(name)) corpusBytes += hexOf(input).length;
  }
  assert(corpusBytes <= MAX_CORPUS_BYTES, `${corpusBytes} bytes, ${MAX_CORPUS_BYTES} are allowed`);
});

Deno.test("fuzzing: what failed once does not fail again", async () => {
  for (const regression of regressions()) {
    const { target: name } = regression;
    if ("input" in regression) feedAll(TARGETS.get(name)!, new Corpus(), [regression.input]);
    else assert.equal((await runTry(name, regression))?.what, undefined, `${name} of seed ${regression.seed}`);
  }
});
