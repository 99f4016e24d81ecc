import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import { World } from "../../sim/world.ts";

const MBIT = 1_000_000;
const SEEDS = [1, 2, 3];

interface Scenario {
  readonly name: string;
  readonly rateBitsPerSecond: number;
  readonly roundTripUs: number;
  readonly sizeBytes: number;
  /** Bound on the time, as a multiple of the serialization time. */
  readonly factor: number;
  readonly faults?: LinkOptions;
}

const WAN = { rateBitsPerSecond: 100 * MBIT, roundTripUs: 50_000, sizeBytes: 10_000_000 };

/** The factors leave about 6 round trips for the startup. */
const SCENARIOS: readonly Scenario[] = [
  { name: "a WAN", ...WAN, factor: 1.6 },
  { name: "a WAN with a queue of a tenth", ...WAN, factor: 2.1, faults: { queueBytes: 62_500 } },
  { name: "a WAN with a random walk of the delay", ...WAN, factor: 1.8, faults: { randomWalkUs: 5_000 } },
  { name: "a WAN that reorders", ...WAN, factor: 1.8, faults: { reorder: { probability: 0.05, extraDelayUs: 5_000 } } },
  { name: "a LAN", rateBitsPerSecond: 1000 * MBIT, roundTripUs: 1_000, sizeBytes: 10_000_000, factor: 1.3 },
  { name: "a slow link", rateBitsPerSecond: 2 * MBIT, roundTripUs: 40_000, sizeBytes: 1_000_000, factor: 1.2 },
];

for (const { name, rateBitsPerSecond, roundTripUs, sizeBytes, factor, faults = {} } of SCENARIOS) {
  Deno.test(`World: CUBIC over ${name} takes at most ${factor} times the serialization time`, async () => {
    const queueBytes = Math.max(20_000, rateBitsPerSecond / 8 * roundTripUs / 1e6);
    const both = { rateBitsPerSecond, delayUs: roundTripUs / 2, queueBytes, ...faults };
    const limitUs = sizeBytes * 8 / rateBitsPerSecond * 1e6 * factor;
    for (const seed of SEEDS) {
      const goals = [{ kind: "put" as const, name: "file", sizeBytes }];
      const world = new World({
        seed,
        up: both,
        down: both,
        config: { sendPolicy: { kind: "cubic" } },
        clients: [{ goals }],
      });
      assert(await world.run(4 * limitUs), `seed ${seed}: it was not done within ${4 * limitUs} us`);
      assert.equal(world.results[0]!.outcome.kind, "done");
      await world.finish();
      assert(world.endUs <= limitUs, `seed ${seed}: it took ${world.endUs} us of ${limitUs}`);
    }
  });
}
