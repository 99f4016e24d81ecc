/**
 * The real programs, killed in the middle of their work at moments that a seed draws: each name shows its old file or its
 * new one all the time, and the same command carries on. `deno task crash` does the same for as long as one likes.
 */

import assert from "node:assert/strict";
import { runCrashes } from "../../testing/crash/crash_run.ts";
import { launchLater } from "../../testing/crash/later.ts";
import { ROUND_KINDS } from "../../testing/crash/round.ts";
import { partialsIn } from "../../testing/crash/watch.ts";
import { sample } from "../../testing/effort.ts";
import { inTime, Stage } from "../../testing/programs/programs.ts";

const KILLS = 12;
const MAX_BYTES = 6_000_000;

for (const seed of sample([1, 2], 1)) {
  Deno.test(`names show old or new files however often the programs are killed (seed ${seed})`, async () => {
    const report = await runCrashes({ seed, kills: KILLS, maxBytes: MAX_BYTES });
    assert.deepEqual([report.lost, report.mixed, report.foreign], [[], [], []]);
    assert.equal(report.stalePartials, 0, "stale partial files are removed");
    assert(report.endedCount >= KILLS && report.rounds >= ROUND_KINDS.length);
    assert(report.reads >= 2 * report.files, "the watcher has read each file");
  });
}

Deno.test("server removes stale partial files, in the folders below its own, too, and no others", async () => {
  await using stage = await Stage.open();
  const [root, below] = [stage.path("storage"), stage.path("storage", "a", "b")];
  await Deno.mkdir(below, { recursive: true, mode: 0o700 });
  for (const folder of [root, below]) {
    await Deno.writeTextFile(`${folder}/.sluice-${"0".repeat(32)}.part`, "a part");
    await Deno.symlink("whole", `${folder}/.sluice-${"1".repeat(32)}.part`);
    await Deno.writeTextFile(`${folder}/whole`, "whole");
  }
  const count = async () => (await partialsIn(root)).length;
  const server = await stage.startServer();
  assert.equal(await count(), 4);
  await server.stop();
  const launch = await launchLater("serve", stage.path("clock.ts"));
  const late = stage.run(launch, ["--port", "0", "--root", root]);
  await late.says(/listening on/);
  const untilGone = async () => {
    while (await count() > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await inTime(untilGone(), () => "the end of stale partial files");
  for (const folder of [root, below]) assert.equal(await Deno.readTextFile(`${folder}/whole`), "whole");
});
