/**
 * Lets the transfers of a connection report their progress from time to time, all by one timer: thousands of small files
 * would each set one, and most of them end before it fires.
 *
 * @module
 */

import type { Platform, Timer } from "../platform.ts";

/** The time between two reports, microseconds. */
export const PROGRESS_INTERVAL_US = 100_000;

/** See the module's description. */
export class ProgressTicker {
  readonly #timer: Timer;
  readonly #reports = new Set<() => void>();

  constructor(platform: Pick<Platform, "timer">) {
    this.#timer = platform.timer(() => this.#tick());
  }

  /** Calls `report` every 100 ms from now on. */
  add(report: () => void): void {
    if (this.#reports.size === 0) this.#timer.set(PROGRESS_INTERVAL_US);
    this.#reports.add(report);
  }

  /** Calls it no more. Idempotent. */
  remove(report: () => void): void {
    if (this.#reports.delete(report) && this.#reports.size === 0) this.#timer.clear();
  }

  #tick(): void {
    this.#timer.set(PROGRESS_INTERVAL_US);
    for (const report of this.#reports) report();
  }
}
