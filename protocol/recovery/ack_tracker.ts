/**
 * The receiver's side of acknowledgements (RFC 9000, section 13.2): which packets have arrived, and when to send an ACK.
 *
 * Goals: every ack-eliciting packet is acknowledged within max_ack_delay, and a gap immediately unless the path reorders; no
 * packet is processed twice; memory is bounded. Non-goals: writing the ACK frame, and deciding when to add an ack-eliciting frame so that the
 * peer acknowledges our ACKs (section 13.2.4). Hot: called for every packet.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { MAX_ACK_RANGES } from "../limits.ts";
import { RangeSet } from "../../base/range_set.ts";
import { AckFrequency } from "./ack_frequency.ts";
import { ReorderingThreshold } from "./reordering_threshold.ts";

/**
 * How long late packets below a number are still accepted, after the peer has acknowledged our ACK of everything received
 * below it. It must exceed the lateness that a sender's reordering window allows, which is a round trip or two.
 */
const LATENESS_US = 1_000_000;

/** Options of an {@link AckTracker}. */
export interface AckTrackerOptions {
  /** The longest that an acknowledgement is delayed: our own max_ack_delay, as announced to the peer. */
  readonly maxAckDelayUs: number;
  /** Maximum number of disjoint ranges remembered. Default {@link MAX_ACK_RANGES}. */
  readonly maxRanges?: number;
}

/** Counters for a connection's stats. */
export interface AckStats {
  /** The largest packet number received; -1 before the first. */
  readonly largestReceived: number;
  /** Ranges of received packet numbers that are remembered, for any purpose. */
  readonly rangesRemembered: number;
}

/** Tracks received packet numbers, and when they are to be acknowledged. */
export class AckTracker {
  /**
   * The packet numbers to report: those received whose ACK the peer has not acknowledged. Read only: only the tracker
   * changes it.
   */
  readonly ranges = new RangeSet();
  /** All packet numbers received from `#floor` on. */
  readonly #received = new RangeSet();
  readonly #maxAckDelayUs: number;
  readonly #maxRanges: number;
  readonly #frequency = new AckFrequency();
  readonly #reordering = new ReorderingThreshold();
  /** Every number below it counts as received: it was, or it is no longer known. */
  #floor = 0;
  /** The next value of `#floor`, which applies once `LATENESS_US` have passed. */
  #nextFloor = 0;
  #nextFloorUs = Infinity;
  #largestReceived = -1;
  #largestReceivedUs = 0;
  #largestAckEliciting = -1;
  /** Ack-eliciting packets received since the last ACK was sent. */
  #unackedEliciting = 0;
  /** When the first of those arrived, and the size of the last. */
  #firstUnackedUs = 0;
  #lastSizeBytes = 0;
  /** The lowest number that no ACK frame has reported, or Infinity. */
  #lowestUnreported = Infinity;
  /** A number below which nothing has been missing since the last ACK was sent; Infinity if no gap has appeared since. */
  #firstMissing = Infinity;
  #deadlineUs = Infinity;

  constructor(options: AckTrackerOptions) {
    this.#maxAckDelayUs = options.maxAckDelayUs;
    this.#maxRanges = options.maxRanges ?? MAX_ACK_RANGES;
    invariant(this.#maxRanges >= 1, "at least one range is remembered");
  }

  /** The largest packet number received, or -1. */
  get largestReceived(): number {
    return this.#largestReceived;
  }

  get stats(): AckStats {
    return {
      largestReceived: this.#largestReceived,
      rangesRemembered: this.#received.length + this.ranges.length,
    };
  }

  /** When an ACK must be sent: Infinity if none is due, a time in the past if it must be sent immediately. */
  get ackDeadlineUs(): number {
    return this.#deadlineUs;
  }

  /** Whether an ack-eliciting packet is unacknowledged, so that a packet sent for another reason should carry an ACK. */
  get hasUnackedEliciting(): boolean {
    return this.#unackedEliciting > 0;
  }

  /** Whether the packet was received before, or is so old that this is no longer known (RFC 9000, section 13.2.3). */
  isDuplicate(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.#received.contains(packetNumber);
  }

  /** Records that a packet was received and processed. Returns false, and does nothing, for a duplicate. */
  onPacketReceived(packetNumber: number, nowUs: number, ackEliciting: boolean, sizeBytes: number): boolean {
    if (packetNumber < this.#floor || this.#received.add(packetNumber, packetNumber + 1) === 0) return false;
    this.ranges.add(packetNumber, packetNumber + 1);
    if (packetNumber < this.#lowestUnreported) this.#lowestUnreported = packetNumber;
    if (packetNumber < this.#nextFloor) this.#nextFloor = packetNumber;
    if (this.#received.length > this.#maxRanges) this.#dropBelow(this.#received.end(0));
    if (this.ranges.length > this.#maxRanges) this.#dropBelow(this.ranges.end(0));
    if (packetNumber > this.#largestReceived) {
      this.#largestReceived = packetNumber;
      this.#largestReceivedUs = nowUs;
    }
    // RFC 9000, section 13.2.1: packets that are not ack-eliciting never trigger an ACK.
    if (!ackEliciting) return true;
    if (this.#unackedEliciting++ === 0) this.#firstUnackedUs = nowUs;
    this.#lastSizeBytes = sizeBytes;
    const isOutOfOrder = this.#isOutOfOrder(packetNumber, nowUs);
    const atOnce = this.#isBatchFull || isOutOfOrder;
    // Section 13.2.1: every ack-eliciting packet is acknowledged within max_ack_delay, counted from the first.
    const delayUs = atOnce ? 0 : this.#frequency.delayUs(this.#maxAckDelayUs);
    this.#deadlineUs = Math.min(this.#deadlineUs, nowUs + delayUs);
    return true;
  }

  /** Whether an ACK is due. */
  shouldAck(nowUs: number): boolean {
    return nowUs >= this.#deadlineUs;
  }

  /** The delay to report: since the largest packet number arrived (RFC 9000, section 13.2.5). */
  ackDelayUs(nowUs: number): number {
    return Math.max(0, nowUs - this.#largestReceivedUs);
  }

  /** An ACK frame is being sent with all of {@link ranges}, or with some, including the highest. */
  onAckSent(nowUs: number): void {
    const waitedUs = nowUs - this.#firstUnackedUs;
    if (this.#isBatchFull) this.#frequency.onBatch(waitedUs, this.#lastSizeBytes);
    else if (this.#unackedEliciting > 0 && waitedUs >= this.#frequency.delayUs(this.#maxAckDelayUs)) {
      this.#frequency.onPause();
    }
    this.#unackedEliciting = 0;
    this.#deadlineUs = Infinity;
    this.#lowestUnreported = Infinity;
    this.#firstMissing = Infinity;
  }

  /** The lowest number that no ACK frame has reported, or Infinity. */
  get lowestUnreported(): number {
    return this.#lowestUnreported;
  }

  /**
   * The peer has acknowledged a packet with an ACK frame that reported numbers below `end`: these need not be reported
   * again (RFC 9000, section 13.2.4).
   */
  onAckAcked(end: number, nowUs: number): void {
    invariant(end <= this.#largestReceived + 1, "an ACK never reports more than was received");
    const { ranges } = this;
    ranges.removeBelow(Math.min(end, this.#lowestUnreported));
    if (nowUs - this.#nextFloorUs >= LATENESS_US) {
      this.#dropBelow(this.#nextFloor);
      this.#nextFloorUs = Infinity;
    }
    if (this.#nextFloorUs !== Infinity) return;
    this.#nextFloor = ranges.length === 0 ? this.#largestReceived + 1 : ranges.start(0);
    this.#nextFloorUs = nowUs;
  }

  get #isBatchFull(): boolean {
    return this.#unackedEliciting >= this.#frequency.threshold;
  }

  /**
   * RFC 9000, section 13.2.1: lower than another ack-eliciting packet, or higher with packets missing in between. Neither
   * counts before it exceeds the reordering threshold.
   */
  #isOutOfOrder(packetNumber: number, nowUs: number): boolean {
    const largest = this.#largestAckEliciting;
    if (packetNumber < largest) {
      const threshold = this.#reordering.at(nowUs);
      this.#reordering.onLatePacket(largest - packetNumber, nowUs);
      return largest - packetNumber > threshold;
    }
    this.#largestAckEliciting = packetNumber;
    if (largest < 0) return false;
    if (this.#firstMissing === Infinity) {
      // Numbers below the floor count as received: the very first packet may have any number.
      const from = Math.max(largest + 1, this.#floor);
      if (from >= packetNumber || this.#received.containsRange(from, packetNumber)) return false;
      this.#firstMissing = from;
    }
    return this.#isGapLate(packetNumber, nowUs);
  }

  /** Whether the oldest gap since the last ACK, if it is still open below `largest`, exceeds the reordering threshold. */
  #isGapLate(largest: number, nowUs: number): boolean {
    const threshold = this.#reordering.at(nowUs);
    if (largest - this.#firstMissing <= threshold) return false;
    this.#firstMissing = this.#received.coveredUntil(this.#firstMissing);
    if (this.#firstMissing > largest) this.#firstMissing = Infinity;
    return largest - this.#firstMissing > threshold;
  }

  /** Counts everything below `floor` as received, so that memory stays bounded (RFC 9000, section 13.2.3). */
  #dropBelow(floor: number): void {
    this.#floor = Math.max(this.#floor, floor);
    this.#received.removeBelow(floor);
    this.ranges.removeBelow(floor);
  }
}
