/**
 * How many transfers run at the same time: many small files, so that none waits for another's round trips, and few
 * large ones, which fill the line anyway.
 *
 * @module
 */

import { MAX_SMALL_BYTES } from "./small_files.ts";

/**
 * The most at once that are not small, which is what a server allows: each takes an open file on both sides, and 128 KiB of
 * memory.
 */
export const MAX_PARALLEL = 128;

/** The most at once, which is what a server allows one address. Small ones are in memory for a moment only. */
export const MAX_WITH_SMALL = 256;

/** A file counts as large from here on, bytes; so does one whose size is not known, until others tell what is usual. */
export const LARGE_BYTES = 4 * 1024 * 1024;

/** Large files at once. The bytes of smaller ones that run together are as many at most. */
export const MAX_LARGE_PARALLEL = 4;

/** One transfer under way. */
export interface Slot {
  /** The file's size has become known; later calls change nothing. */
  onSize(sizeBytes: number): void;
  /** It is over, well or not. */
  end(): void;
}

/** Decides when another transfer may begin. */
export class Parallelism {
  #running = 0;
  #smallCount = 0;
  /** What runs with a known size, at most {@link LARGE_BYTES} for each. */
  #knownBytes = 0;
  #unknownCount = 0;
  #heardBytes = 0;
  #heardCount = 0;

  /** Whether another transfer may begin now. */
  get mayBegin(): boolean {
    if (this.#running >= MAX_WITH_SMALL || this.#running - this.#smallCount >= MAX_PARALLEL) return false;
    const expectedBytes = this.#knownBytes + (this.#unknownCount + 1) * this.#usualBytes;
    return this.#running === 0 || expectedBytes <= MAX_LARGE_PARALLEL * LARGE_BYTES;
  }

  /** A transfer begins. */
  begin(): Slot {
    this.#running++;
    this.#unknownCount++;
    let size: number | undefined;
    return {
      onSize: (sizeBytes) => {
        if (size !== undefined) return;
        size = Math.min(sizeBytes, LARGE_BYTES);
        this.#unknownCount--;
        this.#knownBytes += size;
        this.#heardBytes += size;
        this.#heardCount++;
        if (size <= MAX_SMALL_BYTES) this.#smallCount++;
      },
      end: () => {
        this.#running--;
        if (size === undefined) return void this.#unknownCount--;
        this.#knownBytes -= size;
        if (size <= MAX_SMALL_BYTES) this.#smallCount--;
      },
    };
  }

  /** What to expect of a file whose size is not known. */
  get #usualBytes(): number {
    return this.#heardCount === 0 ? LARGE_BYTES : this.#heardBytes / this.#heardCount;
  }
}
