/**
 * The round-trip time of a path, estimated from acknowledgements (RFC 9002, section 5), and the probe timeout that
 * follows from it (section 6.2.1).
 *
 * Goals: section 5 line by line, in whole microseconds. Non-goals: deciding which acknowledgement gives a sample
 * (section 5.1 is the caller's: the largest acknowledged is newly acknowledged, and something ack-eliciting is too).
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";

/** The round trip assumed before the first sample (RFC 9002, section 6.2.2: kInitialRtt). */
export const INITIAL_RTT_US = 333_000;

/** The granularity of timers (RFC 9002, section 6.1.2: kGranularity). */
export const GRANULARITY_US = 1_000;

/** Latest, least, smoothed round trip and its mean deviation. All in microseconds. */
export class RttEstimator {
  #latestUs = 0;
  #minUs = 0;
  // RFC 9002, section 5.3: before any sample smoothed_rtt = kInitialRtt, rttvar = kInitialRtt / 2.
  #smoothedUs = INITIAL_RTT_US;
  #varianceUs = Math.round(INITIAL_RTT_US / 2);
  #hasSample = false;

  /** The newest sample, not adjusted for the peer's delay; 0 before the first. */
  get latestUs(): number {
    return this.#latestUs;
  }

  /** The least sample so far; 0 before the first. */
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

  /** Whether anything was measured yet. */
  get hasSample(): boolean {
    return this.#hasSample;
  }

  /**
   * Takes in one sample. `ackDelayUs` is what the peer reported, `maxAckDelayUs` what it promised to stay under: pass
   * Infinity for the latter until the handshake is confirmed.
   *
   * A sample of 0 counts as 1 microsecond: both ends may share one clock tick, and 0 stands for "none" elsewhere.
   */
  update(latestUs: number, ackDelayUs: number, maxAckDelayUs: number): void {
    invariant(latestUs >= 0 && ackDelayUs >= 0, "an RTT sample and its delay are never negative");
    latestUs = Math.max(1, latestUs);
    this.#latestUs = latestUs;
    if (!this.#hasSample) {
      // Section 5.2: min_rtt is set to latest_rtt on the first sample. Section 5.3: the first sample is taken as it
      // is, without regard to the peer's delay.
      this.#minUs = latestUs;
      this.#smoothedUs = latestUs;
      this.#varianceUs = Math.round(latestUs / 2);
      this.#hasSample = true;
      return;
    }
    // Section 5.2: the lesser of min_rtt and latest_rtt, with no adjustment for the peer's delay.
    this.#minUs = Math.min(this.#minUs, latestUs);
    // Section 5.3: once the handshake is confirmed, the lesser of the reported delay and max_ack_delay.
    const delayUs = Math.min(ackDelayUs, maxAckDelayUs);
    // Section 5.3: not subtracted where the result would fall below min_rtt.
    const adjustedUs = latestUs >= this.#minUs + delayUs ? latestUs - delayUs : latestUs;
    // Section 5.3, in its order: the deviation is taken from the smoothed RTT before this sample enters it.
    const deviationUs = Math.abs(this.#smoothedUs - adjustedUs);
    this.#varianceUs = Math.round((3 * this.#varianceUs + deviationUs) / 4);
    this.#smoothedUs = Math.round((7 * this.#smoothedUs + adjustedUs) / 8);
  }

  /**
   * Starts from a round trip that the handshake measured, as a first sample. Without effect once there is a sample.
   * Only for a request that was sent once: the answer to a repeated one cannot be told from the answer to the first.
   */
  seed(initialRttUs: number): void {
    if (!this.#hasSample) this.update(initialRttUs, 0, Infinity);
  }

  /** Sets the least round trip to the newest sample, because the path may have changed (RFC 9002, section 5.2). */
  onPersistentCongestion(): void {
    this.#minUs = this.#latestUs;
  }

  /** The PTO without backoff: smoothed_rtt + max(4 * rttvar, kGranularity) + max_ack_delay (section 6.2.1). */
  ptoUs(maxAckDelayUs: number): number {
    return this.#smoothedUs + Math.max(4 * this.#varianceUs, GRANULARITY_US) + maxAckDelayUs;
  }
}
