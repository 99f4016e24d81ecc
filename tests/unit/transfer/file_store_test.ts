import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import { MemoryStore, type MemoryStoreOptions } from "../../../testing/memory_store.ts";
import { describeResuming } from "../../../testing/resume_compliance.ts";
import { promised } from "../../../testing/promised_store.ts";
import { type CommittedFile, StoreError } from "../../../transfer/file_store.ts";
import {
  assertRefused,
  commit,
  describeFileStore,
  type MakeStore,
  pattern,
  store,
} from "../../../testing/file_store_compliance.ts";
import { describeTree } from "../../../testing/tree_compliance.ts";

function makeStoreWith(options: MemoryStoreOptions): MakeStore {
  return ({ readOnly, files }) => {
    const disk = new MemoryStore({ ...options, readOnly });
    for (const [name, bytes] of Object.entries(files)) disk.put(name, bytes);
    return {
      store: disk,
      put: (name, bytes, modifiedUs) => disk.put(name, bytes, { modifiedUs }),
      contents: (name) => disk.contents(name),
      partialFiles: () => disk.partialFiles + disk.keptFiles,
      dispose: () => assert.equal(disk.openHandles, 0, "no handle may stay open"),
    };
  };
}

describeFileStore("MemoryStore", makeStoreWith({}));

describeTree("MemoryStore", makeStoreWith({}));
describeResuming("MemoryStore", makeStoreWith({}));
describeFileStore("MemoryStore with slow commits", makeStoreWith({ schedule: (run) => queueMicrotask(run) }));
describeTree("MemoryStore with slow commits", makeStoreWith({ schedule: (run) => queueMicrotask(run) }));
describeFileStore("MemoryStore with slow look-ups", makeStoreWith({ lookUp: (run) => queueMicrotask(run) }));
describeTree("MemoryStore with slow look-ups", makeStoreWith({ lookUp: (run) => queueMicrotask(run) }));

Deno.test("MemoryStore is full at its capacity, unfinished files included", async () => {
  const memory = new MemoryStore({ capacityBytes: 100 });
  const disk = promised(memory);
  await store(disk, "a", { bytes: pattern(60) });
  const half = await disk.create("b", { sizeBytes: 30, overwrite: false });
  assert.equal(memory.usedBytes, 90);
  await assertRefused("no-space", () => disk.create("c", { sizeBytes: 11, overwrite: false }));
  half.abort();
  await store(disk, "c", { bytes: pattern(40) });
  assert.equal(memory.usedBytes, 100);
});

Deno.test("MemoryStore can become full in the middle of a file", async () => {
  const memory = new MemoryStore();
  const disk = promised(memory);
  const file = await disk.create("a", { sizeBytes: 10, overwrite: false });
  file.write(0, pattern(5));
  memory.capacityBytes = 8;
  await assertRefused("no-space", () => file.write(5, pattern(5)));
  file.abort();
  assert.equal(memory.openHandles, 0);
});

Deno.test("MemoryStore commits when its scheduler runs the completion", async () => {
  const pending: (() => void)[] = [];
  const memory = new MemoryStore({ schedule: (run) => pending.push(run), nowUs: () => 42 });
  const disk = promised(memory);
  const file = await disk.create("a", { sizeBytes: 1, overwrite: false });
  file.write(0, pattern(1));
  const results: (CommittedFile | StoreError)[] = [];
  file.commit((result) => results.push(result));
  assert.deepEqual([results.length, memory.partialFiles, memory.contents("a")], [0, 1, undefined]);
  pending.forEach((run) => run());
  assert.deepEqual([results, memory.partialFiles, memory.openHandles], [[{ location: "a", notKept: [] }], 0, 0]);
  assert.equal((await disk.stat("a")).modifiedUs, 42);
});

Deno.test("MemoryStore commits at once without a scheduler", async () => {
  const memory = new MemoryStore();
  const disk = promised(memory);
  const file = await disk.create("a", { sizeBytes: 0, modifiedUs: 5000, overwrite: false });
  let result: CommittedFile | StoreError | undefined;
  file.commit((value) => result = value);
  assert.deepEqual(result, { location: "a", notKept: [] });
});

Deno.test("MemoryStore allocates for what is written, not for what is announced", async () => {
  const memory = new MemoryStore();
  const disk = promised(memory);
  const file = await disk.create("a", { sizeBytes: Number.MAX_SAFE_INTEGER, overwrite: false });
  file.write(1_000_000, pattern(10));
  const result = await commit(file);
  assert(result instanceof StoreError && result.kind === "io");
});

Deno.test("MemoryStore.put makes a file that repeats its bytes up to the given size", async () => {
  const memory = new MemoryStore();
  const disk = promised(memory);
  memory.put("a", Uint8Array.of(1, 2, 3), { sizeBytes: 8 });
  assert.deepEqual(memory.contents("a"), Uint8Array.of(1, 2, 3, 1, 2, 3, 1, 2));
  assert.equal(memory.usedBytes, 8);
  const file = await disk.open("a");
  assert.equal(file.info.sizeBytes, 8);
  const into = new Uint8Array(5);
  assert.equal(file.read(2, into), 5);
  assert.deepEqual(into, Uint8Array.of(3, 1, 2, 3, 1));
  assert.equal(file.read(6, into), 2);
  assert.deepEqual(into.subarray(0, 2), Uint8Array.of(1, 2));
  assert.equal(file.read(8, into), 0);
  memory.put("a", Uint8Array.of(1, 2, 3), { sizeBytes: 9 });
  assert(file.hasChanged());
  file.close();
  assert.throws(() => memory.put("b", new Uint8Array(0), { sizeBytes: 1 }), InvariantError);
});
