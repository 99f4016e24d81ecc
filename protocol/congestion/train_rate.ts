/**
 * How fast the path carries a short train of datagrams: what was acknowledged between two ACKs, over the longer of
 * the time in which it was sent and the time in which it was acknowledged.
 *
 * A delivery-rate sample (`delivery_rate.ts`) spans a whole round trip, so while a sender that has sent but a few
 * datagrams a round trip waits, it measures its own waiting. A train shows at once that the path carries the rate
 * at which the train was paced, or that it does not: then it arrives more slowly than it was sent. The idea is that of
 * packet-train dispersion (Dovrolis et al., "What do packet dispersion techniques measure?", 2001), used for a
 * faster slow start as in SUSS (Arghavani et al., "SUSS: Improving TCP Performance by Speeding Up Slow-Start", 2024).
 *
 * Hot: called for every ACK, and allocates nothing.
 *
 * Non-goal: to tell the path's rate in the long run. A short train passes a token bucket or a Wi-Fi aggregate faster than a
 * long one, so the rate is good for the next step of Startup, and forgotten after it.
 *
 * @module
 */

import type { AckEvent } from "./controller.ts";

/** Datagrams in a train: with fewer, the delay of one acknowledgement weighs too much. */
export const TRAIN_DATAGRAMS = 16;

/** A train that took so many times longer to arrive than to be sent was held up. */
const SLOWER_FACTOR = 4 / 3;

/** A later train so much faster shows that it was not the path's rate that held the other up. */
const FASTER_FACTOR = 5 / 4;

/** The sender paused if so many round trips went by between two packets: what follows is another train. */
const PAUSE_ROUNDS = 1 / 16;

/** Measures trains one after another. */
export class TrainRate {
  #startUs = -1;
  #startSentUs = 0;
  #lastSentUs = 0;
  #bytes = 0;
  #rate = 0;
  /** The rate of the train that was held up; Infinity for none. */
  #heldUpRate = Infinity;

  /** The fastest train so far, in bytes per second of what arrived; 0 before the first. */
  get rate(): number {
    return this.#rate;
  }

  /** A train arrived clearly more slowly than it was sent, and none clearly faster since: the path is not as fast. */
  get isHeldUp(): boolean {
    return this.#heldUpRate < Infinity;
  }

  /** Takes in an ACK. */
  onAck({ nowUs, ackedBytes, largestAckedSentUs: sentUs, minRttUs }: AckEvent, maxDatagramBytes: number): void {
    const isPause = sentUs - this.#lastSentUs > minRttUs * PAUSE_ROUNDS;
    this.#lastSentUs = sentUs;
    if (this.#startUs < 0 || isPause) return this.#begin(nowUs, sentUs);
    this.#bytes += ackedBytes;
    if (this.#bytes < TRAIN_DATAGRAMS * maxDatagramBytes) return;
    const sentInUs = sentUs - this.#startSentUs;
    const arrivedInUs = nowUs - this.#startUs;
    const intervalUs = Math.max(sentInUs, arrivedInUs);
    // Overtaken packets: the train has no length.
    if (sentInUs > 0 && intervalUs > 0) {
      const rate = this.#bytes * 1_000_000 / intervalUs;
      if (arrivedInUs > SLOWER_FACTOR * sentInUs) {
        this.#heldUpRate = Math.min(this.#heldUpRate, Math.max(rate, this.#rate));
      } else if (rate > FASTER_FACTOR * this.#heldUpRate) this.#heldUpRate = Infinity;
      this.#rate = Math.max(this.#rate, rate);
    }
    this.#begin(nowUs, sentUs);
  }

  #begin(nowUs: number, sentUs: number): void {
    this.#startUs = nowUs;
    this.#startSentUs = sentUs;
    this.#bytes = 0;
  }
}
