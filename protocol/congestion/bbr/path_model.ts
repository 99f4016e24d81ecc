/**
 * BBR's model of the path: its delivery rate, minimum RTT, loss and ACK aggregation, and from these the bytes in flight that
 * fill it. The sections cited are those of draft-ietf-ccwg-bbr-04. Hot: nothing here allocates.
 *
 * @module
 */

import { AckAggregation } from "./ack_aggregation.ts";
import type { AckEvent } from "../controller.ts";
import { InflightBounds } from "./inflight_bounds.ts";
import { LossModel } from "./loss_model.ts";
import { MinRttFilter } from "./min_rtt_filter.ts";
import { TrainRate } from "./train_rate.ts";
import { WindowedMax } from "./windowed_max.ts";
import { MIN_PIPE_DATAGRAMS } from "./inflight_bounds.ts";

/**
 * Ours: the offload budget (section 5.5.8) is two quanta of 1 ms, each at most this size. The draft's three quanta of
 * 64 KiB alone would overrun a socket buffer of 208 KiB.
 */
const MAX_QUANTUM_BYTES = 32 * 1024;
/**
 * The initial window in datagrams, paced over a quarter of a round trip. RFC 9002, section 7.2, has ten sent at once; 32
 * paced datagrams load a queue no more than these, and save a round trip on a long path.
 */
export const INITIAL_WINDOW_DATAGRAMS = 32;

/**
 * Minimum duration of a round after Startup. On a local network the RTT is shorter than the time slices of both programs,
 * and a single round trip shows when the programs ran, not what the path carries or loses.
 */
export const MIN_ROUND_US = 10_000;

/** BBR's model of the network path, and its count of packet-timed round trips. */
export class PathModel {
  /** BBR.max_bw_filter: bytes per second over this ProbeBW cycle and the one before (5.5.3). */
  readonly maxBandwidth = new WindowedMax();
  readonly minRtt: MinRttFilter;
  readonly aggregation = new AckAggregation();
  readonly loss = new LossModel();
  readonly bounds = new InflightBounds();
  readonly trains = new TrainRate();
  #isStartup = true;
  #nextRoundDelivered = 0;
  #isRoundStart = false;
  // The current round: when it began, the bytes delivered until then, and whether part of it was application-limited.
  #roundStartUs = 0;
  #roundStartDelivered = 0;
  #isRoundAppLimited = false;
  #deliveryRate = 0;

  /** `initialRttUs` is the handshake's RTT, or 0. */
  constructor(initialRttUs: number) {
    this.minRtt = new MinRttFilter(initialRttUs);
  }

  /** BBR.bw (BBRBoundBWForModel): the estimated delivery rate in bytes per second, 0 while unknown. */
  get bandwidth(): number {
    const bandwidth = Math.min(this.maxBandwidth.value, this.bounds.bandwidthShort);
    return this.#isStartup ? Math.max(bandwidth, this.trains.rate) : bandwidth;
  }

  /** Whether the last ACK began a round. */
  get isRoundStart(): boolean {
    return this.#isRoundStart;
  }

  /** The latest measurement of the delivery rate, in bytes per second. */
  get deliveryRate(): number {
    return this.#deliveryRate;
  }

  /** In Startup: whether dispersed trains and a queue for a whole round show the plateau, which otherwise takes more rounds. */
  get isPlateauPlain(): boolean {
    return this.#isStartup && this.trains.isDispersed && this.loss.queueing;
  }

  /** Startup has ended: the measurements that only it uses no longer count. */
  endStartup(): void {
    this.#isStartup = false;
  }

  /** Ends the current round now: BBRStartRound. */
  startRound(event: AckEvent): void {
    this.#nextRoundDelivered = event.totalDeliveredBytes;
    this.#roundStartUs = event.nowUs;
    this.#roundStartDelivered = event.totalDeliveredBytes;
    this.#isRoundAppLimited = false;
  }

  /** Processes an ACK's samples: BBRUpdateRound (5.5.1), BBRUpdateLatestDeliverySignals, BBRUpdateMaxBw (5.5.5). */
  onAck(event: AckEvent, maxDatagramBytes: number): void {
    const { sample } = event;
    if (this.#isStartup) {
      this.trains.onAck(event, maxDatagramBytes);
    }
    const isLongEnough = this.#isStartup || event.nowUs - this.#roundStartUs >= MIN_ROUND_US;
    this.#isRoundStart = isLongEnough && sample.priorDeliveredBytes >= this.#nextRoundDelivered;
    this.#measureRate(event);
    if (this.#isRoundStart) {
      this.startRound(event);
      this.loss.onRound(this.minRtt.minUs);
    }
    this.loss.onAck(event.ackedBytes, event.largestAckedSentUs, event.rttUs);
  }

  /** BBRAdvanceLatestDeliverySignals, at the end of an ACK. */
  endAck({ sample }: AckEvent): void {
    if (!this.#isRoundStart) return;
    this.bounds.beginRound(this.#isRoundTripShort ? 0 : sample.deliveryRate, sample.deliveredBytes);
  }

  get #isRoundTripShort(): boolean {
    return !this.#isStartup && this.minRtt.minUs < MIN_ROUND_US;
  }

  /**
   * If the RTT is shorter than a round, the rate is that of the round, otherwise that of the sample. 5.5.4: an
   * application-limited rate counts only if it exceeds the estimate.
   */
  #measureRate(event: AckEvent): void {
    const { sample } = event;
    let isAppLimited = sample.appLimited;
    let rate = sample.deliveryRate;
    if (this.#isRoundTripShort) {
      if (sample.appLimited) this.#isRoundAppLimited = true;
      if (!this.#isRoundStart) return this.bounds.onDelivered(sample.deliveredBytes);
      isAppLimited = this.#isRoundAppLimited;
      const deliveredBytes = event.totalDeliveredBytes - this.#roundStartDelivered;
      rate = deliveredBytes * 1_000_000 / (event.nowUs - this.#roundStartUs);
    }
    this.#deliveryRate = rate;
    this.bounds.onDelivered(sample.deliveredBytes);
    this.bounds.onRate(rate);
    if (!isAppLimited || rate >= this.maxBandwidth.value) this.maxBandwidth.update(rate);
  }

  /**
   * Bytes in flight for `gain` bandwidth-delay products, with an allowance for packets lost but not yet declared lost, and
   * for a sender that wakes at most every millisecond: BBRInflight (5.6.4.2).
   */
  inflight(gain: number, maxDatagramBytes: number, pacingRate: number): number {
    const quantumBytes = Math.min(pacingRate / 1_000, MAX_QUANTUM_BYTES);
    const floorBytes = Math.max(2 * quantumBytes, MIN_PIPE_DATAGRAMS * maxDatagramBytes);
    const { bandwidth } = this;
    const minRttUs = this.minRtt.minUs;
    if (minRttUs === Infinity || bandwidth === 0) {
      return Math.max(gain * INITIAL_WINDOW_DATAGRAMS * maxDatagramBytes, floorBytes);
    }
    const { baseLoss } = this.loss;
    // Bytes sent per byte delivered; a lost packet stays in flight for up to half a round trip longer.
    const allowance = (1 + baseLoss / 2) / (1 - baseLoss);
    return Math.max(gain * bandwidth * minRttUs / 1_000_000 * allowance, floorBytes);
  }
}
