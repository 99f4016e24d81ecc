/**
 * A client's patience with a busy server: a request that it refuses for now is made again, ever more rarely.
 *
 * @module
 */

import type { TransferFailure } from "../../transfer/failure.ts";
import type { Platform } from "../platform.ts";

/**
 * For so long, microseconds: a script that sends a folder should not fail because others do so too, and a user should
 * learn what it waits for before they wonder.
 */
const RETRY_FOR_US = 30_000_000;

/** Between two tries, milliseconds: each time twice as long, and somewhere in the upper half of it. */
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** Of one client. */
export class RetryPolicy {
  readonly #platform: Platform;
  readonly #ended: Promise<void>;

  /** `ended` settles when the connection is over: then there is nothing to wait for. */
  constructor(platform: Platform, ended: Promise<void>) {
    this.#platform = platform;
    this.#ended = ended;
  }

  /** Tries until it is done, or fails for another reason than that the server is busy, or patience is at its end. */
  async retryWhileBusy<Outcome>(
    signal: AbortSignal | undefined,
    attempt: () => Promise<Outcome | TransferFailure>,
  ): Promise<Outcome | TransferFailure> {
    const untilUs = this.#platform.nowUs() + RETRY_FOR_US;
    let delayMs = FIRST_DELAY_MS;
    while (true) {
      const outcome = await attempt();
      if (!isTransient(outcome) || signal?.aborted === true || this.#platform.nowUs() >= untilUs) return outcome;
      await this.#pause(delayMs * (0.5 + this.#platform.randomBytes(1)[0]! / 512), signal);
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }

  /** Waits, but no longer than until the user gives up or the connection ends. */
  async #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = this.#platform.defer<void>();
    const timer = this.#platform.timer(resolve);
    timer.set(delayMs * 1000);
    const onAbort = () => resolve();
    signal?.addEventListener("abort", onAbort);
    this.#ended.then(onAbort, onAbort);
    await promise;
    signal?.removeEventListener("abort", onAbort);
    timer.clear();
  }
}

function isTransient(outcome: unknown): boolean {
  return typeof outcome === "object" && outcome !== null && "isTransient" in outcome && outcome.isTransient === true;
}
