import assert from "node:assert/strict";
import { AckAggregation } from "../../../../../protocol/congestion/bbr/ack_aggregation.ts";

Deno.test("AckAggregation measures the bytes acknowledged at once in excess of the rate", () => {
  const aggregation = new AckAggregation();
  // One megabyte per second, acknowledged 10,000 bytes at a time, each 10 ms.
  for (let ms = 0; ms <= 100; ms += 10) aggregation.onAck(ms * 1_000, 10_000, 1_000_000, 1_000_000);
  assert.equal(aggregation.extraBytes, 10_000);
});

Deno.test("AckAggregation bounds a sample by the window", () => {
  const aggregation = new AckAggregation();
  aggregation.onAck(0, 50_000, 1_000_000, 20_000);
  assert.equal(aggregation.extraBytes, 20_000);
});

Deno.test("AckAggregation forgets after ten rounds, and after two in Startup", () => {
  const long = new AckAggregation();
  long.onAck(0, 50_000, 1, 1e9);
  for (let round = 0; round < 9; round++) {
    long.onAck(1e12 * (round + 1), 1_000, 1, 1e9);
    long.onRound(false);
  }
  assert.equal(long.extraBytes, 50_000);
  long.onRound(false);
  assert.equal(long.extraBytes, 1_000);

  const short = new AckAggregation();
  short.onAck(0, 50_000, 1, 1e9);
  short.onRound(true);
  short.onAck(1e12, 1_000, 1, 1e9);
  short.onRound(true);
  assert.equal(short.extraBytes, 1_000);
});
