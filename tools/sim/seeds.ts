/**
 * Runs worlds from one seed after another.
 *
 * @module
 */

import { runSwarm, type SwarmResult } from "../../sim/swarm.ts";
import { Summary } from "./summary.ts";

/** Which seeds: every `stride`-th of `count` seeds from `firstSeed` on. */
export interface Share {
  readonly firstSeed: number;
  readonly count: number;
  readonly stride: number;
  /** Go on after a failure. */
  readonly keepGoing: boolean;
}

/** Who hears how it goes. */
export interface Listener {
  /** So many worlds have ended since the last call. */
  onWorlds(worlds: number): void;
  /** A world went wrong; the message says which seed, what happened, and what replays it. */
  onFailed(message: string): void;
  readonly onResult?: (result: SwarmResult) => void;
}

/** {@link Listener.onWorlds} is called after so many. */
const REPORT_EVERY = 50;

/** Runs them; without `keepGoing` up to the first that fails. */
export async function runSeeds(share: Share, listener: Listener): Promise<Summary> {
  const { firstSeed, count, stride, keepGoing } = share;
  const summary = new Summary();
  let unreported = 0;
  for (let seed = firstSeed; seed < firstSeed + count; seed += stride) {
    try {
      const result = await runSwarm(seed, { coverage: summary.coverage });
      summary.addWorld(result);
      listener.onResult?.(result);
    } catch (error) {
      listener.onFailed(error instanceof Error ? error.message : String(error));
      if (!keepGoing) break;
    }
    if (++unreported < REPORT_EVERY) continue;
    listener.onWorlds(unreported);
    unreported = 0;
  }
  return summary;
}
