import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Random } from "../../../base/random.ts";
import { MemoryStore } from "../../../testing/memory_store.ts";
import { atOnce } from "../../../testing/promised_store.ts";
import { FileReceiver } from "../../../transfer/file_receiver.ts";
import { StoreError, type WritableFile } from "../../../transfer/file_store.ts";

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** A receiver of a file in memory that keeps account of the contiguous prefix as a stream does. */
function receiving(sizeBytes: number, onFailed: (error: StoreError) => void = () => {}) {
  const store = new MemoryStore();
  const file = atOnce<WritableFile>((done) =>
    store.create("file", { sizeBytes, modifiedUs: 1, overwrite: false }, done)
  );
  const arrived = new Uint8Array(sizeBytes);
  let contiguous = 0;
  const receiver = new FileReceiver(file, { sizeBytes, contiguousBytes: () => contiguous, onFailed });
  const write = (offset: number, bytes: Uint8Array): void => {
    arrived.fill(1, offset, offset + bytes.length);
    while (contiguous < sizeBytes && arrived[contiguous] === 1) contiguous++;
    receiver.write(offset, bytes);
  };
  return { store, receiver, write };
}

/** The part of a file that starts empty. */
const NOTHING_HELD = { heldBytes: 0, readHeld: () => 0, reuse: () => {}, keep: () => {} };

/** A file that counts what is read back from it. */
function countingReads(file: WritableFile): { file: WritableFile; readBytes: () => number } {
  let readBytes = 0;
  const counted = Object.create(file, {
    write: { value: (offset: number, bytes: Uint8Array) => file.write(offset, bytes) },
    read: {
      value: (offset: number, into: Uint8Array) => {
        readBytes += into.length;
        return file.read(offset, into);
      },
    },
    abort: { value: () => file.abort() },
  }) as WritableFile;
  return { file: counted, readBytes: () => readBytes };
}

function commit(receiver: FileReceiver): string | StoreError {
  let result: string | StoreError | undefined;
  receiver.commit((outcome) => result = outcome instanceof StoreError ? outcome : outcome.location);
  assert(result !== undefined);
  return result;
}

Deno.test("FileReceiver writes bytes at their offsets in any order of arrival, and hashes the written bytes", () => {
  const order = fc.integer({ min: 0, max: 0xffff_ffff });
  const sizes = fc.integer({ min: 1, max: 700_000 });
  const pieces = fc.constantFrom(700, 1177, 16_000, 300_000);
  fc.assert(
    fc.property(order, sizes, pieces, (seed, sizeBytes, pieceBytes) => {
      const random = new Random(seed);
      const bytes = random.bytes(sizeBytes);
      const { store, receiver, write } = receiving(sizeBytes);
      const offsets = Array.from({ length: Math.ceil(sizeBytes / pieceBytes) }, (_, i) => i * pieceBytes);
      // Mostly in order, as a link that reorders some of it makes it.
      for (let at = 0; at < offsets.length - 1; at++) {
        if (random.chance(0.3)) {
          const other = random.integer(at, offsets.length - 1);
          [offsets[at], offsets[other]] = [offsets[other]!, offsets[at]!];
        }
      }
      for (const at of offsets) write(at, bytes.subarray(at, at + pieceBytes));
      assert.equal(receiver.receivedBytes, sizeBytes);
      assert.deepEqual(receiver.finish(), sha256(bytes));
      assert.equal(commit(receiver), "file");
      assert.deepEqual(store.contents("file"), bytes);
      assert.equal(store.openHandles, 0);
    }),
    { numRuns: 40, seed: 7 },
  );
});

Deno.test("FileReceiver computes the digest of an empty file", () => {
  const { store, receiver } = receiving(0);
  assert.deepEqual(receiver.finish(), sha256(new Uint8Array(0)));
  commit(receiver);
  assert.equal(store.contents("file")!.length, 0);
});

Deno.test("FileReceiver.abort removes the file, and later bytes are dropped", () => {
  const { store, receiver, write } = receiving(10_000);
  write(0, new Uint8Array(5000));
  receiver.abort();
  receiver.abort();
  write(5000, new Uint8Array(5000));
  assert.equal(store.openHandles, 0);
  assert.equal(store.partialFiles, 0);
  assert.equal(store.contents("file"), undefined);
});

Deno.test("FileReceiver reports an error of the disk once, aborts the file and drops the rest", () => {
  const failures: StoreError[] = [];
  const { store, receiver, write } = receiving(2_000_000, (error) => failures.push(error));
  write(0, new Uint8Array(300_000));
  store.capacityBytes = 10;
  write(300_000, new Uint8Array(300_000));
  write(600_000, new Uint8Array(300_000));
  assert.deepEqual(failures.map(({ kind }) => kind), ["no-space"]);
  assert.equal(receiver.finish(), undefined);
  assert.equal(store.openHandles, 0);
  assert.equal(store.partialFiles, 0);
});

Deno.test("FileReceiver fails if less can be read back than was written", () => {
  const failures: StoreError[] = [];
  const forgetful: WritableFile = {
    ...NOTHING_HELD,
    write: () => {},
    read: () => 0,
    commit: (done) => done({ location: "file", notKept: [] }),
    abort: () => {},
  };
  const receiver = new FileReceiver(forgetful, {
    sizeBytes: 1000,
    contiguousBytes: () => 1000,
    onFailed: (error) => failures.push(error),
  });
  receiver.write(0, new Uint8Array(1000));
  assert.equal(receiver.finish(), undefined);
  assert.deepEqual(failures.map(({ kind }) => kind), ["io"]);
});

Deno.test("FileReceiver writes at offsets beyond 2^32 and up to the largest file", () => {
  for (const base of [2 ** 32, 2 ** 40, 2 ** 52]) {
    const written: [number, number][] = [];
    const file: WritableFile = {
      ...NOTHING_HELD,
      write: (offset, bytes) => void written.push([offset, bytes.length]),
      read: (_offset, into) => into.length,
      commit: (done) => done({ location: "file", notKept: [] }),
      abort: () => {},
    };
    const receiver = new FileReceiver(file, {
      sizeBytes: base + 1_000_000,
      contiguousBytes: () => 0,
      onFailed: (error) => {
        throw error;
      },
    });
    const around = [base - 2000, base - 1000, base, base + 1000, base + 500_000];
    for (const offset of around) receiver.write(offset, new Uint8Array(1000));
    receiver.write(base - 1_000_000, new Uint8Array(300_000));
    assert.deepEqual(written, [[base - 2000, 4000], [base + 500_000, 1000], [base - 1_000_000, 300_000]]);
    assert.equal(receiver.receivedBytes, 305_000);
  }
});

Deno.test("FileReceiver catches up with hashing step by step after a gap is filled, and completely by the end", () => {
  const sizeBytes = 4_000_000;
  const pieceBytes = 1_000;
  const bytes = new Random(1).bytes(sizeBytes);
  const { file, readBytes } = countingReads(
    atOnce((done) => new MemoryStore().create("file", { sizeBytes, modifiedUs: 1, overwrite: false }, done)),
  );
  let contiguous = 0;
  const receiver = new FileReceiver(file, { sizeBytes, contiguousBytes: () => contiguous, onFailed: assert.fail });
  for (let at = pieceBytes; at < sizeBytes / 2; at += pieceBytes) {
    receiver.write(at, bytes.subarray(at, at + pieceBytes));
  }
  assert.equal(readBytes(), 0, "nothing is without a gap yet");
  contiguous = sizeBytes / 2;
  receiver.write(0, bytes.subarray(0, pieceBytes));
  for (let at = sizeBytes / 2; at < sizeBytes; at += pieceBytes) {
    const before = readBytes();
    contiguous = at + pieceBytes;
    receiver.write(at, bytes.subarray(at, at + pieceBytes));
    assert(readBytes() - before <= 4 * 65_536, `${readBytes() - before} bytes at once`);
  }
  assert(readBytes() > sizeBytes - 2 * 65_536, "it has caught up");
  assert.deepEqual(receiver.finish(), sha256(bytes));
});
