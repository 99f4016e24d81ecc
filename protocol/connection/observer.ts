/**
 * A hook into connections where packets are decrypted: for simulations that count what they cover, and for tests that
 * forge packets. Without an observer it costs nothing.
 *
 * @module
 */

import type { PacketProtection } from "../crypto/packet_protection.ts";
import type { PacketHeader } from "../wire/packet.ts";

/** Observes all connections of an endpoint. It must not change anything. */
export interface ConnectionObserver {
  /** The connection of this ID has its keys. The peer accepts as authentic what `protection` seals. */
  onKeys?(localId: number, protection: PacketProtection): void;
  /** A packet was authenticated; its frames are the bytes of `datagram` from the header's end up to `payloadEnd`, exclusive. */
  onPacketOpened?(header: PacketHeader, datagram: Uint8Array, payloadEnd: number): void;
}
