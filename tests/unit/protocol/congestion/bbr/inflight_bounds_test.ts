import assert from "node:assert/strict";
import { InflightBounds } from "../../../../../protocol/congestion/bbr/inflight_bounds.ts";

Deno.test("InflightBounds limits nothing before the first reduction", () => {
  const bounds = new InflightBounds();
  assert.equal(bounds.bandwidthShort, Infinity);
  assert.equal(bounds.inflightShort, Infinity);
  assert.equal(bounds.inflightLong, Infinity);
  assert.equal(bounds.longTermWithHeadroom(1_200), Infinity);
});

Deno.test("InflightBounds reduces the bounds to the bytes delivered, by at most 30 %", () => {
  const bounds = new InflightBounds();
  bounds.onRate(900);
  bounds.onDelivered(90_000);
  bounds.cutShortTerm(0, 1_000, 100_000, 1_200);
  assert.equal(bounds.bandwidthShort, 900);
  assert.equal(bounds.inflightShort, 90_000);
  bounds.beginRound(100, 10_000);
  bounds.cutShortTerm(0, 1_000, 100_000, 1_200);
  assert.ok(Math.abs(bounds.bandwidthShort - 630) < 1e-6);
  assert.ok(Math.abs(bounds.inflightShort - 63_000) < 1e-6);
  bounds.resetShortTerm();
  assert.equal(bounds.bandwidthShort, Infinity);
});

Deno.test("InflightBounds limits the bandwidth until the next probe, and never raises it", () => {
  const bounds = new InflightBounds();
  bounds.limitBandwidth(1_000);
  bounds.limitBandwidth(1_200);
  assert.equal(bounds.bandwidthShort, 1_000);
  bounds.beginProbe();
  assert.equal(bounds.bandwidthShort, Infinity);
});

Deno.test("InflightBounds leaves 15 % of the long-term bound to other flows", () => {
  const bounds = new InflightBounds();
  bounds.lowerLongTerm(0, 100_000, 1_200);
  assert.equal(bounds.longTermWithHeadroom(1_200), 85_000);
  bounds.setLongTerm(5_000);
  assert.equal(bounds.longTermWithHeadroom(1_200), 4_800);
});

Deno.test("InflightBounds raises the long-term bound by a datagram in a round, or a 64th, and then twice as much", () => {
  for (const [windowBytes, firstBytes] of [[60_000, 1_200], [1_280_000, 20_000]] as const) {
    const bounds = new InflightBounds();
    bounds.setLongTerm(windowBytes);
    for (const times of [1, 2, 4]) {
      const before = bounds.inflightLong;
      bounds.raiseSlope(windowBytes, 1_200);
      for (let acked = 0; acked < windowBytes; acked += 1_000) bounds.raise(1_000);
      assert.ok(Math.abs(bounds.inflightLong - before - times * firstBytes) < 1);
    }
  }
});

Deno.test("InflightBounds stops raising the long-term bound, except to what was carried without congestion", () => {
  const bounds = new InflightBounds();
  bounds.setLongTerm(120_000);
  bounds.raiseSlope(120_000, 1_200);
  bounds.stopRaising();
  const before = bounds.inflightLong;
  bounds.raise(1_200);
  assert.equal(bounds.inflightLong, before);
  bounds.raiseTo(before + 5);
  assert.equal(bounds.inflightLong, before + 5);
});

Deno.test("InflightBounds undoes a cut whose losses were all spurious", () => {
  const bounds = new InflightBounds();
  bounds.onRate(500);
  bounds.onDelivered(50_000);
  bounds.cutShortTerm(1_000, 1_000, 100_000, 2_400);
  bounds.onSpurious(2_000, 1_200);
  bounds.onSpurious(500, 1_200);
  assert.equal(bounds.bandwidthShort, 700, "not undone for a loss after the reduction, nor for one of two before it");
  bounds.onSpurious(500, 1_200);
  assert.equal(bounds.bandwidthShort, Infinity);
  assert.equal(bounds.inflightShort, Infinity);
});
