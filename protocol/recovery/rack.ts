/**
 * RACK: how long a packet may stay unacknowledged after a later one arrived (RFC 8985, section 6.2).
 *
 * A packet is judged by the time since it was sent, against the most recently sent packet that arrived: it may take as
 * long as that one did, and a reordering window more. How many packets overtook it does not matter, so that the same
 * jitter is the same at any rate. The window is nothing until the path is seen to reorder; then it is a multiple of a
 * quarter of the least round trip, raised when a loss proves to be spurious.
 *
 * The RFC's names: packet numbers are in the order of sending and never reused, so RACK.xmit_ts, RACK.end_seq and
 * RACK.fack are all `newestAcked`; RACK.rtt is `rttUs`; RACK.reordering_seen, reo_wnd_mult, reo_wnd_persist and
 * dsack_round are `reorderingSeen`, `windowMultiplier`, `#persist` and `#roundEnd`; SND.UNA is the first packet
 * outstanding, SND.NXT the next packet number. A DSACK is the acknowledgement of a packet declared lost, and says more:
 * which packet it was, and how late.
 *
 * Where this departs from the RFC:
 *
 * - Step 4 adds a quarter of the least round trip for each round trip with a DSACK. Here a spurious loss raises the
 *   window at once to what would have prevented it, and by a quarter at least: where packets are late by two or three
 *   quarters, each round trip of learning would cost a good part of its packets.
 * - Step 4 falls back to one quarter after 16 recoveries without a DSACK. Here it sinks to what the packets that were
 *   late meanwhile needed: while a path goes on reordering there is nothing to learn anew.
 * - Step 4 bounds the window by SRTT. Here RACK.rtt and the window are at most twice the mean round trip of all packets:
 *   where jitter is of the order of the round trip, RACK.rtt and SRTT are mostly those of lucky packets, which overtook
 *   others. While late packets are as many as early ones, none takes more than twice the mean. A few that are far later
 *   than all others do not move it, so they cannot make every repair wait.
 *
 * What of section 6 there is no need for: telling an acknowledgement of a retransmission from one of the original
 * (step 2), and marking packets lost when a retransmission timeout expires (6.3), as the PTO declares nothing lost.
 *
 * @module
 */

import { GRANULARITY_US, type RttEstimator } from "./rtt_estimator.ts";
import { type SentPacket, SentState } from "../sent_packet.ts";

/** DupThresh: packets delivered beyond the oldest missing one that show a loss where nothing was ever reordered. */
export const DUP_THRESHOLD = 3;

/** RFC 8985, section 6.2, step 4: recoveries without a spurious loss for which the window is kept. */
export const WINDOW_PERSIST = 16;

/** RFC 8985, section 6.2, step 4: the window is a multiple of min_RTT divided by this. */
const WINDOW_DIVISOR = 4;

/** RACK.rtt and the window together are at most so many mean round trips. */
const MAX_ROUND_TRIPS = 2;

/** Each packet moves the mean round trip by this share of its difference. */
const MEAN_GAIN = 1 / 64;

/** What the window depends on besides: which packets are on their way. */
export interface RackFlight {
  /** SND.UNA: the lowest number of a packet that is neither acknowledged nor lost, or {@link nextPacketNumber}. */
  readonly firstOutstanding: number;
  /** SND.NXT. */
  readonly nextPacketNumber: number;
  /** Packets neither acknowledged nor lost. */
  readonly outstanding: number;
}

/** RACK's state for one connection. Hot: told of every acknowledgement. */
export class Rack {
  #newestAcked = -1;
  #rttUs = 0;
  /** Mean round trip of all packets, the late ones too: for RACK.rtt and SRTT count only those that overtook others. */
  #meanRttUs = 0;
  #reorderingSeen = false;
  #windowMultiplier = 1;
  /** The largest multiple that a late packet would have needed since {@link #persist} began. */
  #neededMultiplier = 1;
  #persist = WINDOW_PERSIST;
  /** While it is not -1: packets below it were sent before a spurious loss was taken in. */
  #roundEnd = -1;
  /** While it is not -1, losses are being recovered from: packets below it were sent before the first was found. */
  #recoveryEnd = -1;
  #windowUs = 0;

  /** The number of the most recently sent packet that arrived, or -1. */
  get newestAcked(): number {
    return this.#newestAcked;
  }

  /** The round trip of {@link newestAcked}, as it was when that was first acknowledged. */
  get rttUs(): number {
    return this.#rttUs;
  }

  /** Whether a packet ever arrived after one that was sent later. */
  get reorderingSeen(): boolean {
    return this.#reorderingSeen;
  }

  /** The window is so many quarters of the least round trip. */
  get windowMultiplier(): number {
    return this.#windowMultiplier;
  }

  /** The reordering window of the last {@link updateWindow}. */
  get windowUs(): number {
    return this.#windowUs;
  }

  /** How long after its sending a packet is lost, once a later one was acknowledged. As of the last {@link updateWindow}. */
  get lossDelayUs(): number {
    // RFC 9002, section 6.1.2: a time to wait for is no shorter than the timers' granularity.
    return Math.max(this.#rttUs + this.#windowUs, this.#windowUs > 0 ? GRANULARITY_US : 0);
  }

  /** Step 2: a packet was newly acknowledged. */
  onPacketAcked(packet: SentPacket, nowUs: number): void {
    const rttUs = Math.max(1, nowUs - packet.sentUs);
    if (packet.ackEliciting) {
      if (this.#meanRttUs === 0) this.#meanRttUs = rttUs;
      this.#meanRttUs += (rttUs - this.#meanRttUs) * MEAN_GAIN;
    }
    if (packet.packetNumber <= this.#newestAcked) return;
    this.#newestAcked = packet.packetNumber;
    this.#rttUs = rttUs;
  }

  /**
   * Step 3, and the first part of step 4: a packet arrived later than one sent after it. Its state is still what it was:
   * if it had been declared lost, that was in vain. `nextPacketNumber` is SND.NXT.
   */
  onLatePacket(packet: SentPacket, nowUs: number, minRttUs: number, nextPacketNumber: number): void {
    const wasKnown = this.#reorderingSeen;
    this.#reorderingSeen = true;
    const lateUs = nowUs - packet.sentUs - this.#rttUs;
    const needed = Math.max(1, Math.ceil(lateUs * WINDOW_DIVISOR / Math.max(1, minRttUs)));
    this.#neededMultiplier = Math.max(this.#neededMultiplier, needed);
    if (packet.state !== SentState.lost) return;
    if (this.#roundEnd < 0) {
      this.#roundEnd = nextPacketNumber;
      // Before anything was known there may have been no window, which says nothing against the least one.
      if (wasKnown) this.#windowMultiplier++;
    }
    this.#windowMultiplier = Math.max(this.#windowMultiplier, needed);
    this.#persist = WINDOW_PERSIST;
    this.#neededMultiplier = 1;
  }

  /** A packet was declared lost: recovery begins, unless one is under way. `nextPacketNumber` is SND.NXT. */
  onPacketLost(nextPacketNumber: number): void {
    if (this.#recoveryEnd < 0) this.#recoveryEnd = nextPacketNumber;
  }

  /** Step 4, RACK_update_reo_wnd: to be called before packets are judged. */
  updateWindow(flight: RackFlight, rtt: RttEstimator): void {
    const { firstOutstanding } = flight;
    if (firstOutstanding >= this.#roundEnd) this.#roundEnd = -1;
    if (this.#recoveryEnd >= 0 && firstOutstanding >= this.#recoveryEnd) this.#endRecovery();
    this.#windowUs = this.#isReorderingPossible(flight) ? this.#boundedWindowUs(rtt) : 0;
  }

  #endRecovery(): void {
    this.#recoveryEnd = -1;
    this.#persist--;
    if (this.#persist > 0) return;
    this.#windowMultiplier = Math.min(this.#windowMultiplier, this.#neededMultiplier);
    this.#neededMultiplier = 1;
    this.#persist = WINDOW_PERSIST;
  }

  /** False where nothing was ever reordered, and a recovery or three packets delivered say that something is lost. */
  #isReorderingPossible(flight: RackFlight): boolean {
    if (this.#reorderingSeen) return true;
    if (this.#recoveryEnd >= 0) return false;
    // Packets are lost in the order of sending: what is not outstanding beyond the first one that is was delivered.
    const delivered = flight.nextPacketNumber - flight.firstOutstanding - flight.outstanding;
    return delivered < DUP_THRESHOLD;
  }

  #boundedWindowUs(rtt: RttEstimator): number {
    const minRttUs = rtt.hasSample ? rtt.minUs : this.#rttUs;
    const windowUs = Math.ceil(this.#windowMultiplier * minRttUs / WINDOW_DIVISOR);
    const roundUs = Math.max(rtt.smoothedUs, Math.ceil(this.#meanRttUs), this.#rttUs);
    return Math.min(windowUs, MAX_ROUND_TRIPS * roundUs - this.#rttUs);
  }
}
