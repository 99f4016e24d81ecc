/**
 * Runs a part and a naive model of it side by side, through random steps: `fc.assert` with what every such test wants.
 *
 * A failure is shrunk to a few steps, printed one by one, with the seed and the path that replay it:
 * `FUZZ_SEED=5 FUZZ_PATH=12:0:3 deno task test tests/fuzz --filter "RangeSet"`. Without a path `FUZZ_SEED` draws other
 * steps, `FUZZ_TIMES=100` a hundred times as many, and `FUZZ_COUNTS=1` prints what they reached.
 *
 * That all passes says nothing where what matters was never drawn: so each test says what must happen, and how often.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";

/** Fixed, so that every run of the tests does the same. */
const SEED = 20_260;

/** The part under test and its model. Each step throws where they differ, or where what was promised is broken. */
export interface Machine<Step> {
  take(step: Step): void;
  /** After the last step: what must come to an end does. */
  finish?(): void;
}

/** Notes that something worth testing happened. */
export type Seen = (what: string) => void;

/** A machine, and what is done to it. */
export interface ModelTest<Start, Step> {
  /** What a machine is made with. */
  readonly start: fc.Arbitrary<Start>;
  readonly step: fc.Arbitrary<Step>;
  readonly make: (start: Start, seen: Seen) => Machine<Step>;
  readonly runs: number;
  /** In a run; half as many on average. */
  readonly maxSteps: number;
  /** What the machine must have told to have seen, in all runs together, and how often at least. */
  readonly reaches: Readonly<Record<string, number>>;
}

/** Throws fast-check's error with the shortest steps found that make a machine throw. */
export function checkModel<Start, Step>(test: ModelTest<Start, Step>): void {
  const counts = new Map<string, number>();
  const seen = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const steps = fc.array(test.step, { maxLength: test.maxSteps, size: "max" });
  fc.assert(
    fc.property(test.start, steps, (start, taken) => {
      const machine = test.make(start, seen);
      for (const step of taken) machine.take(step);
      machine.finish?.();
    }),
    modelParameters(test.runs),
  );
  assertReached(counts, test.reaches);
}

/** For `fc.assert`: fixed runs, unless the environment asks for others. */
export function modelParameters(runs: number): { numRuns: number; seed: number; path?: string } {
  const path = Deno.env.get("FUZZ_PATH");
  return {
    numRuns: runs * Number(Deno.env.get("FUZZ_TIMES") ?? 1),
    seed: Number(Deno.env.get("FUZZ_SEED") ?? SEED),
    ...(path === undefined ? {} : { path }),
  };
}

/** Throws where something happened less often than it must have. */
export function assertReached(counts: ReadonlyMap<string, number>, least: Readonly<Record<string, number>>): void {
  if (Deno.env.get("FUZZ_COUNTS") !== undefined) {
    Deno.stderr.writeSync(new TextEncoder().encode(`${JSON.stringify(Object.fromEntries(counts), null, 2)}\n`));
  }
  if (Deno.env.get("FUZZ_PATH") !== undefined) return;
  for (const [what, count] of Object.entries(least)) {
    const actual = counts.get(what) ?? 0;
    assert.ok(actual >= count, `too little is tested: "${what}" was seen ${actual} times, not ${count}`);
  }
}

/** A kind of step with its fields, drawn in proportion to `weight`. */
export function step<Kind extends string, Fields extends object = object>(
  weight: number,
  kind: Kind,
  fields?: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> },
): { weight: number; arbitrary: fc.Arbitrary<{ readonly kind: Kind } & Readonly<Fields>> } {
  const model = { kind: fc.constant(kind), ...fields };
  // Plain objects: those without a prototype are printed as such.
  const arbitrary = fc.record(model, { noNullPrototype: true });
  return { weight, arbitrary: arbitrary as unknown as fc.Arbitrary<{ readonly kind: Kind } & Readonly<Fields>> };
}

/** What `fc.oneof` of steps draws. */
export type StepOf<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Step> ? Step : never;
