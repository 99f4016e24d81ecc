/**
 * A fair queue for calls to a server's store: it runs a bounded number of them concurrently, and takes from the sources
 * in rotation, so that a source with a thousand requests delays the others no more than one with a few.
 *
 * A call also takes processor time, which a large transfer of another source needs for its packets. While there is one,
 * there are pauses between calls, in proportion to what they cost. Otherwise calls follow each other without a pause.
 *
 * @module
 */

/**
 * The number of concurrent calls. They run in the platform's thread pool; more would wait there instead, first come,
 * first served.
 */
export const MAX_RUNNING_CALLS = 16;

/** A transfer of this size or more is large: it lasts longer than its call to the store. */
export const LARGE_TRANSFER_BYTES = 1_000_000;

/** While there are pauses, calls have a third of the time. */
const TIME_FACTOR = 3;

/**
 * The most that a call counts for. Whatever takes longer waits for the disk and not for the processor, so at
 * least one call in 3 ms may begin: as many as {@link MAX_RUNNING_CALLS} calls to a store that takes 50 ms for each.
 */
const MAX_COST_US = 1_000;

/** So much unused time is made up for: calls that run concurrently may end, and be followed by others, all at once. */
const MAX_CREDIT_US = MAX_RUNNING_CALLS * TIME_FACTOR * MAX_COST_US;

/** Starts one call to the store, and calls `ended` once when it has ended. */
export type StoreCall = (ended: () => void) => void;

/** What the queue needs from its owner. */
export interface CallQueueOptions {
  /** Any monotonic clock, microseconds. */
  readonly nowUs: () => number;
  /** Schedules one call of {@link CallQueue.wake} after this many microseconds; replaces an earlier request. */
  readonly wakeIn: (delayUs: number) => void;
}

/** See the module's description. */
export class CallQueue {
  readonly #options: CallQueueOptions;
  /** Waiting calls by source; the first source is next. No set is empty. */
  readonly #waiting = new Map<string, Set<StoreCall>>();
  /** The number of large transfers of each source that has any. */
  readonly #large = new Map<string, number>();
  #runningCount = 0;
  #isStarting = false;
  /** While calls run, time costs something: that before this has been charged to calls that have ended. */
  #chargedUntilUs = -Infinity;
  /** Before this, no call begins that has to pause. */
  #pausedUntilUs = -Infinity;

  constructor(options: CallQueueOptions) {
    this.#options = options;
  }

  /** Runs a call now, or when it is its source's turn. */
  add(source: string, call: StoreCall): void {
    const calls = this.#waiting.get(source);
    if (calls === undefined) this.#waiting.set(source, new Set([call]));
    else calls.add(call);
    this.wake();
  }

  /** Removes a waiting call; returns whether it was still waiting. */
  remove(source: string, call: StoreCall): boolean {
    const calls = this.#waiting.get(source);
    if (calls?.delete(call) !== true) return false;
    if (calls.size === 0) this.#waiting.delete(source);
    return true;
  }

  /** A large transfer of a source has begun; `endLarge` is called once when it has ended. */
  beginLarge(source: string): void {
    this.#large.set(source, (this.#large.get(source) ?? 0) + 1);
  }

  /** Ends what {@link beginLarge} began. */
  endLarge(source: string): void {
    const rest = this.#large.get(source)! - 1;
    if (rest > 0) this.#large.set(source, rest);
    else this.#large.delete(source);
  }

  /** Runs the calls that may run now. */
  wake(): void {
    // A call may end before it returns; then this loop continues, instead of a nested one.
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (const [source, calls] of this.#waiting) {
      if (this.#runningCount === MAX_RUNNING_CALLS || this.#mustPause(source)) break;
      const call: StoreCall = calls.values().next().value!;
      calls.delete(call);
      // The source goes to the end of the rotation if it has more.
      this.#waiting.delete(source);
      if (calls.size > 0) this.#waiting.set(source, calls);
      this.#run(call);
    }
    this.#isStarting = false;
  }

  #run(call: StoreCall): void {
    if (this.#runningCount++ === 0) this.#chargedUntilUs = this.#options.nowUs();
    call(() => {
      const nowUs = this.#options.nowUs();
      const costUs = Math.min(nowUs - this.#chargedUntilUs, MAX_COST_US);
      this.#chargedUntilUs += costUs;
      this.#pausedUntilUs = Math.max(this.#pausedUntilUs, nowUs - MAX_CREDIT_US) + TIME_FACTOR * costUs;
      this.#runningCount--;
      this.wake();
    });
  }

  #mustPause(source: string): boolean {
    const hasOthersLarge = this.#large.size > (this.#large.has(source) ? 1 : 0);
    if (!hasOthersLarge) return false;
    const restUs = this.#pausedUntilUs - this.#options.nowUs();
    if (restUs <= 0) return false;
    this.#options.wakeIn(restUs);
    return true;
  }
}
