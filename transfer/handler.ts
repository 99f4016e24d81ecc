/**
 * What a session asks of the code that carries out one request on one stream. Every handler ends exactly once,
 * by calling what it was given to report its end; after that nothing is called on it.
 *
 * @module
 */

import type { CloseReason } from "../protocol/mod.ts";

/** Carries out one request. The session calls these as its connection's events come in. */
export interface StreamHandler {
  /** There are bytes to read, the file's bytes are complete, or the peer's end has come. */
  onReadable(): void;
  /** The peer gave up sending, with an application error code. */
  onReset(code: number): void;
  /** The peer wants nothing more of what this side sends. */
  onStopped(code: number): void;
  /** What this side sends could not be read from disk. */
  onSourceFailed(error: unknown): void;
  /** All that this side sent has arrived. */
  onDelivered(): void;
  /** The connection is gone; everything held must be let go. */
  onConnectionClosed(reason: CloseReason): void;
}

/** What a server asks of a handler besides, to know a peer that does not go on. */
export interface ServerHandler extends StreamHandler {
  /** Whether the peer still has to do something, so that the work is in use for as long. */
  readonly isUnderWay: boolean;
  /** Bytes moved so far. */
  readonly movedBytes: number;
  /** The peer is there, and has let all stand still for too long. */
  onStalled(): void;
}
