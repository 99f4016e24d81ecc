/**
 * Content of the files of the crash test, and older versions of it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Random } from "../../base/random.ts";

const SMALL_BYTES = 60_000;
const MEDIUM_BYTES = 2_000_000;
/** Of the older version, this share of the blocks of 64 KiB differs, where it resembles the new one. */
const CHANGED_SHARE = 0.1;
const BLOCK_BYTES = 65_536;

/** Sizes of the files of a round, at most `maxBytes` each; where it has many, there are `many`. */
export function drawSizes(random: Random, { maxBytes, many }: { maxBytes: number; many: number }): number[] {
  const large = () => random.integer(Math.ceil(maxBytes / 2), maxBytes);
  const medium = () => random.integer(1, Math.min(MEDIUM_BYTES, maxBytes));
  const small = () => random.integer(0, SMALL_BYTES);
  return random.pick([
    () => [large()],
    () => [large(), small(), medium(), small()],
    () => [medium(), medium(), small()],
    () => Array.from({ length: many }, small),
  ])();
}

/** Random bytes, with a stretch of zeros in the middle. */
export function contentOf(random: Random, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random.nextUint32();
  if (random.chance(0.3)) bytes.fill(0, Math.floor(sizeBytes / 3), Math.floor(sizeBytes / 2));
  return bytes;
}

/** A file that resembles the new one, or that has nothing of it. */
export function olderVersion(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  if (random.chance(0.5)) return contentOf(random.fork("older"), random.integer(0, bytes.length + 1000));
  const old = new Uint8Array(bytes);
  for (let at = 0; at < old.length; at += BLOCK_BYTES) if (random.chance(CHANGED_SHARE)) old[at]! ^= 1;
  const end = random.integer(Math.floor(old.length / 2), old.length);
  return Buffer.compare(old, bytes) === 0 ? old.slice(0, end) : old;
}

/** Writes a file, of this modification time if one is given; its SHA-256 in hex. */
export async function write(path: string, bytes: Uint8Array<ArrayBuffer>, modified?: Date): Promise<string> {
  await Deno.writeFile(path, bytes);
  if (modified !== undefined) await Deno.utime(path, modified, modified);
  return createHash("sha256").update(bytes).digest("hex");
}
