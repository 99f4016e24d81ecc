/**
 * The interface of the handlers, each of which carries out one request on one stream. Every handler ends exactly once
 * and reports that to its session, which then calls it no more.
 *
 * @module
 */

import type { CloseReason } from "../protocol/mod.ts";

/** Carries out one request. The session calls it for the events of the connection. */
export interface StreamHandler {
  /** There are bytes to read, the file's bytes are complete, or the peer has finished its half of the stream. */
  onReadable(): void;
  /** The peer reset its half of the stream, with an application error code. */
  onReset(code: number): void;
  /** The peer asked this side to stop sending (STOP_SENDING). */
  onStopped(code: number): void;
  /** The source of this side's bytes failed: the disk. */
  onSourceFailed(error: unknown): void;
  /** The peer has acknowledged all bytes that this side sent. */
  onDelivered(): void;
  /** The connection ended; the handler must release everything. */
  onConnectionClosed(reason: CloseReason): void;
}

/** What a server's session also needs, to detect stalled transfers. */
export interface ServerHandler extends StreamHandler {
  /** Whether the request waits for the peer. */
  readonly isUnderWay: boolean;
  /** Bytes transferred so far. */
  readonly movedBytes: number;
  /** The peer responds, but has made no progress within the stall timeout. */
  onStalled(): void;
  /** Where the stream carries several requests: the answers before this one have been written. */
  onTurn?(): void;
}
