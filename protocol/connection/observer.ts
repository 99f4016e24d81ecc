/**
 * Looks into connections from inside, where packets are decrypted: for simulations that count what they reach, and for tests
 * that forge packets. It costs nothing while there is none.
 *
 * @module
 */

import type { PacketProtection } from "../crypto/packet_protection.ts";
import type { PacketHeader } from "../wire/packet.ts";

/** Hears of all connections of an endpoint; it must change nothing. */
export interface ConnectionObserver {
  /** The connection of this ID has its keys. What `protection` seals is authentic to the peer. */
  onKeys?(localId: number, protection: PacketProtection): void;
  /** A packet was authenticated; its frames are the bytes of `datagram` from the header's end to before `payloadEnd`. */
  onPacketOpened?(header: PacketHeader, datagram: Uint8Array, payloadEnd: number): void;
}
