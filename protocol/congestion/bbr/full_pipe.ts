/**
 * Detects a full pipe: whether sending faster still raises the delivery rate (draft-ietf-ccwg-bbr-04, section 5.3.1.2,
 * BBRCheckFullBWReached).
 *
 * @module
 */

/** Section 5.3.1.2: growth below this factor in {@link FULL_PIPE_ROUNDS} consecutive rounds means a full pipe. */
const FULL_PIPE_GROWTH = 1.25;
/** Consecutive rounds without {@link FULL_PIPE_GROWTH} after which the pipe counts as full. */
export const FULL_PIPE_ROUNDS = 3;

/** Detects the plateau of the delivery rate. */
export class FullPipeEstimator {
  #baseline = 0;
  #rounds = 0;
  #fullNow = false;
  #fullBandwidthReached = false;

  /** BBR.full_bw_now: whether the pipe was found full since the last {@link reset}. */
  get fullNow(): boolean {
    return this.#fullNow;
  }

  /** BBR.full_bw_reached: whether the pipe was found full at least once. */
  get fullBandwidthReached(): boolean {
    return this.#fullBandwidthReached;
  }

  /** Restarts the detection, with `baseline` bytes per second. */
  reset(baseline = 0): void {
    this.#baseline = baseline;
    this.#rounds = 0;
    this.#fullNow = false;
  }

  /** Marks the pipe as full on other evidence. */
  setFull(): void {
    this.#fullBandwidthReached = true;
  }

  /**
   * A round that was not application-limited has ended, with this maximum delivery rate. After `roundsNeeded` rounds
   * without growth the pipe counts as full.
   */
  onRound(deliveryRate: number, roundsNeeded: number = FULL_PIPE_ROUNDS): void {
    if (this.#fullNow) return;
    if (deliveryRate >= this.#baseline * FULL_PIPE_GROWTH) {
      this.reset(deliveryRate);
      return;
    }
    this.#fullNow = ++this.#rounds >= roundsNeeded;
    if (this.#fullNow) this.#fullBandwidthReached = true;
  }
}
