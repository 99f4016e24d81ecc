/**
 * What to send once more when there is nothing else to send: retransmissions that are in flight.
 *
 * At the end of a file only the last retransmissions are missing, and each that is lost again takes a further
 * round trip: at 10 % loss and 800 packets a round trip, three of them. The link is idle meanwhile, so each goes
 * out a second time, and one in a hundred is lost instead of one in ten. A link that loses little, or only
 * reorders, gets none. The proactive recovery of Flach et al., "Reducing Web Latency: the Virtue of Gentle Aggression"
 * (SIGCOMM 2013), for retransmissions alone.
 *
 * @module
 */

import { type SentPacket, SentState } from "../sent_packet.ts";
import type { SentPackets } from "./sent_packets.ts";

/** This many packets genuinely lost (not spuriously), and ... */
const MIN_LOST_PACKETS = 8;

/** ... such a share of all sent, make a lossy path. */
const MIN_LOST_SHARE = 0.005;

/** Whether copies pay on a path that has lost so many of the packets sent. */
export function isLossy(lostPackets: number, sentPackets: number): boolean {
  return lostPackets >= MIN_LOST_PACKETS && lostPackets >= MIN_LOST_SHARE * sentPackets;
}

/** Finds the retransmissions to copy, each once. */
export class TailRedundancy {
  /** Packets below it were looked at. */
  #from = 0;

  /** The next retransmission in flight of which no copy was sent, or undefined. */
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
