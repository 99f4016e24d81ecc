/**
 * Finds blocks of zeros in what is written to a file, where they need not be written: what was never written reads as
 * zeros, and takes no space on most disks (a hole). So a sparse file stays sparse.
 *
 * Hot: called for every range of data received. Data costs three byte reads for each block.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** The block size of most disks: a smaller hole saves no space. */
const BLOCK_BYTES = 4096;

/**
 * The first block after each so many bytes counts as data, so that a partial file changes while it is received, however
 * large its holes are, and is not taken for a stale one.
 */
const SIGN_OF_LIFE_BYTES = 64 * 1024 * 1024;

const ZEROS = new Uint8Array(BLOCK_BYTES);

/** Where data begins at or after index `from` of `bytes`, which belong at `offset` of the file; their length if nowhere. */
export function findData(bytes: Uint8Array, from: number, offset: number): number {
  let at = from;
  while (at < bytes.length) {
    const end = endOfBlock(bytes, at, offset);
    if (!isHole(bytes, at, end) || mustBeWritten(offset + at)) return at;
    at = end;
  }
  return at;
}

/** Where a hole begins at or after index `from` of `bytes`; their length if nowhere. */
export function findHole(bytes: Uint8Array, from: number, offset: number): number {
  let at = from;
  while (at < bytes.length) {
    const end = endOfBlock(bytes, at, offset);
    if (isHole(bytes, at, end) && !mustBeWritten(offset + at)) return at;
    at = end;
  }
  return at;
}

/** Whether all of `bytes` are zeros. */
export function isZeros(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    if (!isHole(bytes, at, Math.min(bytes.length, at + BLOCK_BYTES))) return false;
  }
  return true;
}

/** The end of the file's block that index `at` is in, or of `bytes`. */
function endOfBlock(bytes: Uint8Array, at: number, offset: number): number {
  return Math.min(bytes.length, at + BLOCK_BYTES - (offset + at) % BLOCK_BYTES);
}

function isHole(bytes: Uint8Array, from: number, end: number): boolean {
  // Data is hardly ever zero in three places.
  if (bytes[from] !== 0 || bytes[end - 1] !== 0 || bytes[(from + end) >> 1] !== 0) return false;
  return Buffer.compare(bytes.subarray(from, end), ZEROS.subarray(0, end - from)) === 0;
}

function mustBeWritten(position: number): boolean {
  return position >= SIGN_OF_LIFE_BYTES && position % SIGN_OF_LIFE_BYTES < BLOCK_BYTES;
}
