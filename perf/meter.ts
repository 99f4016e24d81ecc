/**
 * What a transfer costs the process that makes it.
 *
 * @module
 */

import process from "node:process";

/** What a transfer cost a process. */
export interface Cost {
  /** User and system, of all threads. */
  readonly cpuSeconds: number;
  /** Largest resident set, the runtime's own included. */
  readonly peakMemoryBytes: number;
}

/** How often memory is looked at. */
const SAMPLE_MS = 10;

/** CPU time and memory from its making on. */
export class Meter {
  readonly #startCpu = process.cpuUsage();
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  #peakMemoryBytes = 0;

  constructor() {
    this.#sample();
  }

  /** Ends the measurement. */
  stop(): Cost {
    clearInterval(this.#timer);
    this.#sample();
    const { user, system } = process.cpuUsage(this.#startCpu);
    return { cpuSeconds: (user + system) / 1e6, peakMemoryBytes: this.#peakMemoryBytes };
  }

  #sample(): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, Deno.memoryUsage().rss);
  }
}
