/**
 * The answer to LIST as bytes, encoded in pieces so that a huge folder does not block the event loop.
 *
 * @module
 */

import type { FileInfo } from "../file_store.ts";
import { encodeMessage, encodeMessages } from "../messages.ts";

/** Files that are encoded without a break: a few milliseconds on a slow machine. */
export const FILES_PER_PIECE = 500;

/** The complete answer to LIST. Many clients share it, so it must not be changed. */
export interface Listing {
  readonly bytes: Uint8Array;
  /** The number of files in it. */
  readonly count: number;
}

/** Encodes one listing. */
export class ListingEncoder {
  readonly #files: readonly FileInfo[];
  readonly #pieces: Uint8Array[] = [];
  #encodedCount = 0;

  constructor(files: readonly FileInfo[]) {
    this.#files = files;
  }

  /** Encodes the next {@link FILES_PER_PIECE} files; returns the listing if those were the last. */
  encodeNext(): Listing | undefined {
    const files = this.#files.slice(this.#encodedCount, this.#encodedCount + FILES_PER_PIECE);
    this.#pieces.push(encodeMessages(files.map((file) => ({ type: "entry", ...file }))));
    this.#encodedCount += files.length;
    const count = this.#files.length;
    if (this.#encodedCount < count) return undefined;
    this.#pieces.push(encodeMessage({ type: "end", count }));
    return { bytes: concatenate(this.#pieces), count };
  }
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
