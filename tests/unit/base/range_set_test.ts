import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import { RangeSet } from "../../../base/range_set.ts";

/** The set's ranges, as pairs. */
function rangesOf(set: RangeSet): [number, number][] {
  return Array.from({ length: set.length }, (_, index) => [set.start(index), set.end(index)]);
}

/** A set with these ranges. */
function setOf(...ranges: [number, number][]): RangeSet {
  const set = new RangeSet();
  for (const [start, end] of ranges) set.add(start, end);
  return set;
}

Deno.test("RangeSet.add keeps ranges apart that do not touch, in ascending order", () => {
  const set = setOf([20, 25], [0, 5], [10, 15]);
  assert.deepEqual(rangesOf(set), [[0, 5], [10, 15], [20, 25]]);
});

Deno.test("RangeSet.add joins ranges that touch or overlap", () => {
  assert.deepEqual(rangesOf(setOf([0, 5], [5, 7])), [[0, 7]]);
  assert.deepEqual(rangesOf(setOf([5, 7], [0, 5])), [[0, 7]]);
  assert.deepEqual(rangesOf(setOf([0, 5], [20, 25], [5, 7])), [[0, 7], [20, 25]]);
  assert.deepEqual(rangesOf(setOf([0, 5], [20, 25], [18, 20])), [[0, 5], [18, 25]]);
  assert.deepEqual(rangesOf(setOf([0, 5], [10, 15], [20, 25], [5, 10])), [[0, 15], [20, 25]]);
  assert.deepEqual(rangesOf(setOf([0, 5], [10, 15], [20, 25], [4, 20])), [[0, 25]]);
  assert.deepEqual(rangesOf(setOf([0, 5], [10, 15], [20, 25], [6, 16])), [[0, 5], [6, 16], [20, 25]]);
});

Deno.test("RangeSet.add returns how many integers are new", () => {
  const set = new RangeSet();
  assert.equal(set.add(10, 20), 10);
  assert.equal(set.add(10, 20), 0);
  assert.equal(set.add(12, 15), 0);
  assert.equal(set.add(15, 25), 5);
  assert.equal(set.add(5, 12), 5);
  assert.equal(set.add(40, 50), 10);
  assert.equal(set.add(0, 60), 30);
  assert.equal(set.add(7, 7), 0);
});

Deno.test("RangeSet.remove trims, splits and deletes, and returns how many integers went", () => {
  const set = setOf([0, 10], [20, 30], [40, 50]);
  assert.equal(set.remove(3, 6), 3);
  assert.deepEqual(rangesOf(set), [[0, 3], [6, 10], [20, 30], [40, 50]]);
  assert.equal(set.remove(8, 45), 2 + 10 + 5);
  assert.deepEqual(rangesOf(set), [[0, 3], [6, 8], [45, 50]]);
  assert.equal(set.remove(3, 6), 0);
  assert.equal(set.remove(0, 100), 3 + 2 + 5);
  assert.equal(set.length, 0);
});

Deno.test("RangeSet.removeBelow takes from the front", () => {
  const set = setOf([0, 3], [6, 8], [45, 50]);
  set.removeBelow(set.end(0));
  assert.deepEqual(rangesOf(set), [[6, 8], [45, 50]]);
  set.removeBelow(7);
  assert.deepEqual(rangesOf(set), [[7, 8], [45, 50]]);
  set.removeBelow(47);
  assert.deepEqual(rangesOf(set), [[47, 50]]);
  set.removeBelow(0);
  assert.deepEqual(rangesOf(set), [[47, 50]]);
  set.removeBelow(50);
  assert.equal(set.length, 0);
  set.removeBelow(100);
  assert.equal(set.length, 0);
});

Deno.test("RangeSet.contains, containsRange and coveredUntil answer at the edges", () => {
  const set = setOf([3, 6], [10, 20]);
  assert.deepEqual([2, 3, 5, 6, 9, 10, 19, 20].map((value) => set.contains(value)), [
    false,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
  ]);
  assert.equal(set.containsRange(3, 6), true);
  assert.equal(set.containsRange(3, 7), false);
  assert.equal(set.containsRange(5, 11), false);
  assert.equal(set.containsRange(7, 7), true);
  assert.equal(set.coveredUntil(4), 6);
  assert.equal(set.coveredUntil(6), 6);
  assert.equal(set.coveredUntil(10), 20);
  assert.equal(new RangeSet().coveredUntil(7), 7);
});

Deno.test("RangeSet.forEachGap visits what is missing, cut to the interval asked for", () => {
  const gaps = (set: RangeSet, start: number, end: number) => {
    const found: [number, number][] = [];
    set.forEachGap(start, end, (gapStart, gapEnd) => found.push([gapStart, gapEnd]));
    return found;
  };
  const set = setOf([3, 6], [10, 20]);
  assert.deepEqual(gaps(set, 0, 30), [[0, 3], [6, 10], [20, 30]]);
  assert.deepEqual(gaps(set, 4, 8), [[6, 8]]);
  assert.deepEqual(gaps(set, 11, 20), []);
  assert.deepEqual(gaps(set, 7, 7), []);
  assert.deepEqual(gaps(new RangeSet(), 5, 9), [[5, 9]]);
});

Deno.test("RangeSet holds integers around 2^32 and up to 2^53-1", () => {
  const top = Number.MAX_SAFE_INTEGER;
  const set = setOf([2 ** 32 - 2, 2 ** 32 + 2], [top - 5, top]);
  assert.equal(set.add(2 ** 31 - 1, 2 ** 32), 2 ** 31 - 1);
  assert.deepEqual(rangesOf(set), [[2 ** 31 - 1, 2 ** 32 + 2], [top - 5, top]]);
  assert.equal(set.contains(top - 1), true);
  assert.equal(set.add(0, top), top - 5 - (2 ** 31 + 3));
  assert.deepEqual(rangesOf(set), [[0, top]]);
});

Deno.test("RangeSet grows to many ranges and keeps them while it slides", () => {
  const set = new RangeSet();
  for (let index = 0; index < 3000; index++) set.add(3 * index, 3 * index + 1);
  assert.equal(set.length, 3000);
  for (let index = 3000; index < 20_000; index++) {
    set.removeBelow(set.end(0));
    set.add(3 * index, 3 * index + 1);
  }
  assert.equal(set.length, 3000);
  assert.equal(set.start(0), 3 * 17_000);
  assert.equal(set.end(2999), 3 * 19_999 + 1);
});

Deno.test("RangeSet.add can open a gap in the middle when its storage is full and has slid", () => {
  for (let slid = 0; slid <= 8; slid++) {
    const set = new RangeSet();
    const model: [number, number][] = [];
    for (let index = 0; index < 8; index++) set.add(10 * index, 10 * index + 5);
    for (let index = 0; index < slid; index++) set.removeBelow(set.end(0));
    for (let index = slid; index < 8; index++) model.push([10 * index, 10 * index + 5]);
    set.add(77, 78);
    set.add(66, 67);
    model.push([77, 78], [66, 67]);
    model.sort((a, b) => a[0] - b[0]);
    assert.deepEqual(rangesOf(set), model);
  }
});

Deno.test("RangeSet.clear empties the set for reuse", () => {
  const set = setOf([0, 3], [6, 8]);
  set.clear();
  assert.equal(set.length, 0);
  assert.equal(set.contains(1), false);
  assert.equal(set.add(1, 2), 1);
});

Deno.test("RangeSet throws InvariantError for what is not a range, and for an index without one", () => {
  const set = setOf([0, 3]);
  assert.throws(() => set.add(5, 4), InvariantError);
  assert.throws(() => set.add(-1, 4), InvariantError);
  assert.throws(() => set.add(0, 2 ** 53), InvariantError);
  assert.throws(() => set.remove(NaN, 4), InvariantError);
  assert.throws(() => set.start(1), InvariantError);
  assert.throws(() => set.end(-1), InvariantError);
});
