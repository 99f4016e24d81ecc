/**
 * The calls of a server's store, of which a bounded number runs at a time. Sources have their turns in rotation, so that
 * one with a thousand requests delays the others no more than one with a few.
 *
 * @module
 */

/**
 * Calls that run at the same time. They run on threads of the platform's; more would wait there instead, where no source
 * has a turn of its own.
 */
export const MAX_RUNNING_CALLS = 16;

/** Makes one call of the store, and calls `ended` once when it has ended. */
export type StoreCall = (ended: () => void) => void;

/** See the module's description. */
export class CallQueue {
  /** Calls that wait, by source, in the order in which the sources have their turns. None is empty. */
  readonly #waiting = new Map<string, Set<StoreCall>>();
  #runningCount = 0;
  #isStarting = false;

  /** Runs a call now, or when its source has a turn. */
  add(source: string, call: StoreCall): void {
    const calls = this.#waiting.get(source);
    if (calls === undefined) this.#waiting.set(source, new Set([call]));
    else calls.add(call);
    this.#start();
  }

  /** Takes a call back; returns whether it had not begun. */
  remove(source: string, call: StoreCall): boolean {
    const calls = this.#waiting.get(source);
    if (calls?.delete(call) !== true) return false;
    if (calls.size === 0) this.#waiting.delete(source);
    return true;
  }

  #start(): void {
    // A call may end before it returns: then the loop goes on, instead of one in the other.
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (const [source, calls] of this.#waiting) {
      if (this.#runningCount === MAX_RUNNING_CALLS) break;
      const call: StoreCall = calls.values().next().value!;
      calls.delete(call);
      // Behind the others, while there is more.
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
