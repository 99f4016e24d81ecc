import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import { SimulatedDisk } from "../../../../sim/disk/disk.ts";
import type { SimulatedDiskOptions } from "../../../../sim/disk/options.ts";
import { PAGE_BYTES } from "../../../../sim/disk/inode.ts";
import { DirectoryStore } from "../../../../store/directory_store.ts";
import {
  assertRefused,
  commit,
  describeFileStore,
  type MakeStore,
  pattern,
} from "../../../../testing/file_store_compliance.ts";
import { describeTree } from "../../../../testing/tree_compliance.ts";
import { promised } from "../../../../testing/promised_store.ts";
import { describeResuming } from "../../../../testing/resume_compliance.ts";

function makeStoreOn(options: SimulatedDiskOptions): MakeStore {
  return async ({ readOnly, files }) => {
    const disk = new SimulatedDisk(options);
    for (const [name, bytes] of Object.entries(files)) disk.put(`/store/${name}`, bytes);
    return {
      store: await DirectoryStore.open("/store", { disk, readOnly }),
      put: (name, bytes, modifiedUs) => disk.put(`/store/${name}`, bytes, { modifiedMs: modifiedUs / 1000 }),
      contents: (name) => disk.contents(`/store/${name}`),
      partialFiles: () => disk.temporaryFiles,
      dispose: () => {
        assert.equal(disk.openDescriptors, 0, "no descriptor may stay open");
        assertSpaceIsCounted(disk);
      },
    };
  };
}

/** What the disk counts as used is what its files take, without their holes. */
function assertSpaceIsCounted(disk: SimulatedDisk): void {
  const takenBytes = disk.tree("/store").map((name) => disk.fileAt(`/store/${name}`)?.allocatedBytes ?? 0);
  assert.equal(disk.usedBytes, takenBytes.reduce((sum, bytes) => sum + bytes, 0));
}

const DISKS: Readonly<Record<string, SimulatedDiskOptions>> = {
  "a simulated disk": {},
  "a slow disk": { schedule: (run) => queueMicrotask(run) },
  "a disk that falls short": { faults: { shortRate: 0.5 } },
  "a disk without hard links": { faults: { hasNoLinks: true } },
};
for (const [kind, options] of Object.entries(DISKS)) {
  describeFileStore(`DirectoryStore on ${kind}`, makeStoreOn(options));
  describeTree(`DirectoryStore on ${kind}`, makeStoreOn(options));
  describeResuming(`DirectoryStore on ${kind}`, makeStoreOn(options));
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL } = new SimulatedDisk().flags;
const CREATE = O_RDWR | O_CREAT | O_EXCL;

/** Makes a file of these bytes, open. */
function create(disk: SimulatedDisk, path: string, bytes = pattern(10)): number {
  const descriptor = disk.openSync(path, CREATE);
  if (bytes.length > 0) assert.equal(disk.write(descriptor, bytes, 0, bytes.length, 0), bytes.length);
  return descriptor;
}

async function syncFolder(disk: SimulatedDisk, path: string): Promise<void> {
  const descriptor = await disk.open(path, O_RDONLY);
  await disk.fsync(descriptor);
  disk.close(descriptor);
}

/** What lies at a path after each of many crashes, as text; all that was seen. */
function afterCrashes(disk: SimulatedDisk, look: (crashed: SimulatedDisk) => string): string[] {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) seen.add(look(disk.crashed(new Random(seed))));
  return [...seen].sort();
}

function describe(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "nothing" : bytes.length === 0 ? "empty" : new TextDecoder().decode(bytes);
}

const text = (words: string) => new TextEncoder().encode(words);

Deno.test("SimulatedDisk.crashed keeps of unsynced entries and bytes any part", () => {
  const disk = new SimulatedDisk();
  create(disk, "/a", text("new"));
  assert.deepEqual(afterCrashes(disk, (left) => describe(left.contents("/a"))), ["\0\0\0", "empty", "new", "nothing"]);
  assert.equal(describe(disk.contents("/a")), "new", "the disk itself goes on");
  assert.equal(disk.openDescriptors, 1);
});

Deno.test("SimulatedDisk.crashed keeps what was synced, file and folder each for itself", async () => {
  const disk = new SimulatedDisk();
  const descriptor = create(disk, "/a", text("new"));
  await disk.fsync(descriptor);
  assert.deepEqual(afterCrashes(disk, (left) => describe(left.contents("/a"))), ["new", "nothing"]);
  await syncFolder(disk, "/");
  assert.deepEqual(afterCrashes(disk, (left) => describe(left.contents("/a"))), ["new"]);
  disk.write(descriptor, text("NEWER"), 0, 5, 0);
  const seen = afterCrashes(disk, (left) => describe(left.contents("/a")));
  assert.deepEqual(seen, ["\0\0\0", "\0\0\0\0\0", "NEW", "NEWER", "new", "new\0\0"]);
});

Deno.test("SimulatedDisk.crashed draws page by page", async () => {
  const disk = new SimulatedDisk();
  const descriptor = create(disk, "/a", new Uint8Array(3 * PAGE_BYTES).fill(97));
  await disk.fsync(descriptor);
  await syncFolder(disk, "/");
  disk.write(descriptor, new Uint8Array(3 * PAGE_BYTES).fill(98), 0, 3 * PAGE_BYTES, 0);
  const pages = (bytes: Uint8Array): string => {
    const starts = [0, PAGE_BYTES, 2 * PAGE_BYTES];
    for (const start of starts) assert.equal(new Set(bytes.subarray(start, start + PAGE_BYTES)).size, 1);
    return starts.map((start) => ["0", "a", "b"][[0, 97, 98].indexOf(bytes[start]!)]).join("");
  };
  const seen = afterCrashes(disk, (left) => pages(left.contents("/a")!));
  for (const mixed of ["aaa", "bbb", "aba", "baa", "a0b"]) assert(seen.includes(mixed), `${mixed} among ${seen}`);
});

Deno.test("SimulatedDisk.crashed never leaves a renamed name without a file", async () => {
  const disk = new SimulatedDisk();
  disk.put("/a", text("old"));
  const descriptor = create(disk, "/b", text("new"));
  await disk.fsync(descriptor);
  await syncFolder(disk, "/");
  await disk.rename("/b", "/a");
  const look = (left: SimulatedDisk) => `${describe(left.contents("/a"))}, ${describe(left.contents("/b"))}`;
  assert.deepEqual(afterCrashes(disk, look), ["new, nothing", "old, new"]);
  await syncFolder(disk, "/");
  assert.deepEqual(afterCrashes(disk, look), ["new, nothing"]);
});

Deno.test("SimulatedDisk.crashed keeps two names of a file one file, and made folders with what is in them", async () => {
  const disk = new SimulatedDisk();
  await disk.mkdir("/x", 0o777);
  await disk.mkdir("/x/y", 0o777);
  const descriptor = create(disk, "/x/y/a", text("a"));
  await disk.fsync(descriptor);
  await disk.link("/x/y/a", "/x/y/b");
  assert.equal((await disk.stat("/x/y/a")).ino, (await disk.stat("/x/y/b")).ino);
  assert.notEqual((await disk.stat("/x/y/a")).ino, (await disk.stat("/x/y")).ino);
  await syncFolder(disk, "/x/y");
  assert.deepEqual(afterCrashes(disk, (left) => left.names("/x/y").join()), ["", "a,b"], "y's entry was not synced");
  await syncFolder(disk, "/x");
  await syncFolder(disk, "/");
  const left = disk.crashed(new Random(1));
  assert.deepEqual(left.names("/x/y"), ["a", "b"]);
  const writer = await left.open("/x/y/a", O_WRONLY);
  left.write(writer, text("B"), 0, 1, 0);
  assert.equal(describe(left.contents("/x/y/b")), "B");
  assert.equal(describe(disk.contents("/x/y/b")), "a", "the other disk has its own");
  assert.equal(left.usedBytes, PAGE_BYTES);
});

Deno.test("SimulatedDisk.fsync makes durable what was there when it was called", async () => {
  const runs: (() => void)[] = [];
  const disk = new SimulatedDisk({ schedule: (run) => runs.push(run) });
  const file = create(disk, "/a", text("a"));
  const syncs = [disk.fsync(file), disk.fsync(disk.openSync("/", O_RDONLY))];
  disk.write(file, text("b"), 0, 1, PAGE_BYTES);
  create(disk, "/b", text("b"));
  runs.forEach((run) => run());
  await Promise.all(syncs);
  const last = (left: SimulatedDisk) => left.contents("/a")!.at(-1);
  assert.deepEqual(afterCrashes(disk, (left) => left.names("/").join()), ["a", "a,b"]);
  assert.deepEqual(afterCrashes(disk, (left) => `${left.contents("/a")!.length}`), ["1", "4097"]);
  assert.deepEqual(afterCrashes(disk, (left) => `${last(left)}`), ["0", "97", "98"]);
});

Deno.test("SimulatedDisk.crashed shares nothing with the disk that goes on", () => {
  const disk = new SimulatedDisk();
  const file = create(disk, "/a", pattern(2 * PAGE_BYTES));
  for (let seed = 0; seed < 20; seed++) {
    const left = disk.crashed(new Random(seed));
    const before = describe(left.contents("/a"));
    disk.write(file, text(String.fromCharCode(98 + seed)), 0, 1, 0);
    assert.equal(describe(left.contents("/a")), before);
  }
});

Deno.test("SimulatedDisk keeps a file's times and mode", async () => {
  let nowMs = 5;
  const disk = new SimulatedDisk({ nowMs: () => nowMs });
  const file = await disk.open("/a", CREATE, 0o666);
  nowMs = 7;
  disk.write(file, text("a"), 0, 1, 0);
  const times = () => [disk.fstat(file).mtimeMs, disk.fstat(file).ctimeMs, disk.fstat(file).birthtimeMs];
  assert.deepEqual(times(), [7, 7, 5]);
  nowMs = 9;
  disk.futimes(file, -3001);
  assert.deepEqual(times(), [-3.001, 9, 5]);
  disk.meter.faults = { timeUnitMs: 2000 };
  disk.futimes(file, 5_999_999);
  assert.deepEqual(times(), [4000, 9, 5]);
  assert.equal((await disk.stat("/a")).mode & 0o777, 0o644);
  disk.fchmod(file, 0o600);
  assert.equal((await disk.stat("/a")).mode & 0o777, 0o600);
});

Deno.test("SimulatedDisk.crash takes the process with it, and killProcess spares the disk", async () => {
  const runs: (() => void)[] = [];
  const disk = new SimulatedDisk({ schedule: (run) => runs.push(run) });
  disk.put("/gone", pattern(10));
  const gone = disk.openSync("/gone", O_RDONLY);
  disk.unlink("/gone");
  assert.equal(disk.usedBytes, PAGE_BYTES);
  create(disk, "/a", text("a"));
  let isSettled = false;
  disk.rename("/a", "/b").finally(() => isSettled = true);
  disk.killProcess();
  runs.forEach((run) => run());
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(isSettled, false);
  assert.deepEqual([disk.names("/"), describe(disk.contents("/a"))], [["a"], "a"]);
  assert.deepEqual([disk.openDescriptors, disk.usedBytes], [0, PAGE_BYTES]);
  assert.throws(() => disk.read(gone, new Uint8Array(1), 0, 1, 0), { code: "EBADF" });
  disk.openSync("/a", O_RDONLY);
  disk.crash(new Random(2));
  assert.equal(disk.openDescriptors, 0);
  assert.deepEqual([...disk.meter.faultCounts], [["kill", 1], ["crash", 1]]);
});

Deno.test("SimulatedDisk ends what waits for the device when its scheduler says so", async () => {
  const runs: { run: () => void; delayUs: number }[] = [];
  let settledCount = 0;
  const disk = new SimulatedDisk({
    schedule: (run, delayUs) => runs.push({ run, delayUs }),
    onSettled: () => settledCount++,
    faults: { delayUs: { min: 7, max: 7 } },
  });
  disk.put("/a", text("a"));
  const linked = disk.link("/a", "/b");
  assert.deepEqual([disk.names("/"), runs[0]!.delayUs, settledCount], [["a"], 7, 0]);
  runs[0]!.run();
  assert.deepEqual([disk.names("/"), settledCount], [["a", "b"], 1]);
  await linked;
  const failing = assert.rejects(disk.link("/a", "/b"), { code: "EEXIST" });
  runs[1]!.run();
  await failing;
  assert.equal(settledCount, 2);
});

Deno.test("SimulatedDisk refuses what an operating system refuses", async () => {
  const disk = new SimulatedDisk();
  disk.put("/other/a", new Uint8Array(1));
  disk.putLink("/link", "folder");
  await disk.mkdir("/folder", 0o777);
  disk.put("/file", pattern(1));
  const codes: readonly (readonly [string, () => unknown])[] = [
    ["ENOENT", () => disk.open("/none", O_RDONLY)],
    ["ENOENT", () => disk.stat("/none")],
    ["ENOENT", () => disk.open("/none/a", CREATE)],
    ["ENOENT", () => disk.realpath("/none")],
    ["ENOENT", () => disk.unlink("/none")],
    ["ENOTDIR", () => disk.lstat("/file/a")],
    ["ENOTDIR", () => disk.readdir("/file")],
    ["ENOTDIR", () => disk.mkdir("/file/a", 0o777)],
    ["ENOENT", () => disk.mkdir("/none/a", 0o777)],
    ["EEXIST", () => disk.mkdir("/file", 0o777)],
    ["EEXIST", () => disk.mkdir("/folder", 0o777)],
    ["EEXIST", () => disk.open("/file", CREATE)],
    ["EISDIR", () => disk.open("/folder", O_RDWR)],
    ["EISDIR", () => disk.unlink("/folder")],
    ["EISDIR", () => disk.renameSync("/file", "/folder")],
    ["ENOTDIR", () => disk.renameSync("/folder", "/file")],
    ["ENOTEMPTY", () => disk.renameSync("/folder", "/other")],
    ["EINVAL", () => disk.renameSync("/folder", "/folder/below")],
    ["ENOTEMPTY", () => disk.rmdir("/other")],
    ["ENOTDIR", () => disk.rmdir("/file")],
    ["ENOENT", () => disk.rmdir("/none")],
    ["EEXIST", () => disk.symlink("x", "/file")],
    ["EINVAL", () => disk.readlink("/file")],
    ["ENOENT", () => disk.readlink("/none")],
    ["ELOOP", () => disk.open("/link", O_RDONLY)],
    ["ENOTDIR", () => disk.lstat("/link/a")],
    ["EISDIR", async () => disk.read(await disk.open("/folder", O_RDONLY), new Uint8Array(1), 0, 1, 0)],
    ["EBADF", async () => disk.write(await disk.open("/file", O_RDONLY), new Uint8Array(1), 0, 1, 0)],
    ["EBADF", async () => disk.read(await disk.open("/file", O_WRONLY), new Uint8Array(1), 0, 1, 0)],
    ["EBADF", () => disk.close(99)],
    ["ENAMETOOLONG", () => disk.lstat(`/${"x".repeat(256)}`)],
  ];
  for (const [code, call] of codes) await assert.rejects(async () => await call(), { code }, `${code}: ${call}`);
  assert.equal(await disk.lstat("/none"), undefined);
  assert.equal(await disk.lstat("/none/a"), undefined);
  await assert.rejects(disk.link("/none", "/a"), { code: "ENOENT" });
  await assert.rejects(disk.rename("/none", "/a"), { code: "ENOENT" });
  assert((await disk.stat("/folder")).isDirectory());
  assert.deepEqual([(await disk.stat("/file")).isFile(), (await disk.stat("/file")).isSymbolicLink()], [true, false]);
});

Deno.test("SimulatedDisk is full at its capacity, and has room again for what is freed", async () => {
  const disk = new SimulatedDisk({ faults: { capacityBytes: 3 * PAGE_BYTES } });
  const file = create(disk, "/a", pattern(2 * PAGE_BYTES));
  assert.equal(await disk.freeBytes("/"), PAGE_BYTES);
  assert.equal(disk.write(file, pattern(2 * PAGE_BYTES), 0, 2 * PAGE_BYTES, 2 * PAGE_BYTES), PAGE_BYTES);
  assert.throws(() => disk.write(file, pattern(1), 0, 1, 3 * PAGE_BYTES), { code: "ENOSPC" });
  assert.equal(disk.write(file, pattern(9), 0, 9, 0), 9, "what is there may be written over");
  await assert.rejects(() => disk.open("/b", CREATE), { code: "ENOSPC" });
  disk.unlink("/a");
  await assert.rejects(() => disk.open("/b", CREATE), { code: "ENOSPC" }, "an open file keeps its space");
  disk.close(file);
  assert.equal(disk.usedBytes, 0);
  disk.meter.faults = { capacityBytes: 2 ** 20 };
  const store = promised(await DirectoryStore.open("/", { disk }));
  await assertRefused("no-space", () => store.create("c", { sizeBytes: 2_000_000, overwrite: false }));
  assert.deepEqual([...disk.meter.faultCounts], [["ENOSPC write", 1], ["ENOSPC open", 2]]);
});

Deno.test("SimulatedDisk.truncate frees a file without a name while it is open", async () => {
  const disk = new SimulatedDisk({ faults: { capacityBytes: 3 * PAGE_BYTES } });
  const file = create(disk, "/a", pattern(2 * PAGE_BYTES));
  disk.unlink("/a");
  assert.equal(disk.usedBytes, 2 * PAGE_BYTES);
  await disk.truncate(file, 0);
  assert.equal(await disk.freeBytes("/"), 3 * PAGE_BYTES);
  assert.equal(disk.fstat(file).size, 0);
  disk.close(file);
});

Deno.test("SimulatedDisk.truncate cuts a file and extends it by zeros that take no space", async () => {
  const disk = new SimulatedDisk();
  const file = create(disk, "/a", pattern(2 * PAGE_BYTES));
  await disk.truncate(file, 5);
  await disk.truncate(file, 10 * PAGE_BYTES);
  const expected = new Uint8Array(10 * PAGE_BYTES);
  expected.set(pattern(5));
  assert.deepEqual([disk.contents("/a"), disk.usedBytes], [expected, PAGE_BYTES]);
});

Deno.test("SimulatedDisk fails as often as it is told, and counts it", async () => {
  const disk = new SimulatedDisk({ random: new Random(5), faults: { errorRates: { write: 0.5, fsync: 1 } } });
  const file = await disk.open("/a", CREATE);
  let failures = 0;
  for (let at = 0; at < 100; at++) {
    try {
      disk.write(file, pattern(1), 0, 1, at);
    } catch {
      failures++;
    }
  }
  assert(failures > 30 && failures < 70, `${failures}`);
  await assert.rejects(disk.fsync(file), { code: "EIO" });
  await syncFolder(disk, "/");
  assert.deepEqual([...disk.meter.faultCounts], [["EIO write", failures], ["EIO fsync", 1]]);
  const { write, fsync, open } = disk.meter.operations;
  assert.deepEqual([write, fsync, disk.meter.operations["fsync-folder"], open], [100, 1, 1, 2]);
});

Deno.test("SimulatedDisk.put makes a file of its bytes over and over, at no cost", async () => {
  const disk = new SimulatedDisk();
  disk.put("/big", Uint8Array.of(1, 2, 3), { sizeBytes: 2 ** 45, modifiedMs: 5 });
  const file = await disk.open("/big", O_RDWR);
  const into = new Uint8Array(5);
  assert.equal(disk.read(file, into, 0, 5, 2 ** 44), 5);
  assert.deepEqual([...into], [0, 1, 2, 3, 4].map((at) => (2 ** 44 + at) % 3 + 1));
  assert.deepEqual([(await disk.stat("/big")).size, (await disk.stat("/big")).mtimeMs], [2 ** 45, 5]);
  disk.write(file, Uint8Array.of(9), 0, 1, 2 ** 44 + 1);
  assert.equal(disk.read(file, into, 0, 3, 2 ** 44), 3);
  assert.deepEqual([...into.subarray(0, 3)], [2 ** 44 % 3 + 1, 9, (2 ** 44 + 2) % 3 + 1]);
  disk.remove("/big");
  disk.put("/folder/small", Uint8Array.of(1, 2, 3), { sizeBytes: 8 });
  assert.deepEqual(disk.contents("/folder/small"), Uint8Array.of(1, 2, 3, 1, 2, 3, 1, 2));
  assert.deepEqual(disk.crashed(new Random(0)).contents("/folder/small"), disk.contents("/folder/small"));
  assert.equal(disk.fileAt("/folder/small")!.sizeBytes, 8);
  assert.deepEqual([disk.fileAt("/folder"), disk.fileAt("/none")], [undefined, undefined]);
  disk.close(file);
  assert.equal(disk.usedBytes, PAGE_BYTES);
});

Deno.test("SimulatedDisk.remove takes a folder away under a store", async () => {
  const disk = new SimulatedDisk();
  await disk.mkdir("/a", 0o700);
  const store = promised(await DirectoryStore.open("/a/b", { disk }));
  const file = await store.create("x", { sizeBytes: 1, overwrite: false });
  file.write(0, pattern(1));
  disk.remove("/a");
  assert.match(String(await commit(file)), /folder has gone/);
  await assertRefused("io", () => store.list());
  assert.deepEqual([disk.openDescriptors, disk.usedBytes], [0, 0]);
});

Deno.test("SimulatedDisk takes a file in any order at a cost that grows with its size alone", async () => {
  const disk = new SimulatedDisk();
  const file = await disk.open("/a", CREATE);
  const piece = pattern(64 * 1024);
  const count = 512;
  for (let index = count - 1; index >= 0; index--) disk.write(file, piece, 0, piece.length, index * piece.length);
  assert.equal(disk.usedBytes, count * piece.length);
  const into = new Uint8Array(piece.length);
  for (const index of [0, 100, count - 1]) {
    assert.equal(disk.read(file, into, 0, into.length, index * piece.length), into.length);
    assert.deepEqual(into, piece);
  }
});

Deno.test("SimulatedDisk draws the same from the same seed", () => {
  const names = (seed: number) => new SimulatedDisk({ random: new Random(seed) }).randomBytes(16);
  assert.deepEqual(names(1), names(1));
  assert.notDeepEqual(names(1), names(2));
});

Deno.test("SimulatedDisk.tryLock locks a file once, until it is released, or the process or the power is gone", async () => {
  const disk = new SimulatedDisk();
  disk.put("/a", pattern(1));
  const lock = (await disk.tryLock("/a"))!;
  assert.equal(lock.ino, (await disk.stat("/a")).ino);
  assert.equal(await disk.tryLock("/a"), undefined);
  assert.equal(disk.openDescriptors, 1);
  lock.release();
  for (const end of [() => disk.killProcess(), () => disk.crash(new Random(1))]) {
    assert((await disk.tryLock("/a")) !== undefined);
    end();
    assert.equal(disk.openDescriptors, 0);
  }
  (await disk.tryLock("/a"))!.release();
  disk.meter.faults = { hasNoLocks: true };
  await assert.rejects(disk.tryLock("/a"), { code: "ENOLCK" });
  assert.equal(disk.openDescriptors, 0);
});
