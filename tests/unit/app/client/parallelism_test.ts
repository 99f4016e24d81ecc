import assert from "node:assert/strict";
import {
  LARGE_BYTES,
  MAX_LARGE_PARALLEL,
  MAX_PARALLEL,
  MAX_WITH_SMALL,
  Parallelism,
  type Slot,
} from "../../../../app/client/parallelism.ts";

/** Begins as many as may be; each has its size at once if one is given. */
function beginAll(parallelism: Parallelism, sizeBytes?: number): Slot[] {
  const slots: Slot[] = [];
  while (parallelism.mayBegin) {
    const slot = parallelism.begin();
    if (sizeBytes !== undefined) slot.onSize(sizeBytes);
    slots.push(slot);
    assert(slots.length <= MAX_WITH_SMALL);
  }
  return slots;
}

Deno.test("Parallelism lets small files run together, as many as a server takes", () => {
  assert.equal(beginAll(new Parallelism(), 10_000).length, MAX_WITH_SMALL);
  assert.equal(beginAll(new Parallelism(), 100_000).length, MAX_PARALLEL);
});

Deno.test("Parallelism lets few large files run together, however large", () => {
  assert.equal(beginAll(new Parallelism(), LARGE_BYTES).length, MAX_LARGE_PARALLEL);
  assert.equal(beginAll(new Parallelism(), 2 ** 40).length, MAX_LARGE_PARALLEL);
});

Deno.test("Parallelism bounds the bytes of files in between", () => {
  assert.equal(beginAll(new Parallelism(), LARGE_BYTES / 8).length, 8 * MAX_LARGE_PARALLEL);
});

Deno.test("Parallelism takes files of unknown size for large, until it has heard of some", () => {
  const parallelism = new Parallelism();
  const slots = beginAll(parallelism);
  assert.equal(slots.length, MAX_LARGE_PARALLEL);
  slots[0]!.onSize(10_000);
  slots[0]!.onSize(2 ** 40);
  assert.equal(beginAll(parallelism).length, MAX_PARALLEL - MAX_LARGE_PARALLEL + 1);
});

Deno.test("Parallelism has small files go past a large one", () => {
  const parallelism = new Parallelism();
  parallelism.begin().onSize(2 ** 40);
  const slots = beginAll(parallelism, 10_000);
  assert.equal(slots.length, MAX_WITH_SMALL - 1);
  for (const slot of slots) slot.end();
  assert.equal(beginAll(parallelism, 10_000).length, MAX_WITH_SMALL - 1);
});

Deno.test("Parallelism lets another begin when one has ended, known or not", () => {
  const parallelism = new Parallelism();
  const [first, second] = beginAll(parallelism);
  first!.end();
  assert.equal(parallelism.mayBegin, true);
  parallelism.begin().onSize(2 ** 40);
  assert.equal(parallelism.mayBegin, false);
  second!.onSize(2 ** 40);
  assert.equal(parallelism.mayBegin, false);
  second!.end();
  assert.equal(parallelism.mayBegin, true);
});
