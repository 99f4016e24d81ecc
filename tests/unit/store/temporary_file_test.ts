import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { DiskFaults, DiskOperation } from "../../../sim/disk/faults.ts";
import type { Disk } from "../../../store/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { OpenedFile } from "../../../store/opened_file.ts";
import { lastingName } from "../../../store/partial_file.ts";
import { LARGE_FILE_BYTES, TemporaryFile, type TemporaryFileOptions } from "../../../store/temporary_file.ts";
import { type CommittedFile, StoreError } from "../../../transfer/file_store.ts";
import { assertRefused, commit, committed, pattern } from "../../../testing/file_store_compliance.ts";

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

function isEmpty(folder: string): boolean {
  return [...Deno.readDirSync(folder)].length === 0;
}

const plain = { disk: nodeDisk, sizeBytes: 3, subject: '"a"' };

check("TemporaryFile hands a complete, closed file to its placement", async (folder) => {
  const modifiedMs = 1_699_999_999_999;
  const modifiedUs = modifiedMs * 1000;
  const place = (temporaryPath: string) => {
    assert.deepEqual(Deno.readFileSync(temporaryPath), pattern(3));
    assert.equal(Deno.statSync(temporaryPath).mtime!.getTime(), modifiedMs);
    Deno.removeSync(temporaryPath);
    return Promise.resolve("the place");
  };
  const file = await TemporaryFile.create(folder, { ...plain, modifiedUs, place });
  file.write(0, pattern(3));
  assert.equal(await commit(file), "the place");
});

Deno.test("TemporaryFile.create says that it is the folder which permits no new file", async () => {
  for (const code of ["EACCES", "EPERM"]) {
    const disk = new SimulatedDisk();
    disk.put("/folder/x", pattern(1));
    disk.meter.beforeOperation = (operation) => {
      if (operation === "open") throw diskError(code);
    };
    const place = () => Promise.resolve("place");
    const create = () => TemporaryFile.create("/folder", { disk, sizeBytes: 3, subject: '"a"', place });
    assert.match((await assertRefused("denied", create)).message, /^"a" cannot be written: its folder .* not permit/);
  }
});

/** A commit on a simulated disk with these faults of its own. */
async function commitOn(faults: DiskFaults, modifiedUs?: number): Promise<CommittedFile> {
  const disk = new SimulatedDisk({ faults, nowMs: () => 7 });
  disk.put("/folder/x", pattern(1));
  const options = { disk, sizeBytes: 3, modifiedUs, subject: '"a"', place: () => Promise.resolve("place") };
  const file = await TemporaryFile.create("/folder", options);
  file.write(0, pattern(3));
  const result = await committed(file);
  assert(!(result instanceof StoreError), String(result));
  return result;
}

Deno.test("TemporaryFile.commit reports a modification time that the disk did not keep", async () => {
  assert.deepEqual((await commitOn({}, -1_234_567)).notKept, []);
  assert.deepEqual((await commitOn({ timeUnitMs: 2000 }, 4_000_000)).notKept, []);
  assert.deepEqual((await commitOn({ timeUnitMs: 2000 }, 5_000_000)).notKept, ["modification time"]);
  assert.deepEqual((await commitOn({ errorRates: { futimes: 1 } }, 5_000_000)).notKept, ["modification time"]);
  assert.deepEqual((await commitOn({ errorRates: { futimes: 1 } })).notKept, [], "the time was not known");
});

/** The mode of a file at the time of its placement, and what the disk did not keep. */
async function placedMode(options: { disk: Disk; mode?: number; replaces?: string }): Promise<[string, string[]]> {
  let mode = 0;
  const place = async (temporaryPath: string) => {
    mode = (await options.disk.stat(temporaryPath)).mode;
    options.disk.unlink(temporaryPath);
    return "place";
  };
  const file = await TemporaryFile.create("/folder", { ...options, sizeBytes: 3, subject: '"a"', place });
  const [partial] = (await options.disk.readdir("/folder")).filter((name) => name.endsWith(".part"));
  assert.equal((await options.disk.stat(`/folder/${partial}`)).mode & 0o077, 0, "a partial file is private");
  file.write(0, pattern(3));
  const result = await committed(file);
  assert(!(result instanceof StoreError), String(result));
  return [(mode & 0o7777).toString(8), [...result.notKept]];
}

function diskWithMode(mode: number, umask = 0o022): SimulatedDisk {
  const disk = new SimulatedDisk({ umask });
  disk.put("/folder/old", pattern(1));
  disk.fchmod(disk.openSync("/folder/old", disk.flags.O_RDONLY), mode);
  return disk;
}

Deno.test("TemporaryFile.commit gives the mode of a new file, less what the source did not give", async () => {
  const modeOf = async (mode: number | undefined, umask: number) => {
    const [placed, notKept] = await placedMode({
      disk: diskWithMode(0o644, umask),
      ...(mode === undefined ? {} : { mode }),
    });
    assert.deepEqual(notKept, []);
    return placed;
  };
  assert.deepEqual([await modeOf(undefined, 0o022), await modeOf(undefined, 0o002)], ["644", "664"]);
  assert.deepEqual([await modeOf(0o600, 0o002), await modeOf(0o775, 0o002), await modeOf(0o755, 0o077)], [
    "600",
    "775",
    "700",
  ]);
});

Deno.test("TemporaryFile.commit keeps the mode of the file that it replaces, unless another user owns that", async () => {
  const disk = diskWithMode(0o4775);
  assert.deepEqual(await placedMode({ disk, mode: 0o644, replaces: "/folder/old" }), ["775", []]);
  assert.deepEqual(await placedMode({ disk, mode: 0o600, replaces: "/folder/old" }), ["700", []]);
  assert.deepEqual(await placedMode({ disk, mode: 0o644, replaces: "/folder/new" }), ["644", []]);
  for (const owner of [{ uid: 7 }, { gid: 7 }]) {
    const lstat = async (path: string) => {
      const stats = await disk.lstat(path);
      return stats && { ...stats, ...owner };
    };
    const foreign = new Proxy(disk, {
      get: (target, key) => {
        if (key === "lstat") return lstat;
        const value = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    assert.deepEqual(await placedMode({ disk: foreign, mode: 0o644, replaces: "/folder/old" }), ["644", []]);
  }
});

Deno.test("TemporaryFile.create never lets others open the file of a private source", async () => {
  const disk = diskWithMode(0o644, 0);
  const modes: number[] = [];
  // The first look at a file comes before any change of its mode.
  disk.meter.beforeOperation = (operation) => {
    const [partial] = disk.names("/folder").filter((name) => name.endsWith(".part"));
    if (operation === "fstat" && partial !== undefined) modes.push(disk.fileAt(`/folder/${partial}`)!.mode);
  };
  await placedMode({ disk, mode: 0o700 });
  assert.equal(modes[0], 0o600);
});

Deno.test("TemporaryFile.commit reports permissions that the disk did not keep", async () => {
  const failing = diskWithMode(0o644);
  let chmods = 0;
  failing.meter.beforeOperation = (operation) => {
    if (operation === "fchmod" && ++chmods === 2) throw Object.assign(new Error("EPERM"), { code: "EPERM" });
  };
  assert.deepEqual(await placedMode({ disk: failing, mode: 0o755 }), ["600", ["permissions"]]);
});

check("TemporaryFile removes the file if its placement fails", async (folder) => {
  const failures = [new StoreError("exists", "x"), Object.assign(new Error("x"), { code: "ENOSPC" })];
  for (const failure of failures) {
    const file = await TemporaryFile.create(folder, { ...plain, place: () => Promise.reject(failure) });
    file.write(0, pattern(3));
    const result = await commit(file);
    assert(result instanceof StoreError);
    assert.equal(result.kind, failure instanceof StoreError ? "exists" : "no-space");
    assert(isEmpty(folder));
  }
});

check("TemporaryFile tolerates that another program removes it", async (folder) => {
  const place = () => Promise.reject(Object.assign(new Error("x"), { code: "ENOENT" }));
  const file = await TemporaryFile.create(folder, { ...plain, modifiedUs: 5000, place });
  file.write(0, pattern(3));
  for (const entry of [...Deno.readDirSync(folder)]) Deno.removeSync(`${folder}/${entry.name}`);
  const result = await commit(file);
  assert(result instanceof StoreError);
  const aborted = await TemporaryFile.create(folder, { ...plain, place });
  for (const entry of [...Deno.readDirSync(folder)]) Deno.removeSync(`${folder}/${entry.name}`);
  aborted.abort();
});

check("TemporaryFile leaves a megabyte free, unless the file is smaller", async (folder) => {
  const place = () => Promise.resolve("");
  const create = (sizeBytes: number, freeBytes: number) => {
    const disk = { ...nodeDisk, freeBytes: () => Promise.resolve(freeBytes) };
    return TemporaryFile.create(folder, { ...plain, sizeBytes, place, disk });
  };
  const refusal = async (sizeBytes: number, freeBytes: number) =>
    (await assertRefused("no-space", () => create(sizeBytes, freeBytes))).message;
  for (const [sizeBytes, freeBytes] of [[0, 0], [1_000_000, 1_000_000], [1_000_001, 2_000_001]] as const) {
    (await create(sizeBytes, freeBytes)).abort();
    if (sizeBytes > 0) await refusal(sizeBytes, freeBytes - 1);
    assert(isEmpty(folder));
  }
  assert.equal(await refusal(600_000, 50_000), '"a" needs 600.0 kB, but only 50.0 kB are free; free some space');
  assert.equal(
    await refusal(5_040_000, 6_030_000),
    '"a" needs 5040000 bytes, but only 5030000 bytes are usable (1.0 MB is kept free); free some space',
  );
  assert.equal(
    await refusal(5_000_000, 500_000),
    '"a" needs 5.0 MB, but only 0 bytes are usable (1.0 MB is kept free); free some space',
  );
});

Deno.test("TemporaryFile promises each byte of a disk to one file, until it is written or given up", async () => {
  const MB = 1_000_000;
  const disk = new SimulatedDisk({ faults: { capacityBytes: 11 * MB } });
  const create = (sizeBytes: number) =>
    TemporaryFile.create("/", { ...plain, disk, sizeBytes, place: () => Promise.resolve("") });
  const first = await create(6 * MB);
  const refused = await assertRefused("no-space", () => create(6 * MB));
  assert.equal(
    refused.message,
    '"a" needs 6.0 MB, but only 4.0 MB are usable (1.0 MB is kept free, 6.0 MB is for files under way); free some space',
  );
  // Bytes on the disk are no longer promised, so that they do not count twice.
  first.write(0, pattern(5 * MB));
  const second = await create(3 * MB);
  await assertRefused("no-space", () => create(2 * MB));
  second.abort();
  const third = await create(3 * MB);
  first.write(5 * MB, pattern(MB));
  third.write(0, pattern(3 * MB));
  for (const file of [first, third]) assert.equal(await commit(file), "");
  assert.equal(disk.promisedSpace.on((await disk.stat("/")).dev), 0);
  const together = await Promise.allSettled([create(MB), create(MB)]);
  assert.deepEqual(together.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});

Deno.test("TemporaryFile leaves holes where a file has blocks of zeros, whatever the order of arrival", async () => {
  const block = fc.record({ zeros: fc.integer({ min: 0, max: 20_000 }), data: fc.integer({ min: 0, max: 5000 }) });
  const pieceBytes = fc.integer({ min: 1000, max: 70_000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(block, { maxLength: 8 }),
      pieceBytes,
      fc.infiniteStream(fc.nat()),
      async (blocks, length, ranks) => {
        const bytes = Uint8Array.from(
          blocks.flatMap(({ zeros, data }) => [...new Uint8Array(zeros), ...pattern(data)]),
        );
        const disk = new SimulatedDisk();
        disk.put("/folder/x", new Uint8Array(0));
        const place = async (temporaryPath: string) => {
          await disk.rename(temporaryPath, "/folder/a");
          return "a";
        };
        const file = await TemporaryFile.create("/folder", { disk, sizeBytes: bytes.length, subject: '"a"', place });
        const starts = Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) => index * length);
        const order = starts.map((start) => ({ start, rank: ranks.next().value as number })).sort((a, b) =>
          a.rank - b.rank
        );
        for (const { start } of order) {
          const piece = bytes.subarray(start, start + length);
          file.write(start, piece);
          const back = new Uint8Array(piece.length + 1);
          assert(file.read(start, back) >= piece.length);
          assert.deepEqual(back.subarray(0, piece.length), piece);
        }
        assert.equal(file.read(bytes.length, new Uint8Array(1)), 0);
        assert.equal(await commit(file), "a");
        assert.deepEqual(disk.contents("/folder/a"), bytes);
        let dataPages = 0;
        for (let at = 0; at < bytes.length; at += 4096) {
          if (bytes.subarray(at, at + 4096).some((byte) => byte !== 0)) {
            dataPages++;
          }
        }
        assert.equal(disk.usedBytes, dataPages * 4096);
      },
    ),
    { numRuns: 60, seed: 11 },
  );
});

check("TemporaryFile leaves a hole on a real disk, also at the end of a file", async (folder) => {
  const place = (temporaryPath: string) => {
    Deno.renameSync(temporaryPath, `${folder}/a`);
    return Promise.resolve("a");
  };
  const sizeBytes = 8 * 1024 * 1024;
  const file = await TemporaryFile.create(folder, { ...plain, sizeBytes, modifiedUs: 5_000_000, place });
  for (let at = 0; at < sizeBytes; at += 65_536) file.write(at, new Uint8Array(65_536));
  assert.equal(await commit(file), "a");
  const { size, blocks, mtime } = Deno.statSync(`${folder}/a`);
  assert.deepEqual([size, mtime!.getTime()], [sizeBytes, 5000]);
  if (blocks !== null) assert(blocks * 512 <= 65_536, `${blocks} blocks`);
  assert(Deno.readFileSync(`${folder}/a`).every((byte) => byte === 0));
});

check("TemporaryFile does not take a file that another program has cut for one with a hole", async (folder) => {
  const place = () => Promise.resolve("a");
  const file = await TemporaryFile.create(folder, { ...plain, sizeBytes: 9000, place });
  file.write(0, pattern(9000));
  const [partial] = [...Deno.readDirSync(folder)];
  Deno.truncateSync(`${folder}/${partial!.name}`, 4000);
  assert.equal(file.read(0, new Uint8Array(9000)), 4000);
  const result = await commit(file);
  assert(result instanceof StoreError);
  assert.match(result.message, /is not complete: 4000 of 9000 bytes/);
});

for (const sizeBytes of [LARGE_FILE_BYTES - 1, LARGE_FILE_BYTES]) {
  check(
    `TemporaryFile.abort removes the name of a file of ${sizeBytes} bytes at once, then frees it`,
    async (folder) => {
      const calls: string[] = [];
      const closed = Promise.withResolvers<void>();
      const disk: Disk = {
        ...nodeDisk,
        truncate: async (descriptor, sizeBytes) => {
          await nodeDisk.truncate(descriptor, sizeBytes);
          calls.push(`freed to ${nodeDisk.fstat(descriptor).size}`);
        },
        close: (descriptor) => {
          nodeDisk.close(descriptor);
          calls.push("closed");
          closed.resolve();
        },
      };
      const place = () => Promise.resolve("");
      const file = await TemporaryFile.create(folder, { ...plain, disk, sizeBytes, place });
      file.write(sizeBytes - 1, pattern(1));
      file.abort();
      assert(isEmpty(folder));
      await closed.promise;
      assert.deepEqual(calls, sizeBytes < LARGE_FILE_BYTES ? ["closed"] : ["freed to 0", "closed"]);
    },
  );
}

check("TemporaryFile says that its folder is missing", async (folder) => {
  const place = () => Promise.resolve("");
  await assertRefused("not-found", () => TemporaryFile.create(`${folder}/missing`, { ...plain, place }));
});

const MB = 1_000_000;

/** Creates "/folder/a", which resumes, on a simulated disk. */
function resume(disk: SimulatedDisk, options: Partial<TemporaryFileOptions> = {}): Promise<TemporaryFile> {
  const place = async (temporaryPath: string) => {
    await disk.rename(temporaryPath, "/folder/a");
    return "a";
  };
  const openOlder = () =>
    OpenedFile.open("/folder/a", { disk, name: "a", subject: '"a"', followLinks: false, atOnce: true });
  const resume = { purpose: "peer", path: "a", reusesOld: true, openOlder };
  return TemporaryFile.create("/folder", { disk, sizeBytes: 8 * MB, subject: '"a"', place, resume, ...options });
}

function diskWithFolder(faults: DiskFaults = {}): SimulatedDisk {
  const disk = new SimulatedDisk({ faults });
  disk.put("/folder/x", new Uint8Array(0));
  return disk;
}

Deno.test("TemporaryFile needs only the space that what it resumes lacks, and waits for it", async () => {
  const disk = diskWithFolder({ capacityBytes: 11 * MB });
  const { dev } = await disk.stat("/folder");
  const first = await resume(disk);
  first.write(0, pattern(6 * MB));
  first.keep();
  assert.equal(disk.promisedSpace.on(dev), 0);
  disk.put("/folder/x", pattern(1), { sizeBytes: 1_900_000 });
  const second = await resume(disk);
  assert.equal(second.heldBytes, 6 * MB);
  assert(disk.promisedSpace.on(dev) <= 2 * MB);
  second.keep();
  disk.put("/folder/x", pattern(1), { sizeBytes: 2_100_000 });
  const { message } = await assertRefused("no-space", () => resume(disk));
  assert.match(message, /^"a" needs 2\.0 MB more, but only 1\.9 MB are usable/);
  assert.equal(disk.openDescriptors, 0);
  disk.put("/folder/x", pattern(1), { sizeBytes: 1_900_000 });
  const third = await resume(disk);
  third.reuse(0, 6 * MB);
  third.write(6 * MB, pattern(2 * MB));
  assert.equal(await commit(third), "a");
  assert.equal(disk.promisedSpace.on(dev), 0);
});

/** What a commit of a complete file that resumes leaves if it fails. */
async function leftAfter(failure: { readonly at: DiskOperation; readonly code: string }): Promise<string[]> {
  const disk = diskWithFolder();
  const file = await resume(disk, { sizeBytes: MB });
  file.write(0, pattern(MB));
  disk.meter.beforeOperation = (operation) => {
    if (operation === failure.at) throw diskError(failure.code);
  };
  assert(await commit(file) instanceof StoreError);
  assert.equal(disk.openDescriptors, 0);
  return disk.names("/folder").filter((name) => name !== "x");
}

Deno.test("TemporaryFile.commit keeps a file for which there is no space, unless the disk may have lost some", async () => {
  const name = lastingName({ purpose: "peer", path: "a", sizeBytes: MB });
  for (const code of ["ENOSPC", "EDQUOT", "EMFILE"]) assert.deepEqual(await leftAfter({ at: "rename", code }), [name]);
  assert.deepEqual(await leftAfter({ at: "rename", code: "EIO" }), []);
  // Then the operating system may show bytes that no later sync writes.
  for (const code of ["ENOSPC", "EIO"]) assert.deepEqual(await leftAfter({ at: "fsync", code }), []);
});

Deno.test("TemporaryFile.keep keeps no file of which the disk has nothing, as what arrived were zeros", async () => {
  for (const [dataBytes, kept] of [[0, 0], [MB, 1]] as const) {
    const disk = diskWithFolder();
    const file = await resume(disk);
    file.write(0, pattern(dataBytes));
    file.write(dataBytes, new Uint8Array(MB));
    file.keep();
    assert.equal(disk.temporaryFiles, kept);
  }
});

Deno.test("TemporaryFile.keep keeps no file whose disk failed", async () => {
  const disk = diskWithFolder();
  for (const [code, expected] of [["EIO", 1], ["ENOSPC", 2]] as const) {
    const file = await resume(disk);
    file.write(0, pattern(MB));
    disk.meter.beforeOperation = () => {
      throw diskError(code);
    };
    assert.throws(() => file.write(MB, pattern(MB)), StoreError);
    disk.meter.beforeOperation = undefined;
    file.keep();
    assert.equal(disk.names("/folder").length, expected, code);
  }
});

Deno.test("TemporaryFile.commit leaves alone a new partial file under the name that its own had", async () => {
  const disk = diskWithFolder();
  let next: TemporaryFile | undefined;
  const place = async (temporaryPath: string) => {
    await disk.rename(temporaryPath, "/folder/a");
    next = await resume(disk, { sizeBytes: MB });
    next.write(0, pattern(MB, 2));
    disk.unlink("/folder/a");
    throw diskError("EIO");
  };
  const file = await resume(disk, { sizeBytes: MB, place });
  file.write(0, pattern(MB));
  assert(await commit(file) instanceof StoreError);
  assert.equal(await commit(next!), "a");
  assert.deepEqual(disk.contents("/folder/a"), pattern(MB, 2));
  assert.equal(disk.openDescriptors, 0);
});

Deno.test("TemporaryFile cuts what it resumes to the size of the file", async () => {
  const disk = diskWithFolder();
  disk.put(`/folder/${lastingName({ purpose: "peer", path: "a", sizeBytes: 5000 })}`, pattern(9000));
  const file = await resume(disk, { sizeBytes: 5000 });
  assert.equal(file.heldBytes, 5000);
  file.reuse(0, 5000);
  assert.equal(await commit(file), "a");
  assert.deepEqual(disk.contents("/folder/a"), pattern(5000));
});

Deno.test("TemporaryFile makes the new file of any partial file and any older version, and keeps its holes", async () => {
  const PAGE = 4096;
  const BLOCK = 2 * PAGE;
  // Pages of zeros, and of two kinds of data.
  const pages = fc.array(fc.nat(2), { maxLength: 10 });
  const bytesOf = (kinds: number[], extraBytes: number) => {
    const bytes = new Uint8Array(kinds.length * PAGE + extraBytes);
    kinds.forEach((kind, index) => kind > 0 && bytes.fill(kind, index * PAGE, (index + 1) * PAGE));
    return bytes.fill(2, kinds.length * PAGE);
  };
  await fc.assert(
    fc.asyncProperty(pages, pages, pages, fc.nat(PAGE), async (found, old, wanted, extraBytes) => {
      const disk = diskWithFolder();
      const bytes = bytesOf(wanted, extraBytes);
      const name = lastingName({ purpose: "peer", path: "a", sizeBytes: bytes.length });
      const left = disk.openSync(`/folder/${name}`, disk.flags.O_RDWR | disk.flags.O_CREAT, 0o600);
      for (const [index, kind] of found.entries()) {
        if (kind > 0) disk.write(left, new Uint8Array(PAGE).fill(kind), 0, PAGE, index * PAGE);
      }
      disk.close(left);
      disk.put("/folder/a", bytesOf(old, 0));
      const file = await resume(disk, { sizeBytes: bytes.length });
      const held = new Uint8Array(file.heldBytes);
      for (let at = 0; at < held.length; at += BLOCK) file.readHeld(at, held.subarray(at, at + BLOCK));
      for (let at = 0; at < bytes.length; at += BLOCK) {
        const block = bytes.subarray(at, at + BLOCK);
        if (Buffer.compare(block, held.subarray(at, at + BLOCK)) === 0) file.reuse(at, block.length);
        else file.write(at, block);
      }
      const back = new Uint8Array(bytes.length);
      assert.equal(file.read(0, back), back.length);
      assert.deepEqual(back, bytes);
      assert.equal(await commit(file), "a");
      assert.deepEqual(disk.contents("/folder/a"), bytes);
      const isData = (at: number) => bytes.subarray(at, at + PAGE).some((byte) => byte !== 0);
      let allowedPages = 0;
      for (let at = 0; at < bytes.length; at += PAGE) if (isData(at) || (found[at / PAGE] ?? 0) > 0) allowedPages++;
      assert(disk.usedBytes <= allowedPages * PAGE, "zeros take space only where there was something else");
      assert.equal(disk.openDescriptors, 0);
    }),
    { numRuns: 300, seed: 13 },
  );
});
