import assert from "node:assert/strict";
import { formatFigure, type Measurement, medians, summarise } from "../../../perf/figures.ts";

Deno.test("medians is computed for each figure, from the runs that have it", () => {
  assert.deepEqual(medians([]), {});
  assert.deepEqual(medians([{ seconds: 3, goodputBitsPerSecond: 10 }, { seconds: 1 }, { seconds: 2 }]), {
    goodputBitsPerSecond: 10,
    seconds: 2,
  });
  assert.deepEqual(medians([{ seconds: 10 }, { seconds: 2 }, { seconds: 9 }, { seconds: 1 }]), { seconds: 5.5 });
});

Deno.test("summarise combines runs, and keeps the first failure", () => {
  const run: Measurement = {
    scenario: "wan",
    place: "relay",
    contestant: "send",
    sizeBytes: 5,
    runs: 1,
    figures: { seconds: 1 },
  };
  assert.deepEqual(summarise([run, { ...run, figures: { seconds: 2 } }]), {
    ...run,
    runs: 2,
    figures: { seconds: 1.5 },
  });
  const failed = summarise([run, { ...run, figures: {}, failure: "gave up" }]);
  assert.equal(failed.failure, "gave up");
});

Deno.test("formatFigure formats a figure in its unit, and undefined as a dash", () => {
  assert.equal(formatFigure("goodputBitsPerSecond", 91_449_000), "91.4");
  assert.equal(formatFigure("shareOfPossible", 0.9145), "91.5");
  assert.equal(formatFigure("sentBytesPerFileByte", 1.0182), "1.018");
  assert.equal(formatFigure("clientPeakBytes", 73_400_000), "73");
  assert.equal(formatFigure("seconds", undefined), "-");
});
