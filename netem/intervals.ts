/**
 * Intervals of time in which a link does something, for scripts.
 *
 * @module
 */

/** From one instant to another, microseconds. */
export interface Interval {
  readonly fromUs: number;
  /** The first instant after it. */
  readonly untilUs: number;
}

/** Something that happens periodically. All in microseconds. */
export interface Repetition {
  /** Start of the first interval. */
  readonly firstUs: number;
  /** Length of each. */
  readonly lengthUs: number;
  /** From one start to the next: more than the length. */
  readonly periodUs: number;
  /** None starts at this time or later. */
  readonly untilUs: number;
}

/** Intervals of one length, one in each period. */
export function repeatIntervals({ firstUs, lengthUs, periodUs, untilUs }: Repetition): Interval[] {
  const intervals: Interval[] = [];
  for (let fromUs = firstUs; fromUs < untilUs; fromUs += periodUs) {
    intervals.push({ fromUs, untilUs: fromUs + lengthUs });
  }
  return intervals;
}

/** Whether none is empty, and each begins no earlier than the previous one ends. */
export function areInOrder(intervals: readonly Interval[]): boolean {
  let lastUs = -Infinity;
  for (const { fromUs, untilUs } of intervals) {
    if (!(fromUs >= lastUs && untilUs > fromUs)) return false;
    lastUs = untilUs;
  }
  return true;
}

/** The union of the intervals, in order; intervals that overlap or touch become one. */
export function unionOf(intervals: readonly Interval[]): Interval[] {
  const union: Interval[] = [];
  for (const interval of [...intervals].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = union.at(-1);
    if (last === undefined || interval.fromUs > last.untilUs) union.push(interval);
    else union[union.length - 1] = { fromUs: last.fromUs, untilUs: Math.max(last.untilUs, interval.untilUs) };
  }
  return union;
}
