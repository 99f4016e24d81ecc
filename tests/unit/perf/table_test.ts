import assert from "node:assert/strict";
import type { Measurement } from "../../../perf/figures.ts";
import { comparisonOf, tablesOf } from "../../../perf/table.ts";

const ROW: Measurement = {
  scenario: "wan",
  place: "simulated",
  contestant: "send",
  sizeBytes: 25_000_000,
  runs: 3,
  figures: { shareOfPossible: 0.93, seconds: 8.75, relayLateMaxMs: 77.7 },
};

Deno.test("tablesOf makes a table for each place, with the columns that have figures", () => {
  const [title, table, ...rest] = tablesOf([ROW, { ...ROW, scenario: "lfn", figures: { seconds: 1 } }]);
  assert.match(title!, /^Simulated.*medians of 3$/);
  const lines = table!.split("\n");
  assert.match(lines.find((line) => line.includes("wan"))!, /Sluice send.* 25 .* 93\.0 .* 8\.75 /);
  assert.match(lines.find((line) => line.includes("lfn"))!, / - .* 1\.00 /);
  assert.doesNotMatch(table!, /TCP|77\.7/);
  assert.deepEqual(rest, [""]);
});

Deno.test("tablesOf says below the table what failed", () => {
  const failed: Measurement = { ...ROW, place: "relay", contestant: "quic", figures: {}, failure: "gave up after 9 s" };
  const texts = tablesOf([ROW, failed]);
  assert.equal(texts.at(-2), "wan, QUIC: gave up after 9 s");
});

Deno.test("comparisonOf has a row for each scenario: figures that changed, then and now, and which are worse", () => {
  const text = comparisonOf([
    { scenario: "wan", figure: "shareOfPossible", before: 0.93, after: 0.9, verdict: "worse" },
    { scenario: "wan", figure: "queueDelayMeanMs", before: 5, after: 5, verdict: "same" },
  ]);
  assert.match(text.split("\n").find((line) => line.includes("wan"))!, /wan .* 93\.0 -> 90\.0 worse .* 5\.0 /);
  assert.doesNotMatch(text, /5\.0 ->/);
});
