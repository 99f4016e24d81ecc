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

import type { AckEvent } from "../controller.ts";

/** Datagrams in a train: with fewer, the delay of one acknowledgement weighs too much. */
export const TRAIN_DATAGRAMS = 16;

/** A train takes at least so long: in less, a burst of the sender and a pause of the receiver look like a fast path. */
export const MIN_TRAIN_US = 4_000;

/** ...and at least so much of a round trip. */
const MIN_TRAIN_ROUNDS = 1 / 16;

/** A train that took this many times longer to arrive than to be sent is dispersed. */
const SLOWER_FACTOR = 4 / 3;

/** A later train this much faster shows that it was not the path's rate that dispersed the other. */
const FASTER_FACTOR = 5 / 4;

/** Smoothing of the rate of dispersed trains. */
const DISPERSED_GAIN = 1 / 4;

/** The sender paused if so many round trips went by between two packets: what follows is another train. */
const PAUSE_ROUNDS = 1 / 16;

/** A smoothed round trip above this factor of the minimum is that of a queue. */
const QUEUE_RTT_FACTOR = 1.25;

/** Whether packets wait somewhere on the path, as far as the round trip tells. */
function isQueueing({ smoothedRttUs, minRttUs }: AckEvent): boolean {
  return smoothedRttUs > QUEUE_RTT_FACTOR * minRttUs;
}

/** Measures trains one after another. */
export class TrainRate {
  #startUs = -1;
  #startSentUs = 0;
  #lastSentUs = 0;
  #bytes = 0;
  #bestRate = 0;
  /** The mean rate of the trains since one was dispersed; Infinity for none. */
  #bottleneckRate = Infinity;

  /**
   * The rate of the fastest train so far, or the mean rate since trains are dispersed, in bytes per second of what
   * arrived; 0 before the first.
   */
  get rate(): number {
    return this.isDispersed ? this.#bottleneckRate : this.#bestRate;
  }

  /** A train arrived clearly more slowly than it was sent, and none clearly faster since: the path is not as fast. */
  get isDispersed(): boolean {
    return this.#bottleneckRate < Infinity;
  }

  /** Takes in an ACK. */
  onAck(event: AckEvent, maxDatagramBytes: number): void {
    const { nowUs, ackedBytes, largestAckedSentUs: sentUs, minRttUs } = event;
    const isPause = sentUs - this.#lastSentUs > minRttUs * PAUSE_ROUNDS;
    this.#lastSentUs = sentUs;
    if (this.#startUs < 0 || isPause) return this.#begin(nowUs, sentUs);
    this.#bytes += ackedBytes;
    if (this.#bytes < TRAIN_DATAGRAMS * maxDatagramBytes) return;
    const sentInUs = sentUs - this.#startSentUs;
    const arrivedInUs = nowUs - this.#startUs;
    const intervalUs = Math.max(sentInUs, arrivedInUs);
    if (intervalUs < Math.max(MIN_TRAIN_US, minRttUs * MIN_TRAIN_ROUNDS)) return;
    // Where packets overtook one another the train has no length.
    if (sentInUs > 0) {
      const isDispersed = arrivedInUs > SLOWER_FACTOR * sentInUs;
      this.#onTrain(this.#bytes * 1_000_000 / intervalUs, isDispersed, isQueueing(event));
    }
    this.#begin(nowUs, sentUs);
  }

  #onTrain(rate: number, isDispersed: boolean, isQueueing: boolean): void {
    // Where there is a queue already, a fast train is one that something else had held back before.
    if (rate > FASTER_FACTOR * this.#bottleneckRate && !isQueueing) this.#bottleneckRate = Infinity;
    if (this.isDispersed) this.#bottleneckRate += (rate - this.#bottleneckRate) * DISPERSED_GAIN;
    else if (isDispersed) this.#bottleneckRate = rate;
    this.#bestRate = Math.max(this.#bestRate, rate);
  }

  #begin(nowUs: number, sentUs: number): void {
    this.#startUs = nowUs;
    this.#startSentUs = sentUs;
    this.#bytes = 0;
  }
}
