import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Random } from "../../../base/random.ts";
import { MIN_ZEROS_BYTES } from "../../../protocol/mod.ts";
import { MemoryStore } from "../../../testing/memory_store.ts";
import { atOnce } from "../../../testing/promised_store.ts";
import { FileSender } from "../../../transfer/file_sender.ts";
import { type ReadableFile, StoreError } from "../../../transfer/file_store.ts";
import { decodeMessage } from "../../../transfer/message_decoder.ts";

function stored(bytes: Uint8Array): { store: MemoryStore; file: ReadableFile } {
  const store = new MemoryStore();
  store.put("file", bytes, { modifiedUs: 1 });
  return { store, file: atOnce((done) => store.open("file", done)) };
}

function readAll(sender: FileSender, pieceBytes: number): Uint8Array {
  const all = new Uint8Array(sender.sizeBytes);
  for (let at = 0; at < all.length; at += pieceBytes) sender.read(at, all.subarray(at, at + pieceBytes));
  return all;
}

function trailerOf(sender: FileSender): Uint8Array {
  const trailer = new Uint8Array(sender.trailerBytes);
  sender.trailer.read(0, trailer);
  return trailer;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

Deno.test("FileSender.read returns the file in order, in pieces of any size", () => {
  const bytes = new Random(1).bytes(700_001);
  for (const pieceBytes of [1177, 262_144, 262_145, 700_001]) {
    const { file } = stored(bytes);
    const sender = new FileSender(file);
    assert.deepEqual(readAll(sender, pieceBytes), bytes);
    assert.deepEqual(sender.digest === undefined, true, "the digest is known when it is asked for");
    assert.equal(trailerOf(sender).length, 34);
    assert.deepEqual(sender.digest, sha256(bytes));
  }
});

Deno.test("FileSender.read returns earlier bytes again without hashing them twice", () => {
  const bytes = new Random(2).bytes(900_000);
  const { file } = stored(bytes);
  const sender = new FileSender(file);
  const random = new Random(3);
  const piece = new Uint8Array(1200);
  for (let at = 0; at < bytes.length; at += 1200) {
    sender.read(at, piece);
    assert.deepEqual(piece, bytes.subarray(at, at + 1200));
    const again = random.integer(0, at);
    const length = random.integer(1, 1200);
    const repeated = new Uint8Array(length);
    sender.read(again, repeated.subarray(0, Math.min(length, at + 1200 - again)));
    assert.deepEqual(
      repeated.subarray(0, Math.min(length, at + 1200 - again)),
      bytes.subarray(again, Math.min(again + length, at + 1200)),
    );
  }
  trailerOf(sender);
  assert.deepEqual(sender.digest, sha256(bytes));
});

Deno.test("FileSender.trailer is the DIGEST message, in pieces and again", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const sender = new FileSender(stored(bytes).file);
  readAll(sender, 3);
  const whole = trailerOf(sender);
  const decoded = decodeMessage(whole);
  assert(typeof decoded === "object" && "message" in decoded && decoded.message.type === "digest");
  assert.deepEqual(new Uint8Array(decoded.message.sha256), sha256(bytes));
  const piece = new Uint8Array(5);
  sender.trailer.read(29, piece);
  assert.deepEqual(piece, whole.subarray(29, 34));
});

Deno.test("FileSender sends an empty file with its digest", () => {
  const sender = new FileSender(stored(new Uint8Array(0)).file);
  trailerOf(sender);
  assert.equal(sender.digest!.toHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

Deno.test("FileSender.read throws StoreError if the file has become shorter", () => {
  const { store, file } = stored(new Random(4).bytes(600_000));
  const sender = new FileSender(file);
  sender.read(0, new Uint8Array(1000));
  store.put("file", new Uint8Array(300_000), { modifiedUs: 2 });
  assert.throws(() => readAll(sender, 1000), (error) => error instanceof StoreError && error.kind === "changed");
});

Deno.test("FileSender.trailer throws StoreError if the file has changed but not its size", () => {
  const { store, file } = stored(new Uint8Array(1000));
  const sender = new FileSender(file);
  readAll(sender, 1000);
  store.put("file", new Uint8Array(1000).fill(1), { modifiedUs: 2 });
  assert.throws(() => trailerOf(sender), (error) => error instanceof StoreError && error.kind === "changed");
});

Deno.test("FileSender.read throws StoreError within a megabyte after the file has changed", () => {
  const sizeBytes = 8 * 1024 * 1024;
  const { store, file } = stored(new Uint8Array(sizeBytes));
  const sender = new FileSender(file);
  let readBytes = 0;
  const readOn = () => {
    for (; readBytes < sizeBytes; readBytes += 4096) sender.read(readBytes, new Uint8Array(4096));
  };
  sender.read(0, new Uint8Array(4096));
  store.put("file", new Uint8Array(sizeBytes).fill(1), { modifiedUs: 2 });
  assert.throws(readOn, (error) => error instanceof StoreError && error.kind === "changed");
  assert(readBytes <= 1024 * 1024, `${readBytes} bytes were read`);
});

Deno.test("FileSender continues after a short read, and keeps its position if a read fails", () => {
  const bytes = new Random(5).bytes(400_000);
  const { file } = stored(bytes);
  let fails = false;
  const moody: ReadableFile = {
    info: file.info,
    hasChanged: () => false,
    close: () => file.close(),
    read: (offset, into) => {
      if (fails) throw new StoreError("io", "the disk does not answer");
      return file.read(offset, into.subarray(0, Math.min(into.length, 1000)));
    },
  };
  const sender = new FileSender(moody);
  const piece = new Uint8Array(100);
  sender.read(0, piece);
  assert.deepEqual(piece, bytes.subarray(0, 100));
  let at = 100;
  for (; at < 300_000; at += 100) sender.read(at, piece);
  fails = true;
  for (let failedAt = -1; failedAt < 0; at += 100) {
    try {
      sender.read(at, piece);
    } catch (error) {
      assert(error instanceof StoreError);
      failedAt = at;
      at -= 100;
    }
  }
  fails = false;
  for (; at < bytes.length; at += 100) {
    sender.read(at, piece);
    assert.deepEqual(piece, bytes.subarray(at, at + 100));
  }
  sender.trailer.read(0, new Uint8Array(sender.trailerBytes));
  assert.deepEqual(sender.digest, sha256(bytes));
});

Deno.test("FileSender sends and hashes files of more than 4 GiB", () => {
  const sizeBytes = 2 ** 32 + 5;
  const touched: number[] = [];
  const zeros: ReadableFile = {
    info: { name: "zeros", kind: "file", sizeBytes },
    hasChanged: () => false,
    close: () => {},
    read: (offset, into) => {
      if (offset >= 2 ** 32) touched.push(offset);
      return into.length;
    },
  };
  const sender = new FileSender(zeros);
  // One byte of each stretch that it reads: all of it is read and hashed, none of it copied.
  const byte = new Uint8Array(1);
  for (let at = 0; at < sizeBytes; at += 64 * 1024) sender.read(at, byte);
  assert.deepEqual(touched, [2 ** 32]);
  trailerOf(sender);
  // head -c 4294967301 /dev/zero | sha256sum
  assert.equal(sender.digest!.toHex(), "709fc0b74f7c916cedccb212d681c035f36ffbb31ebfe806eb40c31592744eb5");
  sender.read(2 ** 32 - 100, new Uint8Array(105));
  assert.deepEqual(touched, [2 ** 32], "the last stretch is still at hand");
});

const WINDOW_BYTES = 65_536;

/** Random bytes, none of them zero, with zeros in these ranges. */
function withZeros(sizeBytes: number, ...ranges: readonly (readonly [start: number, end: number])[]): Uint8Array {
  const bytes = new Random(9).bytes(sizeBytes).map((byte) => byte === 0 ? 1 : byte);
  for (const [start, end] of ranges) bytes.fill(0, start, end);
  return bytes;
}

/** Reads the file as a stream does: zeros are skipped where there are some. Returns the bytes, and those that were read. */
function readSparsely(sender: FileSender, maxBytes: number): { all: Uint8Array; readBytes: number } {
  const all = new Uint8Array(sender.sizeBytes);
  let readBytes = 0;
  for (let at = 0; at < all.length;) {
    const zeros = sender.zerosAt(at, Math.min(all.length - at, 65_536));
    if (zeros > 0) {
      assert(zeros >= MIN_ZEROS_BYTES);
      at += zeros;
      continue;
    }
    const piece = all.subarray(at, Math.min(at + maxBytes, all.length));
    piece.fill(0xaa);
    sender.read(at, piece);
    readBytes += piece.length;
    at += piece.length;
  }
  return { all, readBytes };
}

Deno.test("FileSender.zerosAt finds runs of zeros to the byte, and all of the file is hashed", () => {
  const holes = [[0, 10_000], [70_001, 80_003], [131_072, 400_000], [500_000, 502_047], [650_000, 700_001]] as const;
  const bytes = withZeros(700_001, ...holes);
  for (const pieceBytes of [1, 1177, 4096]) {
    const sender = new FileSender(stored(bytes).file);
    const { all, readBytes } = readSparsely(sender, pieceBytes);
    assert.deepEqual(all, bytes);
    trailerOf(sender);
    assert.deepEqual(sender.digest, sha256(bytes));
    // Ends of runs in a piece with data, or of less than 2 KiB before the end of a window, are read.
    const zeroBytes = bytes.filter((byte) => byte === 0).length;
    assert(readBytes <= bytes.length - zeroBytes + holes.length * (MIN_ZEROS_BYTES + pieceBytes), `${readBytes}`);
  }
});

Deno.test("FileSender.zerosAt is 0 for fewer zeros than are worth it, and never more than asked for", () => {
  const bytes = withZeros(100_000, [100, 100 + MIN_ZEROS_BYTES - 1], [10_000, 10_000 + MIN_ZEROS_BYTES], [
    30_000,
    50_000,
  ]);
  // Zero where the search looks first, and in between something else.
  bytes[20_000] = bytes[20_000 + MIN_ZEROS_BYTES - 1] = 0;
  const sender = new FileSender(stored(bytes).file);
  assert.equal(sender.zerosAt(0, 65_536), 0);
  assert.equal(sender.zerosAt(100, 65_536), 0);
  assert.equal(sender.zerosAt(10_000, 65_536), MIN_ZEROS_BYTES);
  assert.equal(sender.zerosAt(10_001, 65_536), 0);
  assert.equal(sender.zerosAt(20_000, 65_536), 0);
  assert.equal(sender.zerosAt(30_000, 65_536), 20_000);
  assert.equal(sender.zerosAt(30_000, 2500), 2500);
  assert.equal(sender.zerosAt(30_000, MIN_ZEROS_BYTES - 1), 0);
  assert.equal(sender.zerosAt(30_007, 65_536), 19_993);
});

Deno.test("FileSender.zerosAt finds zeros of earlier windows again, and hashes them once", () => {
  const bytes = withZeros(5 * WINDOW_BYTES, [1000, 3 * WINDOW_BYTES]);
  const sender = new FileSender(stored(bytes).file);
  readSparsely(sender, 1000);
  assert.equal(sender.zerosAt(0, 65_536), 0);
  assert.equal(sender.zerosAt(1000, 65_536), 65_536);
  assert.equal(sender.zerosAt(1000, 3000), 3000);
  assert.equal(sender.zerosAt(1000, MIN_ZEROS_BYTES), MIN_ZEROS_BYTES);
  assert.equal(sender.zerosAt(1000, MIN_ZEROS_BYTES - 1), 0);
  assert.equal(sender.zerosAt(3 * WINDOW_BYTES - 5000, 65_536), 5000);
  assert.equal(sender.zerosAt(3 * WINDOW_BYTES - 100, 65_536), 0);
  assert.equal(sender.zerosAt(3 * WINDOW_BYTES, 65_536), 0);
  trailerOf(sender);
  assert.deepEqual(sender.digest, sha256(bytes));
});

Deno.test("FileSender.zerosAt throws StoreError if the file has become shorter", () => {
  const { store, file } = stored(new Uint8Array(600_000));
  const sender = new FileSender(file);
  assert.equal(sender.zerosAt(0, 65_536), WINDOW_BYTES);
  store.put("file", new Uint8Array(100_000), { modifiedUs: 2 });
  const isChanged = (error: unknown) => error instanceof StoreError && error.kind === "changed";
  assert.throws(() => sender.zerosAt(WINDOW_BYTES, 65_536), isChanged);
  assert.throws(() => sender.zerosAt(WINDOW_BYTES, 65_536), isChanged, "and again");
});
