/**
 * Spans of simulated time in which a link does something: for scripts that say when.
 *
 * @module
 */

/** From one instant to another, microseconds. */
export interface Span {
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

/** Spans of one length, at regular intervals. */
export function repeatSpans({ firstUs, lastsUs, everyUs, untilUs }: Repetition): Span[] {
  const spans: Span[] = [];
  for (let fromUs = firstUs; fromUs < untilUs; fromUs += everyUs) spans.push({ fromUs, untilUs: fromUs + lastsUs });
  return spans;
}

/** Whether each span has a length, and they follow one another. */
export function areInOrder(spans: readonly Span[]): boolean {
  let lastUs = -Infinity;
  for (const { fromUs, untilUs } of spans) {
    if (!(fromUs >= lastUs && untilUs > fromUs)) return false;
    lastUs = untilUs;
  }
  return true;
}

/** Spans that cover what the given ones do, in order, those that meet made one. */
export function united(spans: readonly Span[]): Span[] {
  const found: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = found.at(-1);
    if (last === undefined || span.fromUs > last.untilUs) found.push(span);
    else found[found.length - 1] = { fromUs: last.fromUs, untilUs: Math.max(last.untilUs, span.untilUs) };
  }
  return found;
}
