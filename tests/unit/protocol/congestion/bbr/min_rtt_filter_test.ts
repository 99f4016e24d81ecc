import assert from "node:assert/strict";
import { MinRttFilter } from "../../../../../protocol/congestion/bbr/min_rtt_filter.ts";

Deno.test("MinRttFilter starts with the handshake's round trip, or Infinity", () => {
  assert.equal(new MinRttFilter(0).minUs, Infinity);
  assert.equal(new MinRttFilter(7_000).minUs, 7_000);
});

Deno.test("MinRttFilter keeps the minimum for its window and then takes the current RTT", () => {
  const filter = new MinRttFilter(0);
  filter.update(0, 50_000);
  for (let us = 100_000; us <= 10_000_000; us += 100_000) filter.update(us, 80_000);
  assert.equal(filter.minUs, 50_000);
  for (let us = 10_100_000; us <= 16_000_000; us += 100_000) filter.update(us, 80_000);
  assert.equal(filter.minUs, 80_000);
});

Deno.test("MinRttFilter is due for a probe after 5 s without a sample near the minimum", () => {
  const filter = new MinRttFilter(0);
  filter.update(0, 50_000);
  filter.update(5_000_000, 60_000);
  assert.equal(filter.probeExpired, false);
  filter.update(5_000_001, 60_000);
  assert.equal(filter.probeExpired, true);
});

Deno.test("MinRttFilter is renewed by a sample near the minimum, which does not raise it", () => {
  const filter = new MinRttFilter(0);
  filter.update(0, 50_000);
  for (let us = 0; us <= 30_000_000; us += 1_000_000) {
    filter.update(us, 50_500);
    assert.equal(filter.probeExpired, false);
    assert.equal(filter.minUs, 50_000);
  }
});

Deno.test("MinRttFilter waits another interval once a probe is done", () => {
  const filter = new MinRttFilter(0);
  filter.update(0, 50_000);
  filter.onProbeDone(6_000_000);
  filter.update(10_000_000, 60_000);
  assert.equal(filter.probeExpired, false);
});

Deno.test("MinRttFilter ignores an ACK without an RTT sample", () => {
  const filter = new MinRttFilter(0);
  filter.update(0, 0);
  assert.equal(filter.minUs, Infinity);
  filter.update(1, 3);
  assert.equal(filter.minUs, 3);
});
