import assert from "node:assert/strict";
import type { Progress } from "../../../app/client/api.ts";
import { TotalProgress } from "../../../cli/total_progress.ts";
import { fakeReport } from "../../../testing/cli_fakes.ts";

/** A total of so many files, and what its bar shows. */
function make(count: number) {
  const shown: Progress[] = [];
  let isFinished = false;
  const total = new TotalProgress(count, {
    update: (progress) => shown.push(progress),
    finish: () => {
      isFinished = true;
    },
  });
  return { total, last: () => shown.at(-1), isFinished: () => isFinished };
}

function at(transferredBytes: number, totalBytes: number): Progress {
  return { name: "one", transferredBytes, totalBytes, phase: "transferring" };
}

Deno.test("TotalProgress expects of files that it does not know what it knows of the others", () => {
  const { total, last } = make(10);
  const first = total.begin();
  const second = total.begin();
  first.update(at(0, 0));
  assert.deepEqual(last(), { name: "0 of 10 files", transferredBytes: 0, totalBytes: 0, phase: "transferring" });
  first.update(at(50, 100));
  second.update(at(100, 300));
  assert.deepEqual(last(), { name: "0 of 10 files", transferredBytes: 150, totalBytes: 2000, phase: "transferring" });
});

Deno.test("TotalProgress counts files that are done, and those that failed no more", () => {
  const { total, last, isFinished } = make(4);
  const [first, second, third] = [total.begin(), total.begin(), total.begin()];
  first.update(at(100, 100));
  first.end(fakeReport("one", { sizeBytes: 100 }));
  second.update(at(20, 100));
  second.end();
  second.end(fakeReport("one"));
  third.update(at(10, 100));
  assert.deepEqual(last(), { name: "2 of 4 files", transferredBytes: 110, totalBytes: 300, phase: "transferring" });
  assert.deepEqual([total.doneCount, total.doneBytes], [1, 100]);
  assert.equal(isFinished(), false);
  total.finish();
  assert.equal(isFinished(), true);
});

Deno.test("TotalProgress forgets what was known of a file that begins anew later, and of one that has ended", () => {
  const { total, last } = make(3);
  const [first, second, third] = [total.begin(), total.begin(), total.begin()];
  first.update(at(40, 100));
  first.postpone();
  first.update(at(60, 100));
  second.update(at(10, 100));
  second.end(fakeReport("one", { sizeBytes: 100 }));
  second.update(at(100, 100));
  third.update(at(30, 60));
  assert.deepEqual(last(), { name: "1 of 3 files", transferredBytes: 130, totalBytes: 240, phase: "transferring" });
});
