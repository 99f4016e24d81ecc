/**
 * The answer to LIST as bytes, encoded in pieces so that a huge folder does not block the event loop.
 *
 * @module
 */

import { quote } from "../../base/display_text.ts";
import type { StoreListing } from "../file_store.ts";
import { type UnlistedFiles } from "../messages.ts";
import { encodeMessage, encodeMessages } from "../message_encoder.ts";

/** Entries that are encoded without a break: a few milliseconds on a slow machine. */
export const ENTRIES_PER_PIECE = 500;

/** The complete answer to LIST. Many clients share it, so it must not be changed. */
export interface Listing {
  readonly bytes: Uint8Array;
  /** The number of entries in it. */
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

  /** Encodes the next {@link ENTRIES_PER_PIECE} entries; returns the listing if those were the last. */
  encodeNext(): Listing | undefined {
    const { entries, unlisted, gaps } = this.#listing;
    const piece = entries.slice(this.#encodedCount, this.#encodedCount + ENTRIES_PER_PIECE);
    this.#pieces.push(encodeMessages(piece.map((entry) => ({ type: "entry", ...entry }))));
    this.#encodedCount += piece.length;
    const count = entries.length;
    if (this.#encodedCount < count) return undefined;
    this.#pieces.push(encodeMessage({ type: "end", count, ...describeUnlisted(unlisted), ...describeGaps(gaps) }));
    return { bytes: concatenate(this.#pieces), count };
  }
}

/** The gaps of a listing that END tells of, so that what is cut from a long text is said. */
const MAX_GAPS = 5;

/** What END says of other gaps. */
function describeGaps(gaps: readonly string[]): { readonly gaps?: string } {
  if (gaps.length === 0) return {};
  const more = gaps.length > MAX_GAPS ? [`and ${gaps.length - MAX_GAPS} more`] : [];
  return { gaps: [...gaps.slice(0, MAX_GAPS), ...more].join("; ") };
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
