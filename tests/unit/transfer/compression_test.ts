import assert from "node:assert/strict";
import { zstdCompressSync } from "node:zlib";
import { Random } from "../../../base/random.ts";
import { compress, decompress, HAS_ZSTD, shrinks } from "../../../transfer/compression.ts";

const TEXT = new TextEncoder().encode("2026-12-01 07:00:00 host app[77]: request took 12 ms\n".repeat(2000));
const NOISE = new Random(1).bytes(TEXT.length);

Deno.test("compress shrinks text, and gives up where that is not worth it", () => {
  if (!HAS_ZSTD) return assert.equal(compress(TEXT), undefined);
  assert(compress(TEXT)!.length < TEXT.length / 20);
  assert.equal(compress(NOISE), undefined);
  assert.equal(compress(Uint8Array.from([...NOISE.subarray(0, 1900), ...TEXT.subarray(0, 100)])), undefined);
});

Deno.test("decompress gives back what was compressed, and nothing for any other frame", () => {
  if (!HAS_ZSTD) return assert.equal(decompress(TEXT, 1), undefined);
  const compressed = compress(TEXT)!;
  assert.deepEqual(new Uint8Array(decompress(compressed, TEXT.length)!), TEXT);
  assert.equal(decompress(compressed, TEXT.length - 1), undefined);
  assert.equal(decompress(compressed, TEXT.length + 1), undefined);
  assert.equal(decompress(compressed.subarray(0, -1), TEXT.length), undefined);
  assert.equal(decompress(NOISE, TEXT.length), undefined);
});

Deno.test("decompress makes no more than it was told, whatever the frame holds", () => {
  if (!HAS_ZSTD) return;
  const bomb = zstdCompressSync(new Uint8Array(500_000_000));
  assert(bomb.length < 65_536);
  const before = Deno.memoryUsage().external;
  assert.equal(decompress(bomb, 131_072), undefined);
  assert(Deno.memoryUsage().external - before < 10_000_000);
});

Deno.test("shrinks looks at each part by itself", () => {
  assert.equal(shrinks([NOISE, NOISE, NOISE, NOISE]), false);
  assert.equal(shrinks([NOISE, NOISE, NOISE, TEXT]), false);
  assert.equal(shrinks([NOISE, TEXT, NOISE, TEXT]), HAS_ZSTD);
});

Deno.test("shrinks counts no zeros", () => {
  assert.equal(shrinks([new Uint8Array(1000), new Uint8Array(1000)]), false);
  assert.equal(shrinks([new Uint8Array(50_000), NOISE]), false);
  assert.equal(shrinks([new Uint8Array(50_000), TEXT]), HAS_ZSTD);
});
