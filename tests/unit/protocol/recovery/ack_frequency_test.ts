import assert from "node:assert/strict";
import fc from "fast-check";
import { AckFrequency, MAX_BYTES_PER_ACK, MIN_ACK_THRESHOLD } from "../../../../protocol/recovery/ack_frequency.ts";

const MAX_DELAY_US = 25_000;

/** As many full batches as it takes to reach the maximum. */
function settle(frequency: AckFrequency, sizeBytes: number): void {
  for (let i = 0; i < 200; i++) frequency.onBatch(1_000, sizeBytes);
}

Deno.test("AckFrequency begins with every second packet and the full delay", () => {
  const frequency = new AckFrequency();
  assert.equal(frequency.threshold, MIN_ACK_THRESHOLD);
  assert.equal(frequency.delayUs(MAX_DELAY_US), MAX_DELAY_US);
});

Deno.test("AckFrequency rises to one ACK per 48 KiB while packets keep arriving", () => {
  const frequency = new AckFrequency();
  settle(frequency, 1_472);
  assert.equal(frequency.threshold, Math.floor(MAX_BYTES_PER_ACK / 1_472));
});

Deno.test("AckFrequency stays at two if two datagrams are more than 48 KiB", () => {
  const frequency = new AckFrequency();
  settle(frequency, 65_507);
  assert.equal(frequency.threshold, MIN_ACK_THRESHOLD);
  settle(frequency, 1_472);
  settle(frequency, 8_872);
  assert.equal(
    frequency.threshold,
    Math.floor(MAX_BYTES_PER_ACK / 8_872),
    "and comes down to it when the datagrams get larger",
  );
});

Deno.test("AckFrequency halves when packets stop arriving", () => {
  const frequency = new AckFrequency();
  settle(frequency, 1_472);
  const before = frequency.threshold;
  frequency.onPause();
  assert.equal(frequency.threshold, before >> 1);
  for (let i = 0; i < 10; i++) frequency.onPause();
  assert.equal(frequency.threshold, MIN_ACK_THRESHOLD);
});

Deno.test("AckFrequency waits for the rest of a batch little longer than the previous batch took", () => {
  const frequency = new AckFrequency();
  settle(frequency, 1_472);
  assert.equal(frequency.delayUs(MAX_DELAY_US), 3_000);
  frequency.onBatch(100_000, 1_472);
  assert.equal(frequency.delayUs(MAX_DELAY_US), MAX_DELAY_US);
});

Deno.test("AckFrequency stays within its bounds for any input", () => {
  const step = fc.oneof(
    fc.record({ batchUs: fc.nat(1_000_000), sizeBytes: fc.integer({ min: 20, max: 65_507 }) }),
    fc.constant("pause" as const),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const frequency = new AckFrequency();
    for (const it of steps) {
      if (it === "pause") frequency.onPause();
      else frequency.onBatch(it.batchUs, it.sizeBytes);
      assert.ok(frequency.threshold >= MIN_ACK_THRESHOLD && frequency.threshold <= MAX_BYTES_PER_ACK / 20);
      assert.ok(frequency.delayUs(MAX_DELAY_US) > 0 && frequency.delayUs(MAX_DELAY_US) <= MAX_DELAY_US);
    }
  }));
});
