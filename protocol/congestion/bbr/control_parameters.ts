/**
 * What BBR's model comes to: the pacing rate and the congestion window (draft-ietf-ccwg-bbr-04, section 5.6). Hot:
 * nothing here allocates.
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
 * window goes out as a train of a quarter to half a round trip, which measures the path (`train_rate.ts`).
 */
const PACING_GAIN: readonly number[] = [4, 0.35, 0.9, 1, 1, 1.25, 1];
/** Window gain by state (section 5.6.1). */
const WINDOW_GAIN: readonly number[] = [2, 2, 2, 2, 2, 2.25, 0.5];
/**
 * Ours: the pacing gain of ProbeBW_DOWN while there is loss to explain. A quarter slower shows whether the loss comes
 * from sending too fast, see {@link LossModel}.
 */
const LOSS_PROBE_PACING_GAIN = 0.75;
/**
 * In Startup, once a train of datagrams arrived more slowly than it was sent: the most that {@link FULL_PIPE_GROWTH}
 * takes for growth, so that the queue does not fill in the rounds that it takes to be sure of the plateau.
 */
const STARTUP_DISPERSED_GAIN = 1.25;
/**
 * The round trip by which the initial window is paced where nothing is known of the path: that of RFC 9002, section 6.2.2 (kInitialRtt).
 * The draft has 1 ms (section 5.6.2), a burst, which loads a queue and measures nothing.
 */
const UNMEASURED_RTT_US = 333_000;
/** In Startup, what an acknowledged byte lets the window grow by; the draft has 1. */
const STARTUP_GROWTH = 5;
/** PacingMarginPercent = 1: pace that much below the estimate, so that queues drain. */
const PACING_MARGIN = 0.99;

/** Standard deviations by which the best of a few seconds' samples is above their mean. */
const MAXIMUM_DEVIATIONS = 1.5;

/** ...and the most that is taken off for it. */
const MAX_CHANCE = 0.05;

/** What of BBR's state the control parameters depend on. */
export interface ControlState {
  readonly state: BbrState;
  /** BBR.full_bw_reached. */
  readonly fullBandwidthReached: boolean;
  /** ProbeBW_DOWN is at its lower rate. */
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
  /** The pacing rate comes from a round trip that was measured. */
  #hasRtt: boolean;

  /** `maxWindowBytes` bounds the window from above. */
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
    // As the rate only rises from here on, the first one has to be that of this path.
    if (!this.#hasRtt && event.rttUs > 0) {
      this.#hasRtt = true;
      this.#pacingRate = this.#initialRate(event.rttUs);
    }
    const isStartup = state === BbrState.startup;
    const isDispersed = isStartup && this.#model.trains.isDispersed;
    const isSlower = state === BbrState.probeDown && control.isLossToleranceProbe;
    const gain = isDispersed ? STARTUP_DISPERSED_GAIN : isSlower ? LOSS_PROBE_PACING_GAIN : PACING_GAIN[state]!;
    this.setPacingRate(gain, control.fullBandwidthReached || isDispersed);
    this.#setWindow(event, control);
  }

  /** 5.6.2, BBRSetPacingRateWithGain: until the pipe was full once, the rate only rises. */
  setPacingRate(gain: number, fullBandwidthReached: boolean): void {
    const { bandwidth, loss } = this.#model;
    const margin = fullBandwidthReached ? PACING_MARGIN - this.#chanceOfMaximum() : PACING_MARGIN;
    const rate = gain * bandwidth * margin / (1 - loss.baseLoss);
    if (rate > this.#pacingRate || (fullBandwidthReached && rate > 0)) this.#pacingRate = rate;
  }

  /** Bytes in flight of `gain` bandwidth-delay products: BBRInflight. */
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

  /** 5.6.4.4, BBRSaveCwnd; `isModulated`: the window is held down already. */
  save(isModulated: boolean): void {
    this.#priorWindowBytes = isModulated ? Math.max(this.#priorWindowBytes, this.#windowBytes) : this.#windowBytes;
  }

  /** 5.6.4.4, BBRRestoreCwnd. */
  restore(): void {
    this.#windowBytes = this.#clamped(Math.max(this.#windowBytes, this.#priorWindowBytes));
  }

  /** 5.6.4.4, BBROnEnterRTO: next to nothing; a few datagrams rather than one, as any of them may be lost. */
  collapse(): void {
    this.#windowBytes = this.#clamped(this.#minPipeBytes());
  }

  /**
   * The share by which chance lifts the best of many samples of a round in which so many datagrams were lost at
   * random: the standard deviation of the share that arrives, times {@link MAXIMUM_DEVIATIONS}. Without it a lossy
   * path would be sent that much too much all the time, and its queue grow.
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
    } else if (state >= BbrState.probeDown) {
      cap = bounds.inflightLong;
    }
    return Math.max(Math.min(cap, bounds.inflightShort), this.#minPipeBytes());
  }

  /** 5.6.2, BBRInitPacingRate: the initial window in a round trip, with Startup's gain. */
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
