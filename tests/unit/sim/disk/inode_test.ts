import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../../base/invariant.ts";
import { Random } from "../../../../base/random.ts";
import { FileInode, FolderInode, PAGE_BYTES, statsOf } from "../../../../sim/disk/inode.ts";
import { pattern } from "../../../../testing/file_store_compliance.ts";

const SPACE_BYTES = 6 * PAGE_BYTES;

function newFile(): FileInode {
  return new FileInode({ number: 3, mode: 0o644, nowMs: 1 });
}

function write(file: FileInode, position: number, bytes: Uint8Array, sequence = 1): void {
  file.write({ buffer: bytes, offset: 0, length: bytes.length, position }, sequence);
}

function contents(file: FileInode): Uint8Array {
  const buffer = new Uint8Array(file.sizeBytes);
  assert.equal(file.read({ buffer, offset: 0, length: buffer.length, position: 0 }), buffer.length);
  return buffer;
}

/** The state of a page that a crash may leave, as text. */
function pageOf(bytes: Uint8Array, index: number): string {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES));
  return page.join();
}

const writes = fc.array(
  fc.record({
    position: fc.integer({ min: 0, max: SPACE_BYTES }),
    length: fc.integer({ min: 1, max: 3 * PAGE_BYTES }),
    isSyncedAfter: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

Deno.test("FileInode holds what was written, and after a power failure what was synced and any pages of the rest", () => {
  fc.assert(
    fc.property(writes, fc.integer({ min: 0, max: SPACE_BYTES }), fc.nat(), (steps, beginBytes, seed) => {
      const file = newFile();
      if (beginBytes > 0) file.replace(pattern(7), { sizeBytes: beginBytes, modifiedMs: 0 });
      let now = contents(file);
      let durable = now;
      for (const [index, { position, length, isSyncedAfter }] of steps.entries()) {
        const grown = new Uint8Array(Math.max(now.length, position + length));
        grown.set(now);
        grown.set(pattern(length, index), position);
        now = grown;
        write(file, position, pattern(length, index), index);
        if (isSyncedAfter) file.sync(index)();
        if (isSyncedAfter) durable = now;
      }
      assert.deepEqual(contents(file), now);
      const left = file.survivor(new Random(seed));
      const bytes = contents(left);
      assert(bytes.length === now.length || bytes.length === durable.length);
      for (let index = 0; index * PAGE_BYTES < bytes.length; index++) {
        const page = pageOf(bytes, index);
        const states = [now, durable, new Uint8Array(SPACE_BYTES * 2)].map((state) =>
          pageOf(state.subarray(0, bytes.length), index)
        );
        assert(states.includes(page), `page ${index}`);
        if (states[0] === states[1] && steps.at(-1)!.isSyncedAfter) assert.equal(page, states[0]);
      }
      // What is written to one shows in the other no more.
      write(left, 0, new Uint8Array(SPACE_BYTES).fill(255));
      assert.deepEqual(contents(file), now);
    }),
    { numRuns: 60, seed: 11 },
  );
});

Deno.test("FileInode.survivor leaves zeros beyond the size to a file that grows again", () => {
  for (let seed = 0; seed < 30; seed++) {
    const file = newFile();
    write(file, 0, pattern(100));
    file.sync(1)();
    write(file, 100, pattern(2 * PAGE_BYTES), 2);
    const left = file.survivor(new Random(seed));
    if (left.sizeBytes > 100) continue;
    write(left, 3 * PAGE_BYTES, pattern(1));
    assert.deepEqual(contents(left).slice(100, 3 * PAGE_BYTES), new Uint8Array(3 * PAGE_BYTES - 100));
    assert.equal(left.allocatedBytes, 2 * PAGE_BYTES);
  }
});

Deno.test("FileInode.writableBytes counts the pages that a write needs", () => {
  const file = newFile();
  write(file, PAGE_BYTES, pattern(10));
  const writable = (position: number, length: number, freePages: number) =>
    file.writableBytes({ buffer: new Uint8Array(0), offset: 0, position, length }, freePages);
  assert.equal(writable(0, 3 * PAGE_BYTES, 0), 0);
  assert.equal(writable(0, 3 * PAGE_BYTES, 1), 2 * PAGE_BYTES);
  assert.equal(writable(0, 3 * PAGE_BYTES, 2), 3 * PAGE_BYTES);
  assert.equal(writable(PAGE_BYTES + 5, PAGE_BYTES, 0), PAGE_BYTES - 5);
  assert.equal(file.allocatedBytes, PAGE_BYTES, "a hole takes no space");
});

Deno.test("FileInode.replace holds its bytes over and over", () => {
  const file = newFile();
  file.replace(Uint8Array.of(1, 2, 3), { sizeBytes: 7, modifiedMs: 9 });
  assert.deepEqual(contents(file), Uint8Array.of(1, 2, 3, 1, 2, 3, 1));
  write(file, 2, Uint8Array.of(0));
  assert.deepEqual(contents(file), Uint8Array.of(1, 2, 0, 1, 2, 3, 1));
  assert.deepEqual([statsOf(file).mtimeMs, statsOf(file).size, file.allocatedBytes], [9, 7, PAGE_BYTES]);
  assert.throws(() => file.replace(new Uint8Array(0), { sizeBytes: 1, modifiedMs: 0 }), InvariantError);
});

Deno.test("FileInode.repeats is true for the same bytes over and over, and for no others", () => {
  const content = pattern(65_521);
  const sizeBytes = 3 * content.length + 100;
  const file = newFile();
  file.replace(content, { sizeBytes, modifiedMs: 0 });
  assert(file.repeats(content));
  assert(!file.repeats(content.subarray(1)));
  for (const position of [0, content.length, 2 * PAGE_BYTES + 5, sizeBytes - 1]) {
    const right = contents(file).slice(position, position + 1);
    write(file, position, Uint8Array.of(right[0]! ^ 1));
    assert(!file.repeats(content), `one bit at ${position}`);
    write(file, position, right);
    assert(file.repeats(content));
  }
  assert(newFile().repeats(content), "an empty file has none of it");
  assert(newFile().repeats(new Uint8Array(0)));
  assert.throws(() => file.repeats(new Uint8Array(0)), InvariantError);
});

Deno.test("FolderInode.survivor keeps what was synced, and of each later change all or nothing", () => {
  const folder = new FolderInode({ number: 4, mode: 0o755, nowMs: 0 });
  const [a, b] = [newFile(), newFile()];
  folder.change(1, ["a", a]);
  const sync = folder.sync(1);
  folder.change(2, ["b", b]);
  sync();
  folder.change(3, ["a", undefined], ["c", a]);
  assert.deepEqual([...folder.entries.keys()], ["b", "c"]);
  assert.deepEqual([a.references, b.references], [1, 1]);
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    seen.add([...folder.survivor(new Random(seed), { known: new Map(), lastRename: 0 }).entries.keys()].sort().join());
  }
  assert.deepEqual([...seen].sort(), ["a", "a,b", "b,c", "c"]);
});

Deno.test("FolderInode.settle makes an entry durable, whatever was changed before it", () => {
  const folder = new FolderInode({ number: 4, mode: 0o755, nowMs: 0 });
  folder.change(1, ["a", newFile()]);
  folder.settle("a", undefined);
  folder.settle("b", newFile());
  for (let seed = 0; seed < 20; seed++) {
    assert.deepEqual([...folder.survivor(new Random(seed), { known: new Map(), lastRename: 0 }).entries.keys()], ["b"]);
  }
});
