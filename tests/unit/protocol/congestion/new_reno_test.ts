import assert from "node:assert/strict";
import type { AckEvent, LossEvent } from "../../../../protocol/congestion/controller.ts";
import { NewReno } from "../../../../protocol/congestion/new_reno.ts";
import { meanRate, runLink } from "./link_model.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 100_000, seed: 1 };

/** Acknowledges `ackedBytes` sent at `sentUs`, with the window in full use unless told otherwise. */
function ack(
  reno: NewReno,
  { ackedBytes, sentUs, inFlight = reno.windowBytes }: { ackedBytes: number; sentUs: number; inFlight?: number },
): void {
  const event: AckEvent = {
    nowUs: sentUs + 100_000,
    ackedBytes,
    lostBytes: 0,
    priorBytesInFlight: inFlight,
    bytesInFlight: inFlight - ackedBytes,
    totalDeliveredBytes: ackedBytes,
    largestAckedSentUs: sentUs,
    rttUs: 100_000,
    minRttUs: 100_000,
    smoothedRttUs: 100_000,
    sample: {
      deliveryRate: 0,
      deliveredBytes: 0,
      intervalUs: 0,
      priorDeliveredBytes: 0,
      appLimited: false,
      txInFlightBytes: 0,
      lostBytes: 0,
    },
  };
  reno.onAck(event);
}

function lose(reno: NewReno, event: Partial<LossEvent>): void {
  reno.onPacketsLost({
    nowUs: 0,
    lostBytes: 1_200,
    bytesInFlight: 0,
    largestLostSentUs: 0,
    persistentCongestion: false,
    ...event,
  });
}

Deno.test("NewReno doubles in slow start and paces at twice the window a round trip", () => {
  const reno = new NewReno(OPTIONS);
  assert.equal(reno.windowBytes, 12_000);
  assert.equal(reno.pacingRate, 240_000);
  ack(reno, { ackedBytes: 12_000, sentUs: 0 });
  assert.equal(reno.windowBytes, 24_000);
  assert.equal(reno.inSlowStart, true);
});

Deno.test("NewReno does not pace while the round trip is unknown", () => {
  assert.equal(new NewReno({ ...OPTIONS, initialRttUs: 0 }).pacingRate, Infinity);
});

Deno.test("NewReno halves once a round trip, and not again for packets sent before", () => {
  const reno = new NewReno(OPTIONS);
  ack(reno, { ackedBytes: 12_000, sentUs: 0 });
  lose(reno, { nowUs: 200_000, largestLostSentUs: 90_000 });
  assert.equal(reno.windowBytes, 12_000);
  assert.equal(reno.inSlowStart, false);
  lose(reno, { nowUs: 210_000, largestLostSentUs: 200_000 });
  assert.equal(reno.windowBytes, 12_000);
  ack(reno, { ackedBytes: 12_000, sentUs: 200_000 });
  assert.equal(reno.windowBytes, 12_000, "no growth in recovery");
  lose(reno, { nowUs: 300_000, largestLostSentUs: 200_001 });
  assert.equal(reno.windowBytes, 6_000);
  assert.equal(reno.pacingRate, 75_000);
});

Deno.test("NewReno grows by one datagram for each window acknowledged in congestion avoidance", () => {
  const reno = new NewReno(OPTIONS);
  lose(reno, { nowUs: 1, largestLostSentUs: 0 });
  assert.equal(reno.windowBytes, 6_000);
  for (let i = 0; i < 4; i++) ack(reno, { ackedBytes: 1_200, sentUs: 2 });
  assert.equal(reno.windowBytes, 6_000);
  ack(reno, { ackedBytes: 1_200, sentUs: 2 });
  assert.equal(reno.windowBytes, 7_200);
});

Deno.test("NewReno does not grow a window that is not used", () => {
  const reno = new NewReno(OPTIONS);
  ack(reno, { ackedBytes: 1_200, sentUs: 0, inFlight: 3_600 });
  assert.equal(reno.windowBytes, 12_000);
});

Deno.test("NewReno goes down to two datagrams and into slow start on persistent congestion", () => {
  const reno = new NewReno(OPTIONS);
  lose(reno, { nowUs: 1_000_000, largestLostSentUs: 900_000, persistentCongestion: true });
  assert.equal(reno.windowBytes, 2_400);
  assert.equal(reno.inSlowStart, true);
  ack(reno, { ackedBytes: 2_400, sentUs: 950_000 });
  assert.equal(reno.windowBytes, 4_800);
});

Deno.test("NewReno undoes a halving whose losses were all spurious", () => {
  const reno = new NewReno(OPTIONS);
  ack(reno, { ackedBytes: 12_000, sentUs: 0 });
  lose(reno, { nowUs: 200_000, lostBytes: 2_400, largestLostSentUs: 90_000 });
  reno.onSpuriousLoss(210_000, 80_000);
  assert.equal(reno.windowBytes, 12_000, "one of two");
  reno.onSpuriousLoss(211_000, 90_000);
  assert.equal(reno.windowBytes, 24_000);
  assert.equal(reno.inSlowStart, true);
});

Deno.test("NewReno keeps its bounds when the datagram size changes", () => {
  const reno = new NewReno(OPTIONS);
  reno.onMtuChanged(1_472);
  assert.equal(reno.windowBytes, 14_720);
  for (let at = 1; at < 10; at++) lose(reno, { nowUs: at * 10, largestLostSentUs: at * 10 - 1 });
  assert.equal(reno.windowBytes, 2_944);
  reno.onMtuChanged(16_384);
  assert.equal(reno.windowBytes, 32_768);
});

Deno.test("NewReno fills a clean link, halving at the full queue and recovering", () => {
  const controller = new NewReno({ ...OPTIONS, initialRttUs: 50_000 });
  const link = { rate: 2_500_000, rttUs: 50_000, queueBytes: 125_000 };
  let peak = 0;
  let trough = Infinity;
  const onEvent = (nowUs: number): void => {
    if (nowUs < 3_000_000) return;
    peak = Math.max(peak, controller.windowBytes);
    trough = Math.min(trough, controller.windowBytes);
  };
  const [flow] = runLink(link, [{ controller, onEvent }], 20_000_000);
  assert.ok(meanRate(flow!, { fromSecond: 2, toSecond: 20 }) >= 0.95 * link.rate);
  assert.ok(flow!.lostBytes > 0);
  assert.ok(Math.abs(trough / peak - 0.5) < 0.05, `${trough} of ${peak}`);
});
