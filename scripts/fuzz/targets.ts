/**
 * What is fuzzed: decoders and live ends, which are fed inputs, and scenes, which are played.
 *
 * @module
 */

import type { Random } from "../../protocol/mod.ts";
import { runAttacks } from "./arena.ts";
import { ATTACKS } from "./attacks.ts";
import { converse } from "./conversation.ts";
import { DECODERS } from "./decoders.ts";
import { ENDS } from "./ends.ts";
import { SEALED_ENDS } from "./sealed_ends.ts";
import type { Target } from "./target.ts";

/** Attacks at the same time. */
const MAX_ATTACKS = 4;

/** The targets by name. */
export const TARGETS: ReadonlyMap<string, Target> = new Map<string, Target>([
  ...DECODERS,
  ...ENDS,
  ...SEALED_ENDS,
  ["conversation", { kind: "scene", play: converse }],
  ["hostile", { kind: "scene", play: playHostile }],
]);

/** Some attacks at once, those of a kind too. */
async function playHostile(random: Random): Promise<void> {
  const attacks = Array.from({ length: random.integer(1, MAX_ATTACKS) }, () => random.pick(ATTACKS));
  try {
    await runAttacks(attacks, random.fork("arena"));
  } catch (error) {
    throw new Error(`under ${attacks.map(({ name }) => name).join(", ")}`, { cause: error });
  }
}
