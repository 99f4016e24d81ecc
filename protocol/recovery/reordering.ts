/**
 * How much reordering loss detection allows for: a number of packets and a multiple of the round trip.
 *
 * Where this departs from RFC 9002's defaults (kPacketThreshold and kTimeThreshold, fixed): sections 6.1.1 and 6.1.2
 * leave room for thresholds that adapt, and RFC 8985, section 6.2, does the same for TCP.
 *
 * - A spurious loss raises both thresholds to what would have prevented it.
 * - The packet threshold goes up to 1,000 packets; a path that reorders by more is judged by time alone, as RACK does
 *   once it has seen reordering, because on a fast link any delay is a great many packets.
 * - The time threshold goes up to 2 round trips. What is later than that is taken as lost.
 * - Once a period has passed without a spurious loss, the thresholds sink to what the reordering seen in it needed,
 *   never below the defaults. So a path that goes on reordering is not misjudged again, and one that stopped (or a
 *   queue that filled once) does not slow loss detection for good.
 *
 * @module
 */

/** RFC 9002, section 6.1.1: kPacketThreshold; it SHOULD NOT be less. */
export const PACKET_THRESHOLD = 3;

/** RFC 9002, section 6.1.2: kTimeThreshold, in round trips. */
export const TIME_THRESHOLD = 9 / 8;

/** The largest finite packet threshold. Beyond it there is none. */
export const MAX_PACKET_THRESHOLD = 1_000;

/** The largest time threshold, in round trips. */
export const MAX_TIME_THRESHOLD = 2;

/** Allowed above the lateness seen, in round trips: what kTimeThreshold allows above one. */
const TIME_MARGIN = TIME_THRESHOLD - 1;

/** Round trips without a spurious loss after which the thresholds are looked at again. */
const CALM_ROUNDS = 64;

/** The same at least in microseconds, so that a round trip of 100 us does not make it a blink. */
const MIN_CALM_US = 1_000_000;

/** Holds the two thresholds of one path, and moves them with the reordering it is told of. */
export class Reordering {
  #packetThreshold = PACKET_THRESHOLD;
  #timeThreshold = TIME_THRESHOLD;
  // What late packets of the current period needed so as not to be declared lost.
  #seenPackets = PACKET_THRESHOLD;
  #seenTime = TIME_THRESHOLD;
  #calmSinceUs = -Infinity;

  /** A packet is lost once one so many numbers above it is acknowledged; Infinity where only time judges. */
  get packetThreshold(): number {
    return this.#packetThreshold;
  }

  /** A packet is lost once it is older than so many round trips, and a later one is acknowledged. */
  get timeThreshold(): number {
    return this.#timeThreshold;
  }

  /**
   * A packet was acknowledged after later ones: `distance` packet numbers below the largest acknowledged, `rounds`
   * round trips after it was sent. `spurious` if it had been declared lost by then.
   */
  onLatePacket(distance: number, rounds: number, nowUs: number, spurious: boolean): void {
    this.#seenPackets = Math.max(this.#seenPackets, distance >= MAX_PACKET_THRESHOLD ? Infinity : distance + 1);
    this.#seenTime = Math.min(MAX_TIME_THRESHOLD, Math.max(this.#seenTime, rounds + TIME_MARGIN));
    if (!spurious) return;
    this.#packetThreshold = Math.max(this.#packetThreshold, this.#seenPackets);
    this.#timeThreshold = Math.max(this.#timeThreshold, this.#seenTime);
    this.#calmSinceUs = nowUs;
  }

  /** Ends the period if it has lasted long enough, and lowers the thresholds to what it needed. */
  onTime(nowUs: number, smoothedRttUs: number): void {
    if (nowUs - this.#calmSinceUs < Math.max(MIN_CALM_US, CALM_ROUNDS * smoothedRttUs)) return;
    this.#packetThreshold = Math.min(this.#packetThreshold, this.#seenPackets);
    this.#timeThreshold = Math.min(this.#timeThreshold, this.#seenTime);
    this.#seenPackets = PACKET_THRESHOLD;
    this.#seenTime = TIME_THRESHOLD;
    this.#calmSinceUs = nowUs;
  }
}
