import assert from "node:assert/strict";
import { findData, findHole, isZeros } from "../../../store/holes.ts";
import { pattern } from "../../../testing/file_store_compliance.ts";

const BLOCK = 4096;
const MIB = 1024 * 1024;

/** The ranges of `bytes` that are written at `offset`. */
function written(bytes: Uint8Array, offset: number): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (let at = findData(bytes, 0, offset); at < bytes.length;) {
    const end = findHole(bytes, at, offset);
    ranges.push([at, end]);
    at = findData(bytes, end, offset);
  }
  return ranges;
}

Deno.test("findData and findHole skip blocks of zeros, as the file has blocks", () => {
  const bytes = new Uint8Array(10 * BLOCK);
  assert.deepEqual(written(bytes, 0), []);
  assert.deepEqual(written(bytes, 777), []);
  bytes[3 * BLOCK + 5] = 1;
  assert.deepEqual(written(bytes, 0), [[3 * BLOCK, 4 * BLOCK]]);
  assert.deepEqual(written(bytes, 2 ** 40 + MIB + 10), [[3 * BLOCK - 10, 4 * BLOCK - 10]]);
  assert.deepEqual(written(bytes, 4090), [[2 * BLOCK + 6, 3 * BLOCK + 6]]);
});

Deno.test("findHole finds no hole in data, also where its blocks begin with zeros", () => {
  const bytes = pattern(5 * BLOCK);
  for (let at = 0; at < bytes.length; at += BLOCK) bytes.fill(0, at, at + 4000);
  assert.deepEqual(written(bytes, 0), [[0, bytes.length]]);
  assert.deepEqual(written(pattern(100), 3), [[0, 100]]);
  assert.deepEqual(written(new Uint8Array(0), 3), []);
});

Deno.test("findData writes a block of each 64 MiB of a hole, so that the file shows signs of life", () => {
  const zeros = new Uint8Array(2 * BLOCK);
  assert.deepEqual(written(zeros, 64 * MIB), [[0, BLOCK]]);
  assert.deepEqual(written(zeros, 64 * MIB - BLOCK), [[BLOCK, 2 * BLOCK]]);
  assert.deepEqual(written(zeros, 128 * MIB - 10), [[10, 10 + BLOCK]]);
  assert.deepEqual(written(zeros, 65 * MIB), []);
});

Deno.test("isZeros finds each byte that is none", () => {
  for (const sizeBytes of [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7]) {
    const bytes = new Uint8Array(sizeBytes);
    assert.equal(isZeros(bytes), true);
    for (const at of [0, 1, 2047, 2048, BLOCK - 1, BLOCK, 3 * BLOCK, sizeBytes - 1]) {
      if (at < 0 || at >= sizeBytes) continue;
      bytes[at] = 1;
      assert.equal(isZeros(bytes), false, `${at} of ${sizeBytes}`);
      bytes[at] = 0;
    }
  }
});
