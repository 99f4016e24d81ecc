/**
 * The resources that a transfer uses in its process.
 *
 * @module
 */

import process from "node:process";

/** The resources that a transfer used. */
export interface ResourceUsage {
  /** User and system, of all threads. */
  readonly cpuSeconds: number;
  /** Largest resident set, the runtime's own included. */
  readonly peakMemoryBytes: number;
}

/** Interval between samples of the memory. */
const SAMPLE_MS = 10;

/** Measures CPU time and memory from its construction. */
export class ResourceMeter {
  readonly #startCpu = process.cpuUsage();
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  #peakMemoryBytes = 0;

  constructor() {
    this.#sample();
  }

  /** Ends the measurement. */
  stop(): ResourceUsage {
    clearInterval(this.#timer);
    this.#sample();
    const { user, system } = process.cpuUsage(this.#startCpu);
    return { cpuSeconds: (user + system) / 1e6, peakMemoryBytes: this.#peakMemoryBytes };
  }

  #sample(): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, Deno.memoryUsage().rss);
  }
}
