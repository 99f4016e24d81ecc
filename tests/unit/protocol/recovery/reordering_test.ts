import assert from "node:assert/strict";
import {
  MAX_PACKET_THRESHOLD,
  MAX_TIME_THRESHOLD,
  PACKET_THRESHOLD,
  Reordering,
  TIME_THRESHOLD,
} from "../../../../protocol/recovery/reordering.ts";

const RTT_US = 100_000;
const CALM_US = 64 * RTT_US;

Deno.test("Reordering starts at RFC 9002's thresholds", () => {
  const reordering = new Reordering();
  assert.equal(reordering.packetThreshold, PACKET_THRESHOLD);
  assert.equal(reordering.timeThreshold, TIME_THRESHOLD);
});

Deno.test("Reordering raises both thresholds to what would have prevented a spurious loss", () => {
  const reordering = new Reordering();
  reordering.onLatePacket(20, 1.5, 0, true);
  assert.equal(reordering.packetThreshold, 21);
  assert.equal(reordering.timeThreshold, 1.625);
  reordering.onLatePacket(5, 1.1, 1, true);
  assert.equal(reordering.packetThreshold, 21);
  assert.equal(reordering.timeThreshold, 1.625);
});

Deno.test("Reordering is not raised by late packets that were not declared lost", () => {
  const reordering = new Reordering();
  reordering.onLatePacket(2, 1.05, 0, false);
  assert.equal(reordering.packetThreshold, PACKET_THRESHOLD);
  assert.equal(reordering.timeThreshold, TIME_THRESHOLD);
});

Deno.test("Reordering bounds the time threshold, and leaves the verdict to time beyond 1,000 packets", () => {
  const reordering = new Reordering();
  reordering.onLatePacket(MAX_PACKET_THRESHOLD - 1, 9, 0, true);
  assert.equal(reordering.packetThreshold, MAX_PACKET_THRESHOLD);
  assert.equal(reordering.timeThreshold, MAX_TIME_THRESHOLD);
  reordering.onLatePacket(MAX_PACKET_THRESHOLD, 9, 0, true);
  assert.equal(reordering.packetThreshold, Infinity);
});

Deno.test("Reordering keeps its thresholds while what they allow for goes on", () => {
  const reordering = new Reordering();
  reordering.onTime(0, RTT_US);
  reordering.onLatePacket(20, 1.5, 0, true);
  for (let period = 1; period <= 5; period++) {
    reordering.onLatePacket(20, 1.5, period * CALM_US - 1, false);
    reordering.onTime(period * CALM_US, RTT_US);
    assert.equal(reordering.packetThreshold, 21);
    assert.equal(reordering.timeThreshold, 1.625);
  }
});

Deno.test("Reordering sinks to what a calm period needed, and to the defaults when none came", () => {
  const reordering = new Reordering();
  reordering.onTime(0, RTT_US);
  reordering.onLatePacket(20, 1.5, 0, true);
  reordering.onTime(CALM_US - 1, RTT_US);
  assert.equal(reordering.packetThreshold, 21);
  // The first period saw the spurious loss itself.
  reordering.onTime(CALM_US, RTT_US);
  reordering.onLatePacket(7, 1.25, CALM_US + 1, false);
  reordering.onTime(2 * CALM_US, RTT_US);
  assert.equal(reordering.packetThreshold, 8);
  assert.equal(reordering.timeThreshold, 1.375);
  reordering.onTime(3 * CALM_US, RTT_US);
  assert.equal(reordering.packetThreshold, PACKET_THRESHOLD);
  assert.equal(reordering.timeThreshold, TIME_THRESHOLD);
});

Deno.test("Reordering keeps its thresholds for a second however short the round trip", () => {
  const reordering = new Reordering();
  reordering.onTime(0, 100);
  reordering.onLatePacket(20, 1.5, 0, true);
  reordering.onTime(999_999, 100);
  reordering.onTime(1_000_000, 100);
  reordering.onTime(1_999_999, 100);
  assert.equal(reordering.packetThreshold, 21);
  reordering.onTime(2_000_000, 100);
  assert.equal(reordering.packetThreshold, PACKET_THRESHOLD);
});

Deno.test("Reordering begins its period anew with every spurious loss", () => {
  const reordering = new Reordering();
  reordering.onTime(0, RTT_US);
  reordering.onLatePacket(20, 1.5, 0, true);
  reordering.onTime(CALM_US, RTT_US);
  reordering.onLatePacket(30, 1.5, CALM_US + 1_000, true);
  reordering.onTime(2 * CALM_US, RTT_US);
  reordering.onTime(2 * CALM_US + 1_000, RTT_US);
  reordering.onTime(3 * CALM_US, RTT_US);
  assert.equal(reordering.packetThreshold, 31);
  reordering.onTime(3 * CALM_US + 1_000, RTT_US);
  assert.equal(reordering.packetThreshold, PACKET_THRESHOLD);
});
