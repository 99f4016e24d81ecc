/**
 * Compression of parts of files: Zstandard (RFC 8878), by the platform.
 *
 * @module
 */

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { MAX_CHUNK_BYTES } from "./messages.ts";

/** The fastest level: for logs it makes files as small as the usual one does. */
const LEVEL = 1;

/** Memory for a result at once, instead of many pieces that are joined. */
const RESULT_BYTES = MAX_CHUNK_BYTES + 1024;

/** A part is sent compressed if that leaves at most so much of it; for less, decompressing is not worth it. */
const WORTH_IT = 7 / 8;

/** Deno before 2.7 has the functions, but not what is behind them. */
export const HAS_ZSTD: boolean = hasZstd();

function hasZstd(): boolean {
  try {
    return zstdDecompressSync(zstdCompressSync(Uint8Array.of(1))).length === 1;
  } catch {
    return false;
  }
}

/** The compressed bytes; undefined if they are hardly fewer, or if the platform cannot compress. */
export function compress(plain: Uint8Array): Uint8Array | undefined {
  if (!HAS_ZSTD) return undefined;
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL };
  const compressed = zstdCompressSync(plain, { params, chunkSize: RESULT_BYTES });
  return compressed.length <= plain.length * WORTH_IT ? compressed : undefined;
}

/**
 * The bytes that were compressed; undefined if `compressed` is no whole frame, or not one of exactly `plainBytes`. It
 * never makes more than that, whatever a peer sends.
 */
export function decompress(compressed: Uint8Array, plainBytes: number): Uint8Array | undefined {
  if (!HAS_ZSTD) return undefined;
  try {
    const plain = zstdDecompressSync(compressed, { chunkSize: RESULT_BYTES, maxOutputLength: plainBytes });
    return plain.length === plainBytes ? plain : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether at least half of the parts of a file that were looked at shrink, each by itself; those of zeros do not count, as
 * zeros are not sent anyway.
 */
export function shrinks(samples: readonly Uint8Array[]): boolean {
  const counted = samples.filter((sample) => sample.some((byte) => byte !== 0));
  const shrinking = counted.filter((sample) => compress(sample) !== undefined);
  return shrinking.length > 0 && shrinking.length >= counted.length / 2;
}
