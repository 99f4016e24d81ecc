/**
 * Calls to the operating system that usually take microseconds, but may wait for a disk. Handing one to the thread pool
 * costs several times as much as the call, most of all where processors are busy. So they are made by the event loop's
 * thread, in slices, between which everything else has its turn.
 *
 * A disk that is slow must not hold up the event loop: when calls have taken too long, the next ones go to the thread pool,
 * for a multiple of that time. So waiting for the disk takes a small share of the event loop's time at most; a call that
 * never ends blocks it, as reading and writing open files on such a disk does. One long call among many short ones does
 * not count: it was another process that had the processor.
 *
 * @module
 */

/** What a slice may take, microseconds: in a turn of the event loop, calls begin within so much time from the first. */
export const SLICE_US = 2_000;

/** What a call may take on average, microseconds. */
const USUAL_US = 200;

/** When calls have taken so much longer than usual, the disk is slow, microseconds. */
export const SLOW_US = 10_000;

/** Calls then go to the thread pool for so many times that. */
export const AVOIDED_FACTOR = 20;

/** What the calls need of their process. */
export interface ShortCallsOptions {
  /** Any monotonic clock, microseconds. */
  readonly nowUs: () => number;
  /** Calls back once in the next turn of the event loop. */
  readonly inNextTurn: (action: () => void) => void;
}

/** See the module's description. */
export class ShortCalls {
  readonly #options: ShortCallsOptions;
  /** Begin the calls for which this turn has no time left, in their order. */
  readonly #waiting: (() => void)[] = [];
  /** When this turn's slice ends; undefined before the first call of the turn. */
  #sliceEndUs: number | undefined;
  /** How much longer than usual the last calls have taken, microseconds; not negative. */
  #excessUs = 0;
  /** Before this, calls go to the thread pool. */
  #avoidedUntilUs = -Infinity;

  constructor(options: ShortCallsOptions) {
    this.#options = options;
  }

  /** Makes a call by `here`, in this turn or a later one, or by `inPool`. Settles as the call does. */
  run<Result>(here: () => Result, inPool: () => Promise<Result>): Promise<Result> {
    const nowUs = this.#options.nowUs();
    if (this.#waiting.length === 0 && this.#hasTime(nowUs)) return this.#begin(nowUs, here, inPool);
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#begin(this.#options.nowUs(), here, inPool)));
    });
  }

  /** Whether a call may begin in this turn. */
  #hasTime(nowUs: number): boolean {
    if (this.#sliceEndUs === undefined) {
      this.#sliceEndUs = nowUs + SLICE_US;
      this.#options.inNextTurn(this.#onTurn);
    }
    return nowUs < this.#sliceEndUs;
  }

  readonly #onTurn = (): void => {
    this.#sliceEndUs = undefined;
    while (this.#waiting.length > 0 && this.#hasTime(this.#options.nowUs())) this.#waiting.shift()!();
  };

  #begin<Result>(nowUs: number, here: () => Result, inPool: () => Promise<Result>): Promise<Result> {
    if (nowUs < this.#avoidedUntilUs) return inPool();
    try {
      return Promise.resolve(here());
    } catch (error) {
      return Promise.reject(error);
    } finally {
      const endUs = this.#options.nowUs();
      this.#account(endUs, endUs - nowUs);
    }
  }

  #account(nowUs: number, tookUs: number): void {
    this.#excessUs = Math.max(0, this.#excessUs + tookUs - USUAL_US);
    if (this.#excessUs < SLOW_US) return;
    this.#avoidedUntilUs = nowUs + AVOIDED_FACTOR * this.#excessUs;
    this.#excessUs = 0;
  }
}
