/**
 * A fair queue for calls to a server's store: it runs a bounded number of them concurrently, and takes from the sources
 * in rotation, so that a source with a thousand requests delays the others no more than one with a few.
 *
 * @module
 */

/**
 * The number of concurrent calls. They run in the platform's thread pool; more would wait there instead, first come,
 * first served.
 */
export const MAX_RUNNING_CALLS = 16;

/** Starts one call to the store, and calls `ended` once when it has ended. */
export type StoreCall = (ended: () => void) => void;

/** See the module's description. */
export class CallQueue {
  /** Waiting calls by source; the first source is next. No set is empty. */
  readonly #waiting = new Map<string, Set<StoreCall>>();
  #runningCount = 0;
  #isStarting = false;

  /** Runs a call now, or when it is its source's turn. */
  add(source: string, call: StoreCall): void {
    const calls = this.#waiting.get(source);
    if (calls === undefined) this.#waiting.set(source, new Set([call]));
    else calls.add(call);
    this.#start();
  }

  /** Removes a waiting call; returns whether it was still waiting. */
  remove(source: string, call: StoreCall): boolean {
    const calls = this.#waiting.get(source);
    if (calls?.delete(call) !== true) return false;
    if (calls.size === 0) this.#waiting.delete(source);
    return true;
  }

  #start(): void {
    // A call may end before it returns; then this loop continues, instead of a nested one.
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (const [source, calls] of this.#waiting) {
      if (this.#runningCount === MAX_RUNNING_CALLS) break;
      const call: StoreCall = calls.values().next().value!;
      calls.delete(call);
      // The source goes to the end of the rotation if it has more.
      this.#waiting.delete(source);
      if (calls.size > 0) this.#waiting.set(source, calls);
      this.#runningCount++;
      call(() => {
        this.#runningCount--;
        this.#start();
      });
    }
    this.#isStarting = false;
  }
}
