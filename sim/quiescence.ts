/**
 * Quiescence: no program can continue before virtual time advances. Programs await the disk or the end of a transfer;
 * time must stand still until all whose promise was settled have continued, or a run would depend on the number of
 * microtasks that they take.
 *
 * @module
 */

// deno-lint-ignore-file sluice/pure -- the runtime alone knows when all promises that are ready have run

import { setImmediate } from "node:timers";

/** See the module's description. */
export class Quiescence {
  #isDisturbed = false;

  /** Whether a program may have something to do: it was started, or a promise was settled. */
  get isDisturbed(): boolean {
    return this.#isDisturbed;
  }

  /** A promise to be settled by the caller, which disturbs. */
  defer<Value>(): PromiseWithResolvers<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    return {
      promise,
      resolve: (value) => {
        this.#isDisturbed = true;
        resolve(value);
      },
      reject: (reason) => {
        this.#isDisturbed = true;
        reject(reason);
      },
    };
  }

  /** A program was started, or a promise was settled that {@link defer} did not make. */
  disturb(): void {
    this.#isDisturbed = true;
  }

  /** Resolves when no program can continue before time advances. */
  async reached(): Promise<void> {
    // Before the next macrotask the event loop runs all microtasks, and those that they queue.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#isDisturbed = false;
  }
}
