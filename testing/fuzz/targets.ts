/**
 * What is fuzzed: decoders and live ends, which are fed inputs, and scenes, which are played.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import { runAttacks } from "../hostile/fixture.ts";
import { ATTACKS } from "../hostile/attacks.ts";
import { converse } from "../hostile/script.ts";
import { DECODERS } from "./decoders.ts";
import { ENDPOINTS } from "./endpoints.ts";
import type { Target } from "./target.ts";

/** Attacks at the same time. */
const MAX_ATTACKS = 4;

/** The targets by name. */
export const TARGETS: ReadonlyMap<string, Target> = new Map<string, Target>([
  ...DECODERS,
  ...ENDPOINTS,
  ["conversation", { kind: "scene", play: converse }],
  ["hostile", { kind: "scene", play: playHostile }],
]);

/** Some attacks at once, those of a kind too. */
async function playHostile(random: Random): Promise<void> {
  const attacks = Array.from({ length: random.integer(1, MAX_ATTACKS) }, () => random.pick(ATTACKS));
  try {
    await runAttacks(attacks, random.fork("fixture"));
  } catch (error) {
    throw new Error(`under ${attacks.map(({ name }) => name).join(", ")}`, { cause: error });
  }
}
