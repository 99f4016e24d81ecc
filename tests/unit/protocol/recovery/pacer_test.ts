import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_OWED_US, Pacer } from "../../../../protocol/recovery/pacer.ts";

const DATAGRAM_BYTES = 1_200;

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
  const pacer = new Pacer(DATAGRAM_BYTES);
  assert.equal(pacer.rate, Infinity);
  for (let i = 0; i < 1_000; i++) {
    assert.equal(pacer.nextSendUs(5, 65_507), 5);
    pacer.onSent(5, 65_507);
  }
});

Deno.test("Pacer.isFull says whether what was sent left tokens unused", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  assert(pacer.isFull(0), "without pacing nothing is used up");
  pacer.setRate(5_000_000, 1_000_000);
  assert(pacer.isFull(1_000));
  pacer.onSent(1_000, 50);
  assert(!pacer.isFull(1_000));
  assert(!pacer.isFull(1_009));
  assert(pacer.isFull(1_010), "50 bytes accrue in 10 us");
});

Deno.test("Pacer allows a burst of 4.4 ms, then returns the time at which half of one has accrued", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(5_000_000, 1_000_000);
  assert.equal(pacer.capacityBytes, 22_000);
  let sentBytes = 0;
  while (pacer.nextSendUs(1_000, DATAGRAM_BYTES) === 1_000) {
    pacer.onSent(1_000, DATAGRAM_BYTES);
    sentBytes += DATAGRAM_BYTES;
  }
  assert.equal(sentBytes, 21_600);
  // 400 bytes are left of 22,000; 10,600 more make half a burst: 2,120 us at 5 bytes a microsecond.
  assert.equal(pacer.nextSendUs(1_000, DATAGRAM_BYTES), 3_120);
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

Deno.test("Pacer lets a caller that came late catch up, half as fast again as its rate, and without a larger burst", () => {
  const away = { fromUs: 100_000, untilUs: 115_000 };
  const sentUs = (fromUs: number, untilUs: number, times: readonly number[]): number =>
    times.filter((timeUs) => timeUs >= fromUs && timeUs < untilUs).length;
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(1_200_000, 1_000_000); // A datagram per millisecond.
  const times = runLate(pacer, 300_000, away);
  assert.equal(sentUs(102_000, 115_000, times), 0);
  assert.equal(sentUs(115_000, 115_001, times), 4, "a burst of 4.4 ms, and no more");
  assert.ok(Math.abs(sentUs(116_000, 136_000, times) - 30) <= 2, "20 ms at one and a half times the rate");
  assert.ok(Math.abs(sentUs(100_000, 200_000, times) - 100) <= 4, "what it missed has been sent");
  assert.ok(Math.abs(sentUs(200_000, 300_000, times) - 100) <= 4, "and the rate is the same as before");
});

Deno.test("Pacer owes a caller that was away for long no more than 20 ms, and nothing to one that had nothing to send", () => {
  const sentAfterSecond = (isWaiting: boolean): number => {
    const pacer = new Pacer(DATAGRAM_BYTES);
    pacer.setRate(1_200_000, 1_000_000);
    run(pacer, 0, 10_000);
    pacer.setWaiting(isWaiting);
    return run(pacer, 1_000_000, 1_100_000) / DATAGRAM_BYTES;
  };
  assert.ok(Math.abs(sentAfterSecond(false) - 104) <= 1, `${sentAfterSecond(false)}`);
  assert.ok(Math.abs(sentAfterSecond(true) - 104 - MAX_OWED_US / 1_000) <= 1, `${sentAfterSecond(true)}`);
});

Deno.test("Pacer allows a sender that polls before the deadline to send as soon as one packet has accrued", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(5_000_000, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.onSent(0, 22_000);
  assert.ok(pacer.nextSendUs(239, DATAGRAM_BYTES) > 239);
  assert.equal(pacer.nextSendUs(240, DATAGRAM_BYTES), 240);
});

Deno.test("Pacer bounds a burst by the given maximum, and allows at least two datagrams", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(1e9, 50_000);
  assert.equal(pacer.capacityBytes, 50_000);
  pacer.setRate(1_000, 50_000);
  assert.equal(pacer.capacityBytes, 2_400);
  pacer.setRate(1e9, 1);
  assert.equal(pacer.capacityBytes, 2_400);
  pacer.datagramBytes = 9_000;
  assert.equal(pacer.capacityBytes, 18_000);
  pacer.setRate(Infinity, 50_000);
  assert.equal(pacer.capacityBytes, 50_000);
});

Deno.test("Pacer accumulates no more than one burst while idle", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(5_000_000, 1_000_000);
  assert.ok(run(pacer, 0, 1) <= 22_000);
  const hourUs = 3_600_000_000;
  assert.ok(run(pacer, hourUs, hourUs + 1) <= 22_000);
});

Deno.test("Pacer accrues fractions of a byte at rates below one byte a microsecond", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(3_333, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.onSent(0, 2_400);
  // Polled every 7 us, where each poll accrues a fiftieth of a byte.
  let nowUs = 0;
  while (pacer.nextSendUs(nowUs, DATAGRAM_BYTES) > nowUs) nowUs += 7;
  assert.ok(Math.abs(nowUs - 360_036) <= 14, `${nowUs}`);
});

Deno.test("Pacer allows a packet larger than the burst when the bucket is full, and delays the next ones accordingly", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(1_000_000, 1_000);
  assert.equal(pacer.nextSendUs(0, 60_000), 0);
  pacer.onSent(0, 60_000);
  // 57,600 bytes of debt and 1,200 for the next packet.
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 58_800);
});

Deno.test("Pacer applies a new rate immediately and keeps the accumulated tokens", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
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
  const pacer = new Pacer(DATAGRAM_BYTES);
  pacer.setRate(5_000_000, 1_000_000);
  pacer.nextSendUs(0, DATAGRAM_BYTES);
  pacer.setRate(1_000, 1_000_000);
  pacer.onSent(0, 2_400);
  assert.equal(pacer.nextSendUs(0, DATAGRAM_BYTES), 1_200_000);
});

Deno.test("Pacer refuses a rate that is not positive", () => {
  const pacer = new Pacer(DATAGRAM_BYTES);
  for (const rate of [0, -1, NaN]) {
    assert.throws(() => pacer.setRate(rate, 1_000), { name: "InvariantError" });
  }
});

Deno.test("Pacer reaches its rate and never exceeds it by more than a burst", () => {
  const rate = fc.integer({ min: 10_000, max: 1_000_000_000 });
  const size = fc.integer({ min: 100, max: DATAGRAM_BYTES });
  fc.assert(
    fc.property(rate, size, fc.integer({ min: 1, max: 100_000 }), (bytesPerSecond, sizeBytes, burstBytes) => {
      const pacer = new Pacer(DATAGRAM_BYTES);
      pacer.setRate(bytesPerSecond, burstBytes);
      const durationUs = Math.min(10_000_000, Math.ceil(200 * DATAGRAM_BYTES / bytesPerSecond * 1e6));
      const total = run(pacer, 1_000, 1_000 + durationUs, sizeBytes);
      const allowed = bytesPerSecond * durationUs / 1e6;
      assert.ok(total <= allowed + pacer.capacityBytes + 1, `${total} > ${allowed}`);
      // Waking a microsecond late costs nothing but that microsecond; a full bucket at the start is a bonus.
      assert.ok(total >= allowed - pacer.capacityBytes, `${total} < ${allowed}`);
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
        const pacer = new Pacer(DATAGRAM_BYTES);
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
