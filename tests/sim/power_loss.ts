/**
 * The power failures that tests of the disk try at each operation.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { LOSES_ALL, LOSES_NOTHING, type Losses } from "../../sim/disk/losses.ts";

const DRAWS = 3;

/** Of what was not synced, all is lost, nothing (as when the process is killed), or what `label` draws. */
export function lossesOf(label: string): readonly { readonly what: string; readonly losses: Losses }[] {
  const drawn = Array.from({ length: DRAWS }, (_, draw) => ({
    what: `draw ${draw}`,
    losses: new Random(draw).fork(label),
  }));
  return [{ what: "all", losses: LOSES_ALL }, { what: "nothing", losses: LOSES_NOTHING }, ...drawn];
}
