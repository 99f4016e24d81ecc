/**
 * A clock that stands until a test has time pass, with its timers.
 *
 * @module
 */

import type { Platform, Timer } from "../app/platform.ts";

/** See the module's description. */
export class FakeClock implements Pick<Platform, "nowUs" | "timer"> {
  #nowUs = 5_000_000;
  readonly #due = new Map<() => void, number>();

  nowUs(): number {
    return this.#nowUs;
  }

  /** Timers that are set. */
  get armed(): number {
    return this.#due.size;
  }

  timer(action: () => void): Timer {
    return {
      set: (delayUs) => void this.#due.set(action, this.#nowUs + delayUs),
      clear: () => void this.#due.delete(action),
    };
  }

  /** Has time pass until the next timer is due, and that happen; returns whether there was one. */
  passToNext(): boolean {
    if (this.#due.size === 0) return false;
    this.pass(Math.max(0, Math.min(...this.#due.values()) - this.#nowUs));
    return true;
  }

  /** Has time pass, and what is due happen in its order. */
  pass(us: number): void {
    const untilUs = this.#nowUs + us;
    for (;;) {
      const [next] = [...this.#due].sort(([, one], [, other]) => one - other);
      if (next === undefined || next[1] > untilUs) break;
      this.#due.delete(next[0]);
      this.#nowUs = Math.max(this.#nowUs, next[1]);
      next[0]();
    }
    this.#nowUs = untilUs;
  }
}
