/**
 * The targets of `deno task fuzz`, a few tries each, so that they do not rot.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Random } from "../../protocol/mod.ts";
import { TARGETS } from "../../scripts/fuzz/targets.ts";

/** Fixed, so that a failure can be repeated: `deno task fuzz --seed 21325 --target NAME --try N`. */
const SEED = 0x534d;
const TRIES = 300;
const SLOW_TRIES = 15;

for (const [name, target] of TARGETS) {
  Deno.test(`fuzzing: ${name} withstands hostile input`, async () => {
    const root = new Random(SEED);
    const tries = name === "conversation" ? SLOW_TRIES : TRIES;
    let inputs = 0;
    for (let i = 0; i < tries; i++) {
      try {
        await target(root.fork(`${name} ${i}`), () => inputs++);
      } catch (error) {
        throw new Error(`try ${i} failed`, { cause: error });
      }
    }
    assert(inputs >= tries, "a target that is fed nothing proves nothing");
  });
}
