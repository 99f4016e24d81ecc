/**
 * A power failure at every single operation of the disk in turn, and a fault of every operation in turn: no name may ever
 * show a partial file, and what was reported as done stays.
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { DISK_OPERATIONS, type DiskOperation } from "../../sim/disk/faults.ts";
import { PAGE_BYTES } from "../../sim/disk/inode.ts";
import type { SimulatedDisk } from "../../sim/disk/disk.ts";
import { lossesOf } from "./power_loss.ts";
import { diskError } from "../../store/disk_error.ts";
import { type Plan, StoreRun } from "./store_run.ts";

const SIZES = [0, 1, 4096, 5000, 12_000];
const RACE = [1, 2, 3].map((index) => ({ name: "a", sizeBytes: 4000 + index, overwrite: false }));
const MANY = Array.from({ length: 6 }, (_, index) => ({
  name: `file-${index}`,
  sizeBytes: SIZES[index % SIZES.length]!,
  overwrite: index % 2 === 0,
}));
const MIXED = [
  { name: "a", sizeBytes: 100, overwrite: false },
  { name: "a", sizeBytes: 9000, overwrite: true },
  { name: "b", sizeBytes: 4097, overwrite: false },
];

const PLANS: Readonly<Record<string, Omit<Plan, "side">>> = {
  "a new name": { existing: [], files: [{ name: "a", sizeBytes: 9000, overwrite: false }] },
  "a name that is overwritten": { existing: ["a"], files: [{ name: "a", sizeBytes: 9000, overwrite: true }] },
  "a name that several writes compete for": { existing: [], files: RACE },
  "a name that several writes compete for, on a disk without hard links": {
    existing: [],
    files: RACE,
    faults: { hasNoLinks: true },
  },
  "a name that is created and overwritten": { existing: ["b"], files: MIXED },
  "many concurrent files": { existing: ["file-1", "file-2"], files: MANY },
};
/** Number of orders in which a plan's files are written: the more, the fewer operations there are. */
const seedCount = (plan: Plan): number => Math.ceil(9 / plan.files.length);

/** The stores that the plans run on, by the name of the test. */
function* cases(): Generator<{ what: string; plan: Plan }> {
  for (const [what, plan] of Object.entries(PLANS)) {
    for (const side of ["server", "client"] as const) yield { what: `${what} (${side})`, plan: { ...plan, side } };
  }
}

/** Runs `check`; a failure names what replays it. */
async function replayable(what: string, check: () => void | Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

for (const { what, plan } of cases()) {
  Deno.test(`a power failure at any operation leaves complete files: ${what}`, async () => {
    for (let seed = 0; seed < seedCount(plan); seed++) {
      const run = new StoreRun(plan, seed);
      let failure: unknown;
      const crashed: { readonly left: SimulatedDisk; readonly where: string }[] = [];
      const crash = (index: number): void => {
        for (const { what, losses } of lossesOf(`seed ${seed}, operation ${index}`)) {
          if (failure !== undefined) return;
          const left = run.disk.crashed(losses);
          const where = `seed ${seed}, operation ${index}, ${what} lost`;
          try {
            run.assertWhole(left, { isAfterCrash: true });
            crashed.push({ left, where });
          } catch (error) {
            failure = new Error(`${where}: ${error}`, { cause: error });
          }
        }
      };
      let count = 0;
      await run.run((_operation, index) => {
        crash(index);
        count = index + 1;
      });
      crash(count);
      if (failure !== undefined) throw failure;
      for (const { left, where } of crashed) await replayable(where, () => run.assertRestarts(left));
      run.assertWhole(run.disk, { isAfterCrash: false });
    }
  });

  for (const code of ["EIO", "ENOSPC"]) {
    Deno.test(`${code} at any operation leaves complete files, and nothing else: ${what}`, async () => {
      for (let seed = 0; seed < seedCount(plan); seed++) {
        for (let failing = 0, isDone = false; !isDone; failing++) {
          await replayable(`seed ${seed}, operation ${failing}`, async () => {
            isDone = !await failAt(plan, { seed, failing, code });
          });
        }
      }
    });
  }
}

Deno.test("a disk that fails, fills up and does short writes leaves complete files", async () => {
  const kinds = new Set<string>();
  for (let seed = 0; seed < 120; seed++) {
    await replayable(`seed ${seed}`, async () => {
      const random = new Random(seed).fork("plan");
      const errorRates: Partial<Record<DiskOperation, number>> = {};
      for (const operation of DISK_OPERATIONS) if (random.chance(0.5)) errorRates[operation] = 0.1 * random.float();
      const faults = {
        errorRates,
        shortRate: random.pick([0, 0.5]),
        ...(random.chance(0.5) ? { capacityBytes: random.integer(1, 12) * PAGE_BYTES + 2 ** 20 } : {}),
      };
      const { files, existing } = random.pick(Object.values(PLANS));
      const run = new StoreRun({ side: random.pick(["server", "client"]), files, existing, faults }, seed);
      await run.run(() => {});
      const { faultCounts } = run.disk.meter;
      // A name is released by an lstat and an unlink.
      const isTidy = !faultCounts.has("EIO unlink") && !faultCounts.has("EIO lstat");
      for (const kind of faultCounts.keys()) kinds.add(kind);
      run.assertWhole(run.disk, { isAfterCrash: !isTidy });
      assert.equal(run.disk.openDescriptors, 0);
      if (isTidy) assert.equal(run.disk.temporaryFiles, 0);
      const left = run.disk.crashed(random);
      run.assertWhole(left, { isAfterCrash: true });
      await run.assertRestarts(left);
    });
  }
  for (const kind of ["EIO write", "EIO fsync-folder", "EIO unlink", "short write"]) assert(kinds.has(kind), kind);
});

/** A run whose operation of this index fails; resolves to whether there was such an operation. */
async function failAt(plan: Plan, options: { seed: number; failing: number; code: string }): Promise<boolean> {
  const { seed, failing, code } = options;
  const run = new StoreRun(plan, seed);
  let failed: DiskOperation | undefined;
  await run.run((operation, index) => {
    if (index !== failing) return;
    failed = operation;
    throw diskError(code);
  });
  run.assertWhole(run.disk, { isAfterCrash: false });
  assert.equal(run.disk.openDescriptors, 0, `descriptors are left open (${failed})`);
  if (failed !== "unlink") assert.equal(run.disk.temporaryFiles, 0, `unfinished files stay (${failed})`);
  await run.assertRestarts(run.disk);
  return failed !== undefined;
}
