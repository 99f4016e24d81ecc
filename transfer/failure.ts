/**
 * How a client's request can fail, and what to tell its user: what happened, to what, and what to do next.
 *
 * @module
 */

import type { CloseReason } from "../protocol/mod.ts";
import type { StoreError } from "./file_store.ts";
import { ApplicationErrorCode, RefusalReason } from "./messages.ts";

/** Why a request failed; programs turn it into an exit code. */
export type FailureKind =
  /** The transfer broke off, or the checksums differ. */
  | "failed"
  /** The arguments are wrong. No request fails for this: it is found before one begins. */
  | "usage"
  /** The server has no such file. */
  | "not-found"
  /** The server refused, and said why. */
  | "refused"
  /** No server answered. */
  | "unreachable"
  /** A file of this machine could not be read or written. */
  | "local-disk"
  /** The user gave up. */
  | "interrupted";

/** Why a request did not succeed. The message is a whole clause for a person, and may hold text of the peer's. */
export interface TransferFailure {
  readonly kind: Exclude<FailureKind, "usage">;
  readonly message: string;
  /** The same request may well succeed a little later. */
  readonly isTransient?: true;
}

/** The failure that a server's REFUSED message amounts to. */
export function refusalFailure(refusal: { reason: RefusalReason; message: string }): TransferFailure {
  switch (refusal.reason) {
    case RefusalReason.notFound:
      return { kind: "not-found", message: `on the server, ${refusal.message}; list its files to see what there is` };
    case RefusalReason.changed:
    case RefusalReason.io:
      return { kind: "failed", message: `the server failed: ${refusal.message}` };
    case RefusalReason.busy:
      return { kind: "refused", message: `the server refused: ${refusal.message}`, isTransient: true };
    default:
      return { kind: "refused", message: `the server refused: ${refusal.message}` };
  }
}

/** The failure that a fault of this machine's disk amounts to; "not-found" is for what the server does not have. */
export function storeFailure(error: StoreError): TransferFailure {
  return { kind: "local-disk", message: error.message };
}

/** The failure that the end of a connection amounts to, for a request that was under way. */
export function closeFailure(reason: CloseReason): TransferFailure {
  const unreachable = reason.kind === "handshake-timeout" || reason.kind === "version";
  const refused = reason.kind === "peer" &&
    (reason.isApplication ? REFUSALS.includes(reason.code) : reason.code === CONNECTION_REFUSED);
  return { kind: unreachable ? "unreachable" : refused ? "refused" : "failed", message: describeClose(reason) };
}

const CONNECTION_REFUSED = 0x2;
const REFUSALS: readonly number[] = [ApplicationErrorCode.busy, ApplicationErrorCode.forbidden];

/** Why a connection ended, in words. */
export function describeClose(reason: CloseReason): string {
  switch (reason.kind) {
    case "local":
      return reason.reason === ""
        ? "this side closed the connection"
        : `this side closed the connection: ${reason.reason}`;
    case "peer":
      if (!reason.isApplication && reason.code === CONNECTION_REFUSED) return reason.reason;
      return reason.reason === ""
        ? "the other side closed the connection"
        : `the other side closed the connection: ${reason.reason}`;
    case "violation":
      return `the other side broke the protocol (${reason.reason}); the versions of the two programs may not fit`;
    case "idle-timeout":
      return "idle connection timeout: nothing arrived from the other side; check the network, and try again";
    case "handshake-timeout":
      return "no response: is the server running, the port right, and UDP allowed by the firewall?";
    case "reset":
      return "the server no longer knows this connection; it was probably restarted: try again";
    case "server-key":
      return "the server has another key than expected; nothing was sent";
    case "version":
      return "the server speaks another version of the protocol; update the older of the two programs";
  }
}
