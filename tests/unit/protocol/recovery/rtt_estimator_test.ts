import assert from "node:assert/strict";
import fc from "fast-check";
import { GRANULARITY_US, INITIAL_RTT_US, RttEstimator } from "../../../../protocol/recovery/rtt_estimator.ts";

Deno.test("RttEstimator assumes kInitialRtt before the first sample", () => {
  const rtt = new RttEstimator();
  assert.equal(rtt.hasSample, false);
  assert.equal(rtt.latestUs, 0);
  assert.equal(rtt.minUs, 0);
  assert.equal(rtt.smoothedUs, INITIAL_RTT_US);
  assert.equal(rtt.varianceUs, 166_500);
  assert.equal(rtt.ptoUs(0), 333_000 + 4 * 166_500);
});

Deno.test("RttEstimator does not adjust the first sample for the peer's ACK delay", () => {
  const rtt = new RttEstimator();
  rtt.update(100_000, 40_000, Infinity);
  assert.equal(rtt.hasSample, true);
  assert.equal(rtt.latestUs, 100_000);
  assert.equal(rtt.minUs, 100_000);
  assert.equal(rtt.smoothedUs, 100_000);
  assert.equal(rtt.varianceUs, 50_000);
});

Deno.test("RttEstimator subtracts the delay up to max_ack_delay, but not below the minimum", () => {
  const rtt = new RttEstimator();
  rtt.update(80_000, 0, 25_000);
  // 25 ms of the 30 reported count: adjusted 95 ms. rttvar = (3*40 + |80-95|)/4, srtt = (7*80 + 95)/8.
  rtt.update(120_000, 30_000, 25_000);
  assert.equal(rtt.varianceUs, 33_750);
  assert.equal(rtt.smoothedUs, 81_875);
  // 90 - 25 ms is below the minimum of 80 ms: the sample counts whole.
  rtt.update(90_000, 25_000, 25_000);
  assert.equal(rtt.varianceUs, Math.round((3 * 33_750 + (90_000 - 81_875)) / 4));
  assert.equal(rtt.smoothedUs, Math.round((7 * 81_875 + 90_000) / 8));
  assert.equal(rtt.latestUs, 90_000);
});

Deno.test("RttEstimator subtracts the whole delay before the handshake is confirmed", () => {
  const rtt = new RttEstimator();
  rtt.update(80_000, 0, Infinity);
  rtt.update(200_000, 100_000, Infinity);
  assert.equal(rtt.smoothedUs, (7 * 80_000 + 100_000) / 8);
});

Deno.test("RttEstimator keeps the minimum sample unadjusted, and resets it after persistent congestion", () => {
  const rtt = new RttEstimator();
  rtt.update(50_000, 0, 25_000);
  rtt.update(40_000, 20_000, 25_000);
  assert.equal(rtt.minUs, 40_000);
  rtt.update(90_000, 0, 25_000);
  assert.equal(rtt.minUs, 40_000);
  rtt.onPersistentCongestion();
  assert.equal(rtt.minUs, 90_000);
});

Deno.test("RttEstimator.seed counts as the first sample, and does nothing after one", () => {
  const rtt = new RttEstimator();
  rtt.seed(20_000);
  assert.equal(rtt.hasSample, true);
  assert.equal(rtt.smoothedUs, 20_000);
  assert.equal(rtt.minUs, 20_000);
  rtt.seed(70_000);
  assert.equal(rtt.smoothedUs, 20_000);
});

Deno.test("RttEstimator.ptoUs is smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay", () => {
  const rtt = new RttEstimator();
  rtt.update(100_000, 0, 25_000);
  assert.equal(rtt.ptoUs(25_000), 100_000 + 200_000 + 25_000);
  for (let i = 0; i < 100; i++) rtt.update(100_000, 0, 25_000);
  assert.equal(rtt.ptoUs(25_000), 100_000 + GRANULARITY_US + 25_000);
});

Deno.test("RttEstimator counts a sample of 0 as 1 microsecond, and refuses a negative one", () => {
  const rtt = new RttEstimator();
  rtt.update(0, 0, 25_000);
  assert.equal(rtt.minUs, 1);
  assert.throws(() => rtt.update(-1, 0, 0), { name: "InvariantError" });
});

Deno.test("RttEstimator holds whole numbers between the extremes of its samples", () => {
  const sample = fc.record({
    latestUs: fc.integer({ min: 1, max: 10_000_000 }),
    delayUs: fc.integer({ min: 0, max: 1_000_000 }),
  });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 50, size: "max" }), (samples) => {
      const rtt = new RttEstimator();
      for (const { latestUs, delayUs } of samples) rtt.update(latestUs, delayUs, 25_000);
      const all = samples.map((each) => each.latestUs);
      assert.equal(rtt.minUs, Math.min(...all));
      assert.equal(rtt.latestUs, all.at(-1));
      assert.ok(Number.isSafeInteger(rtt.smoothedUs) && Number.isSafeInteger(rtt.varianceUs));
      assert.ok(rtt.smoothedUs >= rtt.minUs && rtt.smoothedUs <= Math.max(...all));
      assert.ok(rtt.varianceUs >= 0 && rtt.varianceUs <= Math.max(...all));
    }),
    { numRuns: 200, seed: 1 },
  );
});
