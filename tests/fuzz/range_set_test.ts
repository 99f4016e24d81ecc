import assert from "node:assert/strict";
import fc from "fast-check";
import { RangeSet } from "../../protocol/range_set.ts";

const SPAN = 120;

/** Where the span lies: at 0, across the 31- and 32-bit borders, and at the end of the safe integers. */
const base = fc.constantFrom(0, 2 ** 31 - SPAN / 2, 2 ** 32 - SPAN / 2, Number.MAX_SAFE_INTEGER - SPAN);

const step = fc.record({
  kind: fc.constantFrom("add", "add", "add", "remove", "removeFirst", "removeBelow", "clear"),
  at: fc.nat(SPAN),
  length: fc.oneof(fc.nat(3), fc.nat(SPAN)),
});

/** The ranges that a set of integers has, found the slow way. */
function rangesOfModel(model: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = [];
  for (const value of [...model].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === value) last[1] = value + 1;
    else ranges.push([value, value + 1]);
  }
  return ranges;
}

/** Does the same to the model; returns how many integers that added or removed. */
function applyToModel(model: Set<number>, kind: string, [start, end]: [number, number]): number {
  const before = model.size;
  if (kind === "clear") model.clear();
  else if (kind === "removeFirst") {
    rangesOfModel(model).slice(0, 1).forEach(([from, to]) => deleteRange(model, from, to));
  } else if (kind === "removeBelow") { for (const value of [...model]) if (value < start) model.delete(value); }
  else if (kind === "remove") deleteRange(model, start, end);
  else for (let value = start; value < end; value++) model.add(value);
  return Math.abs(model.size - before);
}

function deleteRange(model: Set<number>, start: number, end: number): void {
  for (let value = start; value < end; value++) model.delete(value);
}

function applyToSet(set: RangeSet, kind: string, [start, end]: [number, number]): number | undefined {
  if (kind === "add") return set.add(start, end);
  if (kind === "remove") return set.remove(start, end);
  if (kind === "removeFirst") set.removeFirst();
  else if (kind === "removeBelow") set.removeBelow(start);
  else set.clear();
  return undefined;
}

Deno.test("RangeSet equals a set of integers after any sequence of changes", () => {
  fc.assert(
    fc.property(base, fc.array(step, { maxLength: 60 }), (from, steps) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const { kind, at, length } of steps) {
        const range: [number, number] = [from + at, from + Math.min(SPAN, at + length)];
        const changed = applyToModel(model, kind, range);
        const answer = applyToSet(set, kind, range);
        if (answer !== undefined) assert.equal(answer, changed, `${kind} ${range}`);
        const ranges = Array.from({ length: set.length }, (_, index) => [set.start(index), set.end(index)]);
        assert.deepEqual(ranges, rangesOfModel(model), `${kind} ${range}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("RangeSet answers every question as a set of integers does", () => {
  const ranges = fc.array(fc.tuple(fc.nat(SPAN - 1), fc.integer({ min: 1, max: 12 })), { maxLength: 12 });
  fc.assert(
    fc.property(base, ranges, fc.nat(SPAN), fc.nat(SPAN), (from, parts, a, b) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const [at, length] of parts) {
        const range: [number, number] = [from + at, from + Math.min(SPAN, at + length)];
        set.add(...range);
        applyToModel(model, "add", range);
      }
      const start = from + Math.min(a, b);
      const end = from + Math.max(a, b);
      const missing = new Set<number>();
      for (let value = start; value < end; value++) if (!model.has(value)) missing.add(value);
      const gaps: [number, number][] = [];
      set.forEachGap(start, end, (gapStart, gapEnd) => gaps.push([gapStart, gapEnd]));
      assert.deepEqual(gaps, rangesOfModel(missing));
      assert.equal(set.containsRange(start, end), missing.size === 0);
      assert.equal(set.contains(start), model.has(start));
      let covered = start;
      while (model.has(covered)) covered++;
      assert.equal(set.coveredUntil(start), covered);
    }),
    { numRuns: 1000 },
  );
});
