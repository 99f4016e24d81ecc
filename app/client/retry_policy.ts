/**
 * The retry policy of a client: how long it goes on trying where nothing gets ahead, and how long it waits between two
 * tries: exponential backoff with jitter, so that the clients of a server that restarts do not all come at once.
 *
 * @module
 */

import { formatDuration } from "../../base/units.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";

/** A client goes on for so long unless told otherwise, milliseconds: a server that restarts, a tunnel, a moved laptop. */
export const DEFAULT_RETRY_FOR_MS = 600_000;

/** Delay before a retry, milliseconds: doubled each time, and drawn from its upper half. */
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** The delays between the tries of one operation. */
export class Backoff {
  readonly #platform: Pick<Platform, "randomBytes">;
  #delayMs = FIRST_DELAY_MS;

  constructor(platform: Pick<Platform, "randomBytes">) {
    this.#platform = platform;
  }

  /** The delay before the next try, milliseconds. */
  next(): number {
    const delayMs = this.#delayMs * (0.5 + this.#platform.randomBytes(1)[0]! / 512);
    this.#delayMs = Math.min(2 * this.#delayMs, MAX_DELAY_MS);
    return delayMs;
  }

  /** The operation got ahead: it begins with short delays again. */
  reset(): void {
    this.#delayMs = FIRST_DELAY_MS;
  }
}

/** A time in which a client fails again and again, and nothing gets ahead. */
export class Outage {
  /** The error by which the connection was lost, if it was, and why in a few words. */
  loss: { readonly error: SluiceError; readonly reason: string } | undefined;
  /** Attempts that failed. */
  failures = 0;
  /** Attempts to connect that were begun. */
  connects = 0;
  /** What the user was told. */
  told: "connection-lost" | "unavailable" | undefined;
  /** The delays between attempts to connect. */
  readonly backoff: Backoff;
  readonly #platform: Pick<Platform, "nowUs" | "randomBytes">;
  readonly #sinceUs: number;

  /** An outage that begins now; the client gives up when it has lasted `retryForMs`. */
  constructor(platform: Pick<Platform, "nowUs" | "randomBytes">, readonly retryForMs: number) {
    this.#platform = platform;
    this.backoff = new Backoff(platform);
    this.#sinceUs = platform.nowUs();
  }

  /** How long it has lasted, milliseconds. */
  get elapsedMs(): number {
    return (this.#platform.nowUs() - this.#sinceUs) / 1000;
  }

  /** How long the client still goes on, milliseconds; 0 if it gives up. */
  get leftMs(): number {
    return Math.max(0, this.retryForMs - this.elapsedMs);
  }

  /** What an operation fails with now; `error` is the last one. */
  giveUp(error: SluiceError): SluiceError {
    if (this.failures < 2) return error;
    const { loss } = this;
    const reasons = [
      ...(loss === undefined ? [] : [`connection lost: ${loss.reason}`]),
      ...(loss?.error === error ? [] : [error.message]),
      `gave up after ${this.failures} attempts in ${formatDuration(Math.round(this.elapsedMs / 1000) * 1000)}`,
    ];
    return new SluiceError(error.kind, reasons.join("; "), error);
  }
}
