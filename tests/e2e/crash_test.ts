/**
 * The real programs, killed in the middle of transfers at moments that a seed draws: each name shows its old file or its
 * new one all the time, and the same command carries on. `deno task crash` does the same for as long as one likes.
 */

import assert from "node:assert/strict";
import { runCrashes } from "../../testing/crash/crash_run.ts";
import { sample } from "../../testing/effort.ts";

const KILLS = 20;
const MAX_BYTES = 6_000_000;

for (const seed of sample([1, 2, 3, 4, 5], 1)) {
  Deno.test(`names show old or new files however often the programs are killed (seed ${seed})`, async () => {
    const report = await runCrashes({ seed, kills: KILLS, maxBytes: MAX_BYTES });
    assert.deepEqual([report.lost, report.mixed, report.foreign], [[], [], []]);
    assert.equal(report.stalePartials, 0, "stale partial files are removed");
    assert(report.endedCount >= KILLS);
    assert(report.reads >= 2 * report.files, "the watcher has read each file");
  });
}
