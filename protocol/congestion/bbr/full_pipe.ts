/**
 * Whether sending faster still delivers faster (draft-ietf-ccwg-bbr-04, section 5.3.1.2, BBRCheckFullBWReached).
 *
 * @module
 */

import { FULL_PIPE_GROWTH, FULL_PIPE_ROUNDS } from "./bbr_params.ts";

/** Looks for the plateau of the delivery rate. */
export class FullPipeEstimator {
  #baseline = 0;
  #rounds = 0;
  #fullNow = false;
  #fullBandwidthReached = false;

  /** BBR.full_bw_now: full since the last {@link reset}. */
  get fullNow(): boolean {
    return this.#fullNow;
  }

  /** BBR.full_bw_reached: full at least once. */
  get fullBandwidthReached(): boolean {
    return this.#fullBandwidthReached;
  }

  /** Looks anew, for growth over `baseline` bytes per second. */
  reset(baseline = 0): void {
    this.#baseline = baseline;
    this.#rounds = 0;
    this.#fullNow = false;
  }

  /** Takes it as full on other evidence. */
  setFull(): void {
    this.#fullBandwidthReached = true;
  }

  /**
   * A round that was not application-limited went by, in which the path delivered this much at best. So many rounds
   * without growth are a full pipe.
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
