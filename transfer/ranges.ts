/**
 * Where the bytes of ranges of a file are that follow one another in a region of a stream.
 *
 * @module
 */

import type { FileRange } from "./messages.ts";

/** Where each range begins in the region. */
export function startsOf(ranges: readonly FileRange[]): readonly number[] {
  let end = 0;
  return ranges.map(({ length }) => (end += length) - length);
}

/** The index of the range that the byte at `offset` of the region belongs to, by what {@link startsOf} returned. */
export function indexOfRange(starts: readonly number[], offset: number): number {
  let low = 0;
  for (let high = starts.length - 1; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
