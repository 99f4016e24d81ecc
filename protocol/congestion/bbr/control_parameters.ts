/**
 * Computes the pacing rate and the congestion window from BBR's model (draft-ietf-ccwg-bbr-04, section 5.6). Hot: nothing
 * here allocates.
 *
 * @module
 */

import { type AckEvent, type ControllerOptions, MIN_WINDOW_DATAGRAMS } from "../controller.ts";
import { MIN_ROUND_US, type PathModel } from "./path_model.ts";
import { MIN_PIPE_DATAGRAMS } from "./inflight_bounds.ts";
import { INITIAL_WINDOW_DATAGRAMS } from "./path_model.ts";
import { BbrState } from "./state.ts";

/**
 * Pacing gain by state (section 5.6.1; Drain: 2.4, DrainPacingGain). Startup has 4 instead of 2.77, so that the next
 * window is sent as a train of a quarter to half a round trip, which measures the path (`train_rate.ts`).
 */
const PACING_GAIN: readonly number[] = [4, 0.35, 0.9, 1, 1, 1.25, 1];
/** Window gain by state (section 5.6.1). */
const WINDOW_GAIN: readonly number[] = [2, 2, 2, 2, 2, 2.25, 0.5];
/**
 * Ours: the pacing gain of ProbeBW_DOWN while there is unexplained loss. Sending a quarter more slowly shows whether the
 * loss is caused by sending too fast, see {@link LossModel}.
 */
const LOSS_PROBE_PACING_GAIN = 0.75;
/**
 * The pacing gain of Startup once a train of datagrams arrived more slowly than it was sent: the growth that
 * {@link FULL_PIPE_GROWTH} requires, so that the queue does not fill during the rounds that confirm the plateau. Once the
 * trains leave no doubt, it is 1: the queue that has formed grows no more.
 */
const STARTUP_DISPERSED_GAIN = 1.25;
/**
 * The RTT by which the initial window is paced if nothing is known of the path: kInitialRtt of RFC 9002, section 6.2.2.
 * The draft has 1 ms (section 5.6.2), which makes it a burst that loads the queue and measures nothing.
 */
const UNMEASURED_RTT_US = 333_000;
/** Growth of the window per acknowledged byte in Startup; the draft has 1. */
const STARTUP_GROWTH = 5;
/** PacingMarginPercent = 1: the pacing rate is that much below the estimate, so that queues drain. */
const PACING_MARGIN = 0.99;

/** Standard deviations by which the maximum of a few seconds' samples exceeds their mean. */
const MAXIMUM_DEVIATIONS = 1.5;

/** ...and the upper bound of the reduction for it. */
const MAX_CHANCE = 0.05;

/** The part of BBR's state that the control parameters depend on. */
export interface ControlState {
  readonly state: BbrState;
  /** BBR.full_bw_reached. */
  readonly fullBandwidthReached: boolean;
  /** Whether ProbeBW_DOWN uses its lower rate. */
  readonly isLossToleranceProbe: boolean;
}

/** C.cwnd and C.pacing_rate. */
export class ControlParameters {
  readonly #model: PathModel;
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  #windowBytes: number;
  #pacingRate: number;
  /** BBR.prior_cwnd: the window to return to after ProbeRTT or a collapse. */
  #priorWindowBytes = 0;
  /** Whether the pacing rate is based on a measured RTT. */
  #hasRtt: boolean;

  /** `maxWindowBytes` is an upper bound of the window. */
  constructor(options: ControllerOptions, model: PathModel, { maxWindowBytes }: { maxWindowBytes: number }) {
    this.#model = model;
    this.#maxWindowBytes = maxWindowBytes;
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#windowBytes = this.#clamped(INITIAL_WINDOW_DATAGRAMS * options.maxDatagramBytes);
    this.#hasRtt = options.initialRttUs > 0;
    this.#pacingRate = this.#initialRate(options.initialRttUs || options.leastRttUs || UNMEASURED_RTT_US);
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get pacingRate(): number {
    return this.#pacingRate;
  }

  get maxDatagramBytes(): number {
    return this.#maxDatagramBytes;
  }

  /** The path's datagram size changed. */
  setMaxDatagramBytes(bytes: number): void {
    this.#maxDatagramBytes = bytes;
    this.#windowBytes = this.#clamped(this.#windowBytes);
  }

  /** BBRUpdateControlParameters, after an ACK. */
  update(event: AckEvent, control: ControlState): void {
    const { state } = control;
    // Since the rate only increases from here on, its first value must be based on this path's RTT.
    if (!this.#hasRtt && event.rttUs > 0) {
      this.#hasRtt = true;
      this.#pacingRate = this.#initialRate(event.rttUs);
    }
    const isStartup = state === BbrState.startup;
    const isDispersed = isStartup && this.#model.trains.isDispersed;
    this.setPacingRate(this.#pacingGain(control), control.fullBandwidthReached || isDispersed);
    this.#setWindow(event, control);
  }

  #pacingGain({ state, isLossToleranceProbe }: ControlState): number {
    const { trains } = this.#model;
    if (state === BbrState.startup && trains.isDispersed) return trains.isCertain ? 1 : STARTUP_DISPERSED_GAIN;
    return state === BbrState.probeDown && isLossToleranceProbe ? LOSS_PROBE_PACING_GAIN : PACING_GAIN[state]!;
  }

  /** 5.6.2, BBRSetPacingRateWithGain: until the pipe was full once, the rate only increases. */
  setPacingRate(gain: number, fullBandwidthReached: boolean): void {
    const { bandwidth, loss } = this.#model;
    const margin = fullBandwidthReached ? PACING_MARGIN - this.#chanceOfMaximum() : PACING_MARGIN;
    const rate = gain * bandwidth * margin / (1 - loss.baseLoss);
    if (rate > this.#pacingRate || (fullBandwidthReached && rate > 0)) this.#pacingRate = rate;
  }

  /** Bytes in flight for `gain` bandwidth-delay products: BBRInflight. */
  inflight(gain: number): number {
    return this.#model.inflight(gain, this.#maxDatagramBytes, this.#pacingRate);
  }

  /** BBRTargetInflight. */
  targetInflight(): number {
    return Math.min(this.inflight(1), this.#windowBytes);
  }

  /** BBRProbeRTTCwnd. */
  probeRttWindow(): number {
    return this.inflight(WINDOW_GAIN[BbrState.probeRtt]!);
  }

  /** 5.6.4.4, BBRSaveCwnd; `isModulated`: the window is reduced already. */
  save(isModulated: boolean): void {
    this.#priorWindowBytes = isModulated ? Math.max(this.#priorWindowBytes, this.#windowBytes) : this.#windowBytes;
  }

  /** 5.6.4.4, BBRRestoreCwnd. */
  restore(): void {
    this.#windowBytes = this.#clamped(Math.max(this.#windowBytes, this.#priorWindowBytes));
  }

  /** 5.6.4.4, BBROnEnterRTO: collapses the window; to a few datagrams rather than one, as any of them may be lost. */
  collapse(): void {
    this.#windowBytes = this.#clamped(this.#minPipeBytes());
  }

  /**
   * The share by which chance raises the maximum of many samples when datagrams are lost at random: the standard deviation
   * of the share that arrives in a round, times {@link MAXIMUM_DEVIATIONS}. Without this correction the rate on a lossy
   * path would always be that much too high, and the queue would grow.
   */
  #chanceOfMaximum(): number {
    const { baseLoss } = this.#model.loss;
    if (baseLoss === 0) return 0;
    const bytes = Math.max(this.inflight(1), this.#model.bandwidth * MIN_ROUND_US / 1_000_000);
    const datagrams = Math.max(bytes / this.#maxDatagramBytes, 1);
    return Math.min(MAXIMUM_DEVIATIONS * Math.sqrt(baseLoss / ((1 - baseLoss) * datagrams)), MAX_CHANCE);
  }

  /** 5.6.4.6, BBRSetCwnd. */
  #setWindow(event: AckEvent, { fullBandwidthReached, state }: ControlState): void {
    const extraBytes = state === BbrState.probeUp ? 2 * this.#maxDatagramBytes : 0;
    const maxBytes = this.inflight(WINDOW_GAIN[state]!) + this.#model.aggregation.extraBytes + extraBytes;
    const isNew = event.totalDeliveredBytes < INITIAL_WINDOW_DATAGRAMS * this.#maxDatagramBytes;
    let bytes = this.#windowBytes;
    if (fullBandwidthReached) bytes = Math.min(bytes + event.ackedBytes, maxBytes);
    else if (bytes < maxBytes) bytes = Math.min(bytes + STARTUP_GROWTH * event.ackedBytes, maxBytes);
    else if (isNew) bytes += event.ackedBytes;
    bytes = Math.max(bytes, this.#minPipeBytes());
    // 5.6.4.5, BBRBoundCwndForProbeRTT.
    if (state === BbrState.probeRtt) bytes = Math.min(bytes, this.probeRttWindow());
    this.#windowBytes = this.#clamped(Math.min(bytes, this.#cap(state)));
  }

  /** 5.6.4.7, BBRBoundCwndForModel. */
  #cap(state: BbrState): number {
    const { bounds } = this.#model;
    let cap = Infinity;
    if (state === BbrState.probeRtt || state === BbrState.probeCruise) {
      cap = bounds.longTermWithHeadroom(this.#maxDatagramBytes);
      // Where the queue is short, the headroom for other flows would be taken from what fills the link.
      if (state === BbrState.probeCruise) cap = Math.max(cap, Math.min(bounds.inflightLong, this.inflight(1)));
    } else if (state >= BbrState.probeDown) {
      cap = bounds.inflightLong;
    }
    return Math.max(Math.min(cap, bounds.inflightShort), this.#minPipeBytes());
  }

  /** 5.6.2, BBRInitPacingRate: the initial window per RTT, with Startup's gain. */
  #initialRate(rttUs: number): number {
    const initialBytes = INITIAL_WINDOW_DATAGRAMS * this.#maxDatagramBytes;
    return PACING_GAIN[BbrState.startup]! * initialBytes * 1_000_000 / rttUs;
  }

  /** 5.6.4.3. */
  #minPipeBytes(): number {
    return MIN_PIPE_DATAGRAMS * this.#maxDatagramBytes;
  }

  #clamped(bytes: number): number {
    const bounded = Math.floor(Math.min(bytes, this.#maxWindowBytes));
    return Math.max(bounded, MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }
}
