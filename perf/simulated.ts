/**
 * Runs scenarios in the simulator: how much of the link a transfer used, and what it sent in vain.
 *
 * @module
 */

import { World } from "../sim/world.ts";
import type { SimulatedScenario } from "./scenarios.ts";

/** What a simulated transfer was like. The same scenario gives the same figures on every machine. */
export interface SimulatedResult {
  readonly name: string;
  readonly sizeBytes: number;
  /** From connecting to the verified end. */
  readonly simulatedSeconds: number;
  readonly goodputBitsPerSecond: number;
  /** Of what the line carries of file bytes, its random losses taken off. */
  readonly shareOfPossible: number;
  /** Stream bytes sent again, as a share of the file. */
  readonly retransmittedShare: number;
  /** Packets declared lost that had arrived, as a share of the packets declared lost. */
  readonly spuriousShare: number;
  /** The longest wait in the queue. */
  readonly maxQueueDelayMs: number;
}

const SEED = 1;

/** A transfer that takes longer than this many times its least time has hung. */
const PATIENCE = 100;

/** Sends a file up over the scenario's link. Throws where it does not arrive. */
export function runSimulated(scenario: SimulatedScenario): SimulatedResult {
  const { name, rateBitsPerSecond, roundTripUs, queueRoundTrips, faults, sizeBytes } = scenario;
  const productBytes = rateBitsPerSecond / 8 * roundTripUs / 1e6;
  const link = {
    rateBitsPerSecond,
    delayUs: roundTripUs / 2,
    queueBytes: Math.round(Math.max(20_000, productBytes * queueRoundTrips)),
    ...faults,
  };
  const world = new World({
    seed: SEED,
    up: link,
    down: link,
    clients: [{ goals: [{ kind: "put", name: "file", sizeBytes }] }],
  });
  const leastUs = sizeBytes * 8 / rateBitsPerSecond * 1e6 + 3 * roundTripUs;
  const isOver = world.run(PATIENCE * leastUs);
  const outcome = world.results[0]?.outcome;
  if (!isOver || outcome?.kind !== "done") {
    throw new Error(`${name}: ${outcome?.kind ?? "no end"} at ${world.endUs} us`);
  }
  const stats = world.statsOf(0);
  const simulatedSeconds = world.endUs / 1e6;
  const goodputBitsPerSecond = sizeBytes * 8 / simulatedSeconds;
  return {
    name,
    sizeBytes,
    simulatedSeconds,
    goodputBitsPerSecond,
    shareOfPossible: goodputBitsPerSecond / (rateBitsPerSecond * (1 - (faults.loss ?? 0))),
    retransmittedShare: stats.retransmittedBytes / sizeBytes,
    spuriousShare: stats.packetsLost === 0 ? 0 : stats.spuriousLosses / stats.packetsLost,
    maxQueueDelayMs: world.linkOf(0).up.stats.maxQueueDelayUs / 1000,
  };
}
