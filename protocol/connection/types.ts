/**
 * A connection's options, its events for the application, and its counters.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import type { ConnectionConfig } from "../config.ts";
import type { CloseReason } from "../errors.ts";
import type { Agreement, NoiseClient } from "../handshake/noise_handshake.ts";
import type { ConnectionObserver } from "./observer.ts";
import type { RecoveryStats } from "./loss_recovery.ts";
import type { PathStats } from "./path.ts";
import type { AckStats } from "../recovery/ack_tracker.ts";
import type { StreamEvent } from "../streams/stream_events.ts";
import type { PacketHeader } from "../wire/packet.ts";

/** A received datagram's decoded header and its source address. */
export interface Arrival {
  readonly header: PacketHeader;
  readonly remote: NetAddress;
}

/** Events for the application. */
export type ConnectionEvent =
  /** The handshake is complete: streams may be opened. */
  | { readonly kind: "connected" }
  | StreamEvent
  /** The peer has migrated to a new address. */
  | { readonly kind: "address-changed"; readonly remote: NetAddress }
  /** The connection has ended; no event follows. */
  | { readonly kind: "closed"; readonly reason: CloseReason };

/** Options of a connection. Only an endpoint creates connections. */
export interface ConnectionOptions {
  readonly isClient: boolean;
  readonly config: ConnectionConfig;
  readonly nowUs: number;
  /** This side's connection ID, below 2^53. */
  readonly localId: number;
  /** The peer's address. */
  readonly remote: NetAddress;
  /** Random bytes, for path challenges. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Seed for the congestion controller's own draws. */
  readonly seed: number;
  /** Observes the connection's packets and keys. */
  readonly observer?: ConnectionObserver | undefined;
  /** Clients only. */
  readonly client?: {
    readonly noise: NoiseClient;
    /** The public key that the server must have; undefined for any. */
    readonly expectedKey: Uint8Array | undefined;
  };
  /** Servers only: the result of the handshake with the client. */
  readonly server?: {
    readonly clientId: Uint8Array;
    readonly agreement: Agreement;
    /** The time from ServerHello to the first packet, microseconds, if it is a valid RTT sample. */
    readonly handshakeRttUs: number | undefined;
  };
}

/**
 * What keeps a connection from sending more at a moment. "flow-control": the peer grants no more credit; "congestion": the
 * congestion window or the pacer; "fixed-rate": the same under a rate that the user has set; "rate-limit": a limit that the
 * user of either side has set; "nothing": this side, which has sent less than it might; "no-data": there is none, and
 * "receive-window": none either, while the peer has used up what it may send.
 */
export type SendLimit =
  | "flow-control"
  | "congestion"
  | "fixed-rate"
  | "rate-limit"
  | "nothing"
  | "receive-window"
  | "no-data";

/** Counters that the connection itself keeps. */
interface OwnStats {
  /** Stream bytes retransmitted because a packet was declared lost. */
  readonly retransmittedBytes: number;
  readonly duplicatesReceived: number;
}

/** Counters of one connection since it was created. */
export interface ConnectionStats extends OwnStats, PathStats, RecoveryStats, AckStats {}

/**
 * All counters in one object. Hot: a server reads them after every few datagrams, and object spread would take four
 * times as long.
 */
export function joinStats(
  parts: {
    readonly own: OwnStats;
    readonly path: PathStats;
    readonly recovery: RecoveryStats;
    readonly acks: AckStats;
  },
): ConnectionStats {
  const { own, path, recovery, acks } = parts;
  return {
    duplicatesReceived: own.duplicatesReceived,
    retransmittedBytes: own.retransmittedBytes,
    packetsLost: recovery.packetsLost,
    spuriousLosses: recovery.spuriousLosses,
    bytesInFlight: recovery.bytesInFlight,
    packetsRemembered: recovery.packetsRemembered,
    largestReceived: acks.largestReceived,
    rangesRemembered: acks.rangesRemembered,
    datagramsSent: path.datagramsSent,
    datagramsReceived: path.datagramsReceived,
    bytesSent: path.bytesSent,
    bytesReceived: path.bytesReceived,
    smoothedRttUs: path.smoothedRttUs,
    minRttUs: path.minRttUs,
    congestionWindowBytes: path.congestionWindowBytes,
    datagramBytes: path.datagramBytes,
  };
}
