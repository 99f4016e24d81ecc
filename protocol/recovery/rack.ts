/**
 * RACK: how long a packet may stay unacknowledged after a later one arrived (RFC 8985, section 6.2).
 *
 * Loss is decided by the time since a packet was sent, relative to the most recently sent packet that was acknowledged: a
 * packet may take as long as that one did, plus a reordering window. The number of packets that overtook it does not
 * matter, so jitter has the same effect at any rate. The window is zero until reordering is observed; then it is a multiple
 * of a quarter of the minimum RTT, raised when a loss proves to be spurious.
 *
 * The RFC's names: packet numbers are in the order of sending and never reused, so RACK.xmit_ts, RACK.end_seq and
 * RACK.fack are all `newestAcked`; RACK.rtt is `rttUs`; RACK.reordering_seen, reo_wnd_mult, reo_wnd_persist and
 * dsack_round are `reorderingSeen`, `windowMultiplier`, `#persist` and `#roundEnd`; SND.UNA is the first packet
 * outstanding, SND.NXT the next packet number. The equivalent of a DSACK is the acknowledgement of a packet declared lost,
 * which tells more: which packet it was, and how late.
 *
 * Differences from the RFC:
 *
 * - Step 4 adds a quarter of the minimum RTT for each round trip with a DSACK. Here a spurious loss raises the window
 *   immediately to the size that would have prevented it, and by at least a quarter: if packets are late by two or three
 *   quarters, many packets would be retransmitted needlessly in each round trip until the window fits.
 * - Step 4 falls back to one quarter after 16 recoveries without a DSACK. Here the window is reduced to what the late
 *   packets of that time needed: while a path keeps reordering, the window need not adapt again from the start.
 * - Step 4 bounds the window by SRTT. Here RACK.rtt plus the window is at most twice the mean RTT of all packets: if jitter
 *   is of the order of the RTT, RACK.rtt and SRTT are mostly those of fast packets, which overtook others. While there are
 *   as many late packets as early ones, none takes more than twice the mean. A few packets far later than all others
 *   hardly change the mean, so they cannot delay every retransmission.
 *
 * Parts of section 6 that are not necessary: distinguishing the acknowledgement of a retransmission from that of the
 * original (step 2), and marking packets lost when a retransmission timeout expires (6.3), as a PTO declares none lost.
 *
 * @module
 */

import { GRANULARITY_US, type RttEstimator } from "./rtt_estimator.ts";
import { type SentPacket, SentState } from "../sent_packet.ts";

/** DupThresh: packets delivered after the oldest missing one that indicate a loss if no reordering was ever observed. */
export const DUP_THRESHOLD = 3;

/** RFC 8985, section 6.2, step 4: recoveries without a spurious loss for which the window is kept. */
export const WINDOW_PERSIST = 16;

/** RFC 8985, section 6.2, step 4: the window is a multiple of min_RTT divided by this. */
const WINDOW_DIVISOR = 4;

/** RACK.rtt plus the window is at most this multiple of the mean RTT. */
const MAX_ROUND_TRIPS = 2;

/** Gain of the moving average of the RTT (EWMA). */
const MEAN_GAIN = 1 / 64;

/** The packets in flight, on which the window depends as well. */
export interface RackFlight {
  /** SND.UNA: the lowest number of a packet that is neither acknowledged nor lost, or {@link nextPacketNumber}. */
  readonly firstOutstanding: number;
  /** SND.NXT. */
  readonly nextPacketNumber: number;
  /** Packets neither acknowledged nor lost. */
  readonly outstanding: number;
}

/** RACK's state for one connection. Hot: called for every packet acknowledged. */
export class Rack {
  #newestAcked = -1;
  #rttUs = 0;
  /** Mean RTT of all packets, including late ones: RACK.rtt and SRTT consider only packets that overtook others. */
  #meanRttUs = 0;
  #meanLatenessUs = 0;
  #reorderingSeen = false;
  #windowMultiplier = 1;
  /** The largest multiplier that a late packet would have needed since {@link #persist} began. */
  #neededMultiplier = 1;
  #persist = WINDOW_PERSIST;
  /** Unless it is -1: packets below it were sent before the window was raised for a spurious loss. */
  #roundEnd = -1;
  /** Unless it is -1, loss recovery is in progress: packets below it were sent before the first loss was detected. */
  #recoveryEnd = -1;
  #windowUs = 0;

  /** The number of the most recently sent packet that was acknowledged, or -1. */
  get newestAcked(): number {
    return this.#newestAcked;
  }

  /** The RTT of {@link newestAcked} when it was first acknowledged. */
  get rttUs(): number {
    return this.#rttUs;
  }

  /** Whether a packet was ever acknowledged after one that was sent later. */
  get reorderingSeen(): boolean {
    return this.#reorderingSeen;
  }

  /**
   * How much later packets are acknowledged than one sent after them, on average: in order counts as 0. A moving average of
   * the recent packets, microseconds.
   */
  get meanLatenessUs(): number {
    return this.#meanLatenessUs;
  }

  /** The window in quarters of the minimum RTT. */
  get windowMultiplier(): number {
    return this.#windowMultiplier;
  }

  /** The reordering window, as of the last {@link updateWindow}. */
  get windowUs(): number {
    return this.#windowUs;
  }

  /** Age at which a packet is lost once a later one was acknowledged. As of the last {@link updateWindow}. */
  get lossDelayUs(): number {
    // RFC 9002, section 6.1.2: a loss delay is no shorter than the timers' granularity.
    return Math.max(this.#rttUs + this.#windowUs, this.#windowUs > 0 ? GRANULARITY_US : 0);
  }

  /** Step 2: a packet was newly acknowledged. */
  onPacketAcked(packet: SentPacket, nowUs: number): void {
    const rttUs = Math.max(1, nowUs - packet.sentUs);
    if (packet.ackEliciting) {
      if (this.#meanRttUs === 0) this.#meanRttUs = rttUs;
      this.#meanRttUs += (rttUs - this.#meanRttUs) * MEAN_GAIN;
      this.#meanLatenessUs -= this.#meanLatenessUs * MEAN_GAIN;
    }
    if (packet.packetNumber <= this.#newestAcked) return;
    this.#newestAcked = packet.packetNumber;
    this.#rttUs = rttUs;
  }

  /**
   * Step 3, and the first part of step 4: a packet was acknowledged later than one sent after it. Its state is still that
   * from before: if it had been declared lost, that loss was spurious. `nextPacketNumber` is SND.NXT.
   */
  onLatePacket(packet: SentPacket, nowUs: number, minRttUs: number, nextPacketNumber: number): void {
    const wasKnown = this.#reorderingSeen;
    this.#reorderingSeen = true;
    const lateUs = nowUs - packet.sentUs - this.#rttUs;
    this.#meanLatenessUs += Math.max(0, lateUs) * MEAN_GAIN;
    const needed = Math.max(1, Math.ceil(lateUs * WINDOW_DIVISOR / Math.max(1, minRttUs)));
    this.#neededMultiplier = Math.max(this.#neededMultiplier, needed);
    if (packet.state !== SentState.lost) return;
    if (this.#roundEnd < 0) {
      this.#roundEnd = nextPacketNumber;
      // Before reordering was observed the window may have been zero, so the loss does not prove a quarter too small.
      if (wasKnown) this.#windowMultiplier++;
    }
    this.#windowMultiplier = Math.max(this.#windowMultiplier, needed);
    this.#persist = WINDOW_PERSIST;
    this.#neededMultiplier = 1;
  }

  /** A packet was declared lost: recovery begins, unless it is in progress. `nextPacketNumber` is SND.NXT. */
  onPacketLost(nextPacketNumber: number): void {
    if (this.#recoveryEnd < 0) this.#recoveryEnd = nextPacketNumber;
  }

  /** Step 4, RACK_update_reo_wnd. Call it before losses are detected. */
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

  /** False if reordering was never observed and a recovery, or three later packets delivered, indicate a loss. */
  #isReorderingPossible(flight: RackFlight): boolean {
    if (this.#reorderingSeen) return true;
    if (this.#recoveryEnd >= 0) return false;
    // Packets are declared lost in the order of sending: those after the first outstanding one are outstanding or delivered.
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
