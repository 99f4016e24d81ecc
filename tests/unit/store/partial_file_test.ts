import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { SimulatedDiskOptions } from "../../../sim/disk/options.ts";
import { Random } from "../../../base/random.ts";
import type { Disk, DiskStats } from "../../../store/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { isPartialName, lastingName, openPartialFile, type PartialFile } from "../../../store/partial_file.ts";
import { pattern } from "../../../testing/file_store_compliance.ts";

const FOLDER = "/folder";
const NAME = lastingName({ purpose: "peer", path: "a", sizeBytes: 1000, modifiedUs: 5 });
const PATH = `${FOLDER}/${NAME}`;

function newDisk(options: SimulatedDiskOptions = {}): SimulatedDisk {
  const disk = new SimulatedDisk(options);
  disk.put(`${FOLDER}/other`, pattern(1));
  return disk;
}

/** The same disk, with some calls of its own. */
function changed(disk: SimulatedDisk, calls: Partial<Disk>): Disk {
  return new Proxy(disk, {
    get: (_, key) => {
      const own = calls[key as keyof Disk];
      const value = own ?? disk[key as keyof Disk];
      return typeof value === "function" ? value.bind(disk) : value;
    },
  });
}

function open(disk: Disk, lasting = true): Promise<PartialFile> {
  return openPartialFile(FOLDER, { disk, lastingName: lasting ? NAME : undefined });
}

function end(disk: Disk, partial: PartialFile): void {
  disk.close(partial.descriptor);
  partial.lock?.release();
}

/** Leaves a partial file with these bytes for the next try. */
async function leave(disk: SimulatedDisk, bytes = pattern(10)): Promise<void> {
  const partial = await open(disk);
  disk.write(partial.descriptor, bytes, 0, bytes.length, 0);
  end(disk, partial);
}

/** Asserts that the next try does not resume, nor touch what lies there, and leaves no descriptor open. */
async function assertStartsAnew(disk: Disk, simulated: SimulatedDisk): Promise<void> {
  const before = simulated.fileAt(PATH);
  const bytes = simulated.contents(PATH);
  const partial = await open(disk);
  assert.deepEqual([partial.lock, partial.foundBytes], [undefined, 0]);
  assert.notEqual(partial.path, PATH);
  assert(isPartialName(partial.path.slice(FOLDER.length + 1)));
  assert.equal(simulated.openDescriptors, 1);
  assert.equal(simulated.fileAt(PATH), before);
  assert.deepEqual(simulated.contents(PATH), bytes);
  end(disk, partial);
  simulated.unlink(partial.path);
  assert.equal(simulated.openDescriptors, 0);
}

Deno.test("lastingName follows from each part of the purpose, and says nothing of it", () => {
  const purpose = { purpose: "peer", path: "a", sizeBytes: 1000, modifiedUs: 5 };
  const names = [
    purpose,
    { ...purpose, purpose: "other" },
    { ...purpose, path: "b" },
    { ...purpose, sizeBytes: 1001 },
    { ...purpose, modifiedUs: 6 },
    { ...purpose, modifiedUs: undefined },
    { ...purpose, purpose: 'peer","a', path: "" },
  ].map(lastingName);
  assert.equal(new Set(names).size, names.length);
  assert.equal(names[0], NAME);
  for (const name of names) assert.match(name, /^\.sluice-[0-9a-f]{32}\.part$/);
});

Deno.test("openPartialFile finds what was left, private and locked, and leaves no other file", async () => {
  const disk = newDisk();
  const first = await open(disk);
  assert.deepEqual([first.path, first.foundBytes, first.allocatedBytes], [PATH, 0, 0]);
  assert.equal(await disk.tryLock(PATH), undefined);
  disk.write(first.descriptor, pattern(5000), 0, 5000, 8192);
  // As after a crash in the middle of a commit.
  disk.fchmod(first.descriptor, 0o644);
  end(disk, first);
  const second = await open(disk);
  assert.deepEqual([second.path, second.foundBytes, second.allocatedBytes], [PATH, 13_192, 8192]);
  assert.equal(second.freshMode, 0o644);
  assert.equal(disk.fileAt(PATH)!.mode & 0o077, 0, "it is private again");
  assert.equal(await disk.tryLock(PATH), undefined);
  assert.equal(disk.openDescriptors, 2);
  assert.equal(disk.temporaryFiles, 1);
  end(disk, second);
  assert.equal(disk.openDescriptors, 0);
});

Deno.test("openPartialFile uses a random name where it is not told another, or cannot lock", async () => {
  for (const options of [{ hasLocks: false }, { faults: { hasNoLocks: true } }]) {
    const disk = newDisk(options);
    await assertStartsAnew(disk, disk);
    assert.equal(disk.temporaryFiles, 0);
  }
  const disk = newDisk();
  const partial = await open(disk, false);
  assert.notEqual(partial.path, PATH);
  assert.equal(partial.lock, undefined);
  end(disk, partial);
});

Deno.test("openPartialFile leaves alone what another transfer has locked", async () => {
  const disk = newDisk();
  const first = await open(disk);
  const second = await open(disk);
  assert.equal(second.lock, undefined);
  assert.notEqual(second.path, PATH);
  end(disk, first);
  end(disk, second);
});

Deno.test("openPartialFile resumes nothing in a folder to which others may write", async () => {
  const simulated = newDisk();
  await leave(simulated);
  for (const mode of [0o775, 0o757, 0o1777]) {
    const disk = changed(simulated, {
      stat: async (path) => ({ ...await simulated.stat(path), mode: 0o40000 | mode }),
    });
    await assertStartsAnew(disk, simulated);
  }
});

/** What can lie under the name of a partial file without being ours, as its attributes tell. */
const FOREIGN: Readonly<Record<string, (stats: DiskStats) => Partial<DiskStats>>> = {
  "another user's file": ({ uid }) => ({ uid: uid + 1 }),
  "a file with a second name": () => ({ nlink: 2 }),
  "a file of another disk": ({ dev }) => ({ dev: dev + 1 }),
  "a FIFO": () => ({ isFile: () => false }),
};

for (const [what, foreign] of Object.entries(FOREIGN)) {
  for (const moment of ["before it is opened", "after it was looked at", "after it was locked"]) {
    Deno.test(`openPartialFile leaves alone ${what}, seen ${moment}`, async () => {
      const simulated = newDisk();
      await leave(simulated);
      const { ino } = (await simulated.lstat(PATH))!;
      let isLocked = false;
      const disguised = (stats: DiskStats, isSeen: boolean): DiskStats =>
        stats.ino === ino && isSeen ? { ...stats, ...foreign(stats) } : stats;
      const disk = changed(simulated, {
        tryLock: async (path) => {
          const lock = await simulated.tryLock(path);
          isLocked = true;
          return lock;
        },
        lstat: async (path) => {
          const stats = await simulated.lstat(path);
          return stats && disguised(stats, moment === "before it is opened");
        },
        fstat: (descriptor) => disguised(simulated.fstat(descriptor), moment !== "after it was locked" || isLocked),
      });
      await assertStartsAnew(disk, simulated);
    });
  }
}

Deno.test("openPartialFile resumes nothing that the disk does not make private", async () => {
  const simulated = newDisk();
  await leave(simulated);
  const { ino } = (await simulated.lstat(PATH))!;
  simulated.fchmod(simulated.openSync(PATH, simulated.flags.O_RDONLY), 0o666);
  const disk = changed(simulated, {
    fchmod: (descriptor, mode) => {
      if (simulated.fstat(descriptor).ino !== ino) simulated.fchmod(descriptor, mode);
    },
  });
  const partial = await open(disk);
  assert.equal(partial.lock, undefined);
});

Deno.test("openPartialFile does not use a file that was completed before it got the lock", async () => {
  for (const isLeft of [true, false]) {
    const simulated = newDisk();
    if (isLeft) await leave(simulated);
    const disk = changed(simulated, {
      tryLock: async (path) => {
        const lock = await simulated.tryLock(path);
        // It was locked by another transfer, which gave it its final name, when this one opened it to lock it.
        if (path === PATH) await simulated.rename(PATH, `${FOLDER}/final`);
        return lock;
      },
    });
    const partial = await open(disk);
    assert.equal(partial.lock, undefined);
    assert.notEqual(partial.path, `${FOLDER}/final`);
    simulated.write(partial.descriptor, pattern(99), 0, 99, 0);
    assert.deepEqual(simulated.contents(`${FOLDER}/final`), isLeft ? pattern(10) : new Uint8Array(0));
    end(disk, partial);
    assert.equal(simulated.openDescriptors, 0);
  }
});

Deno.test("openPartialFile gives way where there are too few descriptors, and takes only one then", async () => {
  for (const maxDescriptors of [1, 2]) {
    const disk = newDisk();
    await leave(disk);
    disk.meter.faults = { maxDescriptors };
    await assertStartsAnew(disk, disk);
  }
});

Deno.test("openPartialFile leaves nothing open or half-made when any call fails", async () => {
  for (const isLeft of [true, false]) {
    for (let failing = 0, isDone = false; !isDone; failing++) {
      const disk = newDisk({ random: new Random(failing) });
      if (isLeft) await leave(disk);
      let count = 0;
      let failed: string | undefined;
      disk.meter.beforeOperation = (operation) => {
        if (count++ !== failing) return;
        failed = operation;
        throw diskError("EIO");
      };
      let partial: PartialFile | undefined;
      try {
        partial = await open(disk);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "EIO");
      }
      disk.meter.beforeOperation = undefined;
      isDone = failed === undefined;
      if (partial !== undefined) end(disk, partial);
      assert.equal(disk.openDescriptors, 0, failed);
      if (isLeft) assert.deepEqual(disk.contents(PATH), pattern(10), failed);
      if (failed !== "unlink") assert(disk.temporaryFiles <= 2, failed);
      const next = await open(disk);
      assert.deepEqual([next.path, next.foundBytes], [PATH, isLeft ? 10 : 0], failed);
      end(disk, next);
    }
  }
});

Deno.test("openPartialFile never gives one file to two of many that open it at once", async () => {
  const calls: (() => void)[] = [];
  const random = new Random(3);
  for (let round = 0; round < 50; round++) {
    const disk = newDisk({ schedule: (run) => calls.push(run) });
    if (round % 2 === 0) disk.put(PATH, pattern(10));
    const opening = Promise.all([1, 2, 3, 4].map(() => open(disk)));
    let opened: PartialFile[] | undefined;
    opening.then((files) => opened = files);
    while (opened === undefined) {
      if (calls.length > 0) calls.splice(random.integer(0, calls.length - 1), 1)[0]!();
      for (let tick = 0; tick < 20; tick++) await undefined;
    }
    assert.equal(new Set(opened.map(({ path }) => path)).size, 4);
    assert(opened.filter(({ lock }) => lock !== undefined).length <= 1);
    for (const partial of opened) end(disk, partial);
    assert.equal(disk.openDescriptors, 0);
  }
});

Deno.test("openPartialFile resumes on this machine", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  try {
    const options = { disk: nodeDisk, lastingName: NAME };
    const first = await openPartialFile(folder, options);
    nodeDisk.write(first.descriptor, pattern(100), 0, 100, 0);
    const other = await openPartialFile(folder, options);
    assert.equal(other.lock, undefined);
    end(nodeDisk, other);
    end(nodeDisk, first);
    const second = await openPartialFile(folder, options);
    assert.equal(second.foundBytes, nodeDisk.hasLocks ? 100 : 0);
    end(nodeDisk, second);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
