/**
 * What a power failure takes of the changes that were not synced: something that a seed draws, everything, or nothing.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";

/** Decides about each change. Of the alternatives that are picked from, the first loses the most. */
export type Losses = Pick<Random, "chance" | "pick">;

/** Every change that was not synced is lost. */
export const LOSES_ALL: Losses = {
  chance: (probability) => probability > 0,
  pick: (elements) => elements[0]!,
};

/** No change is lost, as when only the process was killed. */
export const LOSES_NOTHING: Losses = {
  chance: (probability) => probability >= 1,
  pick: (elements) => elements.at(-1)!,
};
