/**
 * What a server's session and its handlers know of each other.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import type { Operation, TransferEvent } from "../events.ts";
import type { RefusalReason } from "../messages.ts";

/** How a connection stood when a transfer began. */
export interface TransferStart {
  readonly atUs: number;
  readonly retransmittedBytes: number;
}

/** What handlers may use of their session. */
export interface ServerContext {
  /** How the connection stands now. */
  now(): TransferStart;
  readonly wake: () => void;
  report(event: TransferEvent): void;
  /** Answers REFUSED, and wants nothing more on the stream. */
  refuse(stream: Stream, refusal: Refusal): void;
  /** The handler of this stream waits for a last word alone, and holds nothing any more that others may want. */
  released(stream: Stream): void;
  /** The handler of this stream has ended. */
  ended(stream: Stream): void;
}

/** Why a request is refused. */
export interface Refusal {
  readonly operation: Operation;
  readonly name: string;
  readonly reason: RefusalReason;
  readonly message: string;
}
