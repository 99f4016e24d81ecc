/**
 * Runs scenarios in the simulator.
 *
 * @module
 */

import process from "node:process";
import { World } from "../sim/world.ts";
import type { Measurement } from "./figures.ts";
import type { Transfer } from "./plan.ts";
import { linkOptionsOf, possibleBitsPerSecond } from "./scenarios.ts";

/** A transfer is given up after so many times its minimum time. */
const LIMIT_FACTOR = 100;

const GIB = 2 ** 30;

/**
 * Uploads a file over the scenario's link, in a world that `seed` determines. The same scenario and seed give the same
 * figures on every machine, except the CPU time.
 */
export async function runSimulated({ scenario, sizeBytes }: Transfer, seed: number): Promise<Measurement> {
  const { name, link, processor, timerTickUs } = scenario;
  if (link === undefined) throw new Error(`${name}: a simulated scenario needs a link`);
  const measured = { scenario: name, place: "simulated", contestant: "send", sizeBytes, runs: 1 } as const;
  const startedCpu = process.cpuUsage();
  const world = new World({
    seed,
    ...linkOptionsOf(link),
    ...(processor === undefined ? {} : { processor }),
    ...(timerTickUs === undefined ? {} : { config: { timerTickUs } }),
    clients: [{ goals: [{ kind: "put", name: "file", sizeBytes }] }],
  });
  const minimumUs = sizeBytes * 8 / link.rateBitsPerSecond * 1e6 + 6 * link.delayUs;
  const isOver = await world.run(Math.round(LIMIT_FACTOR * minimumUs));
  const outcome = world.results[0]?.outcome;
  if (!isOver || outcome?.kind !== "done") {
    const what = outcome === undefined ? `not done after ${world.network.nowUs} us` : outcome.kind;
    return { ...measured, figures: {}, failure: `${what} (seed ${seed})` };
  }
  const { user, system } = process.cpuUsage(startedCpu);
  const stats = world.statsOf(0);
  const queue = world.linkOf(0).up.stats;
  const seconds = world.endUs / 1e6;
  const goodputBitsPerSecond = sizeBytes * 8 / seconds;
  return {
    ...measured,
    figures: {
      seconds,
      goodputBitsPerSecond,
      shareOfPossible: goodputBitsPerSecond / possibleBitsPerSecond(link),
      retransmittedShare: stats.retransmittedBytes / sizeBytes,
      sentBytesPerFileByte: stats.bytesSent / sizeBytes,
      spuriousShare: stats.spuriousLosses / stats.datagramsSent,
      queueDelayMeanMs: queue.meanQueueDelayUs / 1000,
      queueDelayMaxMs: queue.maxQueueDelayUs / 1000,
      simulatorCpuSecondsPerGib: (user + system) / 1e6 / (sizeBytes / GIB),
    },
  };
}
