/**
 * The only door to the transport: one connection between two endpoints over datagrams, reliable, congestion
 * controlled, without I/O, clock or randomness of its own.
 *
 * An owner of a socket makes one {@link Endpoint}, gives it every datagram that arrives, and for each
 * {@link Connection} sends what `pollTransmit` writes, calls `handleTimeout` when `pollTimeout` is due, and hands
 * what `pollEvent` says to the application. The application uses {@link Stream}s.
 *
 * @module
 */

export { type AdmissionLimits, DEFAULT_ADMISSION } from "./admission.ts";
export {
  CONGESTION_NAMES,
  type CongestionName,
  type ConnectionConfig,
  DEFAULT_CONFIG,
  MAX_DATAGRAM_BYTES,
  resolveConfig,
} from "./config.ts";
export { Connection } from "./connection.ts";
export type { ConnectionEvent, ConnectionStats } from "./connection_types.ts";
export { type DatagramResult, Endpoint, type EndpointOptions } from "./endpoint.ts";
export { DROP_REASONS, DropCounter, type DropCounts, type DropReason } from "./drops.ts";
export { PeerIdentity } from "./handshake/peer_identity.ts";
export { allocateAeadBuffer } from "./protection/aead.ts";
export { KEY_BYTES, KeyPair } from "./protection/x25519.ts";
export { CallerError, type CloseReason, PeerError, TransportErrorCode } from "./errors.ts";
export { invariant, InvariantError } from "./invariant.ts";
export { Random, Wander } from "./random.ts";
export { Slots, type SlotsOptions, type SlotsRefusal } from "./slots.ts";
export { sourceOf } from "./source_address.ts";
export type { ByteSink, ByteSource } from "./stream/byte_flow.ts";
export type { Stream } from "./stream/stream.ts";
export { TokenBucket } from "./token_bucket.ts";
export { Reader, varintSize, Writer } from "./wire/cursor.ts";
export { Version } from "./wire/packet.ts";
