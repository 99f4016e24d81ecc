/**
 * The application error codes by which a side gives up a stream or a connection (`docs/PROTOCOL.md`, section 13.3).
 *
 * @module
 */

import type { StoreErrorKind } from "./file_store.ts";

/** Application error codes of RESET_STREAM, STOP_SENDING and CONNECTION_CLOSE. */
export const ApplicationErrorCode = {
  noError: 0,
  /** The user or the program cancelled it. */
  cancelled: 1,
  /** The request was refused; a REFUSED message says why. */
  refused: 2,
  /** The sender's or receiver's disk failed. */
  storeFailed: 3,
  /** A message was malformed or unexpected. */
  badMessage: 4,
  shuttingDown: 5,
  /** The peer responded, but made no progress within the stall timeout. */
  stalled: 6,
  /** The server has reached a limit, or the connection uses too much of a resource. */
  busy: 7,
  /** The client's access was revoked. */
  forbidden: 8,
  /** The file changed while it was sent. */
  fileChanged: 9,
  /** The receiver's disk is full, or its quota is used up. */
  noSpace: 10,
} as const;

/** The error code that tells the peer of a store's error. */
export function errorCodeForStoreError(kind: StoreErrorKind): number {
  if (kind === "changed") return ApplicationErrorCode.fileChanged;
  return kind === "no-space" ? ApplicationErrorCode.noSpace : ApplicationErrorCode.storeFailed;
}

/** Describes an error code for the user. */
export function describeApplicationError(code: number): string {
  switch (code) {
    case ApplicationErrorCode.noError:
      return "it ended without an error";
    case ApplicationErrorCode.cancelled:
      return "it was cancelled";
    case ApplicationErrorCode.refused:
      return "it was refused";
    case ApplicationErrorCode.storeFailed:
      return "its disk failed, or denied access to the file";
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
    case ApplicationErrorCode.fileChanged:
      return "the file changed there while it was sent; try again";
    case ApplicationErrorCode.noSpace:
      return "its disk or quota has too little space";
    default:
      return `error code ${code}`;
  }
}
