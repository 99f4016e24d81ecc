/**
 * What a round of the crash test transfers: several files, large and small, that are new or replace an older version.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import path from "node:path";
import type { Random } from "../../base/random.ts";
import type { WatchedName } from "./watch.ts";

/** One command of the client, and what its target folder may show. */
export interface Round {
  readonly direction: "send" | "get";
  readonly names: readonly WatchedName[];
  /** The folder that the files go to. */
  readonly folder: string;
  readonly totalBytes: number;
  /** The size of each file. */
  readonly sizes: ReadonlySet<number>;
  /** Where the client's files are, and every other path to be removed after the round. */
  readonly sources: readonly string[];
}

/** Where a round takes place. */
export interface Places {
  /** The server's folder. */
  readonly root: string;
  /** The client's folders: what it sends, and where it saves. */
  readonly outbox: string;
  readonly inbox: string;
}

/** How a round is made. */
export interface RoundOptions {
  readonly random: Random;
  readonly places: Places;
  /** The size of the largest file. */
  readonly maxBytes: number;
  /** Tells the names of rounds apart. */
  readonly number: number;
}

const SMALL_BYTES = 60_000;
const MEDIUM_BYTES = 2_000_000;
/** Of the older version, this share of the blocks of 64 KiB differs, where it resembles the new one. */
const CHANGED_SHARE = 0.1;
const BLOCK_BYTES = 65_536;

/** Draws a round, and writes its files. */
export async function makeRound(options: RoundOptions): Promise<Round> {
  const { random, places, number } = options;
  const direction = random.pick(["send", "get"] as const);
  const from = direction === "send" ? places.outbox : places.root;
  const folder = direction === "send" ? places.root : places.inbox;
  const names: WatchedName[] = [];
  const sources: string[] = [];
  const sizes = drawSizes(options);
  for (const [index, sizeBytes] of sizes.entries()) {
    const name = `${number}-${index}`;
    const bytes = contentOf(random.fork(name), sizeBytes);
    const source = path.join(from, name);
    await Deno.writeFile(source, bytes);
    sources.push(source);
    const target = path.join(folder, name);
    const old = random.chance(0.5) ? olderVersion(bytes, random) : undefined;
    if (old !== undefined) await Deno.writeFile(target, old);
    names.push({
      path: target,
      newSha256: sha256Of(bytes),
      ...(old === undefined ? {} : { oldSha256: sha256Of(old) }),
    });
  }
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  return { direction, names, folder, totalBytes, sizes: new Set(sizes), sources };
}

/** Removes the files of a round. */
export async function removeRound(round: Round): Promise<void> {
  for (const file of [...round.sources, ...round.names.map((name) => name.path)]) await Deno.remove(file);
}

/** The client's arguments, without those that lead to the server. */
export function argsOf(round: Round, places: Places): string[] {
  const options = round.names.some((name) => name.oldSha256 !== undefined) ? ["--force"] : [];
  if (round.direction === "send") return ["send", ...round.sources, ...options];
  return ["get", ...round.names.map((name) => path.basename(name.path)), "--output", places.inbox, ...options];
}

function drawSizes({ random, maxBytes }: RoundOptions): number[] {
  const large = () => random.integer(Math.ceil(maxBytes / 2), maxBytes);
  const medium = () => random.integer(1, Math.min(MEDIUM_BYTES, maxBytes));
  const small = () => random.integer(0, SMALL_BYTES);
  return random.pick([
    () => [large()],
    () => [large(), small(), medium(), small()],
    () => [medium(), medium(), small()],
    () => Array.from({ length: 12 }, small),
  ])();
}

/** Random bytes, with a stretch of zeros in the middle. */
function contentOf(random: Random, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random.nextUint32();
  if (random.chance(0.3)) bytes.fill(0, Math.floor(sizeBytes / 3), Math.floor(sizeBytes / 2));
  return bytes;
}

/** A file that resembles the new one, or that has nothing of it. */
function olderVersion(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  if (random.chance(0.5)) return contentOf(random.fork("older"), random.integer(0, bytes.length + 1000));
  const old = new Uint8Array(bytes);
  for (let at = 0; at < old.length; at += BLOCK_BYTES) if (random.chance(CHANGED_SHARE)) old[at]! ^= 1;
  const end = random.integer(Math.floor(old.length / 2), old.length);
  return Buffer.compare(old, bytes) === 0 ? old.slice(0, end) : old;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
