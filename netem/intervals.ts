/**
 * Intervals of simulated time in which a link does something: for scripts that say when.
 *
 * @module
 */

/** From one instant to another, microseconds. */
export interface Interval {
  readonly fromUs: number;
  /** The first instant after it. */
  readonly untilUs: number;
}

/** When something comes again and again. All in microseconds. */
export interface Repetition {
  /** When it first begins. */
  readonly firstUs: number;
  readonly lastsUs: number;
  /** From one beginning to the next, more than it lasts. */
  readonly everyUs: number;
  /** None begins at this time or later. */
  readonly untilUs: number;
}

/** Intervals of one length, at regular intervals. */
export function repeatSpans({ firstUs, lastsUs, everyUs, untilUs }: Repetition): Interval[] {
  const intervals: Interval[] = [];
  for (let fromUs = firstUs; fromUs < untilUs; fromUs += everyUs) intervals.push({ fromUs, untilUs: fromUs + lastsUs });
  return intervals;
}

/** Whether each interval has a length, and they follow one another. */
export function areInOrder(intervals: readonly Interval[]): boolean {
  let lastUs = -Infinity;
  for (const { fromUs, untilUs } of intervals) {
    if (!(fromUs >= lastUs && untilUs > fromUs)) return false;
    lastUs = untilUs;
  }
  return true;
}

/** Intervals that cover what the given ones do, in order, those that meet made one. */
export function united(intervals: readonly Interval[]): Interval[] {
  const found: Interval[] = [];
  for (const interval of [...intervals].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = found.at(-1);
    if (last === undefined || interval.fromUs > last.untilUs) found.push(interval);
    else found[found.length - 1] = { fromUs: last.fromUs, untilUs: Math.max(last.untilUs, interval.untilUs) };
  }
  return found;
}
