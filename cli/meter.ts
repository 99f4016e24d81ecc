/**
 * Estimates the speed of a transfer, and the time that is left. What it shows is steady: the share never falls, and the
 * time left counts down by itself and is corrected slowly.
 *
 * @module
 */

import type { Progress } from "../app/client/api.ts";

/** Samples closer together than this are one, milliseconds. */
const SAMPLE_MS = 200;

/** The rate follows a change within this time, milliseconds. */
const RATE_TIME_MS = 3_000;

/** The time left follows a change within this time, milliseconds. */
const LEFT_TIME_MS = 4_000;

/** A time left that is wrong by more than this factor, and these milliseconds, is corrected at once: the link has changed. */
const LEFT_FACTOR = 3;
const LEFT_ERROR_MS = 15_000;

/** When nothing was transferred for so long, the recent rate says nothing of the time left. */
const STALLED_AFTER_MS = 3_000;

/** See the module's description. Times are milliseconds of any steady clock. */
export class Meter {
  /** The last update; undefined before the first. */
  progress: Progress | undefined;
  /** Recent average (exponentially weighted), bytes per second; undefined before the second sample. */
  rate: number | undefined;
  #share = 0;
  #leftMs: number | undefined;
  #stalledMs = 0;
  #sampleMs = 0;
  #sampleBytes = 0;
  #movedMs = 0;

  /** How much of it is done, 0 to 1: it never falls, even if what was transferred is transferred again. */
  get share(): number {
    return this.#share;
  }

  /** The time left; undefined if nobody can know. */
  get leftMs(): number | undefined {
    return this.stalledMs > 0 ? undefined : this.#leftMs;
  }

  /** For how long nothing was transferred, as of the last update; 0 if not for long. */
  get stalledMs(): number {
    return this.#stalledMs < STALLED_AFTER_MS ? 0 : this.#stalledMs;
  }

  update(progress: Progress, nowMs: number): void {
    const { phase, totalBytes, transferredBytes } = progress;
    // After a pause it is measured anew: how long that was says nothing of the rate.
    const isFirst = this.progress === undefined || this.progress.phase === "connecting" || this.stalledMs > 0;
    const hasMoved = transferredBytes !== this.progress?.transferredBytes || this.progress.phase === "connecting";
    if (hasMoved) this.#movedMs = nowMs;
    this.#stalledMs = nowMs - this.#movedMs;
    this.progress = progress;
    if (totalBytes > 0) this.#share = Math.max(this.#share, Math.min(1, transferredBytes / totalBytes));
    else if (phase === "verifying") this.#share = 1;
    const elapsedMs = nowMs - this.#sampleMs;
    if (!isFirst && elapsedMs < SAMPLE_MS) return;
    if (!isFirst) this.#sample(progress, elapsedMs);
    this.#sampleMs = nowMs;
    this.#sampleBytes = transferredBytes;
  }

  #sample({ totalBytes, transferredBytes }: Progress, elapsedMs: number): void {
    const sample = Math.max(0, transferredBytes - this.#sampleBytes) / elapsedMs * 1000;
    this.rate = this.rate === undefined
      ? sample
      : this.rate + (1 - Math.exp(-elapsedMs / RATE_TIME_MS)) * (sample - this.rate);
    if (this.rate <= 0 || totalBytes === 0) return void (this.#leftMs = undefined);
    const estimateMs = Math.max(0, totalBytes - transferredBytes) / this.rate * 1000;
    const expectedMs = this.#leftMs === undefined ? estimateMs : Math.max(0, this.#leftMs - elapsedMs);
    const isFar = Math.abs(estimateMs - expectedMs) > LEFT_ERROR_MS &&
      (estimateMs > expectedMs * LEFT_FACTOR || estimateMs < expectedMs / LEFT_FACTOR);
    this.#leftMs = isFar
      ? estimateMs
      : expectedMs + (1 - Math.exp(-elapsedMs / LEFT_TIME_MS)) * (estimateMs - expectedMs);
  }
}
