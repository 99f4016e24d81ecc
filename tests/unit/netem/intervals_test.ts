import assert from "node:assert/strict";
import { areInOrder, repeatSpans, united } from "../../../netem/intervals.ts";

Deno.test("repeatSpans begins a interval at every interval, until none may begin", () => {
  assert.deepEqual(repeatSpans({ firstUs: 5, lastsUs: 2, everyUs: 7, untilUs: 19 }), [
    { fromUs: 5, untilUs: 7 },
    { fromUs: 12, untilUs: 14 },
  ]);
  assert.deepEqual(repeatSpans({ firstUs: 5, lastsUs: 2, everyUs: 7, untilUs: 5 }), []);
});

Deno.test("areInOrder takes intervals that have a length and follow one another", () => {
  assert.equal(areInOrder([]), true);
  assert.equal(areInOrder([{ fromUs: 0, untilUs: 2 }, { fromUs: 2, untilUs: 3 }]), true);
  assert.equal(areInOrder([{ fromUs: 0, untilUs: 2 }, { fromUs: 1, untilUs: 3 }]), false);
  assert.equal(areInOrder([{ fromUs: 2, untilUs: 2 }]), false);
  assert.equal(areInOrder([{ fromUs: 2, untilUs: 1 }]), false);
});

Deno.test("united covers what its intervals cover, in order, and joins those that meet", () => {
  const interval = (fromUs: number, untilUs: number) => ({ fromUs, untilUs });
  assert.deepEqual(united([]), []);
  assert.deepEqual(united([interval(50, 60), interval(0, 10), interval(10, 20), interval(55, 58)]), [
    interval(0, 20),
    interval(50, 60),
  ]);
  assert.deepEqual(united([interval(0, 30), interval(5, 10), interval(29, 40), interval(41, 42)]), [
    interval(0, 40),
    interval(41, 42),
  ]);
});
