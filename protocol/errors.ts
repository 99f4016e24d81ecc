/**
 * What can go wrong on a connection, and whose fault it is.
 *
 * - {@link PeerError}: the peer broke the protocol. Thrown where a frame is acted on, caught in one place
 *   (`Connection.handleDatagram`), which closes the connection with the code.
 * - {@link CallerError}: this program used the interface wrongly, or asked for what cannot be.
 * - `StoreError` (`transfer/file_store.ts`): the disk's.
 * - `InvariantError` (`invariant.ts`): a bug of ours.
 *
 * A datagram that does not decode or does not authenticate is none of these: it is a counted drop.
 *
 * @module
 */

/** Transport error codes carried by CONNECTION_CLOSE; values from RFC 9000, section 20.1, where it has one. */
export const TransportErrorCode = {
  noError: 0x0,
  internalError: 0x1,
  connectionRefused: 0x2,
  flowControlError: 0x3,
  streamLimitError: 0x4,
  streamStateError: 0x5,
  finalSizeError: 0x6,
  frameEncodingError: 0x7,
  transportParameterError: 0x8,
  protocolViolation: 0xa,
  /** Not in RFC 9000: the server accepts no connection now. */
  unavailable: 0x20,
} as const;

/** One of {@link TransportErrorCode}'s values. */
export type TransportErrorCode = (typeof TransportErrorCode)[keyof typeof TransportErrorCode];

/** The peer broke the protocol; the connection closes with `code`, and `message` travels as the reason. */
export class PeerError extends Error {
  override readonly name = "PeerError";
  constructor(readonly code: TransportErrorCode, message: string) {
    super(message);
  }
}

/** The caller asked for what cannot be done: a closed connection, an unknown stream, a bad option. */
export class CallerError extends Error {
  override readonly name = "CallerError";
}

/** Why a connection ended; what `closed` events and programs report. */
export type CloseReason =
  /** This side closed it. */
  | { readonly kind: "local"; readonly code: number; readonly reason: string }
  /** The peer closed it (CONNECTION_CLOSE). */
  | { readonly kind: "peer"; readonly isApplication: boolean; readonly code: number; readonly reason: string }
  /** The peer broke the protocol and this side closed the connection for it. */
  | { readonly kind: "violation"; readonly code: TransportErrorCode; readonly reason: string }
  /** Nothing arrived for the idle timeout. */
  | { readonly kind: "idle-timeout" }
  /** The peer did not answer the handshake in time. */
  | { readonly kind: "handshake-timeout" }
  /** The peer does not know this connection (it was restarted). */
  | { readonly kind: "reset" }
  /** The server proved another identity than the one that it must have: public keys of 32 bytes. */
  | { readonly kind: "server-key"; readonly expected: Uint8Array; readonly actual: Uint8Array }
  /** The peer speaks none of our versions. */
  | { readonly kind: "version"; readonly supported: readonly number[] };
