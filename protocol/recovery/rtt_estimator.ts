/**
 * The round-trip time of a path, estimated from acknowledgements (RFC 9002, section 5), and the probe timeout that
 * follows from it (section 6.2.1).
 *
 * Goals: section 5 line by line, in whole microseconds. Non-goal: deciding which acknowledgement yields a sample, which
 * is up to the caller (section 5.1: the largest acknowledged and an ack-eliciting packet are newly acknowledged).
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";

/** The RTT assumed before the first sample (RFC 9002, section 6.2.2: kInitialRtt). */
export const INITIAL_RTT_US = 333_000;

/** The granularity of timers (RFC 9002, section 6.1.2: kGranularity). */
export const GRANULARITY_US = 1_000;

/** Latest, minimum and smoothed RTT, and the mean deviation. All in microseconds. */
export class RttEstimator {
  #latestUs = 0;
  #minUs = 0;
  // RFC 9002, section 5.3: before any sample smoothed_rtt = kInitialRtt, rttvar = kInitialRtt / 2.
  #smoothedUs = INITIAL_RTT_US;
  #varianceUs = Math.round(INITIAL_RTT_US / 2);
  #hasSample = false;

  /** The latest sample, not adjusted for the peer's ACK delay; 0 before the first. */
  get latestUs(): number {
    return this.#latestUs;
  }

  /** The minimum of the samples so far; 0 before the first. */
  get minUs(): number {
    return this.#minUs;
  }

  /** Exponentially weighted mean of the samples; {@link INITIAL_RTT_US} before the first. */
  get smoothedUs(): number {
    return this.#smoothedUs;
  }

  /** Exponentially weighted mean deviation of the samples (`rttvar`). */
  get varianceUs(): number {
    return this.#varianceUs;
  }

  /** Whether there is a sample yet. */
  get hasSample(): boolean {
    return this.#hasSample;
  }

  /**
   * Adds one sample. `ackDelayUs` is the delay that the peer reported, `maxAckDelayUs` its max_ack_delay: pass Infinity for
   * the latter until the handshake is confirmed.
   *
   * A sample of 0 counts as 1 microsecond: sending and receiving may fall on the same clock tick, and 0 means "none" elsewhere.
   */
  update(latestUs: number, ackDelayUs: number, maxAckDelayUs: number): void {
    invariant(latestUs >= 0 && ackDelayUs >= 0, "an RTT sample and its delay are never negative");
    latestUs = Math.max(1, latestUs);
    this.#latestUs = latestUs;
    if (!this.#hasSample) {
      // Section 5.2: min_rtt is set to latest_rtt on the first sample. Section 5.3: the first sample is not adjusted
      // for the peer's ACK delay.
      this.#minUs = latestUs;
      this.#smoothedUs = latestUs;
      this.#varianceUs = Math.round(latestUs / 2);
      this.#hasSample = true;
      return;
    }
    // Section 5.2: the lesser of min_rtt and latest_rtt, not adjusted for the peer's ACK delay.
    this.#minUs = Math.min(this.#minUs, latestUs);
    // Section 5.3: once the handshake is confirmed, the lesser of the reported delay and max_ack_delay.
    const delayUs = Math.min(ackDelayUs, maxAckDelayUs);
    // Section 5.3: not subtracted if the result would be below min_rtt.
    const adjustedUs = latestUs >= this.#minUs + delayUs ? latestUs - delayUs : latestUs;
    // Section 5.3, in its order: the deviation is that from the smoothed RTT before it is updated with this sample.
    const deviationUs = Math.abs(this.#smoothedUs - adjustedUs);
    this.#varianceUs = Math.round((3 * this.#varianceUs + deviationUs) / 4);
    this.#smoothedUs = Math.round((7 * this.#smoothedUs + adjustedUs) / 8);
  }

  /**
   * Uses the RTT that the handshake measured as the first sample. Has no effect once there is a sample. Only for a request
   * that was sent once: after a retransmission it is ambiguous which copy was answered (Karn's algorithm).
   */
  seed(initialRttUs: number): void {
    if (!this.#hasSample) this.update(initialRttUs, 0, Infinity);
  }

  /** Sets the minimum RTT to the latest sample, because the path may have changed (RFC 9002, section 5.2). */
  onPersistentCongestion(): void {
    this.#minUs = this.#latestUs;
  }

  /** The PTO without backoff: smoothed_rtt + max(4 * rttvar, kGranularity) + max_ack_delay (section 6.2.1). */
  ptoUs(maxAckDelayUs: number): number {
    return this.#smoothedUs + Math.max(4 * this.#varianceUs, GRANULARITY_US) + maxAckDelayUs;
  }
}
