/**
 * The answer to LIST as bytes, encoded in pieces so that a huge folder does not block the event loop.
 *
 * @module
 */

import { quote } from "../../base/display_text.ts";
import type { StoreListing } from "../file_store.ts";
import { type UnlistedFiles } from "../messages.ts";
import { encodeMessage, encodeMessages } from "../message_encoder.ts";

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
  readonly #listing: StoreListing;
  readonly #pieces: Uint8Array[] = [];
  #encodedCount = 0;

  constructor(listing: StoreListing) {
    this.#listing = listing;
  }

  /** Encodes the next {@link FILES_PER_PIECE} files; returns the listing if those were the last. */
  encodeNext(): Listing | undefined {
    const { entries, unlisted } = this.#listing;
    const all = entries.filter(({ kind }) => kind === "file");
    const files = all.slice(this.#encodedCount, this.#encodedCount + FILES_PER_PIECE);
    this.#pieces.push(encodeMessages(files.map((file) => ({ type: "entry", ...file }))));
    this.#encodedCount += files.length;
    const count = all.length;
    if (this.#encodedCount < count) return undefined;
    this.#pieces.push(encodeMessage({ type: "end", count, ...describeUnlisted(unlisted) }));
    return { bytes: concatenate(this.#pieces), count };
  }
}

/** The names of unlisted files that END gives as examples. */
const MAX_EXAMPLES = 10;

/** What END says of unlisted files. */
export function describeUnlisted(names: readonly string[]): { readonly unlisted?: UnlistedFiles } {
  if (names.length === 0) return {};
  const examples = names.slice(0, MAX_EXAMPLES).map(quote).join(", ");
  return { unlisted: { count: names.length, examples } };
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
