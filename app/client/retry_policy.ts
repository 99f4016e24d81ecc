/**
 * The retry policy of a client: a request that a busy server refuses is repeated, with exponential backoff and jitter.
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

/** Delay before a retry, milliseconds: doubled each time, and drawn from its upper half. */
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** The policy of one client. */
export class RetryPolicy {
  readonly #platform: Platform;
  readonly #ended: Promise<void>;

  /** `ended` settles when the connection has ended: then waiting stops. */
  constructor(platform: Platform, ended: Promise<void>) {
    this.#platform = platform;
    this.#ended = ended;
  }

  /** Repeats `attempt` until it succeeds, fails for another reason than a busy server, or the time is over. */
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

  /** Waits until the delay is over, the user cancels, or the connection ends. */
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
