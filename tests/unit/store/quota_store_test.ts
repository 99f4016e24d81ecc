import assert from "node:assert/strict";
import fc from "fast-check";
import { QuotaStore } from "../../../store/quota_store.ts";
import type { TreeUsage } from "../../../store/tree_listing.ts";
import { BLOCK_BYTES, usedBytes } from "../../../store/used_bytes.ts";
import { type Done, StoreError, type WritableFile } from "../../../transfer/file_store.ts";
import {
  assertRefused,
  describeFileStore,
  type MakeStore,
  pattern,
  store,
} from "../../../testing/file_store_compliance.ts";
import { describeTree } from "../../../testing/tree_compliance.ts";
import { describeResuming } from "../../../testing/resume_compliance.ts";
import { promised } from "../../../testing/promised_store.ts";
import { MemoryStore } from "../../../testing/memory_store.ts";

const FIVE = 5 * BLOCK_BYTES;

const makeLimited: MakeStore = ({ readOnly, files }) => {
  const disk = new MemoryStore({ readOnly });
  for (const [name, bytes] of Object.entries(files)) disk.put(name, bytes);
  return {
    store: new QuotaStore(disk, () => 0).limitedTo(1e12),
    put: (name, bytes, modifiedUs) => disk.put(name, bytes, { modifiedUs }),
    contents: (name) => disk.contents(name),
    partialFiles: () => disk.partialFiles + disk.keptFiles,
    dispose: () => assert.equal(disk.openHandles, 0),
  };
};

describeFileStore("QuotaStore with a quota", makeLimited);

describeTree("QuotaStore with a quota", makeLimited);
describeResuming("QuotaStore with a quota", makeLimited);

/** A store that tells when it is counted. */
class CountedStore extends MemoryStore {
  onMeasure = () => {};

  override measure(done: Done<TreeUsage>): void {
    this.onMeasure();
    super.measure(done);
  }
}

class Setting {
  nowUs = 0;
  readonly commits: (() => void)[] = [];
  readonly disk = new CountedStore({ schedule: (run) => this.commits.push(run) });
  /** How long it takes to count. */
  countUs = 0;
  counts = 0;
  readonly measured = new QuotaStore(this.disk, () => this.nowUs);

  constructor() {
    this.disk.onMeasure = () => {
      this.counts++;
      this.nowUs += this.countUs;
    };
  }

  create(name: string, blocks: number, { quota = FIVE, overwrite = false } = {}): Promise<WritableFile> {
    const options = { sizeBytes: blocks * BLOCK_BYTES, overwrite };
    return promised(this.measured.limitedTo(quota)).create(name, options);
  }

  /** Creates a file, and has it stored. */
  async add(name: string, blocks: number, options: { quota?: number; overwrite?: boolean } = {}): Promise<void> {
    const file = await this.create(name, blocks, options);
    file.write(0, pattern(blocks * BLOCK_BYTES));
    file.commit((result) => assert(!(result instanceof StoreError), String(result)));
    this.commits.splice(0).forEach((run) => run());
  }
}

Deno.test("QuotaStore lets a folder be filled to the quota, and says what is left", async () => {
  const setting = new Setting();
  await setting.add("a", 3);
  const { message } = await assertRefused("no-space", () => setting.create("b", 3));
  assert.match(
    message,
    /^"b" needs 12.3 kB, but only 8.2 kB of the quota of 20.5 kB are left; remove files there, .*$/,
  );
  await setting.add("b", 2);
  await assertRefused("no-space", () => setting.create("empty", 0));
});

Deno.test("QuotaStore counts earlier files, and those of clients without a quota", async () => {
  const setting = new Setting();
  setting.disk.put("old", pattern(2 * BLOCK_BYTES));
  await setting.add("a", 1);
  await promised(setting.measured).create("free", { sizeBytes: 9, overwrite: false });
  await assertRefused("no-space", () => setting.create("b", 2));
  await setting.add("b", 1);
});

Deno.test("QuotaStore counts a partial file with its full size until it is aborted", async () => {
  const setting = new Setting();
  const first = await setting.create("a", 3);
  await assertRefused("no-space", () => setting.create("b", 3));
  first.abort();
  first.abort();
  const second = await setting.create("b", 3);
  second.write(0, pattern(3 * BLOCK_BYTES));
  second.commit(() => {});
  second.abort();
  await assertRefused("no-space", () => setting.create("c", 3));
  setting.commits.splice(0).forEach((run) => run());
  await assertRefused("no-space", () => setting.create("c", 3));
});

Deno.test("QuotaStore counts the space that a replaced file frees, once", async () => {
  const setting = new Setting();
  await setting.add("a", 4);
  await setting.add("a", 5, { overwrite: true });
  await assertRefused("no-space", () => setting.create("a", 6, { overwrite: true }));
  const shrinking = await setting.create("a", 1, { overwrite: true });
  await assertRefused("no-space", () => setting.create("a", 2, { overwrite: true }));
  await assertRefused("no-space", () => setting.create("b", 4));
  shrinking.abort();
  await setting.add("a", 1, { overwrite: true });
  await setting.add("b", 4);
});

Deno.test("QuotaStore counts again before it refuses, but not every time", async () => {
  const setting = new Setting();
  setting.countUs = 100;
  await setting.add("a", 5);
  assert.equal(setting.counts, 1);
  setting.disk.put("a", new Uint8Array(0));
  await assertRefused("no-space", () => setting.create("b", 1));
  assert.equal(setting.counts, 1, "it was counted a moment ago");
  setting.nowUs += 1_000;
  await setting.add("b", 1);
  for (let i = 0; i < 50; i++) await assertRefused("no-space", () => setting.create("c", 5));
  assert.equal(setting.counts, 2);
});

Deno.test("QuotaStore never exceeds the quota, in any order of begun, aborted and completed files", async () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    blocks: fc.nat({ max: 4 }),
    overwrite: fc.boolean(),
    quota: fc.constantFrom(FIVE, 8 * BLOCK_BYTES, Infinity),
    then: fc.constantFrom("abort", "commit", "wait"),
    waited: fc.nat({ max: 5 }),
  });
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const setting = new Setting();
    const waiting: WritableFile[] = [];
    let mostOfAll = 0;
    for (const { blocks, name, overwrite, quota, then, waited } of steps) {
      const files = await promised(setting.disk).list();
      const used = files.reduce((sum, file) => sum + usedBytes(file.sizeBytes), 0);
      assert.ok(used <= mostOfAll, `${used} of ${mostOfAll}`);
      try {
        const options = { sizeBytes: blocks * BLOCK_BYTES, overwrite };
        const view = quota === Infinity ? setting.measured : setting.measured.limitedTo(quota);
        const file = await promised(view).create(name, options);
        mostOfAll = Math.max(mostOfAll, quota);
        file.write(0, pattern(blocks * BLOCK_BYTES));
        if (then === "abort") file.abort();
        else if (then === "commit") file.commit(() => {});
        else waiting.push(file);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "StoreError") throw error;
      }
      waiting.splice(waited, 1).forEach((file) => file.commit(() => {}));
      if (waited % 2 === 0) setting.commits.splice(0).forEach((run) => run());
    }
    for (const file of waiting) file.abort();
    setting.commits.splice(0).forEach((run) => run());
    assert.equal(setting.disk.openHandles, 0);
  }));
});

Deno.test("QuotaStore shows the folder's files to all of its clients", async () => {
  const disk = new MemoryStore();
  const limited = promised(new QuotaStore(disk, () => 0).limitedTo(FIVE));
  await store(limited, "a", { bytes: pattern(10) });
  assert.deepEqual(await limited.list(), await promised(disk).list());
  assert.equal((await limited.stat("a")).sizeBytes, 10);
});

Deno.test("QuotaStore counts the whole tree: folders and links as a block each, and the folders that a file needs", async () => {
  const setting = new Setting();
  setting.disk.put("d/old", pattern(BLOCK_BYTES));
  const limited = promised(setting.measured.limitedTo(FIVE));
  await limited.makeFolder("e");
  await limited.makeFolder("e");
  await limited.makeLink("l", { target: "e", overwrite: false });
  assert.deepEqual(await limited.space(), { freeBytes: BLOCK_BYTES, usedBytes: 4 * BLOCK_BYTES, quotaBytes: FIVE });
  await assertRefused("no-space", () => setting.create("f/new", 0));
  await assertRefused("no-space", () => limited.makeFolder("f/g"));
  await setting.add("e/new", 1);
  await assertRefused("no-space", () => limited.makeFolder("g"));
  await assertRefused("no-space", () => limited.makeLink("g", { target: "e", overwrite: false }));
});

Deno.test("QuotaStore gives back what is removed, or replaced by a move", async () => {
  const setting = new Setting();
  setting.countUs = 1_000_000;
  const limited = promised(setting.measured.limitedTo(FIVE));
  await setting.add("a", 2);
  await setting.add("d/b", 2);
  await assertRefused("no-space", () => setting.create("c", 1));
  await limited.move("a", { newName: "d/b", overwrite: true });
  await setting.add("c", 2);
  await assertRefused("no-space", () => setting.create("e", 1));
  await limited.remove("d", { recursive: true });
  await setting.add("e", 3);
  await assertRefused("no-space", () => setting.create("f", 0));
  assert.equal(setting.counts, 1, "nothing had to be counted again");
});

Deno.test("QuotaStore counts what is left of a file for another try, once", async () => {
  const setting = new Setting();
  const blocks = 64;
  const options = { sizeBytes: blocks * BLOCK_BYTES, overwrite: false, resume: { purpose: "peer", reusesOld: false } };
  const limited = promised(setting.measured.limitedTo(blocks * BLOCK_BYTES));
  const first = await limited.create("a", options);
  first.write(0, pattern(blocks * BLOCK_BYTES));
  first.keep();
  await assertRefused("no-space", () => limited.create("b", { sizeBytes: 1, overwrite: false }));
  await assertRefused("no-space", () => limited.create("b", { ...options, sizeBytes: BLOCK_BYTES }));
  const second = await limited.create("a", options);
  assert.equal(second.heldBytes, options.sizeBytes);
  await assertRefused("no-space", () => limited.create("b", { sizeBytes: 1, overwrite: false }));
  second.abort();
  await limited.create("b", { sizeBytes: 1, overwrite: false });
});

Deno.test("QuotaStore counts a file of unknown size as it grows, and refuses what is beyond the quota", async () => {
  const setting = new Setting();
  await setting.add("a", 2);
  const limited = promised(setting.measured.limitedTo(FIVE));
  const file = await limited.create("pipe", { sizeBytes: 0, unsized: true, overwrite: false });
  file.write(0, pattern(BLOCK_BYTES));
  await assertRefused("no-space", () => setting.create("b", 3));
  file.write(BLOCK_BYTES, pattern(2 * BLOCK_BYTES));
  await assertRefused("no-space", () => setting.create("empty", 0));
  const { message } = await assertRefused("no-space", () => file.write(3 * BLOCK_BYTES, pattern(1)));
  assert.match(message, /^"pipe" needs 4.1 kB more, but only 0 bytes of the quota of 20.5 kB are left; /);
  file.abort();
  await setting.add("b", 3);
});

Deno.test("QuotaStore counts anew before a file of unknown size begins, and counts what it replaces", async () => {
  const setting = new Setting();
  await setting.add("a", 4);
  setting.disk.remove("a", { recursive: false }, () => {});
  setting.nowUs = 1;
  const limited = promised(setting.measured.limitedTo(FIVE));
  const file = await limited.create("pipe", { sizeBytes: 0, unsized: true, overwrite: false });
  file.write(0, pattern(FIVE));
  file.commit(() => {});
  setting.commits.splice(0).forEach((run) => run());
  const anew = await limited.create("pipe", { sizeBytes: 0, unsized: true, overwrite: true });
  anew.write(0, pattern(FIVE));
  await assertRefused("no-space", () => anew.write(FIVE, pattern(1)));
  await assertRefused("no-space", () => setting.create("b", 1));
  anew.abort();
});
