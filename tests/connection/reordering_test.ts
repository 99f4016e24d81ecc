import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { Pair, type Rule } from "../../testing/connection_pair.ts";

const BITS_PER_US = 100;
const ROUND_TRIP_US = 50_000;
const BYTES = 6_000_000;
/** The mean extra delay if each packet has its own. */
const MEAN_US = 10_000;

/** The extra delay of one datagram, in addition to the link's delay. */
type Lateness = (random: Random, nowUs: number) => number;

/** A link of 100 Mbit/s with an unbounded queue, after which datagrams are reordered. */
function lineOf(lateness: Lateness, random: Random): Rule {
  let freeUs = 0;
  return ({ bytes, nowUs }) => {
    freeUs = Math.max(freeUs, nowUs) + Math.ceil(bytes.length * 8 / BITS_PER_US);
    return [{ extraDelayUs: freeUs - nowUs + lateness(random, nowUs) }];
  };
}

/** Sends some megabytes over such a link; returns the shares of packets declared lost and of bytes retransmitted. */
function transfer(lateness: Lateness, options: { seed: number; delayUs: number }): { lost: number; again: number } {
  const pair = Pair.connected({ delayUs: options.delayUs });
  const random = new Random(options.seed);
  pair.client.wire.rule = lineOf(lateness, random);
  pair.server.wire.rule = lineOf(lateness, random);
  pair.send(random.bytes(BYTES));
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length > 0, { withinUs: 30_000_000 }));
  pair.run(500_000);
  const { packetsLost, spuriousLosses, retransmittedBytes, datagramsSent } = pair.client.connection.stats;
  assert.equal(spuriousLosses, packetsLost, "the link loses nothing");
  return { lost: spuriousLosses / datagramsSent, again: retransmittedBytes / BYTES };
}

interface Line {
  readonly name: string;
  readonly delayUs: number;
  readonly lateness: Lateness;
  /** The most packets taken for lost, percent; nearly all of them in the first round trips. */
  readonly percent: number;
}

const LINES: readonly Line[] = [
  {
    name: "moves each packet by up to 10 ms",
    delayUs: 15_000,
    lateness: (random) => random.integer(0, 20_000),
    percent: 1,
  },
  {
    name: "moves each packet by up to 20 ms, four times the least round trip",
    delayUs: 5_000,
    lateness: (random) => random.integer(0, 40_000),
    percent: 1.5,
  },
  {
    name: "delays 5 % of the packets by 10 ms",
    delayUs: 25_000,
    lateness: (random) => random.chance(0.05) ? 10_000 : 0,
    percent: 0.2,
  },
];

for (const { name, delayUs, lateness, percent } of LINES) {
  Deno.test(`Connection takes under ${percent} % of its packets for lost on a line that ${name}`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { lost, again } = transfer(lateness, { seed, delayUs });
      assert(lost < percent / 100, `seed ${seed}: ${lost} of the packets were taken for lost`);
      assert(again < percent / 100, `seed ${seed}: ${again} of the bytes were sent again`);
    }
  });
}

Deno.test("Connection does not declare a packet lost that is only queued", () => {
  assert.equal(transfer(() => 0, { seed: 1, delayUs: ROUND_TRIP_US / 2 }).lost, 0);
});

Deno.test("Connection is not slowed by reordering in the first round trips of a path, before it has observed any", () => {
  const timeUs = (isReordered: boolean): number => {
    const pair = Pair.connected({ delayUs: ROUND_TRIP_US / 2 - MEAN_US });
    const random = new Random(1);
    const straightFromUs = pair.nowUs + 4 * ROUND_TRIP_US;
    const lateness: Lateness = (random, nowUs) =>
      isReordered && nowUs < straightFromUs ? random.integer(0, 2 * MEAN_US) : MEAN_US;
    pair.client.wire.rule = lineOf(lateness, random);
    pair.server.wire.rule = lineOf(lateness, random);
    const startUs = pair.nowUs;
    pair.send(random.bytes(BYTES));
    assert(pair.runUntil(() => pair.client.heard("stream-delivered").length > 0, { withinUs: 30_000_000 }));
    assert.equal(pair.client.connection.stats.spuriousLosses > 0, isReordered);
    return pair.nowUs - startUs;
  };
  const straightUs = timeUs(false);
  const reorderedUs = timeUs(true);
  assert(reorderedUs < straightUs + 2 * ROUND_TRIP_US, `${reorderedUs} us, against ${straightUs} us in order`);
});

Deno.test("Connection that receives reordered packets acknowledges them in batches, and its peer finds what was lost", () => {
  const pair = Pair.connected({ delayUs: ROUND_TRIP_US / 2 - MEAN_US });
  const random = new Random(1);
  const line = lineOf((random) => random.integer(0, 2 * MEAN_US), random);
  let dropped = 0;
  pair.client.wire.rule = (datagram) => random.chance(0.01) ? (dropped++, []) : line(datagram);
  pair.send(random.bytes(BYTES));
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length > 0, { withinUs: 30_000_000 }));
  const { datagramsSent, datagramsReceived, packetsLost, spuriousLosses } = pair.client.connection.stats;
  assert(datagramsReceived < 0.35 * datagramsSent, `${datagramsReceived} ACKs for ${datagramsSent} packets`);
  assert(dropped > 20 && packetsLost - spuriousLosses >= dropped - 2, `${packetsLost} of ${dropped} were detected`);
});
