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

/** Application error codes of RESET_STREAM, STOP_SENDING and CONNECTION_CLOSE. */
export const ApplicationErrorCode = {
  noError: 0,
  /** The user, or the program, gave up. */
  cancelled: 1,
  /** The request was refused; a REFUSED message says why. */
  refused: 2,
  /** The sender's or receiver's disk failed, or the file changed while it was sent. */
  storeFailed: 3,
  /** A message made no sense. */
  badMessage: 4,
  shuttingDown: 5,
  /** The peer was there, but did not go on for too long. */
  stalled: 6,
  /** The server serves as many as it can, and this connection takes too much of what it has. */
  busy: 7,
  /** The client's permission is gone. */
  forbidden: 8,
} as const;

/** What a code says to a person. */
export function describeApplicationError(code: number): string {
  switch (code) {
    case ApplicationErrorCode.noError:
      return "it ended without an error";
    case ApplicationErrorCode.cancelled:
      return "it was cancelled";
    case ApplicationErrorCode.refused:
      return "it was refused";
    case ApplicationErrorCode.storeFailed:
      return "the file could not be read or written there";
    case ApplicationErrorCode.badMessage:
      return "a message was not understood";
    case ApplicationErrorCode.shuttingDown:
      return "the program is shutting down";
    case ApplicationErrorCode.stalled:
      return "it stood still for too long";
    case ApplicationErrorCode.busy:
      return "the server is busy";
    case ApplicationErrorCode.forbidden:
      return "permission was taken away";
    default:
      return `error code ${code}`;
  }
}
