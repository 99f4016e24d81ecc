/** RangeSet against a Set of integers. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../base/invariant.ts";
import { RangeSet } from "../../base/range_set.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

/** Integers that a run is about. */
const SPAN = 120;

/** Where the span lies: at 0, across the 31- and 32-bit borders, and at the end of the safe integers. */
const BASE = fc.constantFrom(0, 2 ** 31 - SPAN / 2, 2 ** 32 - SPAN / 2, Number.MAX_SAFE_INTEGER - SPAN);

const at = fc.nat(SPAN);
const length = fc.oneof({ weight: 3, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.nat(SPAN) });

const STEP = fc.oneof(
  step(12, "add", { at, length }),
  step(10, "remove", { at, length }),
  step(4, "comb", { at, teeth: fc.nat(40), gap: fc.integer({ min: 2, max: 4 }), isDownward: fc.boolean() }),
  step(2, "slide", { count: fc.integer({ min: 1, max: 12 }) }),
  step(1, "removeBelow", { at }),
  step(1, "clear"),
  step(10, "ask", { at, length }),
  step(1, "refuse", { at, length: fc.integer({ min: 1, max: SPAN }) }),
);

class RangeSetMachine implements Machine<StepOf<typeof STEP>> {
  readonly #set = new RangeSet();
  readonly #model = new Set<number>();
  readonly #base: number;
  readonly #seen: Seen;

  constructor(base: number, seen: Seen) {
    this.#base = base;
    this.#seen = seen;
  }

  take(step: StepOf<typeof STEP>): void {
    const [start, end] = "at" in step ? this.#range(step.at, "length" in step ? step.length : 0) : [0, 0];
    const before = this.#set.length;
    switch (step.kind) {
      case "add":
        this.#add(start, end);
        if (before - this.#set.length >= 2) this.#seen("joined three");
        break;
      case "remove":
        assert.equal(this.#set.remove(start, end), this.#forget(start, end));
        if (this.#set.length > before) this.#seen("split");
        break;
      case "comb":
        for (let tooth = 0; tooth < step.teeth; tooth++) {
          const offset = step.isDownward ? SPAN - 1 - step.at - step.gap * tooth : step.at + step.gap * tooth;
          if (offset >= 0 && offset < SPAN) this.#add(this.#base + offset, this.#base + offset + 1);
        }
        break;
      case "slide":
        for (let i = 0; i < step.count; i++) this.#slide();
        break;
      case "removeBelow":
        this.#set.removeBelow(start);
        this.#forget(this.#base, start);
        break;
      case "clear":
        this.#set.clear();
        this.#model.clear();
        break;
      case "ask":
        this.#ask(start, end);
        break;
      case "refuse":
        this.#refuse(start, step.length);
        break;
    }
    this.#compare();
  }

  #range(at: number, length: number): [number, number] {
    return [this.#base + at, this.#base + Math.min(SPAN, at + length)];
  }

  #add(start: number, end: number): void {
    const before = this.#model.size;
    for (let value = start; value < end; value++) this.#model.add(value);
    assert.equal(this.#set.add(start, end), this.#model.size - before);
    if (end === Number.MAX_SAFE_INTEGER && start < end) this.#seen("the last safe integer");
  }

  #forget(start: number, end: number): number {
    const before = this.#model.size;
    for (let value = start; value < end; value++) this.#model.delete(value);
    return before - this.#model.size;
  }

  /** What transport does most: the lowest range goes, and one more comes at the end. */
  #slide(): void {
    const last = rangesOf(this.#model).at(-1)?.[1] ?? this.#base;
    rangesOf(this.#model).slice(0, 1).forEach(([start, end]) => {
      this.#set.removeBelow(end);
      this.#forget(start, end);
    });
    if (last + 1 >= this.#base + SPAN) return;
    this.#add(last + 1, last + 2);
    this.#seen("slid");
  }

  #ask(start: number, end: number): void {
    const missing = new Set<number>();
    for (let value = start; value < end; value++) if (!this.#model.has(value)) missing.add(value);
    const gaps: [number, number][] = [];
    this.#set.forEachGap(start, end, (gapStart, gapEnd) => gaps.push([gapStart, gapEnd]));
    assert.deepEqual(gaps, rangesOf(missing));
    if (gaps.length >= 2) this.#seen("several gaps");
    assert.equal(this.#set.containsRange(start, end), missing.size === 0);
    assert.equal(this.#set.contains(start), this.#model.has(start));
    let covered = start;
    while (this.#model.has(covered)) covered++;
    assert.equal(this.#set.coveredUntil(start), covered);
  }

  /** What is no range of safe integers is refused, and nothing is changed by it. */
  #refuse(start: number, length: number): void {
    const nothing = (): void => assert.fail("a gap of no range");
    for (const [from, to] of [[start + length, start], [-length, start], [start, 2 ** 53], [start, NaN]] as const) {
      assert.throws(() => this.#set.add(from, to), InvariantError);
      assert.throws(() => this.#set.remove(from, to), InvariantError);
      assert.throws(() => this.#set.containsRange(from, to), InvariantError);
      assert.throws(() => this.#set.forEachGap(from, to, nothing), InvariantError);
    }
    for (const index of [-1, this.#set.length]) {
      assert.throws(() => this.#set.start(index), InvariantError);
      assert.throws(() => this.#set.end(index), InvariantError);
    }
  }

  #compare(): void {
    const ranges = Array.from({ length: this.#set.length }, (_, i) => [this.#set.start(i), this.#set.end(i)]);
    assert.deepEqual(ranges, rangesOf(this.#model));
    if (ranges.length > 16) this.#seen("more ranges than there was room for twice");
  }
}

/** The ranges that a set of integers has, found the slow way. */
function rangesOf(model: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = [];
  for (const value of [...model].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === value) last[1] = value + 1;
    else ranges.push([value, value + 1]);
  }
  return ranges;
}

Deno.test("RangeSet equals a set of integers, whatever is done to it and asked of it", () => {
  checkModel({
    start: BASE,
    step: STEP,
    make: (base, seen) => new RangeSetMachine(base, seen),
    runs: 500,
    maxSteps: 60,
    reaches: {
      "joined three": 200,
      "split": 200,
      "slid": 1_000,
      "several gaps": 200,
      "the last safe integer": 100,
      "more ranges than there was room for twice": 1_000,
    },
  });
});
