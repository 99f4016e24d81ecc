/**
 * The compliance suite of {@link FileStore}, for `store/directory_store.ts` on a real folder and on a simulated disk,
 * and for `memory_store.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CommittedFile,
  type CreateOptions,
  type FileStore,
  MAX_TIME_US,
  StoreError,
  type StoreErrorKind,
  type WritableFile,
} from "../transfer/file_store.ts";
import { promised, type PromisedStore } from "./promised_store.ts";

/** A store under test, and direct access to its files. */
export interface StoreUnderTest {
  readonly store: FileStore;
  /** Creates a file, or changes it in place, like another program. */
  put(name: string, bytes: Uint8Array, modifiedUs: number): void;
  /** The content of a file; undefined if there is none. */
  contents(name: string): Uint8Array | undefined;
  /** The present number of partial files, those that are kept among them. */
  partialFiles(): number;
  /** The earliest time that the platform can read. Default: any. */
  readonly earliestUs?: number;
  /** Ends the test; fails it if handles are still open. */
  dispose(): void;
}

/** Makes a store with these files; it accepts others unless `readOnly`. */
export type MakeStore = (
  options: { readOnly: boolean; files: Readonly<Record<string, Uint8Array>> },
) => StoreUnderTest | Promise<StoreUnderTest>;

/** Asserts that the call throws, or rejects with, a StoreError of this kind, and resolves to it. */
export async function assertRefused(kind: StoreErrorKind, call: () => unknown): Promise<StoreError> {
  try {
    await call();
  } catch (error) {
    assert(error instanceof StoreError, `a StoreError is expected, not ${error}`);
    assert.equal(error.kind, kind, error.message);
    return error;
  }
  assert.fail(`a StoreError (${kind}) is expected`);
}

/** Commits; resolves to the file's location or the error, and rejects if `done` is called twice. */
export async function commit(file: WritableFile): Promise<string | StoreError> {
  const result = await committed(file);
  return result instanceof StoreError ? result : result.location;
}

/** Commits; resolves to the result, and rejects if `done` is called twice. */
export function committed(file: WritableFile): Promise<CommittedFile | StoreError> {
  return new Promise((resolve, reject) => {
    let calls = 0;
    file.commit((result) => {
      calls++;
      if (calls > 1) reject(new Error("done was called twice"));
      // A turn later, so that a second call is detected.
      else setTimeout(() => resolve(result), 0);
    });
  });
}

/** Writes a complete file and commits it, which must succeed. */
export async function store(
  into: PromisedStore,
  name: string,
  options: Partial<CreateOptions> & { bytes: Uint8Array },
) {
  const { bytes, modifiedUs, mode, overwrite = false } = options;
  const file = await into.create(name, { sizeBytes: bytes.length, modifiedUs, mode, overwrite });
  if (bytes.length > 0) file.write(0, bytes);
  assert.equal(await commit(file), name);
}

/** Bytes that differ from offset to offset. */
export function pattern(sizeBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + seed * 101) & 0xff;
  return bytes;
}

const MODIFIED_US = 1_700_000_000_123_000;
/** A second before 1970, the first moon landing, 1901, 1970, a millisecond later, 2038, and the last day of ext4. */
const TIMES_US = [-1e6, -14_182_940e6, -(2 ** 31) * 1e6, 0, 1000, 2 ** 31 * 1e6, 15_032_385_535e6];
const BAD_NAMES = [
  "",
  ".",
  "..",
  "../a",
  "a/../b",
  "a/",
  "a//b",
  "/etc/passwd",
  "a\0b",
  "\ud800",
  "\ufffd",
  "x".repeat(256),
]
  .concat([".sluice-0.part", ".SLUICE-x"]);

/** Names that disks of Unix have, and of Windows not. */
const UNIX_NAMES = ["a\\b", "C:a", "CON", "nul.txt", "a.", "a ", " a", "a\nb", "\x1b[2J", "a\u202eb", "a?"];

/** Registers tests, each with a store of its own. */
export function checksOf(label: string, makeStore: MakeStore): Check {
  return (what, run) => {
    Deno.test(`${label} ${what}`, async () => {
      const under = await makeStore({ readOnly: false, files: {} });
      try {
        await run({ ...under, store: promised(under.store) });
        assert.equal(under.partialFiles(), 0, "no partial file may remain");
      } finally {
        under.dispose();
      }
    });
  };
}

/** Registers the tests of the suite for one kind of store. */
export function describeFileStore(label: string, makeStore: MakeStore): void {
  const check = checksOf(label, makeStore);
  checkWriting(check);
  checkNames(check);
  checkReading(check);

  Deno.test(`${label} refuses files if it is read-only, and still serves its own`, async () => {
    const under = await makeStore({ readOnly: true, files: { "a.bin": pattern(10) } });
    const disk = promised(under.store);
    await assertRefused("read-only", () => disk.create("b", { sizeBytes: 1, overwrite: true }));
    assert.deepEqual((await disk.list()).map((info) => info.name), ["a.bin"]);
    const file = await disk.open("a.bin");
    const into = new Uint8Array(10);
    assert.equal(file.read(0, into), 10);
    assert.deepEqual(into, pattern(10));
    file.close();
    under.dispose();
  });
}

/** A store under test, with promises. */
export interface Subject extends Omit<StoreUnderTest, "store"> {
  readonly store: PromisedStore;
}

/** Registers a test of a store. */
export type Check = (what: string, run: (under: Subject) => void | Promise<void>) => void;

// deno-lint-ignore sluice/function-length -- a list of checks, each of them short
function checkWriting(check: Check): void {
  check("stores files of every size", async ({ store: disk, contents }) => {
    for (const sizeBytes of [0, 1, 2, 1200, 65_535, 65_536, 65_537, 1_000_003]) {
      const name = `size-${sizeBytes}`;
      await store(disk, name, { bytes: pattern(sizeBytes), modifiedUs: MODIFIED_US });
      assert.deepEqual(contents(name), pattern(sizeBytes));
      assert.deepEqual(await disk.stat(name), { name, kind: "file", sizeBytes, modifiedUs: MODIFIED_US });
    }
  });

  check("stores files whose size is not known until they end", async ({ store: disk, contents, partialFiles }) => {
    for (const sizeBytes of [0, 1, 65_537, 1_000_003]) {
      const name = `unsized-${sizeBytes}`;
      const bytes = pattern(sizeBytes);
      const file = await disk.create(name, { sizeBytes: 0, unsized: true, modifiedUs: MODIFIED_US, overwrite: false });
      for (let at = 0; at < sizeBytes; at += 40_000) file.write(at, bytes.subarray(at, at + 40_000));
      const into = new Uint8Array(Math.min(sizeBytes, 3));
      assert.equal(file.read(sizeBytes - into.length, into), into.length);
      assert.deepEqual(into, bytes.subarray(sizeBytes - into.length));
      assert.equal(await commit(file), name);
      assert.deepEqual(contents(name), bytes);
      assert.deepEqual(await disk.stat(name), { name, kind: "file", sizeBytes, modifiedUs: MODIFIED_US });
    }
    const zeros = await disk.create("zeros", { sizeBytes: 0, unsized: true, overwrite: false });
    zeros.write(0, new Uint8Array(200_000));
    assert.equal(await commit(zeros), "zeros");
    assert.deepEqual(contents("zeros"), new Uint8Array(200_000));
    for (const end of ["abort", "keep"] as const) {
      const file = await disk.create("given up", { sizeBytes: 0, unsized: true, overwrite: false });
      file.write(0, pattern(400_000));
      file[end]();
      assert.equal(partialFiles(), 0);
    }
  });

  check("accepts ranges in any order, and reads them back before the commit", async (under) => {
    const piece = fc.record({ sizeBytes: fc.integer({ min: 1, max: 3000 }), rank: fc.integer() });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const name = `pieces-${runs++}`;
        const ranges: { start: number; end: number; rank: number }[] = [];
        let sizeBytes = 0;
        for (const { sizeBytes: length, rank } of pieces) {
          ranges.push({ start: sizeBytes, end: sizeBytes + length, rank });
          sizeBytes += length;
        }
        const bytes = pattern(sizeBytes, runs);
        const file = await under.store.create(name, { sizeBytes, overwrite: false });
        for (const { start, end } of ranges.sort((a, b) => a.rank - b.rank)) {
          file.write(start, bytes.subarray(start, end));
          const back = new Uint8Array(end - start);
          assert.equal(file.read(start, back), end - start);
          assert.deepEqual(back, bytes.slice(start, end));
        }
        assert.equal(file.read(sizeBytes, new Uint8Array(1)), 0, "there is nothing beyond the written bytes");
        assert.equal(await commit(file), name);
        assert.deepEqual(under.contents(name), bytes);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  check("does not show a file before its commit", async ({ store: disk, contents, partialFiles }) => {
    const file = await disk.create("a", { sizeBytes: 3, overwrite: false });
    file.write(0, pattern(3));
    assert.deepEqual(await disk.list(), []);
    assert.equal(contents("a"), undefined);
    await assertRefused("not-found", () => disk.stat("a"));
    await assertRefused("not-found", () => disk.open("a"));
    assert.equal(partialFiles(), 1);
    await commit(file);
    assert.deepEqual((await disk.list()).map((info) => info.name), ["a"]);
  });

  check("removes an aborted file", async ({ store: disk, partialFiles }) => {
    const file = await disk.create("a", { sizeBytes: 3, overwrite: false });
    file.write(1, pattern(2));
    file.abort();
    file.abort();
    assert.equal(partialFiles(), 0);
    assert.deepEqual(await disk.list(), []);
    await assertRefused("io", () => file.write(0, pattern(1)));
    await assertRefused("io", () => file.read(0, new Uint8Array(1)));
  });

  check("closes a file with its commit", async ({ store: disk, contents }) => {
    const file = await disk.create("a", { sizeBytes: 2, overwrite: false });
    file.write(0, pattern(2));
    const result = commit(file);
    await assertRefused("io", () => file.write(0, pattern(1)));
    file.abort();
    assert.equal(await result, "a");
    file.abort();
    const second = await commit(file);
    assert(second instanceof StoreError && second.kind === "io");
    assert.deepEqual(contents("a"), pattern(2));
  });

  check("refuses to commit a file that is not complete", async ({ store: disk, contents }) => {
    const file = await disk.create("a", { sizeBytes: 10, overwrite: false });
    file.write(0, pattern(9));
    const result = await commit(file);
    assert(result instanceof StoreError);
    assert.equal(result.kind, "io");
    assert.match(result.message, /9 of 10/);
    assert.equal(contents("a"), undefined);
  });

  check("refuses more bytes than were announced", async ({ store: disk }) => {
    const file = await disk.create("a", { sizeBytes: 10, overwrite: false });
    await assertRefused("io", () => file.write(8, pattern(3)));
    await assertRefused("io", () => file.write(2 ** 40, pattern(1)));
    file.abort();
  });

  check("keeps times before 1970, in 1970 and far ahead", async ({ store: disk, earliestUs = -Infinity }) => {
    for (const [index, modifiedUs] of TIMES_US.filter((timeUs) => timeUs >= earliestUs).entries()) {
      const name = `time-${index}`;
      const file = await disk.create(name, { sizeBytes: 0, modifiedUs, overwrite: false });
      const result = await committed(file);
      assert.deepEqual(result, { location: name, notKept: [] });
      assert.equal((await disk.stat(name)).modifiedUs, modifiedUs);
      const opened = await disk.open(name);
      assert.equal(opened.info.modifiedUs, modifiedUs);
      opened.close();
    }
  });

  check("gives the mode of a private program to those who read it, if it has modes", async ({ store: disk }) => {
    await store(disk, "a", { bytes: pattern(4), mode: 0o700 });
    const file = await disk.open("a");
    assert(file.info.mode === 0o700 || (file.info.mode === undefined && Deno.build.os === "windows"));
    file.close();
  });

  check("accepts the latest modification time of a message", async ({ store: disk, contents }) => {
    await store(disk, "a", { bytes: pattern(4), modifiedUs: MAX_TIME_US });
    assert.deepEqual(contents("a"), pattern(4));
    assert((await disk.stat("a")).modifiedUs! <= MAX_TIME_US);
  });
}

// deno-lint-ignore sluice/function-length -- a list of checks, each of them short
function checkNames(check: Check): void {
  check("refuses a bad name in every method", async ({ store: disk }) => {
    for (const name of BAD_NAMES) {
      await assertRefused("bad-name", () => disk.stat(name));
      await assertRefused("bad-name", () => disk.open(name));
      await assertRefused("bad-name", () => disk.create(name, { sizeBytes: 0, overwrite: true }));
    }
  });

  if (Deno.build.os !== "windows") {
    check("keeps the names that only Unix has", async ({ store: disk }) => {
      for (const name of UNIX_NAMES) await store(disk, name, { bytes: pattern(1) });
      assert.deepEqual((await disk.list()).map((info) => info.name), UNIX_NAMES.toSorted());
      for (const name of UNIX_NAMES) (await disk.open(name)).close();
    });
  }

  check("keeps Unicode names as sent", async ({ store: disk }) => {
    // Composed and decomposed, right to left, beyond the basic plane, joined.
    const names = ["\u00e9", "e\u0301", "\u05d0\u05d1.txt", "\u{1f469}\u200d\u{1f680}.png", "\u{10ffff}", "\uffee"];
    for (const name of names) await store(disk, name, { bytes: pattern(1) });
    assert.deepEqual((await disk.list()).map((info) => info.name), names.toSorted());
  });

  check("lists its files sorted by code unit", async ({ store: disk }) => {
    for (const name of ["b", "a10", "a9", "B", "\uffee", "\u{1f600}"]) await store(disk, name, { bytes: pattern(2) });
    // A surrogate pair sorts before U+FFEE: by code units, not by code points, not by language.
    assert.deepEqual((await disk.list()).map((info) => info.name), ["B", "a10", "a9", "b", "\u{1f600}", "\uffee"]);
    for (const info of await disk.list()) assert.deepEqual(info, await disk.stat(info.name));
  });

  check("does not find a missing file", async ({ store: disk }) => {
    assert.match((await assertRefused("not-found", () => disk.stat("a.bin"))).message, /"a\.bin"/);
    await assertRefused("not-found", () => disk.open("a.bin"));
  });

  check("refuses a name that is taken", async ({ store: disk, contents }) => {
    await store(disk, "a", { bytes: pattern(5, 1) });
    await assertRefused("exists", () => disk.create("a", { sizeBytes: 1, overwrite: false }));
    assert.deepEqual(contents("a"), pattern(5, 1));
  });

  check("replaces a file with the overwrite option", async ({ store: disk, contents }) => {
    await store(disk, "a", { bytes: pattern(5, 1) });
    const file = await disk.create("a", { sizeBytes: 3, modifiedUs: MODIFIED_US, overwrite: true });
    file.write(0, pattern(3, 2));
    assert.deepEqual(contents("a"), pattern(5, 1), "the old file remains until the commit");
    assert.equal(await commit(file), "a");
    assert.deepEqual(contents("a"), pattern(3, 2));
    assert.equal((await disk.stat("a")).modifiedUs, MODIFIED_US);
  });

  check("refuses a name that is taken before the commit", async ({ store: disk, put, contents }) => {
    const file = await disk.create("a", { sizeBytes: 1, overwrite: false });
    file.write(0, pattern(1));
    put("a", pattern(7), MODIFIED_US);
    const result = await commit(file);
    assert(result instanceof StoreError);
    assert.equal(result.kind, "exists");
    assert.deepEqual(contents("a"), pattern(7));
  });

  check("gives a name to the first of two writers", async ({ store: disk, contents }) => {
    const files = await Promise.all([1, 2].map(async (seed) => {
      const file = await disk.create("a", { sizeBytes: 4, overwrite: false });
      file.write(0, pattern(4, seed));
      return file;
    }));
    const results = await Promise.all(files.map(commit));
    const winner = results.findIndex((result) => result === "a");
    const loser = results[1 - winner];
    assert(loser instanceof StoreError);
    assert.equal(loser.kind, "exists");
    assert.deepEqual(contents("a"), pattern(4, winner + 1));
  });
}

function checkReading(check: Check): void {
  check("reads from any offset as far as the file goes", async ({ store: disk, put }) => {
    put("a", pattern(1000), MODIFIED_US);
    const file = await disk.open("a");
    const { mode: _mode, ...info } = file.info;
    assert.deepEqual(info, { name: "a", kind: "file", sizeBytes: 1000, modifiedUs: MODIFIED_US });
    for (const [offset, length, expected] of [[0, 1000, 1000], [990, 100, 10], [1000, 10, 0], [2 ** 40, 10, 0]]) {
      const into = new Uint8Array(length!);
      assert.equal(file.read(offset!, into), expected);
      assert.deepEqual(into.slice(0, expected), pattern(1000).slice(offset, offset! + expected!));
    }
    const outer = new Uint8Array(30);
    assert.equal(file.read(5, outer.subarray(10, 20)), 10);
    assert.deepEqual(outer.slice(10, 20), pattern(1000).slice(5, 15));
    assert.deepEqual([outer[9], outer[20]], [0, 0], "only the view is filled");
    file.close();
    file.close();
    await assertRefused("io", () => file.read(0, outer));
    await assertRefused("io", () => file.hasChanged());
  });

  check("notices that a file changed while it was read", async ({ store: disk, put }) => {
    put("a", pattern(100, 1), MODIFIED_US);
    const file = await disk.open("a");
    assert.equal(file.hasChanged(), false);
    put("a", pattern(100, 2), MODIFIED_US + 1000);
    assert.equal(file.hasChanged(), true, "a different modification time");
    file.close();
    const again = await disk.open("a");
    assert.equal(again.hasChanged(), false);
    put("a", pattern(99, 2), MODIFIED_US + 1000);
    assert.equal(again.hasChanged(), true, "a different size");
    again.close();
  });

  check("lets a reader finish a file that is replaced in the meantime", async ({ store: disk }) => {
    await store(disk, "a", { bytes: pattern(50, 1), modifiedUs: MODIFIED_US });
    const file = await disk.open("a");
    await store(disk, "a", { bytes: pattern(60, 2), overwrite: true });
    const into = new Uint8Array(60);
    assert.equal(file.read(0, into), 50);
    assert.deepEqual(into.slice(0, 50), pattern(50, 1));
    assert.equal(file.hasChanged(), false);
    file.close();
  });
}
