/**
 * Calls to the operating system that usually take microseconds, but may wait for a disk. Handing one to the thread pool
 * costs several times as much as the call, most of all where processors are busy. So they are made by the event loop's
 * thread, in slices, between which everything else has its turn.
 *
 * A disk that is slow must not hold up the event loop: when calls have taken too long, the next ones go to the thread pool,
 * for a multiple of that time. So waiting for the disk takes a small share of the event loop's time at most; a call that
 * never ends blocks it, as reading and writing open files on such a disk does. A few long calls among many short ones do
 * not count: it was another process that had the processor.
 *
 * @module
 */

/** What a slice may take, microseconds: in a turn of the event loop, calls begin within so much time from the first. */
export const SLICE_US = 2_000;

/** What a call may take on average, microseconds. */
const USUAL_US = 200;

/** When calls have taken so much longer than usual, the disk is slow, microseconds. */
const SLOW_US = 10_000;

/**
 * During a call that takes less, microseconds, another process may have had the processor: such a call counts as at most
 * `DOUBTFUL_US`.
 */
export const SURELY_SLOW_US = 20_000;
const DOUBTFUL_US = 2_000;

/** Calls then go to the thread pool for so many times that. */
export const AVOIDED_FACTOR = 20;

/** What the calls need of their process. */
export interface ShortCallsOptions {
  /** Any monotonic clock, microseconds. */
  readonly nowUs: () => number;
  /** Calls back once in the next turn of the event loop. */
  readonly inNextTurn: (action: () => void) => void;
  /**
   * Whether no call begins in the turn in which it is asked for. What waits for the calls of one turn then goes on together,
   * and can share what it does next. Default: no.
   */
  readonly beginsLater?: boolean;
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
  /** What counts of it. */
  #slowUs = 0;
  /** Before this, calls go to the thread pool. */
  #avoidedUntilUs = -Infinity;

  constructor(options: ShortCallsOptions) {
    this.#options = options;
  }

  /** Makes a call by `here`, in this turn or a later one, or by `inPool`. Settles as the call does. */
  run<Result>(here: () => Result, inPool: () => Promise<Result>): Promise<Result> {
    const { beginsLater = false } = this.#options;
    const nowUs = this.#options.nowUs();
    const mayBegin = this.#waiting.length === 0 && this.#hasTime(nowUs);
    if (mayBegin && !beginsLater) return this.#begin(nowUs, here, inPool);
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
    const countedUs = tookUs < SURELY_SLOW_US ? Math.min(tookUs, DOUBTFUL_US) : tookUs;
    this.#slowUs = Math.max(0, this.#slowUs + countedUs - USUAL_US);
    this.#excessUs = this.#slowUs === 0 ? 0 : Math.max(0, this.#excessUs + tookUs - USUAL_US);
    if (this.#slowUs < SLOW_US) return;
    this.#avoidedUntilUs = nowUs + AVOIDED_FACTOR * this.#excessUs;
    this.#excessUs = this.#slowUs = 0;
  }
}
