/**
 * What the interfaces of client and server have in common: how an operation fails, how a side sends, and which faults
 * it can inject. What each of them offers is in `client/api.ts` and `server/api.ts`.
 *
 * @module
 */

import type { ConnectionStats, SendPolicy } from "../protocol/mod.ts";
import type { FailureKind, Retry } from "../transfer/failure.ts";
import type { RefusalReason } from "../transfer/messages.ts";

/** An operation failed. The message says what happened, to what, and what to do next. */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  /** How the operation may succeed if it is repeated; undefined where it would fail again. */
  readonly retry: Retry | undefined;
  /** The reason that the server gave, if it refused a request. */
  readonly refusal: RefusalReason | undefined;
  constructor(
    readonly kind: FailureKind,
    message: string,
    { retry, refusal }: { readonly retry?: Retry | undefined; readonly refusal?: RefusalReason | undefined } = {},
  ) {
    super(message);
    this.retry = retry;
    this.refusal = refusal;
  }
}

/** What to do to datagrams, to simulate a bad network. */
export interface FaultOptions {
  /** Share of datagrams that vanish, 0 to 1. */
  readonly drop: number;
  /** Share of datagrams in which 1 to 8 random bits are flipped, 0 to 1. */
  readonly corrupt: number;
  /** Share of datagrams that arrive twice, 0 to 1. */
  readonly duplicate: number;
  /** Share of datagrams that later ones overtake, 0 to 1. */
  readonly reorder: number;
  /** What every datagram is late by. */
  readonly delayUs: number;
  /** The most that is added to it: a random walk between 0 and this. */
  readonly jitterUs: number;
  /** Makes the same decisions again, datagram by datagram. Without it each run draws its own. */
  readonly seed?: number;
}

/** The counters of a connection, as they are when it is called. */
export type StatsReader = () => ConnectionStats;

/** How a side sends to every peer. */
export interface SendingOptions {
  /** Congestion control, or a fixed rate of 1 kB/s to 12.5 GB/s of UDP payload. Default `{ kind: "bbr" }`. */
  readonly sendPolicy?: SendPolicy;
}
