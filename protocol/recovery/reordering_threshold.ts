/**
 * How many packets may overtake another before the receiver reports it missing without delay: the Reordering Threshold of
 * draft-ietf-quic-ack-frequency, section 6.2, except that the sender does not prescribe it. The receiver learns it: packet
 * numbers are never reused, so a number that arrives after a higher one was reordered, whatever was retransmitted.
 *
 * Without reordering the threshold is 0: each gap is reported immediately (RFC 9000, section 13.2.1). On a path that
 * reorders, nearly every packet would be acknowledged on its own, and tell the sender nothing that it could act on: its
 * reordering window (RFC 8985) is longer than these packets are late. There a gap is reported with the next regular ACK,
 * within max_ack_delay, or as soon as it has been open for more packets than any that was filled lately.
 *
 * Hot: allocates nothing.
 *
 * @module
 */

/** A late packet counts for one to two of these periods. */
export const MEMORY_US = 1_000_000;

/** The reordering threshold of one connection. */
export class ReorderingThreshold {
  #sinceUs = -Infinity;
  /** Maxima of this period and of the previous one. */
  #recent = 0;
  #previous = 0;

  /** Packets by which the latest of the packets that were late recently was overtaken; 0 if none was. */
  at(nowUs: number): number {
    this.#advance(nowUs);
    return Math.max(this.#recent, this.#previous);
  }

  /** A packet arrived after one whose number is higher by `distance`, the largest so far. */
  onLatePacket(distance: number, nowUs: number): void {
    this.#advance(nowUs);
    if (distance > this.#recent) this.#recent = distance;
  }

  #advance(nowUs: number): void {
    const elapsedUs = nowUs - this.#sinceUs;
    if (elapsedUs < MEMORY_US) return;
    this.#previous = elapsedUs < 2 * MEMORY_US ? this.#recent : 0;
    this.#recent = 0;
    this.#sinceUs = nowUs;
  }
}
