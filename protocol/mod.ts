/**
 * The transport's interface: one connection between two endpoints over datagrams, reliable, encrypted, congestion
 * controlled, without I/O, clock or randomness of its own.
 *
 * An owner of a socket makes one {@link Endpoint}, gives it every datagram that arrives, and for each
 * {@link Connection} sends what `pollTransmit` writes, calls `handleTimeout` when `pollTimeout` is due, and hands
 * what `pollEvent` says to the application. The application uses {@link Stream}s.
 *
 * @module
 */

export { type AdmissionLimits, DEFAULT_ADMISSION } from "./endpoint/admission.ts";
export {
  checkSendPolicy,
  CONGESTION_NAMES,
  type ConnectionConfig,
  DEFAULT_CONFIG,
  MAX_DATAGRAM_BYTES,
  resolveConfig,
  type SendPolicy,
} from "./config.ts";
export { Connection } from "./connection/connection.ts";
export { NO_RATE_LIMIT, type RateLimit } from "./connection/rate_limits.ts";
export type { ConnectionObserver } from "./connection/observer.ts";
export type { ConnectionEvent, ConnectionStats, SendLimit } from "./connection/types.ts";
export { type DatagramResult, Endpoint, type EndpointOptions } from "./endpoint/endpoint.ts";
export { DROP_REASONS, DropCounter, type DropCounts, type DropReason } from "./drops.ts";
export { PeerIdentity } from "./handshake/peer_identity.ts";
export { allocateAeadBuffer, releaseAeadBuffer } from "./crypto/chacha20poly1305/aead.ts";
export { KEY_BYTES, KeyPair } from "./crypto/x25519.ts";
export { CallerError, type CloseReason, PeerError, TransportErrorCode } from "./errors.ts";
export { type ByteSink, type ByteSource, MIN_ZEROS_BYTES } from "./streams/byte_flow.ts";
export type { Stream } from "./streams/stream.ts";
export { VERSION } from "./wire/packet.ts";
