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

/** Receives progress and results. */
export interface Listener {
  /** The number of worlds that have ended since the last call. */
  onWorlds(worlds: number): void;
  /** A world failed; the message has its seed, what happened, and the command that replays it. */
  onFailed(message: string): void;
  readonly onResult?: (result: SwarmResult) => void;
}

/** {@link Listener.onWorlds} is called after this many worlds. */
const REPORT_EVERY = 50;

/** Runs the worlds; without `keepGoing` up to the first that fails. */
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
