import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Random } from "../../../base/random.ts";
import { RecordingStream } from "../../../testing/recording_stream.ts";
import type { WritableFile } from "../../../transfer/file_store.ts";
import { haveOf, HeldBlocks } from "../../../transfer/held_blocks.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCKS, MIN_BLOCK_BYTES, SHA256_BYTES } from "../../../transfer/messages.ts";

/** All hashes that were told. */
function toldHashes(stream: RecordingStream): readonly string[] {
  return stream.sent.flatMap(({ message }) => {
    if (message.type !== "hashes") return [];
    const count = message.hashes.length / SHA256_BYTES;
    return Array.from({ length: count }, (_, at) => message.hashes.slice(at * 32, at * 32 + 32).toHex());
  });
}

/** A file that holds bytes; from `readableBytes` on none of them can be read. */
function holding(bytes: Uint8Array, readableBytes = bytes.length): WritableFile {
  const readHeld = (offset: number, into: Uint8Array): number => {
    const part = bytes.subarray(offset, Math.min(readableBytes, offset + into.length));
    into.set(part);
    return part.length;
  };
  return { heldBytes: bytes.length, readHeld } as Partial<WritableFile> as WritableFile;
}

function hashesOf(bytes: Uint8Array): readonly string[] {
  return Array.from({ length: Math.ceil(bytes.length / MIN_BLOCK_BYTES) }, (_, block) => {
    const part = bytes.subarray(block * MIN_BLOCK_BYTES, (block + 1) * MIN_BLOCK_BYTES);
    return createHash("sha256").update(part).digest("hex");
  });
}

Deno.test("haveOf takes the smallest blocks of which there are not too many, and never tells more than is held", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (heldBytes) => {
      const have = haveOf({ heldBytes });
      const { blockBytes } = have;
      assert(blockBytes >= MIN_BLOCK_BYTES && blockBytes <= MAX_BLOCK_BYTES && Number.isInteger(Math.log2(blockBytes)));
      assert.equal(have.heldBytes, Math.min(heldBytes, blockBytes * MAX_BLOCKS));
      if (have.heldBytes < heldBytes) assert.equal(blockBytes, MAX_BLOCK_BYTES);
      if (blockBytes > MIN_BLOCK_BYTES) assert(blockBytes / 2 * MAX_BLOCKS < heldBytes);
    }),
  );
});

Deno.test("HeldBlocks tells at first how much there is, and then the hash of each block in order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_000_000 }), fc.nat(), (heldBytes, seed) => {
      const bytes = new Random(seed).bytes(heldBytes);
      const stream = new RecordingStream();
      const blocks = new HeldBlocks({ file: holding(bytes), stream });
      for (let toldBytes = 0; blocks.hasWork; toldBytes = blocks.toldBytes) {
        blocks.work();
        stream.ackedBytes = stream.writtenBytes;
        assert(blocks.toldBytes >= toldBytes);
      }
      assert.equal(blocks.toldBytes, heldBytes);
      const [first, ...rest] = stream.sent.map(({ message }) => message);
      assert(first?.type === "have" && first.heldBytes === heldBytes && first.blockBytes === MIN_BLOCK_BYTES);
      assert(rest.every(({ type }) => type === "hashes"));
      assert.deepEqual(toldHashes(stream), hashesOf(bytes));
    }),
    { numRuns: 20 },
  );
});

Deno.test("HeldBlocks takes for zeros what cannot be read", () => {
  const bytes = new Random(3).bytes(300_000);
  const stream = new RecordingStream();
  const blocks = new HeldBlocks({ file: holding(bytes, 200_000), stream });
  while (blocks.hasWork) blocks.work();
  assert.deepEqual(toldHashes(stream), hashesOf(bytes.slice().fill(0, 200_000)));
});

Deno.test("HeldBlocks waits while many hashes are not acknowledged, and for good once it is stopped or its stream is reset", () => {
  const heldBytes = 200_000_000;
  const file = { heldBytes, readHeld: (_: number, into: Uint8Array) => into.length };
  const begin = (): { stream: RecordingStream; blocks: HeldBlocks } => {
    const stream = new RecordingStream();
    return { stream, blocks: new HeldBlocks({ file: file as Partial<WritableFile> as WritableFile, stream }) };
  };
  const { stream, blocks } = begin();
  while (blocks.hasWork) blocks.work();
  assert(blocks.toldBytes < heldBytes, "it tells everything at once");
  assert(stream.writtenBytes < 70_000, `${stream.writtenBytes} bytes are unacknowledged`);
  stream.ackedBytes = stream.writtenBytes;
  assert(blocks.hasWork);
  while (blocks.hasWork) blocks.work();
  stream.ackedBytes = stream.writtenBytes;
  blocks.stop();
  assert(!blocks.hasWork);
  const other = begin();
  assert(other.blocks.hasWork);
  other.stream.isReset = true;
  assert(!other.blocks.hasWork);
});

Deno.test("HeldBlocks.hasTold knows exactly the ranges of whole blocks that were told", () => {
  const heldBytes = 20 * MIN_BLOCK_BYTES + 1234;
  const edges = fc.oneof(
    fc.integer({ min: 0, max: 22 }).map((block) => block * MIN_BLOCK_BYTES),
    fc.integer({ min: 0, max: heldBytes + 100 }),
    fc.constantFrom(heldBytes - 1, heldBytes, heldBytes + 1),
  );
  fc.assert(
    fc.property(fc.nat({ max: 8 }), edges, edges, (steps, one, other) => {
      const [offset, end] = [Math.min(one, other), Math.max(one, other)];
      const blocks = new HeldBlocks({ file: holding(new Uint8Array(heldBytes)), stream: new RecordingStream() });
      for (let step = 0; step < steps && blocks.hasWork; step++) blocks.work();
      const { toldBytes } = blocks;
      assert(toldBytes % MIN_BLOCK_BYTES === 0 || toldBytes === heldBytes);
      const isWhole = offset % MIN_BLOCK_BYTES === 0 && (end % MIN_BLOCK_BYTES === 0 || end === heldBytes);
      assert.equal(blocks.hasTold({ offset, length: end - offset }), isWhole && end <= toldBytes);
    }),
    { numRuns: 300 },
  );
});
