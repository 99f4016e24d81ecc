/**
 * What an operation costs on the wire: the difference between two readings of a connection's counters.
 *
 * @module
 */

import type { ConnectionStats } from "../../protocol/mod.ts";
import type { TransferReport } from "./api.ts";

/** The share of a {@link TransferReport} that counts what went over the wire. */
export type Traffic = Pick<TransferReport, "sentBytes" | "receivedBytes" | "retransmittedBytes" | "packetsLost">;

/** Nothing. */
export const NO_TRAFFIC: Traffic = { sentBytes: 0, receivedBytes: 0, retransmittedBytes: 0, packetsLost: 0 };

/** What a connection carried between two readings of its counters. */
export function trafficBetween(before: ConnectionStats, after: ConnectionStats): Traffic {
  return {
    sentBytes: after.bytesSent - before.bytesSent,
    receivedBytes: after.bytesReceived - before.bytesReceived,
    retransmittedBytes: after.retransmittedBytes - before.retransmittedBytes,
    packetsLost: after.packetsLost - before.packetsLost,
  };
}

/** The sum of two. */
export function addTraffic(one: Traffic, other: Traffic): Traffic {
  return {
    sentBytes: one.sentBytes + other.sentBytes,
    receivedBytes: one.receivedBytes + other.receivedBytes,
    retransmittedBytes: one.retransmittedBytes + other.retransmittedBytes,
    packetsLost: one.packetsLost + other.packetsLost,
  };
}
