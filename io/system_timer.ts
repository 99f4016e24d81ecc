/**
 * Timers of this machine. `setTimeout` takes whole milliseconds and fires about two after it was set, however short; where
 * the calls of the C library are loaded (`libc.ts`), a thread of Deno's pool sleeps instead, which is exact to about 0.2 ms
 * and costs as much processor time.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { Timer } from "../app/platform.ts";
import { type LibC, systemLibC } from "./libc.ts";

/** The longest that `setTimeout` can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Beyond this delay the two milliseconds of `setTimeout` matter little. */
const MAX_SLEEP_US = 3_000;

/** So many threads sleep at a time; a timer that is set while they do is one of `setTimeout`. */
const MAX_SLEEPERS = 4;

/** Sleeps in another thread for whole microseconds, less than a million. */
type Sleep = (delayUs: number) => Promise<unknown>;

/** How late a timer fires at most while the machine is idle, microseconds: what a sender has to send at once, or lose. */
export function timerTickUs(libc: LibC | string = systemLibC): number {
  return typeof libc === "string" ? 2_100 : 300;
}

/** Timers that share the threads that sleep. */
export class SystemTimers {
  readonly #sleep: Sleep | undefined;
  #sleepers = 0;

  /** Without `sleep` all timers are those of `setTimeout`. */
  constructor(sleep: Sleep | undefined = typeof systemLibC === "string" ? undefined : systemLibC.usleepWaiting) {
    this.#sleep = sleep;
  }

  /** See `Platform.timer`. */
  timer(action: () => void): Timer {
    return new SystemTimer(action, this);
  }

  /** Calls back after a short delay, more exactly than `setTimeout`; false if that is impossible now. */
  sleep(delayUs: number, action: () => void): boolean {
    if (this.#sleep === undefined || delayUs > MAX_SLEEP_US || this.#sleepers === MAX_SLEEPERS) return false;
    this.#sleepers++;
    void this.#sleep(Math.ceil(delayUs)).then(() => {
      this.#sleepers--;
      action();
    });
    return true;
  }
}

class SystemTimer implements Timer {
  readonly #action: () => void;
  readonly #timers: SystemTimers;
  #timeout: ReturnType<typeof setTimeout> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  /** Counts how often it was set or cleared: a thread that sleeps cannot be woken, only ignored. */
  #generation = 0;

  constructor(action: () => void, timers: SystemTimers) {
    this.#action = action;
    this.#timers = timers;
  }

  set(delayUs: number): void {
    this.clear();
    const generation = this.#generation;
    if (delayUs <= 0) {
      this.#immediate = setImmediate(this.#action);
    } else if (!this.#timers.sleep(delayUs, () => this.#onSlept(generation))) {
      this.#timeout = setTimeout(this.#action, Math.min(Math.ceil(delayUs / 1000), MAX_TIMEOUT_MS));
    }
  }

  clear(): void {
    if (this.#timeout !== undefined) clearTimeout(this.#timeout);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timeout = undefined;
    this.#immediate = undefined;
    this.#generation++;
  }

  #onSlept(generation: number): void {
    if (generation === this.#generation) this.#action();
  }
}
