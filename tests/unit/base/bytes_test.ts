import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { MAX_VARINT, Reader, varintSize, Writer } from "../../../base/bytes.ts";
import { fromHex } from "../../../testing/wire_values.ts";

const BOUNDARIES = [2 ** 6, 2 ** 14, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 40, MAX_VARINT];
const nearBoundaries = BOUNDARIES.flatMap((at) => [at - 1, at, at + 1]).filter(Number.isSafeInteger);

function written(write: (writer: Writer) => void): string {
  const writer = new Writer().reset(new Uint8Array(64));
  write(writer);
  return writer.buffer.subarray(0, writer.position).toHex();
}

Deno.test("Reader.varint reads the examples of RFC 9000, appendix A.1", () => {
  const examples = [["9d7f3e7d", 494_878_333], ["7bbd", 15_293], ["25", 37], ["4025", 37]] as const;
  for (const [hex, value] of examples) {
    const reader = new Reader().reset(fromHex(hex));
    assert.deepEqual([reader.varint(), reader.remaining, reader.failed], [value, 0, false]);
  }
});

Deno.test("Reader.varint fails above 2^53-1, as at the 62-bit example of RFC 9000, appendix A.1", () => {
  for (const hex of ["c2197c5eff14e88c", "c020000000000000", "ffffffffffffffff"]) {
    const reader = new Reader().reset(fromHex(hex));
    assert.deepEqual([reader.varint(), reader.failed], [0, true]);
  }
  assert.equal(new Reader().reset(fromHex("c01fffffffffffff")).varint(), MAX_VARINT);
});

Deno.test("Writer.varint writes the shortest form", () => {
  assert.equal(written((writer) => writer.varint(37)), "25");
  assert.equal(written((writer) => writer.varint(15_293)), "7bbd");
  assert.equal(written((writer) => writer.varint(494_878_333)), "9d7f3e7d");
  assert.equal(written((writer) => writer.varint(2 ** 30)), "c000000040000000");
  assert.equal(written((writer) => writer.varint(MAX_VARINT)), "c01fffffffffffff");
});

Deno.test("varintSize agrees with what is written, around every boundary", () => {
  for (const value of [0, ...nearBoundaries]) {
    assert.equal(written((writer) => writer.varint(value)).length / 2, varintSize(value), String(value));
  }
});

Deno.test("Writer.varintAs keeps to its width, and Reader.varint reads it back", () => {
  const integers = fc.oneof(fc.constantFrom(0, ...nearBoundaries), fc.maxSafeNat());
  fc.assert(
    fc.property(integers, fc.constantFrom(1, 2, 4, 8), (value, width) => {
      const size = Math.max(width, varintSize(value));
      const hex = written((writer) => writer.varintAs(value, size));
      const reader = new Reader().reset(fromHex(hex));
      assert.deepEqual([hex.length / 2, reader.varint(), reader.remaining, reader.failed], [size, value, 0, false]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Writer.u32 and Reader.u32 carry all 32 bits", () => {
  for (const value of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1234_5678]) {
    const hex = written((writer) => writer.u32(value));
    assert.equal(hex, value.toString(16).padStart(8, "0"));
    assert.equal(new Reader().reset(fromHex(hex)).u32(), value);
  }
});

Deno.test("Writer.bytes copies whole arrays and parts, short and long", () => {
  const source = Uint8Array.from({ length: 50 }, (_, i) => i);
  for (const [start, end] of [[0, 50], [0, 3], [7, 7], [2, 45], [49, 50]] as const) {
    assert.equal(written((writer) => writer.bytes(source, start, end)), source.subarray(start, end).toHex());
  }
});

Deno.test("Writer stays inside the bounds it was reset to", () => {
  const buffer = new Uint8Array(8).fill(0xee);
  const writer = new Writer().reset(buffer, 2, 5);
  assert.equal(writer.remaining, 3);
  assert.throws(() => writer.u32(1), InvariantError);
  assert.throws(() => writer.varint(2 ** 14), InvariantError);
  assert.throws(() => writer.bytes(new Uint8Array(4)), InvariantError);
  writer.u8(1);
  writer.varint(64);
  assert.equal(writer.remaining, 0);
  assert.throws(() => writer.u8(1), InvariantError);
  assert.equal(buffer.toHex(), "eeee014040eeeeee");
});

Deno.test("Writer refuses values that their field cannot hold", () => {
  const writer = new Writer().reset(new Uint8Array(64));
  const bad = [
    () => writer.u8(256),
    () => writer.u32(2 ** 32),
    () => writer.varint(-1),
    () => writer.varint(1.5),
    () => writer.varint(0.5),
    () => writer.varint(NaN),
    () => writer.varint(2 ** 53),
    () => writer.varintAs(64, 1),
    () => writer.varintAs(1, 3),
    () => writer.bytes(new Uint8Array(4), 3, 5),
  ];
  for (const write of bad) assert.throws(write, InvariantError, write.toString());
});

Deno.test("Reader stays failed once a read passed the end", () => {
  const reader = new Reader().reset(fromHex("01020304ff"), 0, 4);
  assert.equal(reader.u8(), 1);
  assert.equal(reader.u32(), 0);
  assert.deepEqual([reader.failed, reader.remaining], [true, 0]);
  assert.deepEqual([reader.u8(), reader.varint(), reader.failed], [0, 0, true]);
  assert.equal(reader.reset(fromHex("05")).u8(), 5);
  assert.equal(reader.failed, false);
});

Deno.test("Reader.skip moves on, or fails past the end", () => {
  const reader = new Reader().reset(new Uint8Array(5), 1, 4);
  reader.skip(3);
  assert.deepEqual([reader.position, reader.failed], [4, false]);
  reader.skip(0);
  assert.equal(reader.failed, false);
  reader.skip(1);
  assert.equal(reader.failed, true);
});

Deno.test("Reader.varint fails where a part of it is missing", () => {
  for (const hex of ["", "40", "800000", "c0000000000000"]) {
    const reader = new Reader().reset(fromHex(hex));
    assert.deepEqual([reader.varint(), reader.failed], [0, true], hex);
  }
});
