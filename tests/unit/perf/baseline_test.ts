import assert from "node:assert/strict";
import { type Baseline, compare, updated } from "../../../perf/baseline.ts";
import type { Figures, Measurement } from "../../../perf/figures.ts";

function simulated(scenario: string, figures: Figures): Measurement {
  return { scenario, place: "simulated", contestant: "send", sizeBytes: 1000, runs: 3, figures };
}

const FIGURES: Figures = {
  shareOfPossible: 0.9,
  spuriousShare: 0.001,
  queueDelayMeanMs: 5,
  simulatorCpuSecondsPerGib: 9,
};
const BASELINE: Baseline = updated({ simulated: [], wall: [] }, [simulated("wan", FIGURES)]);

Deno.test("updated replaces measured rows, without the figures that depend on the machine", () => {
  assert.deepEqual(BASELINE.simulated, [{
    scenario: "wan",
    sizeBytes: 1000,
    runs: 3,
    figures: { shareOfPossible: 0.9, spuriousShare: 0.001, queueDelayMeanMs: 5 },
  }]);
  const more = updated(BASELINE, [
    simulated("lfn", { shareOfPossible: 0.123456789 }),
    { ...simulated("broken", {}), failure: "no end" },
    { ...simulated("loopback", { shareOfTcp: 1.5 }), place: "loopback" },
    { ...simulated("loopback", { shareOfTcp: 1 }), place: "loopback", contestant: "tcp" },
  ]);
  assert.deepEqual(more.simulated.map(({ scenario, figures }) => [scenario, figures.shareOfPossible]), [
    ["wan", 0.9],
    ["lfn", 0.123457],
  ]);
  assert.deepEqual(more.wall, [
    { scenario: "loopback", place: "loopback", contestant: "send", sizeBytes: 1000, shareOfTcp: 1.5 },
  ]);
  assert.deepEqual(updated(more, [simulated("wan", { shareOfPossible: 0.5 })]).simulated.length, 2);
});

Deno.test("compare judges a figure by its tolerance, in its direction", () => {
  const verdicts = (figures: Figures): string[] => {
    const { changes } = compare(BASELINE, [simulated("wan", { ...FIGURES, ...figures })]);
    return changes.filter(({ verdict }) => verdict !== "same").map(({ figure, verdict }) => `${figure} ${verdict}`);
  };
  assert.deepEqual(verdicts({}), []);
  assert.deepEqual(verdicts({ shareOfPossible: 0.892, queueDelayMeanMs: 6.9 }), []);
  assert.deepEqual(verdicts({ shareOfPossible: 0.88 }), ["shareOfPossible worse"]);
  assert.deepEqual(verdicts({ shareOfPossible: 0.92 }), ["shareOfPossible better"]);
  assert.deepEqual(verdicts({ spuriousShare: 0.004, queueDelayMeanMs: 2 }), [
    "spuriousShare worse",
    "queueDelayMeanMs better",
  ]);
});

Deno.test("compare is worse if a figure is worse or missing, or a scenario failed", () => {
  const isWorse = (...measurements: Measurement[]): boolean => compare(BASELINE, measurements).isWorse;
  assert.equal(isWorse(simulated("wan", FIGURES)), false);
  assert.equal(isWorse(simulated("wan", { ...FIGURES, shareOfPossible: 0.5 })), true);
  assert.equal(isWorse(simulated("wan", { spuriousShare: 0.001, queueDelayMeanMs: 5 })), true);
  assert.equal(isWorse({ ...simulated("wan", {}), failure: "no end" }), true);
  assert.equal(isWorse(simulated("unknown", FIGURES)), false);
  assert.equal(isWorse({ ...simulated("wan", { shareOfPossible: 0.1 }), sizeBytes: 5 }), false);
  assert.equal(isWorse({ ...simulated("wan", { shareOfPossible: 0.1 }), place: "relay" }), false);
});

Deno.test("compare notes the rows that it could not compare", () => {
  const { notes } = compare(BASELINE, [simulated("unknown", FIGURES), { ...simulated("wan", FIGURES), runs: 1 }]);
  assert.equal(notes.length, 2);
  assert.match(notes[0]!, /unknown: not in the baseline/);
  assert.match(notes[1]!, /wan: not compared/);
});

Deno.test("compare notes the share of TCP's goodput, and does not judge it", () => {
  const row: Measurement = { ...simulated("loopback", { shareOfTcp: 1.5 }), place: "loopback" };
  const { notes, isWorse } = compare(updated(BASELINE, [row]), [{ ...row, figures: { shareOfTcp: 0.25 } }]);
  assert.equal(isWorse, false);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /loopback.* 25 %.* 150 %/);
});
