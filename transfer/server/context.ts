/**
 * The interfaces between a server's session and its handlers.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import type { BackgroundTask } from "../background_work.ts";
import type { Operation, TransferEvent } from "../events.ts";
import type { RefusalReason } from "../messages.ts";

/** The state of the connection when a transfer began. */
export interface TransferStart {
  readonly atUs: number;
  readonly retransmittedBytes: number;
}

/** The part of the session that handlers use. */
export interface ServerContext {
  /** The present state of the connection. */
  now(): TransferStart;
  readonly wake: () => void;
  report(event: TransferEvent): void;
  /** Sends REFUSED, and asks the client to stop sending on the stream. */
  refuse(stream: Stream, refusal: Refusal): void;
  /** The handler of this stream has work for the background from time to time, until it ends. */
  works(stream: Stream, task: BackgroundTask): void;
  /** The handler of this stream waits only for a last message, and no longer counts against the limits. */
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
