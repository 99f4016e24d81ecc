import assert from "node:assert/strict";
import { FairSlots } from "../../../base/fair_slots.ts";

/** Takes places until there are none; returns how many. */
function fill(slots: FairSlots, source: string): number {
  let count = 0;
  while (slots.take(source) === undefined) count++;
  return count;
}

Deno.test("FairSlots.take gives a source no more than its bound", () => {
  const slots = new FairSlots({ max: 100, maxEach: 10 });
  assert.equal(fill(slots, "a"), 10);
  assert.equal(slots.take("a"), "each");
  assert.equal(slots.take("b"), undefined);
  assert.deepEqual([slots.count, slots.countOf("a"), slots.countOf("b"), slots.countOf("c")], [11, 10, 1, 0]);
});

Deno.test("FairSlots.take gives a source a quarter of what is free, so that it takes many to have all", () => {
  const slots = new FairSlots({ max: 1000, maxEach: 1000 });
  assert.equal(fill(slots, "greedy-0"), 200);
  assert.equal(fill(slots, "greedy-1"), 160);
  for (let source = 2; source < 12; source++) assert(fill(slots, `greedy-${source}`) >= 16, `${source}`);
  assert.equal(slots.take("newcomer"), undefined);
});

Deno.test("FairSlots.take gives anybody a few, and so all where there are only a few", () => {
  const slots = new FairSlots({ max: 16, maxEach: 64 });
  assert.equal(fill(slots, "a"), 16);
  assert.equal(slots.take("b"), "all");
});

Deno.test("FairSlots.take says that all are taken, by as many sources as there are places", () => {
  const slots = new FairSlots({ max: 8, maxEach: 8 });
  for (let source = 0; source < 8; source++) assert.equal(slots.take(`${source}`), undefined);
  assert.equal(slots.take("one more"), "all");
});

Deno.test("FairSlots.take gives the only place there is", () => {
  const slots = new FairSlots({ max: 1, maxEach: 64 });
  assert.equal(slots.take("a"), undefined);
  assert.equal(slots.take("a"), "all");
});

Deno.test("FairSlots.release makes room, and throws where nothing was taken", () => {
  const slots = new FairSlots({ max: 2, maxEach: 1 });
  assert.equal(slots.take("a"), undefined);
  assert.equal(slots.take("a"), "each");
  slots.release("a");
  assert.deepEqual([slots.count, slots.countOf("a"), slots.take("a")], [0, 0, undefined]);
  assert.throws(() => slots.release("b"), /not taken/);
});
