/**
 * What to send once more when there is nothing else to send: data that were lost already, and are on their way again.
 *
 * At the end of a file nobody waits for anything but the last repairs, and each that is lost again takes a further
 * round trip: at 10 % loss and 800 packets a round trip, three of them. The link is idle meanwhile, so each repair goes
 * out a second time, and one in a hundred is lost instead of one in ten. A link that loses little, or only
 * reorders, gets none. The proactive recovery of Flach et al., "Reducing Web Latency: the Virtue of Gentle Aggression"
 * (SIGCOMM 2013), for repairs alone.
 *
 * @module
 */

import { type SentPacket, SentState } from "../sent_packet.ts";
import type { SentPackets } from "./sent_packets.ts";

/** So many packets lost in earnest, and ... */
const MIN_LOST_PACKETS = 8;

/** ... such a share of all sent, make a lossy path. */
const MIN_LOST_SHARE = 0.005;

/** Whether copies pay on a path that has lost so many of the packets sent. */
export function isLossy(lostPackets: number, sentPackets: number): boolean {
  return lostPackets >= MIN_LOST_PACKETS && lostPackets >= MIN_LOST_SHARE * sentPackets;
}

/** Finds the repairs to copy, each once. */
export class TailRedundancy {
  /** Packets below it were looked at. */
  #from = 0;

  /** The next repair in flight of which no copy was sent, or undefined. */
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
