import assert from "node:assert/strict";
import type { AckEvent } from "../../../../../protocol/congestion/controller.ts";
import { PathModel } from "../../../../../protocol/congestion/bbr/path_model.ts";

/** An ACK of one datagram sent when `prior` bytes had been delivered. */
function ack(prior: number, total: number, sample: Partial<AckEvent["sample"]> = {}): AckEvent {
  return {
    nowUs: 0,
    ackedBytes: 1_200,
    lostBytes: 0,
    priorBytesInFlight: 12_000,
    bytesInFlight: 10_800,
    totalDeliveredBytes: total,
    largestAckedSentUs: 0,
    rttUs: 50_000,
    minRttUs: 50_000,
    smoothedRttUs: 50_000,
    meanLatenessUs: 0,
    sample: {
      deliveryRate: 1_000_000,
      deliveredBytes: 12_000,
      intervalUs: 12_000,
      priorDeliveredBytes: prior,
      appLimited: false,
      txInFlightBytes: 12_000,
      lostBytes: 0,
      ...sample,
    },
  };
}

Deno.test("PathModel counts a round when a packet sent after the last one's end is acknowledged", () => {
  const model = new PathModel(50_000);
  model.onAck(ack(0, 1_200), 1_200);
  assert.equal(model.isRoundStart, true);
  model.onAck(ack(0, 2_400), 1_200);
  assert.equal(model.isRoundStart, false);
  model.onAck(ack(1_199, 3_600), 1_200);
  assert.equal(model.isRoundStart, false);
  model.onAck(ack(1_200, 4_800), 1_200);
  assert.equal(model.isRoundStart, true);
});

Deno.test("PathModel has rounds of 10 ms at least after Startup, and measures the rate over the whole of one", () => {
  const model = new PathModel(1_000);
  model.endStartup();
  let total = 0;
  const at = (nowUs: number, deliveryRate: number, appLimited = false): void => {
    total += 1_200;
    model.onAck({ ...ack(total - 1_200, total, { deliveryRate, appLimited }), nowUs, rttUs: 1_000 }, 1_200);
    model.endAck({ ...ack(total - 1_200, total), nowUs });
  };
  at(20_000, 1_000);
  assert.equal(model.isRoundStart, true);
  assert.equal(model.bandwidth, 60_000);
  for (let nowUs = 21_000; nowUs < 30_000; nowUs += 1_000) {
    at(nowUs, 50_000_000);
    assert.equal(model.isRoundStart, false);
  }
  assert.equal(model.bandwidth, 60_000, "aggregated acknowledgements are not a rate");
  at(30_000, 50_000_000);
  assert.equal(model.isRoundStart, true);
  assert.equal(model.bandwidth, 1_200_000);
  at(35_000, 1_000, true);
  at(40_000, 1_000);
  assert.equal(model.deliveryRate, 240_000);
  assert.equal(model.bandwidth, 1_200_000, "the round was application-limited");
});

Deno.test("PathModel uses an application-limited sample only if it exceeds the estimate", () => {
  const model = new PathModel(50_000);
  model.onAck(ack(0, 1_200, { deliveryRate: 500_000 }), 1_200);
  model.maxBandwidth.advance();
  model.onAck(ack(0, 2_400, { deliveryRate: 400_000, appLimited: true }), 1_200);
  model.maxBandwidth.advance();
  assert.equal(model.bandwidth, 500_000, "the window did not move on for a sample that does not count");
  model.onAck(ack(0, 3_600, { deliveryRate: 600_000, appLimited: true }), 1_200);
  assert.equal(model.bandwidth, 600_000);
});

Deno.test("PathModel.inflight is the bandwidth-delay product, and more on a lossy path", () => {
  const model = new PathModel(50_000);
  assert.equal(model.inflight(1, 1_200, 0), 32 * 1_200, "the initial window before the first sample");
  model.onAck(ack(0, 1_200, { deliveryRate: 2_000_000 }), 1_200);
  assert.equal(model.inflight(1, 1_200, 2_000_000), 100_000);
  assert.equal(model.inflight(2, 1_200, 2_000_000), 200_000);
  model.loss.onLost(300, 0);
  model.loss.onRound(50_000);
  model.loss.learnFromRound(1_200);
  assert.ok(Math.abs(model.loss.baseLoss - 0.2) < 1e-9);
  assert.ok(Math.abs(model.inflight(1, 1_200, 2_000_000) - 100_000 * 1.1 / 0.8) < 1e-6);
});

Deno.test("PathModel.inflight is at least four datagrams, plus two milliseconds' worth up to 64 KiB", () => {
  const model = new PathModel(10);
  model.onAck(ack(0, 1_200, { deliveryRate: 1_000_000 }), 1_200);
  assert.equal(model.inflight(1, 1_200, 1_000_000), 4_800);
  assert.equal(model.inflight(1, 1_200, 10_000_000), 20_000);
  assert.equal(model.inflight(1, 1_200, 1e12), 65_536);
});
