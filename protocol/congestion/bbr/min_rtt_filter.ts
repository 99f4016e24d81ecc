/**
 * The path's RTT without queues, as the minimum over a time window, and when it must be measured again
 * (draft-ietf-ccwg-bbr-04, sections 5.3.4.3 and 5.5.7, BBRUpdateMinRTT).
 *
 * Difference from the draft: a sample slightly above the minimum renews it, too. On a microsecond clock no two RTTs are
 * equal, and a queue that is known to be empty need not be drained for a measurement.
 *
 * @module
 */

/** MinRTTFilterLen. */
const MIN_RTT_WINDOW_US = 10_000_000;
/** ProbeRTTInterval. */
const PROBE_RTT_INTERVAL_US = 5_000_000;

/** A sample up to this factor of the minimum renews it. */
const RENEWAL_FACTOR = 1 + 1 / 64;

/** BBR.min_rtt and BBR.probe_rtt_min_delay with their stamps. */
export class MinRttFilter {
  #minUs: number;
  #minStampUs = -1;
  #probeMinUs: number;
  #probeStampUs = -1;
  #expired = false;

  /** `initialUs` is a first measurement, or 0 for none. */
  constructor(initialUs: number) {
    this.#minUs = initialUs > 0 ? initialUs : Infinity;
    this.#probeMinUs = this.#minUs;
  }

  /** The minimum in microseconds; Infinity before the first sample. */
  get minUs(): number {
    return this.#minUs;
  }

  /** Whether, at the last update, there had been no sample near the minimum for ProbeRTTInterval. */
  get probeExpired(): boolean {
    return this.#expired;
  }

  /** Adds an RTT sample, or 0 if an ACK yielded none. */
  update(nowUs: number, rttUs: number): void {
    if (this.#probeStampUs < 0) {
      this.#probeStampUs = nowUs;
      this.#minStampUs = nowUs;
    }
    this.#expired = nowUs > this.#probeStampUs + PROBE_RTT_INTERVAL_US;
    if (rttUs > 0) {
      if (rttUs < this.#probeMinUs || this.#expired) {
        this.#probeMinUs = rttUs;
        this.#probeStampUs = nowUs;
      } else if (rttUs <= this.#probeMinUs * RENEWAL_FACTOR) {
        this.#probeStampUs = nowUs;
        if (this.#probeMinUs <= this.#minUs) this.#minStampUs = nowUs;
      }
    }
    if (this.#probeMinUs < this.#minUs || nowUs > this.#minStampUs + MIN_RTT_WINDOW_US) {
      this.#minUs = this.#probeMinUs;
      this.#minStampUs = this.#probeStampUs;
    }
  }

  /** ProbeRTT has ended: the next is due an interval from now. */
  onProbeDone(nowUs: number): void {
    this.#probeStampUs = nowUs;
  }
}
