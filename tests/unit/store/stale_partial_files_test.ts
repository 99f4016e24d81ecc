import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { Disk } from "../../../store/disk.ts";
import {
  removeStalePartialFiles,
  removeStalePartialFilesBelow,
  STALE_AFTER_MS,
} from "../../../store/stale_partial_files.ts";

const NAME = ".sluice-0123456789abcdef0123456789abcdef.part";

function check(what: string, run: (folder: string) => void | Promise<void>): void {
  Deno.test(what, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
}

/** This machine's disk, so many milliseconds from now. */
function later(ms: number): Disk {
  return { ...nodeDisk, nowMs: () => Date.now() + ms };
}

check("removeStalePartialFiles waits for a week", async (folder) => {
  Deno.writeTextFileSync(`${folder}/${NAME}`, "x");
  await removeStalePartialFiles(nodeDisk, folder);
  await removeStalePartialFiles(later(STALE_AFTER_MS - 60_000), folder);
  assert.deepEqual(names(folder), [NAME]);
  await removeStalePartialFiles(later(STALE_AFTER_MS + 60_000), folder);
  assert.deepEqual(names(folder), []);
});

check("removeStalePartialFiles leaves folders, and ignores a missing folder", async (folder) => {
  Deno.mkdirSync(`${folder}/${NAME}`);
  await removeStalePartialFiles(later(10 * STALE_AFTER_MS), folder);
  assert.deepEqual(names(folder), [NAME]);
  await removeStalePartialFiles(nodeDisk, `${folder}/missing`);
});

check("removeStalePartialFiles removes a link, and not what it leads to", async (folder) => {
  Deno.writeTextFileSync(`${folder}/file`, "x");
  Deno.symlinkSync("file", `${folder}/${NAME}`);
  await removeStalePartialFiles(later(STALE_AFTER_MS - 60_000), folder);
  assert.deepEqual(names(folder), [NAME, "file"]);
  await removeStalePartialFiles(later(STALE_AFTER_MS + 60_000), folder);
  assert.deepEqual(names(folder), ["file"]);
});

check("removeStalePartialFiles leaves what a transfer has locked, however old", async (folder) => {
  if (!nodeDisk.hasLocks) return;
  Deno.writeTextFileSync(`${folder}/${NAME}`, "x");
  const lock = await nodeDisk.tryLock(`${folder}/${NAME}`);
  await removeStalePartialFiles(later(10 * STALE_AFTER_MS), folder);
  assert.deepEqual(names(folder), [NAME]);
  lock!.release();
  await removeStalePartialFiles(later(10 * STALE_AFTER_MS), folder);
  assert.deepEqual(names(folder), []);
});

/** A simulated disk on which a stale partial file lies, long ago. */
function staleDisk(options: { hasLocks?: boolean; hasNoLocks?: boolean } = {}): SimulatedDisk {
  const { hasLocks = true, hasNoLocks = false } = options;
  let nowMs = 0;
  const disk = new SimulatedDisk({ nowMs: () => nowMs, hasLocks, faults: { hasNoLocks } });
  disk.put(`/folder/${NAME}`, new Uint8Array(1));
  nowMs = STALE_AFTER_MS + 1;
  return disk;
}

Deno.test("removeStalePartialFiles goes by the time alone where there are no locks", async () => {
  for (const options of [{ hasLocks: false }, { hasNoLocks: true }]) {
    const disk = staleDisk(options);
    await removeStalePartialFiles(disk, "/folder");
    assert.deepEqual(disk.names("/folder"), []);
    assert.equal(disk.openDescriptors, 0);
  }
});

Deno.test("removeStalePartialFiles leaves a file that was touched, or replaced, before it was locked", async () => {
  for (const change of ["touch", "replace"]) {
    const disk = staleDisk();
    disk.meter.beforeOperation = (operation) => {
      if (operation !== "lock") return;
      disk.meter.beforeOperation = undefined;
      if (change === "replace") disk.remove(`/folder/${NAME}`);
      disk.put(`/folder/${NAME}`, new Uint8Array(2));
    };
    await removeStalePartialFiles(disk, "/folder");
    assert.deepEqual(disk.names("/folder"), [NAME], change);
    assert.equal(disk.openDescriptors, 0);
  }
});

check("removeStalePartialFilesBelow removes them in every folder, and follows no link", async (folder) => {
  for (const path of ["root/a/b", "root/c", "elsewhere"]) Deno.mkdirSync(`${folder}/${path}`, { recursive: true });
  Deno.symlinkSync("../elsewhere", `${folder}/root/link`);
  for (const path of ["root", "root/a", "root/a/b", "root/c", "elsewhere"]) {
    Deno.writeTextFileSync(`${folder}/${path}/${NAME}`, "x");
    Deno.writeTextFileSync(`${folder}/${path}/kept`, "x");
  }
  await removeStalePartialFilesBelow(nodeDisk, `${folder}/root`);
  assert.deepEqual(names(`${folder}/root`), [NAME, "a", "c", "kept", "link"].toSorted());
  await removeStalePartialFilesBelow(later(STALE_AFTER_MS + 60_000), `${folder}/root`);
  assert.deepEqual(names(`${folder}/root`), ["a", "c", "kept", "link"]);
  assert.deepEqual(names(`${folder}/root/a`), ["b", "kept"]);
  assert.deepEqual(names(`${folder}/root/a/b`), ["kept"]);
  assert.deepEqual(names(`${folder}/root/c`), ["kept"]);
  assert.deepEqual(names(`${folder}/elsewhere`), [NAME, "kept"].toSorted());
});
