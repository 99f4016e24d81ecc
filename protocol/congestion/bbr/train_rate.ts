/**
 * Measures the rate at which the path carries a short train of datagrams: the bytes acknowledged between two ACKs, divided
 * by the longer of the times in which they were sent and in which they were acknowledged.
 *
 * A delivery-rate sample (`delivery_rate.ts`) spans a whole round trip, so if a sender sends only a few datagrams per round
 * trip and then waits, the sample measures mostly its waiting. A train shows immediately whether the path carries the rate
 * at which the train was paced: if it does not, the train arrives more slowly than it was sent. This is packet-train
 * dispersion (Dovrolis et al., "What do packet dispersion techniques measure?", 2001), used for a faster slow start as in
 * SUSS (Arghavani et al., "SUSS: Improving TCP Performance by Speeding Up Slow-Start", 2024).
 *
 * Hot: called for every ACK, and allocates nothing.
 *
 * Non-goal: measuring the path's long-term rate. A short train passes a token bucket or a Wi-Fi aggregate faster than a long
 * one, so the rate is used only during Startup.
 *
 * @module
 */

import type { AckEvent } from "../controller.ts";

/** Datagrams in a train: with fewer, the delay of one acknowledgement would distort the rate too much. */
export const TRAIN_DATAGRAMS = 16;

/** Minimum duration of a train: in less, a burst of the sender or a pause of the receiver looks like a fast path. */
export const MIN_TRAIN_US = 4_000;

/** ...and its minimum duration in round trips. */
const MIN_TRAIN_ROUNDS = 1 / 16;

/** ...and in mean latenesses of packets: jitter that reorders moves either end of a train by about as much. */
const MIN_TRAIN_LATENESSES = 4;

/** A train is dispersed if it took this many times longer to arrive than to be sent. */
const SLOWER_FACTOR = 4 / 3;

/** A later train that is faster by this factor shows that the bottleneck rate was not the cause of the dispersion. */
const FASTER_FACTOR = 5 / 4;

/**
 * After the first dispersed train, Startup sends a quarter faster than the bottleneck rate. So many trains in a row that
 * arrive through a queue and take this many times longer than they were sent confirm that rate: it can no longer be that the
 * delay rose during one train.
 */
const CERTAIN_TRAINS = 8;
const SLOW_FACTOR = 1.1;

/**
 * Startup sends a quarter faster than the bottleneck rate, which in this many rounds leads to a queue or to loss. Where it
 * does not, the train was dispersed by something else, such as a program that was without the processor.
 */
const EMPTY_ROUNDS = 3;

/** Smoothing of the rate of dispersed trains. */
const DISPERSED_GAIN = 1 / 4;

/** A gap between two packets of this many round trips is a pause of the sender, after which a new train begins. */
const PAUSE_ROUNDS = 1 / 16;

/** A smoothed RTT above this multiple of the minimum indicates a queue. */
const QUEUE_RTT_FACTOR = 1.25;

/** Whether the RTT indicates a queue on the path. */
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
  /** Trains in a row that arrived more slowly than they were sent, through a queue. */
  #slowTrains = 0;
  #isCertain = false;
  /** The mean rate of the trains since one was dispersed; Infinity if none was. */
  #bottleneckRate = Infinity;
  /** Rounds without queue or loss since a train was dispersed. */
  #emptyRounds = 0;
  /** Duration of the train that was dispersed first. */
  #dispersedUs = Infinity;

  /**
   * The rate of the fastest train so far, or the mean rate since trains are dispersed, in bytes delivered per second;
   * 0 before the first train.
   */
  get rate(): number {
    return this.isDispersed ? this.#bottleneckRate : this.#bestRate;
  }

  /** Whether a train arrived clearly more slowly than it was sent, and none clearly faster since. */
  get isDispersed(): boolean {
    return this.#bottleneckRate < Infinity;
  }

  /** Whether {@link CERTAIN_TRAINS} trains confirmed the bottleneck rate, and none was clearly faster since. */
  get isCertain(): boolean {
    return this.#isCertain;
  }

  /** Processes an ACK. */
  onAck(event: AckEvent, maxDatagramBytes: number): void {
    const { nowUs, ackedBytes, largestAckedSentUs: sentUs, minRttUs } = event;
    const noiseUs = event.meanLatenessUs * MIN_TRAIN_LATENESSES;
    // By what is known now, jitter may have dispersed that train.
    if (noiseUs > this.#dispersedUs) this.#forgetBottleneck();
    const isPause = sentUs - this.#lastSentUs > minRttUs * PAUSE_ROUNDS;
    this.#lastSentUs = sentUs;
    if (this.#startUs < 0 || isPause) return this.#begin(nowUs, sentUs);
    this.#bytes += ackedBytes;
    if (this.#bytes < TRAIN_DATAGRAMS * maxDatagramBytes) return;
    const sentInUs = sentUs - this.#startSentUs;
    const arrivedInUs = nowUs - this.#startUs;
    const intervalUs = Math.max(sentInUs, arrivedInUs);
    if (intervalUs < Math.max(MIN_TRAIN_US, minRttUs * MIN_TRAIN_ROUNDS, noiseUs)) return;
    // If packets were reordered, the train may have no duration.
    if (sentInUs > 0) {
      const isDispersed = arrivedInUs > SLOWER_FACTOR * sentInUs;
      const isQueued = isQueueing(event);
      this.#slowTrains = isQueued && arrivedInUs > SLOW_FACTOR * sentInUs ? this.#slowTrains + 1 : 0;
      if (isDispersed && !this.isDispersed) this.#dispersedUs = intervalUs;
      this.#onTrain(this.#bytes * 1_000_000 / intervalUs, isDispersed, isQueued);
    }
    this.#begin(nowUs, sentUs);
  }

  /**
   * A round of Startup has ended, with a queue or loss or without. Returns whether the bottleneck rate proved wrong, and is
   * forgotten.
   */
  onRound(hasQueueOrLoss: boolean): boolean {
    this.#emptyRounds = hasQueueOrLoss || !this.isDispersed ? 0 : this.#emptyRounds + 1;
    if (this.#emptyRounds < EMPTY_ROUNDS) return false;
    this.#forgetBottleneck();
    return true;
  }

  #onTrain(rate: number, isDispersed: boolean, isQueueing: boolean): void {
    // If there is a queue already, a fast train is one that was delayed elsewhere on the path before.
    if (rate > FASTER_FACTOR * this.#bottleneckRate && !isQueueing) this.#forgetBottleneck();
    if (this.isDispersed && this.#slowTrains >= CERTAIN_TRAINS) this.#isCertain = true;
    if (this.isDispersed) this.#bottleneckRate += (rate - this.#bottleneckRate) * DISPERSED_GAIN;
    else if (isDispersed) this.#bottleneckRate = rate;
    this.#bestRate = Math.max(this.#bestRate, rate);
  }

  #forgetBottleneck(): void {
    this.#bottleneckRate = Infinity;
    this.#dispersedUs = Infinity;
    this.#slowTrains = 0;
    this.#emptyRounds = 0;
    this.#isCertain = false;
  }

  #begin(nowUs: number, sentUs: number): void {
    this.#startUs = nowUs;
    this.#startSentUs = sentUs;
    this.#bytes = 0;
  }
}
