/**
 * What promises do in a world of virtual time: the programs wait for the disk, or for a transfer's end, and go on when
 * that is there. Time must stand still until they have, or a run would depend on how many steps their waiting takes.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Tells when programs have to go on, and lets them. */
export class Turn {
  #isDue = false;

  /** Whether a promise was settled for which somebody may wait. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** A promise to be settled by hand; that makes a turn due. */
  defer<Value>(): PromiseWithResolvers<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    return {
      promise,
      resolve: (value) => {
        this.#isDue = true;
        resolve(value);
      },
      reject: (reason) => {
        this.#isDue = true;
        reject(reason);
      },
    };
  }

  /** A program was started, or a promise settled that was not made here. */
  mark(): void {
    this.#isDue = true;
  }

  /** Resolves when nobody can go on any more before time does. */
  async over(): Promise<void> {
    // The platform runs all that promises have made ready, and what that makes ready, before the next macrotask.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#isDue = false;
  }
}
