import assert from "node:assert/strict";
import type { AckEvent } from "../../../../protocol/congestion/controller.ts";
import { Cubic } from "../../../../protocol/congestion/cubic.ts";
import { Ledbat } from "../../../../protocol/congestion/ledbat.ts";
import { meanRate, runLink } from "../../../../testing/link_model.ts";

const DATAGRAM = 1_200;
const ROUND_TRIP_US = 50_000;
const OPTIONS = { maxDatagramBytes: DATAGRAM, initialRttUs: ROUND_TRIP_US, seed: 1 };
/** 20 Mbit/s and 50 ms, with a queue of 200 ms. */
const LINK = { rate: 2_500_000, rttUs: ROUND_TRIP_US, queueBytes: 500_000 };

/** Acknowledges `ackedBytes` at `nowUs` with this RTT, the window in full use. */
function ack(ledbat: Ledbat, nowUs: number, ackedBytes: number, rttUs: number): void {
  const event: AckEvent = {
    nowUs,
    ackedBytes,
    lostBytes: 0,
    priorBytesInFlight: ledbat.windowBytes,
    bytesInFlight: ledbat.windowBytes - ackedBytes,
    totalDeliveredBytes: ackedBytes,
    largestAckedSentUs: nowUs - rttUs,
    rttUs,
    minRttUs: rttUs,
    smoothedRttUs: rttUs,
    meanLatenessUs: 0,
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
  ledbat.onAck(event);
}

const BEGIN_US = 10_000_000;

/** Acknowledges whole windows, one a round trip, and returns the window after each. */
function rounds(ledbat: Ledbat, count: number, { fromUs, rttUs }: { fromUs: number; rttUs: number }): number[] {
  const windows: number[] = [];
  for (let round = 0; round < count; round++) {
    const nowUs = BEGIN_US + fromUs + round * rttUs;
    const bytes = ledbat.windowBytes;
    // Four samples, so that the filter of the RTT has only those.
    for (let part = 0; part < 4; part++) ack(ledbat, nowUs + part, bytes / 4, rttUs);
    windows.push(ledbat.windowBytes);
  }
  return windows;
}

Deno.test("Ledbat fills a link and keeps its queue below the target", () => {
  const controller = new Ledbat(OPTIONS);
  let mostBytes = 0;
  const onEvent = (nowUs: number): void => {
    if (nowUs > 10_000_000) mostBytes = Math.max(mostBytes, controller.windowBytes);
  };
  const [flow] = runLink(LINK, [{ controller, onEvent }], 60_000_000);
  const rate = meanRate(flow!, { fromSecond: 10, toSecond: 60 });
  assert(rate >= 0.85 * LINK.rate, `${rate}`);
  assert.equal(flow!.lostBytes, 0);
  // What stands in the queue is what exceeds the bandwidth-delay product.
  const queuedUs = mostBytes / LINK.rate * 1_000_000 - ROUND_TRIP_US;
  assert(queuedUs < 70_000, `${queuedUs}`);
});

Deno.test("Ledbat leaves the link to a flow that fills the queue, and takes it back when that is over", () => {
  const [background, other] = runLink(LINK, [
    { controller: new Ledbat(OPTIONS) },
    { controller: new Cubic(OPTIONS), startUs: 10_000_000 },
  ], 60_000_000);
  const rates = [background!, other!].map((flow) => meanRate(flow, { fromSecond: 20, toSecond: 60 }));
  assert(rates[0]! < 0.1 * LINK.rate && rates[1]! > 0.85 * LINK.rate, `${rates}`);
});

Deno.test("Ledbat ends slow start before the queue reaches the target, then empties the queue for two round trips", () => {
  const ledbat = new Ledbat(OPTIONS);
  rounds(ledbat, 1, { fromUs: 0, rttUs: ROUND_TRIP_US });
  assert.equal(ledbat.inSlowStart, true);
  const grown = ledbat.windowBytes;
  const [window] = rounds(ledbat, 1, { fromUs: ROUND_TRIP_US, rttUs: ROUND_TRIP_US + 50_000 });
  assert.equal(ledbat.inSlowStart, false);
  assert(window! >= grown && window! < 1.5 * grown, "the first sample of three quarters of the target ends it");
  const windows = rounds(ledbat, 8, { fromUs: 10 * ROUND_TRIP_US, rttUs: ROUND_TRIP_US });
  assert(windows.includes(2 * DATAGRAM), `${windows}`);
  assert(windows.at(-1)! > 2 * DATAGRAM, "and it grows again");
});

Deno.test("Ledbat grows by less than a datagram in a round trip below the target, and shrinks by half at most above it", () => {
  const ledbat = new Ledbat(OPTIONS);
  rounds(ledbat, 1, { fromUs: 0, rttUs: ROUND_TRIP_US });
  const [before] = rounds(ledbat, 1, { fromUs: 200_000, rttUs: ROUND_TRIP_US + 50_000 });
  const [after] = rounds(ledbat, 1, { fromUs: 250_000, rttUs: ROUND_TRIP_US });
  assert(after! > before! && after! <= before! + DATAGRAM, `${before} ${after}`);
  const [less] = rounds(ledbat, 1, { fromUs: 330_000, rttUs: ROUND_TRIP_US + 1_000_000 });
  assert(less! < after! && less! >= after! / 2, `${after} ${less}`);
});

Deno.test("Ledbat halves its window once for the losses of a round trip, and has two datagrams after persistent congestion", () => {
  const ledbat = new Ledbat(OPTIONS);
  rounds(ledbat, 3, { fromUs: 0, rttUs: ROUND_TRIP_US });
  const before = ledbat.windowBytes;
  const loss = { lostBytes: DATAGRAM, bytesInFlight: 0, persistentCongestion: false };
  ledbat.onPacketsLost({ ...loss, nowUs: BEGIN_US + 200_000, largestLostSentUs: BEGIN_US + 150_000 });
  ledbat.onPacketsLost({ ...loss, nowUs: BEGIN_US + 210_000, largestLostSentUs: BEGIN_US + 160_000 });
  assert.equal(ledbat.windowBytes, Math.floor(before / 2));
  ledbat.onPacketsLost({
    ...loss,
    nowUs: BEGIN_US + 400_000,
    largestLostSentUs: BEGIN_US + 300_000,
    persistentCongestion: true,
  });
  assert.equal(ledbat.windowBytes, 2 * DATAGRAM);
});
