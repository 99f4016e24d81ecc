import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Random } from "../../../base/random.ts";
import { ContentStream } from "../../../testing/content_stream.ts";
import { MemoryStore } from "../../../testing/memory_store.ts";
import { atOnce } from "../../../testing/promised_store.ts";
import { compress, HAS_ZSTD } from "../../../transfer/compression.ts";
import { FileReceiver } from "../../../transfer/file_receiver.ts";
import { StoreError, type WritableFile } from "../../../transfer/file_store.ts";
import { MAX_PLAIN_CHUNK_BYTES, type Message, MIN_BLOCK_BYTES } from "../../../transfer/messages.ts";

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** A receiver of a file in memory, and the stream that its content comes from. */
function receiving(sizeBytes: number, onFailed: (error: StoreError) => void = () => {}) {
  const store = new MemoryStore();
  const file = atOnce<WritableFile>((done) =>
    store.create("file", { sizeBytes, modifiedUs: 1, overwrite: false }, done)
  );
  const stream = new ContentStream();
  return { store, stream, file, receiver: new FileReceiver({ file, sizeBytes, stream, onFailed }) };
}

/** The part of a file that starts empty. */
const NOTHING_HELD = { heldBytes: 0, readHeld: () => 0, reuse: () => {}, keep: () => false };

/** Announces the whole file in one DATA. */
function beginWhole({ stream, receiver }: { stream: ContentStream; receiver: FileReceiver }, length: number): void {
  stream.arrive({ type: "data", ranges: [{ offset: 0, length }] });
  assert.deepEqual(receiver.readContent(), { kind: "incomplete" });
}

const DIGEST: Message = { type: "digest", sha256: new Uint8Array(32) };

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

/** The SHA-256, after all that there was to do. */
function finish(receiver: FileReceiver): Uint8Array | undefined {
  let sha256: Uint8Array | undefined;
  receiver.finish((hash) => sha256 = hash);
  while (receiver.hasWork) receiver.work();
  return sha256;
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
      const scene = receiving(sizeBytes);
      const { store, stream, receiver } = scene;
      beginWhole(scene, sizeBytes);
      const offsets = Array.from({ length: Math.ceil(sizeBytes / pieceBytes) }, (_, i) => i * pieceBytes);
      // Mostly in order, as a link that reorders some of it makes it.
      for (let at = 0; at < offsets.length - 1; at++) {
        if (random.chance(0.3)) {
          const other = random.integer(at, offsets.length - 1);
          [offsets[at], offsets[other]] = [offsets[other]!, offsets[at]!];
        }
      }
      for (const at of offsets) stream.arriveDirect(at, bytes.subarray(at, at + pieceBytes));
      stream.arrive(DIGEST);
      assert.equal(receiver.readContent().kind, "complete");
      assert.equal(receiver.receivedBytes, sizeBytes);
      assert.deepEqual(finish(receiver), sha256(bytes));
      assert.equal(commit(receiver), "file");
      assert.deepEqual(store.contents("file"), bytes);
      assert.equal(store.openHandles, 0);
    }),
    { numRuns: 40, seed: 7 },
  );
});

Deno.test("FileReceiver computes the digest of an empty file", () => {
  const { store, stream, receiver } = receiving(0);
  stream.arrive(DIGEST);
  assert.equal(receiver.readContent().kind, "complete");
  assert.deepEqual(finish(receiver), sha256(new Uint8Array(0)));
  commit(receiver);
  assert.equal(store.contents("file")!.length, 0);
});

Deno.test("FileReceiver.abort removes the file, and later bytes are dropped", () => {
  const scene = receiving(10_000);
  const { store, stream, receiver } = scene;
  beginWhole(scene, 10_000);
  stream.arriveDirect(0, new Uint8Array(5000));
  receiver.abort();
  receiver.abort();
  stream.arriveDirect(5000, new Uint8Array(5000));
  assert.equal(store.openHandles, 0);
  assert.equal(store.partialFiles, 0);
  assert.equal(store.contents("file"), undefined);
});

Deno.test("FileReceiver reports an error of the disk once, aborts the file and drops the rest", () => {
  const failures: StoreError[] = [];
  const scene = receiving(2_000_000, (error) => failures.push(error));
  const { store, stream, receiver } = scene;
  beginWhole(scene, 2_000_000);
  stream.arriveDirect(0, new Uint8Array(300_000));
  store.capacityBytes = 10;
  stream.arriveDirect(300_000, new Uint8Array(300_000));
  stream.arriveDirect(600_000, new Uint8Array(300_000));
  assert.deepEqual(failures.map(({ kind }) => kind), ["no-space"]);
  assert.equal(finish(receiver), undefined);
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
  const stream = new ContentStream();
  const receiver = new FileReceiver({
    file: forgetful,
    sizeBytes: 1000,
    stream,
    onFailed: (error) => failures.push(error),
  });
  beginWhole({ stream, receiver }, 1000);
  stream.arriveDirect(0, new Uint8Array(1000));
  assert.equal(finish(receiver), undefined);
  assert.deepEqual(failures.map(({ kind }) => kind), ["io"]);
});

Deno.test("FileReceiver writes at offsets beyond 2^32 and up to the largest file", () => {
  for (const base of [2 ** 32, 2 ** 40, 2 ** 52 - 1_000_000]) {
    const written: [number, number][] = [];
    const file: WritableFile = {
      ...NOTHING_HELD,
      write: (offset, bytes) => void written.push([offset, bytes.length]),
      read: (_offset, into) => into.length,
      commit: (done) => done({ location: "file", notKept: [] }),
      abort: () => {},
    };
    const stream = new ContentStream();
    const receiver = new FileReceiver({
      file,
      sizeBytes: base + 1_000_000,
      stream,
      onFailed: (error) => {
        throw error;
      },
    });
    beginWhole({ stream, receiver }, base + 1_000_000);
    const around = [base - 2000, base - 1000, base, base + 1000, base + 500_000];
    for (const offset of around) stream.arriveDirect(offset, new Uint8Array(1000));
    stream.arriveDirect(base - 1_000_000, new Uint8Array(300_000));
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
  const stream = new ContentStream();
  const receiver = new FileReceiver({ file, sizeBytes, stream, onFailed: assert.fail });
  beginWhole({ stream, receiver }, sizeBytes);
  for (let at = pieceBytes; at < sizeBytes / 2; at += pieceBytes) {
    stream.arriveDirect(at, bytes.subarray(at, at + pieceBytes));
  }
  assert.equal(readBytes(), 0, "nothing is without a gap yet");
  stream.arriveDirect(0, bytes.subarray(0, pieceBytes));
  for (let at = sizeBytes / 2; at < sizeBytes; at += pieceBytes) {
    const before = readBytes();
    stream.arriveDirect(at, bytes.subarray(at, at + pieceBytes));
    assert(readBytes() - before <= 4 * 65_536, `${readBytes() - before} bytes at once`);
  }
  assert(readBytes() > sizeBytes - 2 * 65_536, "it has caught up");
  assert.deepEqual(finish(receiver), sha256(bytes));
});

Deno.test("FileReceiver.readContent takes a file in any ranges and chunks, in any order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1, max: 400_000 }), (seed, sizeBytes) => {
      const random = new Random(seed);
      const bytes = random.bytes(sizeBytes);
      const { store, stream, receiver } = receiving(sizeBytes);
      const cuts = Array.from({ length: random.integer(0, 12) }, () => random.integer(0, sizeBytes));
      const bounds = [...new Set([0, ...cuts, sizeBytes])].sort((a, b) => a - b);
      const ranges = bounds.slice(1).map((end, i) => ({ offset: bounds[i]!, length: end - bounds[i]! }));
      while (ranges.length > 0) {
        const taken = Array.from(
          { length: random.integer(1, ranges.length) },
          () => ranges.splice(random.integer(0, ranges.length - 1), 1)[0]!,
        ).sort((a, b) => a.offset - b.offset);
        if (taken.length === 1 && taken[0]!.length <= MAX_PLAIN_CHUNK_BYTES) {
          const { offset, length } = taken[0]!;
          stream.arrive({ type: "chunk", offset, content: bytes.slice(offset, offset + length) });
          assert.equal(receiver.readContent().kind, "incomplete");
          continue;
        }
        stream.arrive({ type: "data", ranges: taken });
        assert.equal(receiver.readContent().kind, "incomplete");
        const region = Buffer.concat(taken.map(({ offset, length }) => bytes.subarray(offset, offset + length)));
        const pieces = Array.from({ length: Math.ceil(region.length / 1300) }, (_, i) => i * 1300);
        if (random.chance(0.5)) pieces.reverse();
        for (const at of pieces) stream.arriveDirect(at, region.subarray(at, at + 1300));
      }
      stream.arrive({ type: "digest", sha256: sha256(bytes) });
      assert.deepEqual(receiver.readContent(), { kind: "complete", sha256: sha256(bytes) });
      assert.deepEqual(finish(receiver), sha256(bytes));
      commit(receiver);
      assert.deepEqual(store.contents("file"), bytes);
    }),
    { numRuns: 60, seed: 7 },
  );
});

Deno.test("FileReceiver.readContent refuses what is no content of the file", () => {
  const chunk = (offset: number, length: number): Message => ({
    type: "chunk",
    offset,
    content: new Uint8Array(length),
  });
  const data = (offset: number, length: number): Message => ({ type: "data", ranges: [{ offset, length }] });
  const cases: [string, Message[]][] = [
    ["a part twice", [chunk(0, 100), chunk(99, 2)]],
    ["a part beyond the end", [chunk(0, 100), chunk(999, 2)]],
    ["a region beyond the end", [data(0, 1001)]],
    ["a region over a part", [chunk(500, 1), data(0, 1000)]],
    ["a part that is missing", [chunk(0, 500), chunk(501, 499), DIGEST]],
    ["another message", [chunk(0, 500), { type: "get", name: "a" }]],
    ["an unsolicited compressed chunk", [{ type: "chunk", offset: 0, plainBytes: 100, content: new Uint8Array(5) }]],
  ];
  for (const [what, messages] of cases) {
    const { stream, receiver } = receiving(1000);
    stream.arrive(...messages);
    assert.equal(receiver.readContent().kind, "malformed", what);
  }
  const { stream, receiver } = receiving(1000);
  stream.arrive(chunk(0, 1000));
  stream.isEndReceived = true;
  assert.equal(receiver.readContent().kind, "malformed", "no digest");
});

/** A receiver of an update of a file, whose older version was of other bytes in one block. */
function updating({ tellsHeld = true } = {}) {
  const older = new Random(9).bytes(5 * MIN_BLOCK_BYTES + 77);
  const sizeBytes = older.length;
  const store = new MemoryStore();
  store.put("file", older);
  const file = atOnce<WritableFile>((done) =>
    store.create("file", { sizeBytes, overwrite: true, resume: { purpose: "peer", reusesOld: true } }, done)
  );
  const stream = new ContentStream();
  return {
    store,
    older,
    stream,
    receiver: new FileReceiver({ file, sizeBytes, stream, tellsHeld, onFailed: () => {} }),
  };
}

Deno.test("FileReceiver takes over the blocks whose hashes it has told, in any order among those that arrive", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = new Random(seed);
      const { store, older, stream, receiver } = updating();
      while (receiver.hasWork) receiver.work();
      const bytes = older.slice();
      const blocks = Array.from({ length: 6 }, (_, block) => ({ block, order: random.float() }));
      let sameBytes = 0;
      for (const { block } of blocks.sort((a, b) => a.order - b.order)) {
        const offset = block * MIN_BLOCK_BYTES;
        const length = Math.min(MIN_BLOCK_BYTES, bytes.length - offset);
        if (random.chance(0.5)) {
          stream.arrive({ type: "same", ranges: [{ offset, length }] });
          sameBytes += length;
        } else {
          bytes.set(random.bytes(length), offset);
          stream.arrive({ type: "data", ranges: [{ offset, length }] });
          receiver.readContent();
          stream.arriveDirect(0, bytes.subarray(offset, offset + length));
        }
        assert.equal(receiver.readContent().kind, "incomplete");
        while (random.chance(0.5) && receiver.hasWork) receiver.work();
      }
      assert.deepEqual(finish(receiver), sha256(bytes));
      assert.equal(receiver.reusedBytes, sameBytes);
      commit(receiver);
      assert.deepEqual(store.contents("file"), bytes);
    }),
    { numRuns: 40, seed: 5 },
  );
});

Deno.test("FileReceiver.readContent refuses SAME for what it has not told, for parts of blocks, and for what came otherwise", () => {
  const same = (offset: number, length: number): Message => ({ type: "same", ranges: [{ offset, length }] });
  const first = same(0, MIN_BLOCK_BYTES);
  const cases: [string, { tellsHeld?: boolean; steps?: number }, Message[]][] = [
    ["nothing is told", { tellsHeld: false }, [first]],
    ["nothing is told yet", { steps: 0 }, [first]],
    ["a part of a block", {}, [same(0, MIN_BLOCK_BYTES - 1)]],
    ["from within a block on", {}, [same(1, MIN_BLOCK_BYTES - 1)]],
    ["twice", {}, [first, first]],
    ["beyond the end", {}, [same(5 * MIN_BLOCK_BYTES, 78)]],
    ["over a chunk", {}, [{ type: "chunk", offset: 7, content: new Uint8Array(1) }, first]],
    ["under a chunk", {}, [first, { type: "chunk", offset: 7, content: new Uint8Array(1) }]],
    ["under a region", {}, [first, { type: "data", ranges: [{ offset: 65_535, length: 9 }] }]],
  ];
  for (const [what, { tellsHeld = true, steps = Infinity }, messages] of cases) {
    const { stream, receiver } = updating({ tellsHeld });
    for (let step = 0; step < steps && receiver.hasWork; step++) receiver.work();
    stream.arrive(...messages);
    assert.equal(receiver.readContent().kind, "malformed", what);
  }
});

Deno.test("FileReceiver.readContent bounds the number of separate parts", () => {
  const { stream, receiver } = receiving(1_000_000);
  const ranges = Array.from({ length: 32_000 }, (_, i) => ({ offset: 2 * i, length: 1 }));
  for (let i = 0; i < 3; i++) {
    stream.arrive({ type: "data", ranges: ranges.map(({ offset }) => ({ offset: offset + 64_000 * i, length: 1 })) });
    assert.equal(receiver.readContent().kind, "incomplete");
    stream.arriveDirect(0, new Uint8Array(32_000));
  }
  stream.arrive({ type: "chunk", offset: 900_000, content: new Uint8Array(1) });
  assert.equal(receiver.readContent().kind, "malformed");
});

Deno.test("FileReceiver.readContent takes compressed chunks only where they were asked for, and only of their size", () => {
  if (!HAS_ZSTD) return;
  const plain = new Uint8Array(100_000).fill(7);
  const content = compress(plain)!;
  const take = (plainBytes: number, takesCompressed: boolean) => {
    const { store, stream, file } = receiving(100_000);
    const receiver = new FileReceiver({ file, sizeBytes: 100_000, stream, takesCompressed, onFailed: assert.fail });
    stream.arrive({ type: "chunk", offset: 0, plainBytes, content }, DIGEST);
    const { kind } = receiver.readContent();
    if (kind !== "complete") return kind;
    receiver.finish(() => {});
    commit(receiver);
    return store.contents("file");
  };
  assert.deepEqual(take(100_000, true), plain);
  assert.equal(take(100_000, false), "malformed");
  assert.equal(take(99_999, true), "malformed");
  assert.equal(take(100_001, true), "malformed");
});
