/**
 * Ctrl-C asked once means: end in good order; asked twice: end at once.
 *
 * @module
 */

import type { OnStopSignal } from "./console.ts";

/** What to do at each asking. */
export interface InterruptOptions {
  readonly onStopSignal: OnStopSignal;
  /** The first time. */
  readonly onFirst: () => void;
  /** The second time. */
  readonly onSecond: () => void;
}

/** Listens for stop signals until the returned function is called. */
export function listenForInterrupts(options: InterruptOptions): () => void {
  let count = 0;
  return options.onStopSignal(() => {
    count++;
    if (count === 1) options.onFirst();
    else if (count === 2) options.onSecond();
  });
}
