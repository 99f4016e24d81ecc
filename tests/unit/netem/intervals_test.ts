import assert from "node:assert/strict";
import { areInOrder, repeatIntervals, unionOf } from "../../../netem/intervals.ts";

Deno.test("repeatIntervals gives one interval in each period", () => {
  assert.deepEqual(repeatIntervals({ firstUs: 5, lengthUs: 2, periodUs: 7, untilUs: 19 }), [
    { fromUs: 5, untilUs: 7 },
    { fromUs: 12, untilUs: 14 },
  ]);
  assert.deepEqual(repeatIntervals({ firstUs: 5, lengthUs: 2, periodUs: 7, untilUs: 5 }), []);
});

Deno.test("areInOrder rejects intervals that are empty, overlap or are out of order", () => {
  assert.equal(areInOrder([]), true);
  assert.equal(areInOrder([{ fromUs: 0, untilUs: 2 }, { fromUs: 2, untilUs: 3 }]), true);
  assert.equal(areInOrder([{ fromUs: 0, untilUs: 2 }, { fromUs: 1, untilUs: 3 }]), false);
  assert.equal(areInOrder([{ fromUs: 2, untilUs: 2 }]), false);
  assert.equal(areInOrder([{ fromUs: 2, untilUs: 1 }]), false);
});

Deno.test("unionOf covers what the intervals cover, in order, and joins those that touch", () => {
  const interval = (fromUs: number, untilUs: number) => ({ fromUs, untilUs });
  assert.deepEqual(unionOf([]), []);
  assert.deepEqual(unionOf([interval(50, 60), interval(0, 10), interval(10, 20), interval(55, 58)]), [
    interval(0, 20),
    interval(50, 60),
  ]);
  assert.deepEqual(unionOf([interval(0, 30), interval(5, 10), interval(29, 40), interval(41, 42)]), [
    interval(0, 40),
    interval(41, 42),
  ]);
});
