import assert from "node:assert/strict";
import fc from "fast-check";
import type { Progress } from "../../../app/client/api.ts";
import { Meter } from "../../../cli/meter.ts";
import { type PartProgress, TotalProgress } from "../../../cli/total_progress.ts";
import { fakeReport } from "../../../testing/cli_fakes.ts";

/** A total of files of these sizes, and what its bar shows. */
function make(sizes: readonly (number | undefined)[]) {
  const shown: Progress[] = [];
  let isFinished = false;
  const total = new TotalProgress(sizes, {
    update: (progress) => shown.push(progress),
    finish: () => {
      isFinished = true;
    },
  });
  const last = () => {
    const { name, transferredBytes, totalBytes, phase } = shown.at(-1)!;
    return [name, transferredBytes, totalBytes, phase];
  };
  return { total, last, shown, isFinished: () => isFinished };
}

function at(transferredBytes: number, totalBytes: number, phase: Progress["phase"] = "transferring"): Progress {
  return { name: "one", transferredBytes, totalBytes, phase };
}

const UNKNOWN = [undefined, undefined, undefined, undefined];

Deno.test("TotalProgress shows a single transfer as it is", () => {
  const { total, shown } = make([undefined]);
  const part = total.begin();
  part.update(at(1, 10));
  part.end(fakeReport("one", { sizeBytes: 10 }));
  assert.deepEqual(shown, [at(1, 10)]);
});

Deno.test("TotalProgress knows the whole from the start where the sizes are known", () => {
  const { total, last } = make([100, 300, 600]);
  const first = total.begin(100);
  first.update(at(0, 0));
  assert.deepEqual(last(), ["0/3 files", 0, 1000, "transferring"]);
  first.update(at(50, 100));
  total.begin(300).update(at(100, 300));
  assert.deepEqual(last(), ["0/3 files", 150, 1000, "transferring"]);
  first.end(fakeReport("one", { sizeBytes: 100 }));
  assert.deepEqual(last(), ["1/3 files", 200, 1000, "transferring"]);
});

Deno.test("TotalProgress expects of files that it does not know what it knows of the others", () => {
  const { total, last } = make([...UNKNOWN, ...UNKNOWN]);
  const first = total.begin();
  first.update(at(0, 0));
  assert.deepEqual(last(), ["0/8 files", 0, 0, "transferring"]);
  first.update(at(50, 100));
  total.begin().update(at(100, 300));
  assert.deepEqual(last(), ["0/8 files", 150, 1600, "transferring"]);
});

Deno.test("TotalProgress takes a transfer that failed for one that is over", () => {
  const { total, last, isFinished } = make([100, 100, 100]);
  const [first, second] = [total.begin(100), total.begin(100)];
  first.update(at(20, 100));
  first.end();
  first.end(fakeReport("one"));
  second.update(at(10, 100));
  assert.deepEqual(last(), ["1/3 files", 110, 300, "transferring"]);
  assert.equal(isFinished(), false);
  total.finish();
  assert.equal(isFinished(), true);
});

Deno.test("TotalProgress says that the rest is being verified, and that the connection is made anew", () => {
  const { total, last } = make([100, 100]);
  const [first, second] = [total.begin(100), total.begin(100)];
  first.update(at(50, 100, "connecting"));
  assert.deepEqual(last(), ["0/2 files", 50, 200, "connecting"]);
  first.update(at(100, 100, "verifying"));
  second.update(at(100, 100, "verifying"));
  assert.deepEqual(last(), ["0/2 files", 200, 200, "verifying"]);
});

Deno.test("TotalProgress forgets what was known of a file that begins anew later, and of one that has ended", () => {
  const { total, last } = make(UNKNOWN.slice(0, 3));
  const [first, second, third] = [total.begin(), total.begin(), total.begin()];
  first.update(at(40, 100));
  first.postpone();
  first.update(at(60, 100));
  second.update(at(10, 100));
  second.end(fakeReport("one", { sizeBytes: 100 }));
  second.update(at(100, 100));
  third.update(at(30, 60));
  assert.deepEqual(last(), ["1/3 files", 130, 240, "transferring"]);
});

/** Something that happens to the transfer at an index. */
const anyEvent = fc.record({
  index: fc.nat(5),
  kind: fc.constantFrom("update", "update", "update", "end", "fail", "postpone"),
  transferredBytes: fc.nat(2000),
  totalBytes: fc.nat(2000),
  phase: fc.constantFrom("connecting" as const, "transferring" as const, "verifying" as const),
  afterMs: fc.nat(3000),
});

Deno.test("TotalProgress and Meter show a percentage that never falls and is 100 in the end, whatever happens", () => {
  const anySizes = fc.array(fc.option(fc.nat(1000), { nil: undefined }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(anySizes, fc.array(anyEvent, { maxLength: 60 }), (sizes, events) => {
      const meter = new Meter();
      let nowMs = 0;
      let share = 0;
      const task = {
        update: (progress: Progress) => {
          meter.update(progress, nowMs);
          assert.ok(meter.share >= share && meter.share <= 1, `${meter.share} after ${share}`);
          assert.ok(progress.transferredBytes >= 0 && progress.totalBytes >= progress.transferredBytes);
          share = meter.share;
        },
        finish: () => {},
      };
      const total = new TotalProgress(sizes, task);
      const parts: (PartProgress | undefined)[] = sizes.map(() => undefined);
      const ended = new Set<number>();
      for (const { afterMs, index: any, kind, phase, totalBytes, transferredBytes } of events) {
        nowMs += afterMs;
        const index = any % sizes.length;
        if (ended.has(index)) continue;
        const part = parts[index] ??= total.begin(sizes[index]);
        if (kind === "update") part.update(at(Math.min(transferredBytes, totalBytes), totalBytes, phase));
        else if (kind === "postpone") {
          part.postpone();
          parts[index] = undefined;
        } else {
          part.end(kind === "end" ? fakeReport("one", { sizeBytes: totalBytes }) : undefined);
          ended.add(index);
        }
      }
      for (const [index, sizeBytes] of sizes.entries()) {
        if (!ended.has(index)) (parts[index] ?? total.begin(sizeBytes)).end(fakeReport("one", { sizeBytes: 7 }));
      }
      if (ended.size < sizes.length) assert.equal(share, 1);
    }),
    { numRuns: 500 },
  );
});
