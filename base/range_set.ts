/**
 * A set of integers kept as ranges: packet numbers to acknowledge, bytes received, bytes lost.
 *
 * Ranges are half-open, ascending, disjoint and never touch, so that the same set always has the same form. They
 * lie flat in one Float64Array, a start and an end each: integers are exact up to 2^53, and in a steady state
 * nothing is allocated. Adding at the end and removing at the front, which is what transport mostly does, take
 * constant time; anything else a binary search and one move of what lies behind it.
 *
 * It has no limit of its own: a caller that lets a peer choose the values bounds {@link RangeSet.length}.
 *
 * @module
 */

import { invariant } from "./invariant.ts";

/** Ranges there is room for at first. */
const INITIAL_CAPACITY = 8;

/** A set of integers from 0 to 2^53-1, as ascending half-open ranges. */
export class RangeSet {
  /** Start and end of each range. In use are the ranges from `#head` up to, not including, `#tail`. */
  #bounds = new Float64Array(2 * INITIAL_CAPACITY);
  #head = 0;
  #tail = 0;

  /** How many ranges there are, not how many integers. */
  get length(): number {
    return this.#tail - this.#head;
  }

  /** First integer of range `index`; range 0 is the lowest. */
  start(index: number): number {
    invariant(index >= 0 && index < this.length, "RangeSet.start: no such range");
    return this.#bounds[2 * (this.#head + index)]!;
  }

  /** One past the last integer of range `index`. */
  end(index: number): number {
    invariant(index >= 0 && index < this.length, "RangeSet.end: no such range");
    return this.#bounds[2 * (this.#head + index) + 1]!;
  }

  /** Adds the integers from `start` up to, not including, `end`. Returns how many of them are new. */
  add(start: number, end: number): number {
    checkRange(start, end);
    if (start === end) return 0;
    const tail = this.#tail;
    if (tail === this.#head) {
      this.#insert(tail, start, end);
      return end - start;
    }
    // The fast paths: behind the last range, or a continuation of it.
    const lastEnd = this.#bounds[2 * tail - 1]!;
    if (start > lastEnd) {
      this.#insert(tail, start, end);
      return end - start;
    }
    if (start >= this.#bounds[2 * tail - 2]!) {
      if (end <= lastEnd) return 0;
      this.#bounds[2 * tail - 1] = end;
      return end - lastEnd;
    }
    return this.#merge(start, end);
  }

  /** Removes the integers from `start` up to, not including, `end`. Returns how many of them were in the set. */
  remove(start: number, end: number): number {
    checkRange(start, end);
    if (start === end) return 0;
    const first = this.#firstEndingAfter(start);
    const past = this.#firstStartingFrom(end);
    if (first >= past) return 0;
    const bounds = this.#bounds;
    const firstStart = bounds[2 * first]!;
    const lastEnd = bounds[2 * past - 1]!;
    let removed = 0;
    for (let at = first; at < past; at++) {
      removed += Math.min(end, bounds[2 * at + 1]!) - Math.max(start, bounds[2 * at]!);
    }
    const keepsLeft = firstStart < start;
    const keepsRight = lastEnd > end;
    if (keepsLeft && keepsRight && past - first === 1) {
      bounds[2 * first + 1] = start;
      this.#insert(past, end, lastEnd);
      return removed;
    }
    if (keepsLeft) bounds[2 * first + 1] = start;
    if (keepsRight) bounds[2 * past - 2] = end;
    this.#delete(keepsLeft ? first + 1 : first, keepsRight ? past - 1 : past);
    return removed;
  }

  /** Whether `value` is in the set. */
  contains(value: number): boolean {
    const at = this.#firstEndingAfter(value);
    return at < this.#tail && this.#bounds[2 * at]! <= value;
  }

  /** Whether every integer from `start` up to, not including, `end` is in the set; true where there is none. */
  containsRange(start: number, end: number): boolean {
    checkRange(start, end);
    if (start === end) return true;
    const at = this.#firstEndingAfter(start);
    return at < this.#tail && this.#bounds[2 * at]! <= start && this.#bounds[2 * at + 1]! >= end;
  }

  /** End of the range that `value` lies in, or `value` itself where it lies in none: the lowest missing integer. */
  coveredUntil(value: number): number {
    const at = this.#firstEndingAfter(value);
    return at < this.#tail && this.#bounds[2 * at]! <= value ? this.#bounds[2 * at + 1]! : value;
  }

  /** Removes every integer below `value`. */
  removeBelow(value: number): void {
    if (value > 0) this.remove(0, value);
  }

  /** Removes everything. The storage stays for reuse. */
  clear(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /**
   * Calls `visit` for each maximal run of integers from `start` up to, not including, `end` that are missing, in
   * ascending order. `visit` must not change the set.
   */
  forEachGap(start: number, end: number, visit: (gapStart: number, gapEnd: number) => void): void {
    checkRange(start, end);
    let from = start;
    for (let at = this.#firstEndingAfter(start); at < this.#tail && from < end; at++) {
      const rangeStart = this.#bounds[2 * at]!;
      if (rangeStart > from) visit(from, Math.min(rangeStart, end));
      from = this.#bounds[2 * at + 1]!;
    }
    if (from < end) visit(from, end);
  }

  /** Adds a range that may touch, overlap or precede those that exist. */
  #merge(start: number, end: number): number {
    // Ranges that touch join too, so ends are compared with start - 1 and starts with end + 1.
    const first = this.#firstEndingAfter(start - 1);
    const past = this.#firstStartingFrom(end + 1);
    if (first === past) {
      this.#insert(first, start, end);
      return end - start;
    }
    const bounds = this.#bounds;
    let held = 0;
    for (let at = first; at < past; at++) held += bounds[2 * at + 1]! - bounds[2 * at]!;
    const mergedStart = Math.min(start, bounds[2 * first]!);
    const mergedEnd = Math.max(end, bounds[2 * past - 1]!);
    // The joined range takes the place of the last one, so that joining at the front only moves the head.
    bounds[2 * past - 2] = mergedStart;
    bounds[2 * past - 1] = mergedEnd;
    this.#delete(first, past - 1);
    return mergedEnd - mergedStart - held;
  }

  /** Position of the first range whose end is above `value`; `#tail` where there is none. */
  #firstEndingAfter(value: number): number {
    const bounds = this.#bounds;
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >> 1; // positions, not values: far below 2^31
      if (bounds[2 * middle + 1]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Position of the first range that starts at `value` or above; `#tail` where there is none. */
  #firstStartingFrom(value: number): number {
    const bounds = this.#bounds;
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bounds[2 * middle]! >= value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Puts a new range before position `at`, moving the later ones up. */
  #insert(at: number, start: number, end: number): void {
    if (2 * this.#tail === this.#bounds.length) at -= this.#makeRoom();
    if (at < this.#tail) this.#bounds.copyWithin(2 * at + 2, 2 * at, 2 * this.#tail);
    this.#bounds[2 * at] = start;
    this.#bounds[2 * at + 1] = end;
    this.#tail++;
  }

  /** Drops the ranges from position `from` up to, not including, `to`. */
  #delete(from: number, to: number): void {
    if (from === to) return;
    if (from === this.#head) {
      this.#head = to;
    } else {
      this.#bounds.copyWithin(2 * from, 2 * to, 2 * this.#tail);
      this.#tail -= to - from;
    }
    if (this.#head === this.#tail) this.clear();
  }

  /**
   * Moves the ranges to the front of the array, of a doubled one where at least half of it is in use: either way as
   * many insertions as were moved go by until the next call. Returns by how many positions they moved down.
   */
  #makeRoom(): number {
    const moved = this.#head;
    const inUse = this.#bounds.subarray(2 * this.#head, 2 * this.#tail);
    if (2 * inUse.length >= this.#bounds.length) this.#bounds = new Float64Array(2 * this.#bounds.length);
    this.#bounds.set(inUse);
    this.#head = 0;
    this.#tail -= moved;
    return moved;
  }
}

function checkRange(start: number, end: number): void {
  invariant(start >= 0 && start <= end && end <= Number.MAX_SAFE_INTEGER, "RangeSet: not a range of safe integers");
}
