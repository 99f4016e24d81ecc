import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;

/** Both directions of a link: bits per second, one-way delay, and a queue of so many bandwidth-delay products. */
function symmetric(
  rateBitsPerSecond: number,
  options: { delayUs: number; queueRoundTrips?: number; both?: LinkOptions },
): { up: LinkOptions; down: LinkOptions } {
  const { delayUs, queueRoundTrips = 1, both = {} } = options;
  const queueBytes = Math.max(20_000, Math.round(rateBitsPerSecond / 8 * 2 * delayUs / 1e6 * queueRoundTrips));
  const link = { rateBitsPerSecond, delayUs, queueBytes, ...both };
  return { up: link, down: link };
}

/** One transfer over one link. */
interface Scenario {
  readonly name: string;
  readonly links: { readonly up: LinkOptions; readonly down: LinkOptions };
  readonly sizeBytes: number;
  /** Bound on the simulated time. */
  readonly limitUs: number;
}

/** The serialization time, some round trips for the startup, and a margin. */
function limit(
  link: { rateBitsPerSecond: number; roundTripUs: number },
  options: { sizeBytes: number; factor: number; startRoundTrips?: number },
): number {
  const { rateBitsPerSecond, roundTripUs } = link;
  const { sizeBytes, factor, startRoundTrips = 8 } = options;
  return Math.round(sizeBytes * 8 / rateBitsPerSecond * SECOND_US * factor + startRoundTrips * roundTripUs);
}

const MBIT = 1_000_000;
const WAN = { rateBitsPerSecond: 100 * MBIT, roundTripUs: 50_000 };

/** A WAN of 100 Mbit/s and 50 ms with these impairments. */
function wan(name: string, both: LinkOptions, factor: number, sizeBytes = 5_000_000): Scenario {
  return {
    name,
    links: symmetric(WAN.rateBitsPerSecond, { delayUs: WAN.roundTripUs / 2, both }),
    sizeBytes,
    limitUs: limit(WAN, { sizeBytes, factor }),
  };
}

const SCENARIOS: readonly Scenario[] = [
  wan("a clean WAN", {}, 1.5),
  wan("1 % loss", { loss: 0.01 }, 1.6),
  wan("5 % loss", { loss: 0.05 }, 1.8),
  wan("10 % loss", { loss: 0.1 }, 2.2),
  wan("20 % loss", { loss: 0.2 }, 5),
  wan("bursts of loss", { burst: { enterProbability: 0.002, leaveProbability: 0.1, lossInBurst: 0.5 } }, 2.5),
  wan("a random walk of the delay", { randomWalkUs: 10_000 }, 2),
  wan("reordering", { reorder: { probability: 0.1, extraDelayUs: 5000 } }, 2.5),
  wan("duplicates", { duplicate: 0.1 }, 1.8),
  wan("corruption", { corrupt: 0.02 }, 1.8),
  wan("all impairments at once", {
    loss: 0.03,
    duplicate: 0.03,
    corrupt: 0.02,
    randomWalkUs: 3000,
    reorder: { probability: 0.03, extraDelayUs: 4000 },
  }, 3),
  wan("a queue of 20 datagrams", { queueBytes: 30_000 }, 3),
  wan("a narrow MTU", { mtuBytes: 1252 }, 1.8),
  {
    name: "a LAN of 1 Gbit/s and 0.4 ms",
    links: symmetric(1000 * MBIT, { delayUs: 200, queueRoundTrips: 10 }),
    sizeBytes: 10_000_000,
    limitUs: limit({ rateBitsPerSecond: 1000 * MBIT, roundTripUs: 400 }, {
      sizeBytes: 10_000_000,
      factor: 2,
      startRoundTrips: 40,
    }),
  },
  {
    name: "a satellite of 20 Mbit/s and 600 ms",
    links: symmetric(20 * MBIT, { delayUs: 300_000, both: { loss: 0.01 } }),
    sizeBytes: 5_000_000,
    limitUs: limit({ rateBitsPerSecond: 20 * MBIT, roundTripUs: 600_000 }, {
      sizeBytes: 5_000_000,
      factor: 2,
      startRoundTrips: 12,
    }),
  },
  {
    name: "a modem of 56 kbit/s and 150 ms",
    links: symmetric(56_000, { delayUs: 75_000, queueRoundTrips: 10 }),
    sizeBytes: 100_000,
    limitUs: limit({ rateBitsPerSecond: 56_000, roundTripUs: 150_000 }, { sizeBytes: 100_000, factor: 2 }),
  },
  {
    name: "20 Mbit/s one way and 1 Mbit/s the other",
    links: {
      up: { rateBitsPerSecond: 1 * MBIT, delayUs: 20_000, queueBytes: 30_000 },
      down: { rateBitsPerSecond: 20 * MBIT, delayUs: 20_000, queueBytes: 100_000 },
    },
    sizeBytes: 1_000_000,
    limitUs: limit({ rateBitsPerSecond: 1 * MBIT, roundTripUs: 40_000 }, { sizeBytes: 1_000_000, factor: 1.7 }),
  },
  {
    name: "a perfect link",
    links: { up: {}, down: {} },
    sizeBytes: 3_000_000,
    limitUs: SECOND_US,
  },
];

for (const { name, links, sizeBytes, limitUs } of SCENARIOS) {
  for (const kind of ["put", "get"] as const) {
    Deno.test(`World: ${kind} over ${name} is done in ${(limitUs / SECOND_US).toFixed(1)} s`, async () => {
      const world = new World({ seed: 1, ...links, clients: [{ goals: [{ kind, name: "file", sizeBytes }] }] });
      await world.run(4 * limitUs);
      assert(world.isDone, `it was not done within ${4 * limitUs} us`);
      assert.equal(world.results[0]!.outcome.kind, "done");
      await world.finish();
      assert(world.endUs <= limitUs, `it took ${world.endUs} us of ${limitUs}`);
    });
  }
}

Deno.test("World: a put of no byte or one byte takes at most three round trips", async () => {
  for (const sizeBytes of [0, 1, 1000]) {
    const links = symmetric(WAN.rateBitsPerSecond, { delayUs: 25_000 });
    const world = new World({ seed: 1, ...links, clients: [{ goals: [{ kind: "put", name: "file", sizeBytes }] }] });
    assert(await world.run(10 * SECOND_US));
    assert(world.endUs <= 150_000, `${sizeBytes} bytes took ${world.endUs} us`);
    await world.finish();
  }
});

Deno.test("World: without loss, a sender retransmits only what the queue dropped", async () => {
  const links = symmetric(WAN.rateBitsPerSecond, { delayUs: 25_000, queueRoundTrips: 20 });
  const world = new World({
    seed: 1,
    ...links,
    clients: [{ goals: [{ kind: "put", name: "f", sizeBytes: 5_000_000 }] }],
  });
  assert(await world.run(10 * SECOND_US));
  const { retransmittedBytes, spuriousLosses } = world.statsOf(0);
  assert.equal(spuriousLosses, 0);
  assert.equal(world.linkStats.queueDropped, 0);
  assert.equal(retransmittedBytes, 0);
});

Deno.test("World: many concurrent requests on one connection are all done", async () => {
  const goals = Array.from({ length: 300 }, (_, i) => ({
    kind: i % 3 === 0 ? "get" as const : "put" as const,
    name: `file-${i}`,
    sizeBytes: (i * 997) % 20_000,
  }));
  const links = symmetric(WAN.rateBitsPerSecond, { delayUs: 25_000, both: { loss: 0.02 } });
  const world = new World({ seed: 1, ...links, clients: [{ goals: [...goals, { kind: "list" }] }] });
  assert(await world.run(20 * SECOND_US));
  assert(world.results.every(({ outcome }) => outcome.kind === "done"));
  assert(world.endUs < 4 * SECOND_US, `it took ${world.endUs} us`);
  await world.finish();
});

Deno.test("World: clients that share only the server do not wait for each other", async () => {
  const fast = symmetric(100 * MBIT, { delayUs: 5_000 });
  const slow = symmetric(1 * MBIT, { delayUs: 200_000, both: { loss: 0.1 } });
  const world = new World({
    seed: 1,
    clients: [
      { goals: [{ kind: "put", name: "slow", sizeBytes: 500_000 }], ...slow },
      { goals: [{ kind: "put", name: "fast", sizeBytes: 1_000_000 }], ...fast },
    ],
  });
  assert(await world.run(60 * SECOND_US));
  await world.finish();
  const fastEnd = world.results.find(({ client }) => client === 1)!.endUs;
  assert(fastEnd < SECOND_US / 2, `the fast one took ${fastEnd} us`);
});

Deno.test("World: an MTU that falls in the first round trips costs seconds, not the rest of the transfer", async () => {
  for (const [rate, limitUs] of [[1000 * MBIT, 5 * SECOND_US], [100 * MBIT, 7 * SECOND_US]] as const) {
    const links = symmetric(rate, { delayUs: 20_000 });
    const world = new World({
      seed: 1,
      ...links,
      clients: [{ goals: [{ kind: "put", name: "file", sizeBytes: 40_000_000 }] }],
    });
    world.at(140_000, () => world.linkOf(0).up.change({ mtuBytes: 1250 }));
    assert(await world.run(60 * SECOND_US), `${rate} bit/s`);
    assert(world.endUs <= limitUs, `${rate} bit/s: it took ${world.endUs} us of ${limitUs}`);
    await world.finish();
  }
});
