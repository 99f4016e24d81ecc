import assert from "node:assert/strict";
import { MEMORY_US, ReorderingThreshold } from "../../../../protocol/recovery/reordering_threshold.ts";

Deno.test("ReorderingThreshold is 0 until a packet is late, then the largest distance", () => {
  const threshold = new ReorderingThreshold();
  assert.equal(threshold.at(5), 0);
  threshold.onLatePacket(3, 10);
  threshold.onLatePacket(7, 20);
  threshold.onLatePacket(2, 30);
  assert.equal(threshold.at(40), 7);
});

Deno.test("ReorderingThreshold remembers a late packet for one to two periods", () => {
  const threshold = new ReorderingThreshold();
  threshold.onLatePacket(7, 0);
  threshold.onLatePacket(2, MEMORY_US);
  assert.equal(threshold.at(2 * MEMORY_US - 1), 7);
  assert.equal(threshold.at(2 * MEMORY_US), 2);
  assert.equal(threshold.at(3 * MEMORY_US), 0);
});

Deno.test("ReorderingThreshold forgets everything in a pause of two periods", () => {
  const threshold = new ReorderingThreshold();
  threshold.onLatePacket(7, 0);
  assert.equal(threshold.at(2 * MEMORY_US), 0);
});
