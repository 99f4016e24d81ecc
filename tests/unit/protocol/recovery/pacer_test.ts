import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_OWED_US, Pacer } from "../../../../protocol/recovery/pacer.ts";

const DATAGRAM_BYTES = 1_200;

/** A pacer for a timer of this resolution; without one, of 2 ms. */
function pacerOf(timerTickUs = 2_000): Pacer {
  return new Pacer({ datagramBytes: DATAGRAM_BYTES, timerTickUs });
}

/** Sends all that is allowed at once; returns the bytes. */
function burst(pacer: Pacer, nowUs: number): number {
  let bytes = 0;
  for (; pacer.nextSendUs(nowUs, DATAGRAM_BYTES) === nowUs; bytes += DATAGRAM_BYTES) {
    pacer.onSent(nowUs, DATAGRAM_BYTES);
  }
  return bytes;
}

/** Sends all that is allowed from `fromUs` until `untilUs`, waking at the deadlines; returns the bytes sent. */
function run(pacer: Pacer, fromUs: number, untilUs: number, sizeBytes = DATAGRAM_BYTES): number {
  let total = 0;
  let nowUs = fromUs;
  while (nowUs < untilUs) {
    const dueUs = pacer.nextSendUs(nowUs, sizeBytes);
    if (dueUs > nowUs) {
      nowUs = dueUs;
      continue;
    }
    pacer.onSent(nowUs, sizeBytes);
    total += sizeBytes;
  }
  return total;
}

Deno.test("Pacer does not limit sending until a rate is set", () => {
  const pacer = pacerOf();
  assert.equal(pacer.rate, Infinity);
  for (let i = 0; i < 1_000; i++) {
    assert.equal(pacer.nextSendUs(5, 65_507), 5);
    pacer.onSent(5, 65_507);
  }
});

Deno.test("Pacer.isFull says whether what was sent left tokens unused", () => {
  const pacer = pacerOf();
  assert(pacer.isFull(0), "without pacing nothing is used up");
  pacer.setRate(5_000_000, 1_000_000);
  assert(pacer.isFull(1_000));
  pacer.onSent(1_000, 50);
  assert(!pacer.isFull(1_000));
  assert(!pacer.isFull(1_009));
  assert(pacer.isFull(1_010), "50 bytes accrue in 10 us");
});

Deno.test("Pacer allows a burst of slightly more than a tick, then returns a time from which a late timer makes one", () => {
  const pacer = pacerOf();
  pacer.setRate(10_000_000, 1_000_000);
  assert.equal(pacer.burstBytes, 21_000);
  assert.equal(burst(pacer, 1_000), 20_400);
  // 600 bytes are left; 8,400 more are 21,000 without 0.6 ticks.
  assert.equal(pacer.nextSendUs(1_000, DATAGRAM_BYTES), 1_840);
  assert.equal(burst(pacer, 3_000), 20_400);
});

Deno.test("Pacer's bursts are a millisecond's packets, and no more than ten, if the timer is fine", () => {
  for (const [rate, bytes] of [[1e5, 2_400], [5e6, 5_000], [12.5e6, 12_000], [25e6, 12_000], [1e8, 21_000]] as const) {
    const pacer = pacerOf(200);
    pacer.setRate(rate, 1_000_000);
    assert.equal(pacer.burstBytes, bytes, `${rate} bytes per second`);
  }
});

Deno.test("Pacer catches up what a late timer delayed, at no more than three times the rate", () => {
  const pacer = pacerOf();
  pacer.setRate(10_000_000, 1_000_000);
  burst(pacer, 0);
  pacer.setWaiting(true);
  let sentBytes = 0;
  for (const nowUs of [4_000, 5_000, 6_000, 7_000]) {
    const bytes = burst(pacer, nowUs);
    assert(bytes <= 21_000, `${bytes} at ${nowUs}`);
    sentBytes += bytes;
  }
  assert.equal(sentBytes, 69_600, "all that accrued");
});

/** {@link run}, with a caller that waits for the deadlines, and is away in an interval. */
function runLate(pacer: Pacer, untilUs: number, away: { fromUs: number; untilUs: number }): number[] {
  const sentUs: number[] = [];
  for (let nowUs = 0; nowUs < untilUs;) {
    if (pacer.nextSendUs(nowUs, DATAGRAM_BYTES) === nowUs) {
      pacer.onSent(nowUs, DATAGRAM_BYTES);
      sentUs.push(nowUs);
      continue;
    }
    pacer.setWaiting(true);
    nowUs = pacer.nextSendUs(nowUs, DATAGRAM_BYTES);
    if (nowUs >= away.fromUs && nowUs < away.untilUs) nowUs = away.untilUs;
  }
  return sentUs;
}

Deno.test("Pacer lets a caller that came late catch up soon, and without a larger burst", () => {
  const away = { fromUs: 100_000, untilUs: 115_000 };
  const sentUs = (fromUs: number, untilUs: number, times: readonly number[]): number =>
    times.filter((timeUs) => timeUs >= fromUs && timeUs < untilUs).length;
  const pacer = pacerOf();
  pacer.setRate(1_200_000, 1_000_000); // A datagram per millisecond.
  const times = runLate(pacer, 300_000, away);
  assert.equal(sentUs(102_000, 115_000, times), 0);
  assert.equal(sentUs(115_000, 115_001, times), 2, "a burst, and no more");
  assert.ok(Math.abs(sentUs(115_001, 121_000, times) - 18) <= 3, "6 ms at three times the rate");
  assert.ok(Math.abs(sentUs(100_000, 200_000, times) - 100) <= 4, "what it missed has been sent");
  assert.ok(Math.abs(sentUs(200_000, 300_000, times) - 100) <= 4, "and the rate is the same as before");
});

Deno.test("Pacer owes a caller that was away for long no more than 20 ms, and nothing to one that had nothing to send", () => {
  const sentAfterSecond = (isWaiting: boolean): number => {
    const pacer = pacerOf();
    pacer.setRate(1_200_000, 1_000_000);
    run(pacer, 0, 10_000);
    pacer.setWaiting(isWaiting);
    return run(pacer, 1_000_000, 1_100_000) / DATAGRAM_BYTES;
  };
  assert.ok(Math.abs(sentAfterSecond(false) - 102) <= 1, `${sentAfterSecond(false)}`);
  assert.ok(Math.abs(sentAfterSecond(true) - 102 - MAX_OWED_US / 1_000) <= 1, `${sentAfterSecond(true)}`);
});

Deno.test("Pacer allows a sender that polls before the deadline to send as soon as one packet has accrued", () => {
  const pacer = pacerOf();
  pacer.setRate(5_000_000, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.onSent(0, 20_500);
  assert.ok(pacer.nextSendUs(2_239, DATAGRAM_BYTES) > 2_239);
  assert.equal(pacer.nextSendUs(2_240, DATAGRAM_BYTES), 2_240, "10,000 bytes beyond a burst, and 1,200");
});

Deno.test("Pacer bounds a burst by the given maximum, and allows at least two datagrams", () => {
  const pacer = pacerOf();
  pacer.setRate(1e9, 50_000);
  assert.equal(pacer.burstBytes, 50_000);
  pacer.setRate(1_000, 50_000);
  assert.equal(pacer.burstBytes, 2_400);
  pacer.setRate(1e9, 1);
  assert.equal(pacer.burstBytes, 2_400);
  pacer.datagramBytes = 9_000;
  assert.equal(pacer.burstBytes, 18_000);
  pacer.setRate(Infinity, 50_000);
  assert.equal(pacer.burstBytes, 50_000);
});

Deno.test("Pacer accumulates no more than one burst while idle", () => {
  const pacer = pacerOf();
  pacer.setRate(10_000_000, 1_000_000);
  const hourUs = 3_600_000_000;
  assert.equal(burst(pacer, 0), 20_400);
  assert.equal(burst(pacer, hourUs), 20_400);
  assert.ok(run(pacer, hourUs, hourUs + 10_000) <= 101_000);
});

Deno.test("Pacer accrues fractions of a byte at rates below one byte a microsecond", () => {
  const pacer = pacerOf();
  pacer.setRate(3_333, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.onSent(0, 2_400);
  // Polled every 7 us, where each poll accrues a fiftieth of a byte.
  let nowUs = 0;
  while (pacer.nextSendUs(nowUs, DATAGRAM_BYTES) > nowUs) nowUs += 7;
  assert.ok(Math.abs(nowUs - 360_036) <= 14, `${nowUs}`);
});

Deno.test("Pacer allows a packet larger than the burst when the bucket is full, and delays the next ones accordingly", () => {
  const pacer = pacerOf();
  pacer.setRate(1_000_000, 1_000);
  assert.equal(pacer.nextSendUs(0, 60_000), 0);
  pacer.onSent(0, 60_000);
  // 57,600 bytes of debt and 1,200 for the next packet.
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 58_800);
});

Deno.test("Pacer applies a new rate immediately and keeps the accumulated tokens", () => {
  const pacer = pacerOf();
  pacer.setRate(1_000_000, 1_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.onSent(0, 2_400);
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 1_200);
  pacer.setRate(2_000_000, 1_000);
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 600);
  pacer.setRate(Infinity, 1_000);
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 0);
});

Deno.test("Pacer keeps no more than the burst of a lower rate", () => {
  const pacer = pacerOf();
  pacer.setRate(5_000_000, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.setRate(1_000, 1_000_000);
  pacer.onSent(0, 2_400);
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 1_200_000);
});

Deno.test("Pacer refuses a rate that is not positive", () => {
  const pacer = pacerOf();
  for (const rate of [0, -1, NaN]) {
    assert.throws(() => pacer.setRate(rate, 1_000), { name: "InvariantError" });
  }
});

Deno.test("Pacer reaches its rate and never exceeds it by more than a burst", () => {
  const rate = fc.integer({ min: 10_000, max: 1_000_000_000 });
  const size = fc.integer({ min: 100, max: DATAGRAM_BYTES });
  fc.assert(
    fc.property(rate, size, fc.integer({ min: 1, max: 100_000 }), (bytesPerSecond, sizeBytes, burstBytes) => {
      const pacer = pacerOf();
      pacer.setRate(bytesPerSecond, burstBytes);
      const durationUs = Math.min(10_000_000, Math.ceil(200 * DATAGRAM_BYTES / bytesPerSecond * 1e6));
      const total = run(pacer, 1_000, 1_000 + durationUs, sizeBytes);
      const allowed = bytesPerSecond * durationUs / 1e6;
      const surplusBytes = pacer.burstBytes;
      assert.ok(total <= allowed + surplusBytes + 1, `${total} > ${allowed}`);
      // Waking a microsecond late costs nothing but that microsecond; a full bucket at the start is a bonus.
      assert.ok(total >= allowed - surplusBytes, `${total} < ${allowed}`);
    }),
    { numRuns: 200, seed: 3 },
  );
});

Deno.test("Pacer allows the packet at the time that it has returned", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1_000, max: 2e9, noNaN: true }),
      fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 40, size: "max" }),
      fc.integer({ min: 0, max: 2 ** 52 }),
      (bytesPerSecond, sizes, startUs) => {
        const pacer = pacerOf();
        pacer.setRate(bytesPerSecond, 30_000);
        let nowUs = startUs;
        for (const bytes of sizes) {
          const dueUs = pacer.nextSendUs(nowUs, bytes);
          assert.ok(Number.isSafeInteger(dueUs) && dueUs >= nowUs);
          assert.equal(pacer.nextSendUs(dueUs, bytes), dueUs);
          nowUs = dueUs;
          pacer.onSent(nowUs, bytes);
        }
      },
    ),
    { numRuns: 300, seed: 4 },
  );
});
