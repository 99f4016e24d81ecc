/**
 * Whether sending faster still delivers faster (draft-ietf-ccwg-bbr-04, section 5.3.1.2, BBRCheckFullBWReached).
 *
 * @module
 */

/** Section 5.3.1.2: growth by less than this, so many rounds in a row, is a full pipe. */
const FULL_PIPE_GROWTH = 1.25;
/** Rounds without {@link FULL_PIPE_GROWTH} that make a full pipe. */
export const FULL_PIPE_ROUNDS = 3;

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
