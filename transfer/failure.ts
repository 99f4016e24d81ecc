/**
 * How a client's request can fail, and the message for its user: what happened, to what, and what to do next.
 *
 * @module
 */

import { type CloseReason, TransportErrorCode } from "../protocol/mod.ts";
import type { StoreError, StoreErrorKind } from "./file_store.ts";
import { RefusalReason } from "./messages.ts";
import { ApplicationErrorCode, describeApplicationError } from "./application_error.ts";

/** Why a request failed; programs turn it into an exit code. */
export type FailureKind =
  /** The transfer was interrupted, or the checksums differ. */
  | "failed"
  /** The arguments are wrong. No request fails with this kind, since arguments are checked before it begins. */
  | "usage"
  /** The server has no such file. */
  | "not-found"
  /** The server refused the request and gave the reason. */
  | "refused"
  /** No server responded. */
  | "unreachable"
  /** A file of this machine could not be read or written. */
  | "local-disk"
  /** The user cancelled it. */
  | "interrupted";

/** How a request that failed may succeed if it is repeated. */
export type Retry =
  /** Later, on the same connection: the server is busy. */
  | "later"
  /** On a new connection: this one has ended, or cannot be made now. */
  | "reconnect"
  /** Once: bytes were damaged on their way, in memory or on a disk. */
  | "once";

/** Why a request failed. The message is a complete clause for the user, and may contain text from the peer. */
export interface TransferFailure {
  readonly kind: Exclude<FailureKind, "usage">;
  readonly message: string;
  /** Undefined where the same request would fail again. */
  readonly retry?: Retry;
  /** The reason that the server gave, if it refused the request. */
  readonly refusal?: RefusalReason;
}

/** Converts a server's REFUSED message to a failure. */
export function refusalFailure(refusal: { reason: RefusalReason; message: string }): TransferFailure {
  switch (refusal.reason) {
    case RefusalReason.notFound:
      return { kind: "not-found", message: `${refusal.message} on the server (see "sluice list")` };
    case RefusalReason.changed:
      return { kind: "failed", message: `the server gave up: ${refusal.message}` };
    case RefusalReason.io:
      return { kind: "failed", message: `the server failed: ${refusal.message}` };
    default: {
      const { reason } = refusal;
      const advice = ADVICE[reason];
      const message = `the server refused: ${refusal.message}${advice === undefined ? "" : `; ${advice}`}`;
      const isForNow = reason === RefusalReason.busy || reason === RefusalReason.shuttingDown;
      return { kind: "refused", message, refusal: reason, ...(isForNow ? { retry: "later" } : {}) };
    }
  }
}

/** What the user can do about a refusal. The server's message only gives the cause, and is in its log as well. */
const ADVICE: Readonly<Partial<Record<RefusalReason, string>>> = {
  [RefusalReason.exists]: "use --force to replace it, or --as for another name",
  [RefusalReason.badName]: "use --as for another name",
  [RefusalReason.denied]: "ask the server's administrator",
};

/** Converts the code with which a server aborted a request to a failure; `what` is the request. */
export function resetFailure(code: number, what: string): TransferFailure {
  const message = `the server gave up ${what}: ${describeApplicationError(code)}`;
  return { kind: "failed", message, ...(FOR_NOW.includes(code) ? { retry: "later" } : {}) };
}

/** Codes of an end that does not end the same request once more. */
const FOR_NOW: readonly number[] = [
  ApplicationErrorCode.shuttingDown,
  ApplicationErrorCode.stalled,
  ApplicationErrorCode.busy,
];

/** Converts an error of this machine's disk to a failure; "not-found" is only for files that the server lacks. */
export function storeFailure(error: StoreError): TransferFailure {
  const advice = LOCAL_ADVICE[error.kind];
  return { kind: "local-disk", message: advice === undefined ? error.message : `${error.message}; ${advice}` };
}

/** What the user can do about a file that cannot be saved on this machine. */
const LOCAL_ADVICE: Readonly<Partial<Record<StoreErrorKind, string>>> = {
  "exists": "use --force to replace it, or --output for another place",
  "bad-name": "use --output for another name",
};

/** Converts the end of a connection to a failure of a request in progress. */
export function closeFailure(reason: CloseReason): TransferFailure {
  const unreachable = reason.kind === "handshake-timeout" || reason.kind === "version";
  const refused = reason.kind === "peer" &&
    (reason.isApplication ? REFUSALS.includes(reason.code) : isRefusal(reason.code));
  const kind = unreachable ? "unreachable" : refused ? "refused" : "failed";
  return { kind, message: describeClose(reason), ...(isForNow(reason) ? { retry: "reconnect" } : {}) };
}

const REFUSALS: readonly number[] = [ApplicationErrorCode.busy, ApplicationErrorCode.forbidden];

/** Whether a transport error code is that of a server that refused the connection. */
function isRefusal(code: number): boolean {
  return code === TransportErrorCode.connectionRefused || code === TransportErrorCode.unavailable;
}

/** Whether another connection may succeed where this one ended. */
function isForNow(reason: CloseReason): boolean {
  switch (reason.kind) {
    case "idle-timeout":
    case "handshake-timeout":
    case "reset":
      return true;
    case "peer":
      return reason.isApplication
        ? reason.code === ApplicationErrorCode.noError || FOR_NOW.includes(reason.code)
        : reason.code === TransportErrorCode.noError || reason.code === TransportErrorCode.unavailable;
    case "local":
    case "violation":
    case "server-key":
    case "version":
      return false;
  }
}

/** Describes why a connection ended. */
export function describeClose(reason: CloseReason): string {
  switch (reason.kind) {
    case "local":
      return reason.reason === ""
        ? "this side closed the connection"
        : `this side closed the connection: ${reason.reason}`;
    case "peer":
      if (!reason.isApplication && isRefusal(reason.code)) return reason.reason;
      return reason.reason === ""
        ? "the other side closed the connection"
        : `the other side closed the connection: ${reason.reason}`;
    case "violation":
      return `the other side broke the protocol (${reason.reason}); the versions of the two programs may not fit`;
    case "idle-timeout":
      return "idle connection timeout: nothing arrived from the other side; check the network";
    case "handshake-timeout":
      return "no response: is the server running, the port right, and UDP allowed by the firewall?";
    case "reset":
      return "the server no longer knows this connection: it was restarted, or this machine was suspended";
    case "server-key":
      return "the server has another key than expected; nothing was sent";
    case "version":
      return "the server speaks another version of the protocol; update the older of the two programs";
  }
}
