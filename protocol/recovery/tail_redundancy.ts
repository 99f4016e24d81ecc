/**
 * Tail redundancy: selects retransmissions in flight to send again when there is nothing else to send.
 *
 * At the end of a file only the last retransmissions are missing, and each that is lost again costs another round trip:
 * at 10 % loss and 800 packets per round trip, three round trips. The link is idle in the meantime, so each
 * retransmission is sent twice, and one in a hundred is lost instead of one in ten. On a path with little loss, or with
 * only reordering, no copies are sent. This is the proactive recovery of Flach et al., "Reducing Web Latency: the Virtue
 * of Gentle Aggression" (SIGCOMM 2013), limited to retransmissions.
 *
 * @module
 */

import { type SentPacket, SentState } from "../sent_packet.ts";
import type { SentPackets } from "./sent_packets.ts";

/** A path is lossy if this many packets were genuinely lost (not spuriously), and ... */
const MIN_LOST_PACKETS = 8;

/** ... this share of all packets sent. */
const MIN_LOST_SHARE = 0.005;

/** Whether copies pay off on a path that has lost `lostPackets` of `sentPackets`. */
export function isLossy(lostPackets: number, sentPackets: number): boolean {
  return lostPackets >= MIN_LOST_PACKETS && lostPackets >= MIN_LOST_SHARE * sentPackets;
}

/** Selects the retransmissions to copy, each once. */
export class TailRedundancy {
  /** Packets below this number have been examined. */
  #from = 0;

  /** The next retransmission in flight that was not copied yet, or undefined. */
  next(sent: SentPackets): SentPacket | undefined {
    for (let at = Math.max(this.#from, sent.firstOutstanding); at < sent.nextPacketNumber; at++) {
      const packet = sent.get(at);
      if (packet?.state !== SentState.outstanding || !packet.isRepair) continue;
      this.#from = at + 1;
      return packet;
    }
    this.#from = sent.nextPacketNumber;
    return undefined;
  }
}
