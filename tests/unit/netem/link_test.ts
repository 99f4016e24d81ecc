import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { Random } from "../../../base/random.ts";
import { Link, type LinkOptions } from "../../../netem/link.ts";

function makeLink(options: LinkOptions, seed = 1): Link {
  return new Link(options, { random: new Random(seed) });
}

/** Sends and releases; returns when the copies arrive. */
function send(link: Link, nowUs: number, sizeBytes: number): number[] {
  const arrivals: number[] = [];
  for (const delivery of link.transmit(nowUs, new Uint8Array(sizeBytes))) {
    arrivals.push(delivery.arrivalUs);
    link.pool.release(delivery);
  }
  return arrivals;
}

/** Sends `count` datagrams of 100 bytes, one a millisecond; returns 1 for each that arrived and 0 for each that did not. */
function sendMany(link: Link, count: number): string {
  let pattern = "";
  for (let n = 0; n < count; n++) pattern += send(link, n * 1000, 100).length > 0 ? "1" : "0";
  return pattern;
}

Deno.test("Link without options delivers immediately", () => {
  const link = makeLink({});
  assert.deepEqual(send(link, 5, 65_507), [5]);
  assert.deepEqual(send(link, 5, 1), [5]);
});

Deno.test("Link.transmit copies the datagram", () => {
  const link = makeLink({ delayUs: 10 });
  const buffer = Uint8Array.of(1, 2, 3);
  const delivery = link.transmit(0, buffer)[0]!;
  buffer.fill(9);
  assert.deepEqual(delivery.bytes, Uint8Array.of(1, 2, 3));
});

Deno.test("Link serializes datagrams at its rate, then delays them", () => {
  // 12 Mbit/s: 1200 bytes take 800 us.
  const link = makeLink({ rateBitsPerSecond: 12e6, delayUs: 50_000 });
  assert.deepEqual(send(link, 0, 1200), [50_800]);
  assert.deepEqual(send(link, 0, 1200), [51_600]);
  assert.deepEqual(send(link, 1000, 600), [52_000]);
  assert.deepEqual(send(link, 10_000, 1200), [60_800]);
  assert.equal(link.stats.maxQueueDelayUs, 800);
  assert.equal(link.stats.meanQueueDelayUs, (0 + 800 + 600 + 0) / 4);
});

Deno.test("Link keeps its rate exactly over many datagrams that take fractions of a microsecond", () => {
  // 1200 bytes at 10 Gbit/s take 0.96 us.
  const link = makeLink({ rateBitsPerSecond: 10e9 });
  let last = 0;
  for (let n = 0; n < 100_000; n++) last = send(link, 0, 1200)[0]!;
  assert.equal(last, 96_000);
});

Deno.test("Link drops what its queue has no room for, and takes a datagram of any size when idle", () => {
  const link = makeLink({ rateBitsPerSecond: 8e6, queueBytes: 3000 });
  assert.deepEqual(send(link, 0, 5000), [5000]);
  assert.deepEqual(send(link, 0, 1), []);
  assert.equal(link.backlogBytes(2500), 2500);
  assert.deepEqual(send(link, 2500, 501), []);
  assert.deepEqual(send(link, 2500, 500), [5500]);
  assert.equal(link.backlogBytes(5500), 0);
  assert.deepEqual(send(link, 5500, 5000), [10_500]);
  assert.equal(link.stats.queueDropped, 2);
});

Deno.test("Link counts overheadBytes in rate and queue, but not in the MTU", () => {
  // 12 Mbit/s: 1200 bytes and 300 more take 1000 us.
  const link = makeLink({ rateBitsPerSecond: 12e6, overheadBytes: 300, queueBytes: 3000, mtuBytes: 1200 });
  assert.deepEqual(send(link, 0, 1200), [1000]);
  assert.equal(link.backlogBytes(0), 1500);
  assert.deepEqual(send(link, 0, 1201), []);
  assert.deepEqual(send(link, 0, 1200), [2000]);
  assert.deepEqual(send(link, 0, 1), []);
  assert.equal(link.stats.tooBig, 1);
  assert.equal(link.stats.queueDropped, 1);
  assert.equal(link.stats.sentBytes, 3602);
});

Deno.test("Link fragments a datagram larger than fragmentBytes, and loses it if one fragment is lost", () => {
  // A byte a microsecond: 2500 bytes in three packets of 10 bytes more each.
  const link = makeLink({ rateBitsPerSecond: 8e6, overheadBytes: 10, fragmentBytes: 1000 });
  assert.deepEqual(send(link, 0, 1000), [1010]);
  assert.deepEqual(send(link, 0, 2500), [1010 + 2530]);
  const lossy = makeLink({ fragmentBytes: 1000, loss: 0.1 });
  for (let n = 0; n < 5000; n++) send(lossy, n, 3000);
  // 1 - 0.9 ** 3 = 0.271; standard deviation 31.
  assert.ok(Math.abs(lossy.stats.lost - 1355) < 160, `${lossy.stats.lost}`);
});

Deno.test("Link never queues more than queueBytes, nor sends faster than its rate", () => {
  const sends = fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: 1500 })), { maxLength: 200 });
  fc.assert(
    fc.property(sends, fc.integer({ min: 100_000, max: 100_000_000 }), (steps, rateBitsPerSecond) => {
      const link = makeLink({ rateBitsPerSecond, queueBytes: 10_000, delayUs: 7 });
      let nowUs = 0;
      let busyUs = 0;
      for (const [waitUs, sizeBytes] of steps) {
        nowUs += waitUs;
        const arrivals = send(link, nowUs, sizeBytes);
        assert.ok(link.backlogBytes(nowUs) <= 10_000);
        if (arrivals.length === 0) continue;
        busyUs = Math.max(busyUs, nowUs) + sizeBytes * 8e6 / rateBitsPerSecond;
        // Each busy period begins on a whole microsecond, so the figure contains at most one rounding.
        assert.ok(Math.abs(arrivals[0]! - 7 - busyUs) <= 1.001, `${arrivals[0]! - 7} is not ${busyUs}`);
        busyUs = Math.max(busyUs, arrivals[0]! - 7 - 1);
      }
    }),
    { seed: 1, numRuns: 100 },
  );
});

Deno.test("Link drops datagrams larger than its MTU", () => {
  const link = makeLink({ mtuBytes: 1400 });
  assert.equal(send(link, 0, 1400).length, 1);
  assert.equal(send(link, 0, 1401).length, 0);
  link.change({ mtuBytes: 1200 });
  assert.equal(send(link, 0, 1400).length, 0);
  assert.equal(link.stats.tooBig, 2);
});

Deno.test("Link loses the configured share, in a pattern that depends on the seed", () => {
  const pattern = sendMany(makeLink({ loss: 0.2 }), 5000);
  const lost = pattern.split("0").length - 1;
  // 1000 expected, standard deviation 28.
  assert.ok(Math.abs(lost - 1000) < 150, `${lost}`);
  assert.equal(pattern, sendMany(makeLink({ loss: 0.2 }), 5000));
  assert.notEqual(pattern, sendMany(makeLink({ loss: 0.2 }, 2), 5000));
});

Deno.test("Link draws each kind of impairment independently", () => {
  const corrupted = (options: LinkOptions): string => {
    const link = makeLink({ corrupt: 0.3, ...options });
    let pattern = "";
    for (let n = 0; n < 200; n++) {
      const before = link.stats.corrupted;
      send(link, n, 100);
      pattern += link.stats.corrupted - before;
    }
    return pattern;
  };
  const others = { randomWalkUs: 500, jitterUs: 7, reorder: { probability: 0.5, extraDelayUs: 9 } };
  assert.equal(corrupted({}), corrupted(others));
});

Deno.test("Link loses in bursts of the configured length and share", () => {
  const burst = { enterProbability: 0.02, leaveProbability: 0.2, lossInBurst: 1 };
  const link = makeLink({ burst });
  const bursts = sendMany(link, 20_000).split(/1+/).filter((run) => run !== "");
  const meanLength = link.stats.lost / bursts.length;
  assert.ok(Math.abs(meanLength - 5) < 1, `bursts of ${meanLength}`);
  // Share of time in the bad state: enter / (enter + leave) = 1 / 11.
  assert.ok(Math.abs(link.stats.lost / 20_000 - 1 / 11) < 0.02, `${link.stats.lost}`);
});

Deno.test("Link loses no more in a row than maxConsecutiveLosses", () => {
  const burst = { enterProbability: 0.1, leaveProbability: 0.1, lossInBurst: 1 };
  for (const maxConsecutiveLosses of [0, 1, 3]) {
    const link = makeLink({ loss: 0.3, burst, maxConsecutiveLosses });
    const runs = sendMany(link, 3000).split(/1+/).map((run) => run.length);
    assert.equal(Math.max(...runs), maxConsecutiveLosses);
    assert.equal(link.stats.lost, runs.reduce((sum, length) => sum + length, 0));
  }
});

Deno.test("Link keeps its queue in a pause, and drops what the queue has no room for", () => {
  // A byte a microsecond.
  const link = makeLink({
    rateBitsPerSecond: 8e6,
    delayUs: 7,
    queueBytes: 250,
    pauses: [{ fromUs: 1000, untilUs: 5000 }],
  });
  assert.deepEqual(send(link, 950, 100), [5057]);
  assert.deepEqual(send(link, 2000, 100), [5157]);
  assert.equal(link.backlogBytes(2000), 150);
  assert.deepEqual(send(link, 3000, 100), [5257]);
  assert.deepEqual(send(link, 4000, 100), []);
  assert.equal(link.stats.queueDropped, 1);
  assert.equal(link.stats.maxQueueDelayUs, 3050);
  assert.throws(() => link.change({ pauses: [{ fromUs: 9, untilUs: 9 }] }), InvariantError);
});

Deno.test("Link flips 1 to 8 bits of a corrupted datagram", () => {
  const link = makeLink({ corrupt: 1 });
  for (let n = 0; n < 200; n++) {
    const delivery = link.transmit(n, new Uint8Array(100))[0]!;
    let flipped = 0;
    for (const byte of delivery.bytes) for (let bit = 0; bit < 8; bit++) flipped += (byte >> bit) & 1;
    assert.ok(flipped >= 1 && flipped <= 8, `${flipped} bits`);
    link.pool.release(delivery);
  }
  assert.equal(send(link, 200, 0).length, 1);
  assert.equal(link.stats.corrupted, 200);
});

Deno.test("Link delivers a duplicate at the same time as the original", () => {
  const link = makeLink({ duplicate: 0.25, delayUs: 3 });
  for (let n = 0; n < 1000; n++) assert.ok(send(link, n, 10).every((arrivalUs) => arrivalUs === n + 3));
  assert.ok(Math.abs(link.stats.duplicated - 250) < 70, `${link.stats.duplicated}`);
  assert.equal(link.stats.delivered, 1000 + link.stats.duplicated);
});

Deno.test("Link delays reordered datagrams by extraDelayUs, and only those", () => {
  const link = makeLink({ delayUs: 100, reorder: { probability: 0.1, extraDelayUs: 5000 } });
  let late = 0;
  for (let n = 0; n < 1000; n++) {
    const arrivalUs = send(link, n, 10)[0]!;
    assert.ok(arrivalUs === n + 100 || arrivalUs === n + 5100);
    if (arrivalUs > n + 100) late++;
  }
  assert.ok(late > 50 && late < 150, `${late}`);
  assert.equal(link.stats.reordered, late);
});

Deno.test("Link's random walk varies the delay within its bounds and keeps the order", () => {
  const link = makeLink({ delayUs: 1000, randomWalkUs: 400 });
  const delays = new Set<number>();
  let previous = 0;
  for (let n = 0; n < 5000; n++) {
    const nowUs = n * 13;
    const arrivalUs = send(link, nowUs, 10)[0]!;
    assert.ok(arrivalUs >= nowUs + 1000 && arrivalUs <= nowUs + 1401);
    assert.ok(arrivalUs >= previous);
    previous = arrivalUs;
    delays.add(arrivalUs - nowUs);
  }
  assert.ok(delays.size > 200, `${delays.size} different delays`);
});

Deno.test("Link's jitter is uniform around the delay and reorders, but nothing arrives before it was sent", () => {
  const link = makeLink({ delayUs: 1000, jitterUs: 400 });
  const counts = [0, 0, 0, 0];
  let reordered = 0;
  let previousUs = 0;
  for (let n = 0; n < 4000; n++) {
    const nowUs = n * 10;
    const arrivalUs = send(link, nowUs, 10)[0]!;
    const movedUs = arrivalUs - nowUs - 600;
    assert.ok(movedUs >= 0 && movedUs <= 800, `${movedUs}`);
    counts[Math.min(3, Math.floor(movedUs / 200))]!++;
    if (arrivalUs < previousUs) reordered++;
    previousUs = arrivalUs;
  }
  // A quarter each, standard deviation 27.
  assert.ok(counts.every((count) => Math.abs(count - 1000) < 140), `${counts}`);
  assert.ok(reordered > 1500, `${reordered}`);
  const short = makeLink({ delayUs: 100, jitterUs: 400 });
  for (let nowUs = 0; nowUs < 1000; nowUs++) assert.ok(send(short, nowUs, 10)[0]! >= nowUs);
});

Deno.test("Link delivers nothing in a blackout, while its queue drains", () => {
  const link = makeLink({ rateBitsPerSecond: 8e6, delayUs: 50, blackouts: [{ fromUs: 1000, untilUs: 3000 }] });
  assert.deepEqual(send(link, 0, 999), [1049]);
  assert.deepEqual(send(link, 0, 1000), []);
  assert.deepEqual(send(link, 0, 1000), []);
  assert.deepEqual(send(link, 0, 1), [3050]);
  assert.equal(link.stats.blackedOut, 2);
});

Deno.test("Link.change applies a new rate to queued and new datagrams", () => {
  const link = makeLink({ rateBitsPerSecond: 8e6 });
  assert.deepEqual(send(link, 0, 10_000), [10_000]);
  link.change({ rateBitsPerSecond: 4e6 });
  // 8000 bytes are left at 2000 us; at half the rate they and 1000 more take 18,000 us.
  assert.deepEqual(send(link, 2000, 1000), [20_000]);
  link.change({ rateBitsPerSecond: 80e6 });
  assert.equal(link.backlogBytes(2000), 9000);
  // They would take 1000 us, but nothing overtakes a departure that was computed earlier.
  assert.deepEqual(send(link, 2000, 1000), [20_000]);
  link.change({ rateBitsPerSecond: Infinity });
  assert.equal(link.backlogBytes(2000), 0);
  assert.deepEqual(send(link, 20_001, 1000), [20_001]);
  assert.equal(link.options.rateBitsPerSecond, Infinity);
});

Deno.test("Link.change to a shorter delay reorders nothing", () => {
  const link = makeLink({ delayUs: 1000 });
  assert.deepEqual(send(link, 0, 1), [1000]);
  link.change({ delayUs: 10 });
  assert.deepEqual(send(link, 5, 1), [1000]);
  assert.deepEqual(send(link, 995, 1), [1005]);
});

Deno.test("Link accounts for every datagram", () => {
  const share = fc.double({ min: 0, max: 0.5, noNaN: true });
  const options = fc.record({
    rateBitsPerSecond: fc.constantFrom(Infinity, 1e6, 50e6),
    delayUs: fc.nat(5000),
    randomWalkUs: fc.nat(5000),
    loss: share,
    burst: fc.option(fc.record({ enterProbability: share, leaveProbability: share, lossInBurst: share }), {
      nil: undefined,
    }),
    duplicate: share,
    corrupt: share,
    reorder: fc.option(fc.record({ probability: share, extraDelayUs: fc.nat(5000) }), { nil: undefined }),
    queueBytes: fc.constantFrom(Infinity, 3000, 20_000),
    mtuBytes: fc.constantFrom(Infinity, 1000),
    blackouts: fc.constantFrom([], [{ fromUs: 10_000, untilUs: 20_000 }, { fromUs: 30_000, untilUs: Infinity }]),
  });
  fc.assert(
    fc.property(options, fc.maxSafeNat(), (linkOptions, seed) => {
      const link = makeLink(linkOptions, seed);
      const random = new Random(seed);
      let [nowUs, arrived, arrivedBytes] = [0, 0, 0];
      for (let n = 0; n < 200; n++) {
        nowUs += random.integer(0, 400);
        const sizeBytes = random.integer(1, 1200);
        for (const arrivalUs of send(link, nowUs, sizeBytes)) {
          assert.ok(Number.isSafeInteger(arrivalUs) && arrivalUs >= nowUs + linkOptions.delayUs);
          arrived++;
          arrivedBytes += sizeBytes;
        }
      }
      const { stats } = link;
      const dropped = stats.lost + stats.queueDropped + stats.blackedOut + stats.tooBig;
      assert.equal(stats.sent, 200);
      assert.equal(stats.delivered, 200 - dropped + stats.duplicated);
      assert.equal(stats.delivered, arrived);
      assert.equal(stats.deliveredBytes, arrivedBytes);
      assert.equal(link.pool.inUse, 0);
    }),
    { seed: 1, numRuns: 200 },
  );
});

Deno.test("Link rejects options outside their ranges", () => {
  const wrong: LinkOptions[] = [
    { rateBitsPerSecond: 0 },
    { rateBitsPerSecond: NaN },
    { delayUs: -1 },
    { delayUs: 0.5 },
    { jitterUs: -1 },
    { randomWalkUs: -1 },
    { loss: 1.1 },
    { duplicate: -0.1 },
    { corrupt: NaN },
    { queueBytes: -1 },
    { mtuBytes: NaN },
    { reorder: { probability: 2, extraDelayUs: 0 } },
    { reorder: { probability: 0, extraDelayUs: 0.1 } },
    { burst: { enterProbability: 0, leaveProbability: 0, lossInBurst: 2 } },
  ];
  for (const options of wrong) assert.throws(() => makeLink(options), InvariantError, JSON.stringify(options));
});
