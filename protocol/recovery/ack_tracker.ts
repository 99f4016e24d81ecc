/**
 * The receiver's side of acknowledgements (RFC 9000, section 13.2): which packets arrived, and when to say so.
 *
 * Goals: every ack-eliciting packet is acknowledged within the promised delay, a gap at once; a packet is never
 * processed twice; memory is bounded. Non-goals: writing the ACK frame, and deciding when to send something
 * ack-eliciting along with it so that the peer acknowledges our ACKs (section 13.2.4). Hot: called for every packet.
 *
 * @module
 */

import { invariant } from "../invariant.ts";
import { MAX_ACK_RANGES } from "../limits.ts";
import { RangeSet } from "../range_set.ts";
import { AckFrequency } from "./ack_frequency.ts";

/** What an {@link AckTracker} is made with. */
export interface AckTrackerOptions {
  /** The longest an acknowledgement is held back: our own max_ack_delay, as told to the peer. */
  readonly maxAckDelayUs: number;
  /** Disjoint ranges remembered. Default {@link MAX_ACK_RANGES}. */
  readonly maxRanges?: number;
}

/** Tracks received packet numbers, and when they are to be acknowledged. */
export class AckTracker {
  /** The packet numbers to report in the next ACK frame. Read only: the tracker alone changes it. */
  readonly ranges = new RangeSet();
  readonly #maxAckDelayUs: number;
  readonly #maxRanges: number;
  readonly #frequency = new AckFrequency();
  /** Every number below counts as received: it was, or it is too late to know. */
  #floor = 0;
  #largestReceived = -1;
  #largestReceivedUs = 0;
  #largestAckEliciting = -1;
  /** Ack-eliciting packets received since the last ACK was sent. */
  #unackedEliciting = 0;
  /** When the first of those arrived, and how large the last is. */
  #firstUnackedUs = 0;
  #lastSizeBytes = 0;
  /** The lowest number received since the last ACK was sent. */
  #lowestUnreported = Infinity;
  #deadlineUs = Infinity;

  constructor(options: AckTrackerOptions) {
    this.#maxAckDelayUs = options.maxAckDelayUs;
    this.#maxRanges = options.maxRanges ?? MAX_ACK_RANGES;
    invariant(this.#maxRanges >= 1, "an ACK needs room for one range");
  }

  /** The largest packet number received, or -1. */
  get largestReceived(): number {
    return this.#largestReceived;
  }

  /** When an ACK must go: Infinity if none is due, a time already past if it must go at once. */
  get ackDeadlineUs(): number {
    return this.#deadlineUs;
  }

  /** Whether an ack-eliciting packet waits for its ACK, so that a packet sent for another reason should carry one. */
  get hasUnackedEliciting(): boolean {
    return this.#unackedEliciting > 0;
  }

  /** Ack-eliciting packets after which an ACK goes at once. */
  get ackElicitingThreshold(): number {
    return this.#frequency.threshold;
  }

  /** Whether the packet was received, or is so old that this can no longer be known (RFC 9000, section 13.2.3). */
  isDuplicate(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.ranges.contains(packetNumber);
  }

  /** Notes that a packet was received and processed. Returns false, and does nothing, for a duplicate. */
  onPacketReceived(packetNumber: number, nowUs: number, ackEliciting: boolean, sizeBytes: number): boolean {
    if (packetNumber < this.#floor || this.ranges.add(packetNumber, packetNumber + 1) === 0) return false;
    if (this.ranges.length > this.#maxRanges) this.#dropLowestRange();
    if (packetNumber < this.#lowestUnreported) this.#lowestUnreported = packetNumber;
    if (packetNumber > this.#largestReceived) {
      this.#largestReceived = packetNumber;
      this.#largestReceivedUs = nowUs;
    }
    // RFC 9000, section 13.2.1: an ACK is never sent for packets alone that are not ack-eliciting.
    if (!ackEliciting) return true;
    if (this.#unackedEliciting++ === 0) this.#firstUnackedUs = nowUs;
    this.#lastSizeBytes = sizeBytes;
    const atOnce = this.#isBatchFull || this.#isOutOfOrder(packetNumber);
    if (packetNumber > this.#largestAckEliciting) this.#largestAckEliciting = packetNumber;
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

  /** An ACK frame with {@link ranges} (all of them, or the highest that fit) was sent. */
  onAckSent(nowUs: number): void {
    if (this.#isBatchFull) this.#frequency.onBatch(nowUs - this.#firstUnackedUs, this.#lastSizeBytes);
    else if (
      this.#unackedEliciting > 0 && nowUs - this.#firstUnackedUs >= this.#frequency.delayUs(this.#maxAckDelayUs)
    ) {
      this.#frequency.onPause();
    }
    this.#unackedEliciting = 0;
    this.#lowestUnreported = Infinity;
    this.#deadlineUs = Infinity;
  }

  /**
   * The peer has an ACK frame of ours whose largest was `largest`: numbers up to it need not be reported again
   * (RFC 9000, section 13.2.4). One that arrived late and was not reported yet stays.
   */
  onAckAcked(largest: number): void {
    invariant(largest <= this.#largestReceived, "an ACK never reports more than was received");
    const floor = Math.min(largest + 1, this.#lowestUnreported);
    if (floor <= this.#floor) return;
    this.ranges.remove(this.#floor, floor);
    this.#floor = floor;
  }

  get #isBatchFull(): boolean {
    return this.#unackedEliciting >= this.#frequency.threshold;
  }

  /** RFC 9000, section 13.2.1: below another ack-eliciting packet, or above it with packets missing in between. */
  #isOutOfOrder(packetNumber: number): boolean {
    const largest = this.#largestAckEliciting;
    if (packetNumber < largest) return true;
    // What is below the floor counts as received: the first packet of all may have any number.
    const from = Math.max(largest + 1, this.#floor);
    return largest >= 0 && from < packetNumber && !this.ranges.containsRange(from, packetNumber);
  }

  /** Gives up the oldest range, so that memory stays bounded (RFC 9000, section 13.2.3). */
  #dropLowestRange(): void {
    const start = this.ranges.start(0);
    this.#floor = this.ranges.end(0);
    this.ranges.remove(start, this.#floor);
  }
}
