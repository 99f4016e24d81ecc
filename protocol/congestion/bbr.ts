/**
 * BBR, the default controller: it measures how fast the path delivers and how short its round trip is without a
 * queue, and sends at that rate with little more than that product in flight. Sections cited are those of
 * draft-ietf-ccwg-bbr-04 (BBRv3). Hot: `onPacketSent` and `onAck` allocate nothing.
 *
 * Done otherwise than in the draft, so that random loss costs nothing but the bytes lost:
 * - Loss counts as congestion by the verdict of {@link LossModel}, not by a bare 2 % (5.3.1.3, 5.5.10).
 * - The rate sent is the delivery rate estimated, divided by the share that arrives; the window likewise, with room
 *   for lost packets until they are declared lost.
 * - While there is loss to explain, ProbeBW_DOWN lasts a full round at 0.75 of the rate.
 * - Congestion is judged once per packet-timed round (5.5.1); there is no round count of its own for losses.
 * - A window that persistent congestion has collapsed (5.6.4.4, RTO) is restored by the next acknowledgement.
 * - A ProbeRTT on the way does not age the bandwidth filter (5.5.6), which would forget the last probe's result.
 *
 * Not done: ECN (3.7); the inflight at which the loss threshold was crossed inside a burst (5.5.10.2,
 * BBRInflightAtLoss), as losses are told in sums; marking the connection application-limited in ProbeRTT (5.3.4.3),
 * as its samples are not looked at for a full pipe; send quantum (5.6.3), which is the pacer's.
 *
 * @module
 */

import type { SentPacket } from "../recovery/sent_packet.ts";
import { AckAggregation } from "./ack_aggregation.ts";
import * as params from "./bbr_params.ts";
import { AckPhase, BbrState } from "./bbr_params.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent, RateSample } from "./controller.ts";
import { FullPipeEstimator } from "./full_pipe.ts";
import { InflightBounds } from "./inflight_bounds.ts";
import { LossModel } from "./loss_model.ts";
import { MinRttFilter } from "./min_rtt_filter.ts";
import { initialWindowBytes, MIN_WINDOW_DATAGRAMS } from "./window.ts";
import { WindowedMax } from "./windowed_max.ts";

/** The BBR congestion controller. */
export class Bbr implements CongestionController {
  readonly name = "bbr";
  readonly #maxWindowBytes: number;
  readonly #maxBandwidth = new WindowedMax();
  readonly #minRtt: MinRttFilter;
  readonly #fullPipe = new FullPipeEstimator();
  readonly #aggregation = new AckAggregation();
  readonly #loss = new LossModel();
  readonly #bounds = new InflightBounds();
  #mtu: number;
  #random: number;

  #state: BbrState = BbrState.startup;
  #windowBytes: number;
  #pacingRate: number;
  /** BBR.prior_cwnd: the window to return to after ProbeRTT or a collapse. */
  #priorWindowBytes = 0;
  #isCollapsed = false;
  #isIdleRestart = false;
  #wasWindowLimited = false;

  // Packet-timed rounds (5.5.1).
  #isRoundStart = false;
  #nextRoundDelivered = 0;
  #roundsInState = 0;
  #startupLossRounds = 0;
  /** Samples of packets sent before so much was delivered span a collapse, and their losses mean nothing. */
  #excusedDelivered = -1;

  // The ProbeBW cycle (5.3.3).
  #ackPhase: AckPhase = AckPhase.none;
  #cycleStartUs = 0;
  #roundsSinceProbe = 0;
  #probeWaitUs = params.PROBE_WAIT_US;
  #probeRttDoneUs = 0;
  #probeRttRoundDone = false;
  /** Slow down more, and for a whole round, to see whether the loss stays. */
  #isLossTest = false;

  /** `maxWindowBytes` bounds the window from above. */
  constructor(options: ControllerOptions, { maxWindowBytes = Infinity }: { maxWindowBytes?: number } = {}) {
    this.#mtu = options.maxDatagramBytes;
    this.#maxWindowBytes = maxWindowBytes;
    this.#minRtt = new MinRttFilter(options.initialRttUs);
    this.#random = (options.seed ^ 0x9e3779b9) >>> 0 || 1;
    this.#windowBytes = this.#clamped(initialWindowBytes(this.#mtu));
    // 5.6.2, BBRInitPacingRate: the initial window in a round trip, or in 1 ms where that is unknown.
    const rttUs = options.initialRttUs > 0 ? options.initialRttUs : 1_000;
    this.#pacingRate = params.PACING_GAIN[BbrState.startup]! * initialWindowBytes(this.#mtu) * 1_000_000 / rttUs;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get pacingRate(): number {
    return this.#pacingRate;
  }

  /** The state it is in, for logs and tests. */
  get state(): BbrState {
    return this.#state;
  }

  /** BBR.bw: estimated delivery rate in bytes per second, 0 while unknown. */
  get bandwidth(): number {
    return Math.min(this.#maxBandwidth.value, this.#bounds.bandwidthShort);
  }

  /** BBR.min_rtt in microseconds, Infinity while unknown. */
  get minRttUs(): number {
    return this.#minRtt.minUs;
  }

  /** Share of bytes lost that is not taken for congestion. */
  get baseLoss(): number {
    return this.#loss.baseLoss;
  }

  onPacketSent(packet: SentPacket, bytesInFlight: number): void {
    if (bytesInFlight + this.#mtu > this.#windowBytes) this.#wasWindowLimited = true;
    // 5.4.1, BBRHandleRestartFromIdle: nothing was in flight, because there was nothing to send.
    if (bytesInFlight > packet.sizeBytes || !packet.appLimited) return;
    this.#isIdleRestart = true;
    this.#aggregation.restart(packet.sentUs);
    if (this.#isProbingBandwidthState()) this.#setPacingRate(1);
    else if (this.#state === BbrState.probeRtt) this.#checkProbeRttDone(packet.sentUs);
  }

  onAck(event: AckEvent): void {
    if (this.#isCollapsed) this.#restoreAfterCollapse(event);
    // 5.2.3, BBRUpdateModelAndState, in the draft's order.
    this.#updateRound(event);
    this.#updateModel(event);
    this.#checkStartupDone(event);
    this.#checkDrainDone(event);
    this.#updateProbeCycle(event);
    this.#minRtt.update(event.nowUs, event.rttUs);
    this.#checkProbeRtt(event);
    if (this.#isRoundStart) this.#bounds.beginRound(event.sample);
    // BBRUpdateControlParameters.
    this.#setPacingRate(this.#pacingGain());
    this.#setWindow(event);
    if (this.#isRoundStart) this.#wasWindowLimited = false;
  }

  onPacketsLost(event: LossEvent): void {
    if (!event.persistentCongestion) {
      this.#loss.onLost(event.lostBytes, event.largestLostSentUs);
      return;
    }
    // 5.6.4.4: the path is down; send next to nothing until it answers. The model stays: it will be the same path.
    this.#saveWindow();
    this.#isCollapsed = true;
    this.#isIdleRestart = true;
    this.#loss.forgetRound();
    this.#windowBytes = this.#clamped(params.MIN_PIPE_DATAGRAMS * this.#mtu);
  }

  onSpuriousLoss(_nowUs: number, sentUs: number): void {
    this.#loss.onSpurious(this.#mtu);
    this.#bounds.onSpurious(sentUs, this.#mtu);
  }

  onMtuChanged(maxDatagramBytes: number): void {
    this.#mtu = maxDatagramBytes;
    this.#windowBytes = this.#clamped(this.#windowBytes);
  }

  // The model (5.5).

  /** 5.5.1, BBRUpdateRound. */
  #updateRound(event: AckEvent): void {
    const { sample } = event;
    this.#isRoundStart = sample.priorDeliveredBytes >= this.#nextRoundDelivered;
    if (!this.#isRoundStart) return;
    this.#startRound(event);
    this.#roundsSinceProbe++;
    this.#roundsInState++;
    this.#loss.onRound(this.#minRtt.minUs);
    this.#aggregation.onRound(!this.#fullPipe.everFull);
  }

  #startRound(event: AckEvent): void {
    this.#nextRoundDelivered = event.totalDeliveredBytes;
  }

  #updateModel(event: AckEvent): void {
    const { sample } = event;
    this.#bounds.onSample(sample);
    // 5.5.5, BBRUpdateMaxBw: a sample that the application held down counts only where it is above the estimate.
    if (!sample.appLimited || sample.deliveryRate >= this.#maxBandwidth.value) {
      this.#maxBandwidth.update(sample.deliveryRate);
    }
    this.#loss.onAck(event.ackedBytes, event.largestAckedSentUs, event.rttUs);
    if (this.#isRoundStart) this.#respondToLoss(event);
    if (this.#loss.settleSlowPhase(event.largestAckedSentUs, this.#minRtt.minUs, this.#mtu)) this.#isLossTest = false;
    this.#aggregation.onAck(event.nowUs, event.ackedBytes, this.bandwidth, this.#windowBytes);
    // 5.3.1.2, BBRCheckFullBWReached; the round's best rate instead of the one sample that ends it.
    if (this.#isRoundStart && !sample.appLimited && this.#isAccelerating()) {
      this.#fullPipe.onRound(this.#bounds.bandwidthLatest, this.#loss.queueing && this.#state===BbrState.probeUp ? 2 : 1);
    }
  }

  /** 5.5.10.3, BBRAdaptLowerBoundsFromCongestion, once a round, when not probing. */
  #respondToLoss(event: AckEvent): void {
    const loss = this.#loss;
    if (this.#state === BbrState.startup) {
      // Growth would soon be hidden by loss that was not made up for.
      if (event.totalDeliveredBytes > 0) loss.learnFromRound(this.#mtu);
      return;
    }
    if (this.#state >= BbrState.probeCruise && this.#state <= BbrState.probeUp && this.#roundsInState >= 2) {
      loss.noteFastRound();
    }
    if (this.#state === BbrState.probeCruise || (this.#state === BbrState.probeDown && this.#roundsInState > 2)) {
      loss.noteSteadyRound();
    }
    if (this.#isAccelerating() || this.#state === BbrState.probeRtt) return;
    if (!loss.isCongestion(loss.lastLoss, loss.lastBytes, this.#mtu)) return;
    if (loss.queueing || loss.heavyLoss) {
      this.#bounds.cutShortTerm({
        nowUs: event.nowUs,
        maxBandwidth: this.#maxBandwidth.value,
        windowBytes: this.#windowBytes,
        lostBytes: loss.lastLostBytes,
      });
    }
    // Loss with no queue to explain it: go slower for a round, and see whether it stays.
    if (!loss.queueing && this.#state === BbrState.probeCruise && this.#roundsInState >= 2) {
      this.#enterProbeDown(event, { lossTest: true });
    }
  }

  // Startup and Drain (5.3.1, 5.3.2).

  #checkStartupDone(event: AckEvent): void {
    if (this.#state !== BbrState.startup) return;
    if (this.#isRoundStart && this.#isStartupLossHigh()) {
      // 5.3.1.3, BBRCheckStartupHighLoss.
      this.#fullPipe.setFull();
      this.#bounds.setLongTerm(Math.max(this.#inflight(1), this.#bounds.inflightLatest));
    }
    if (!this.#fullPipe.everFull) return;
    this.#enterState(BbrState.drain);
    this.#isLossTest = this.#loss.lastLostBytes > 0 || this.#loss.baseLoss > 0;
    this.#loss.beginSlowPhase(event.nowUs);
  }

  #isStartupLossHigh(): boolean {
    const loss = this.#loss;
    const isHigh = loss.heavyLoss ||
      (loss.queueing && loss.lastLostBytes >= params.STARTUP_LOSS_DATAGRAMS * this.#mtu &&
        loss.isCongestion(loss.lastLoss, loss.lastBytes, this.#mtu));
    this.#startupLossRounds = isHigh ? this.#startupLossRounds + 1 : 0;
    return this.#startupLossRounds >= params.STARTUP_LOSS_ROUNDS;
  }

  #checkDrainDone(event: AckEvent): void {
    // 5.3.2, BBRCheckDrainDone.
    if (this.#state === BbrState.drain && event.bytesInFlight <= this.#inflight(1)) {
      this.#enterProbeDown(event, { lossTest: this.#isLossTest });
    }
  }

  // ProbeBW (5.3.3.6, BBRUpdateProbeBWCyclePhase).

  #updateProbeCycle(event: AckEvent): void {
    if (!this.#fullPipe.everFull) return;
    this.#adaptLongTermModel(event);
    switch (this.#state) {
      case BbrState.probeDown:
        if (this.#isTimeToProbe(event.nowUs)) this.#enterProbeRefill(event);
        else if (this.#isTimeToCruise(event)) this.#enterProbeCruise(event.nowUs);
        break;
      case BbrState.probeCruise:
        if (this.#isTimeToProbe(event.nowUs)) this.#enterProbeRefill(event);
        break;
      case BbrState.probeRefill:
        if (this.#isRoundStart) this.#enterProbeUp(event);
        break;
      case BbrState.probeUp:
        if (this.#isTimeToGoDown(event.sample)) this.#enterProbeDown(event, { lossTest: this.#loss.baseLoss > 0 });
        break;
    }
  }

  #enterProbeDown(event: AckEvent, { lossTest }: { lossTest: boolean }): void {
    const wasProbing = this.#state === BbrState.probeUp;
    if (this.#state !== BbrState.drain) this.#loss.beginSlowPhase(event.nowUs);
    this.#isLossTest = lossTest;
    this.#bounds.stopRaising();
    // 5.3.3.5.3, BBRPickProbeWait.
    this.#roundsSinceProbe = this.#nextRandom() < 0.5 ? 0 : 1;
    this.#probeWaitUs = params.PROBE_WAIT_US + Math.floor(this.#nextRandom() * params.PROBE_WAIT_RANDOM_US);
    this.#cycleStartUs = event.nowUs;
    this.#ackPhase = wasProbing ? AckPhase.probeStopping : AckPhase.none;
    this.#startRound(event);
    this.#enterState(BbrState.probeDown);
  }

  #enterProbeCruise(nowUs: number): void {
    this.#loss.endSlowPhase(nowUs);
    this.#enterState(BbrState.probeCruise);
  }

  #enterProbeRefill(event: AckEvent): void {
    this.#loss.endSlowPhase(event.nowUs);
    this.#bounds.beginProbe();
    this.#ackPhase = AckPhase.refilling;
    this.#startRound(event);
    this.#enterState(BbrState.probeRefill);
  }

  #enterProbeUp(event: AckEvent): void {
    this.#ackPhase = AckPhase.probeStarting;
    this.#startRound(event);
    this.#fullPipe.reset(event.sample.deliveryRate);
    this.#enterState(BbrState.probeUp);
    this.#bounds.raiseSlope(this.#windowBytes, this.#mtu);
  }

  /** BBRIsTimeToProbeBW: by wall clock, or by as many rounds as Reno would take to grow by what the probe adds. */
  #isTimeToProbe(nowUs: number): boolean {
    if (nowUs > this.#cycleStartUs + this.#probeWaitUs) return true;
    const targetDatagrams = this.#targetInflight() / this.#mtu;
    return this.#roundsSinceProbe >= Math.min(targetDatagrams, params.PROBE_WAIT_ROUNDS);
  }

  #isTimeToCruise(event: AckEvent): boolean {
    // A loss test needs packets sent for a whole round at the lower rate.
    if (this.#isLossTest && this.#roundsInState < 2) return false;
    if (event.bytesInFlight > this.#bounds.longTermWithHeadroom(this.#mtu)) return false;
    return event.bytesInFlight <= this.#inflight(1);
  }

  #isTimeToGoDown(sample: RateSample): boolean {
    // BBRIsTimeToGoDown: what the long-term bound holds back cannot show whether the pipe is full.
    if (this.#wasWindowLimited && this.#windowBytes >= this.#bounds.inflightLong) {
      this.#fullPipe.reset(sample.deliveryRate);
      return false;
    }
    return this.#fullPipe.fullNow;
  }

  /** BBRAdaptLongTermModel. */
  #adaptLongTermModel(event: AckEvent): void {
    const { sample } = event;
    if (this.#isRoundStart && this.#ackPhase === AckPhase.probeStarting) this.#ackPhase = AckPhase.probeFeedback;
    if (this.#isRoundStart && this.#ackPhase === AckPhase.probeStopping && this.#isProbingBandwidthState()) {
      // 5.5.6, BBRAdvanceMaxBwFilter: one round after the probe its samples are all in.
      if (!sample.appLimited) this.#maxBandwidth.advance();
      this.#ackPhase = AckPhase.none;
    }
    if (sample.priorDeliveredBytes <= this.#excusedDelivered) return;
    // IsInflightTooHigh, over the round trip of the packet sampled.
    const inflightBytes = Math.max(sample.txInFlightBytes, this.#mtu);
    if (this.#loss.isCongestion(sample.lostBytes / inflightBytes, inflightBytes, this.#mtu)) {
      this.#onInflightTooHigh(event);
      return;
    }
    const isUp = this.#state === BbrState.probeUp;
    this.#bounds.raiseTo(sample.txInFlightBytes);
    if (isUp && this.#wasWindowLimited && this.#windowBytes >= this.#bounds.inflightLong) {
      this.#bounds.raise(event.ackedBytes);
    }
    if (isUp && this.#isRoundStart) this.#bounds.raiseSlope(this.#windowBytes, this.#mtu);
  }

  /** BBRHandleInflightTooHigh, at most once a probe. */
  #onInflightTooHigh(event: AckEvent): void {
    if (this.#state !== BbrState.probeUp || this.#ackPhase !== AckPhase.probeFeedback) return;
    if (!event.sample.appLimited) {
      this.#bounds.lowerLongTerm({
        nowUs: event.nowUs,
        inflightBytes: Math.max(event.sample.txInFlightBytes, this.#targetInflight() * params.BETA),
        lostBytes: event.sample.lostBytes,
      });
    }
    this.#enterProbeDown(event, { lossTest: true });
  }

  // ProbeRTT (5.3.4).

  #checkProbeRtt(event: AckEvent): void {
    if (this.#state !== BbrState.probeRtt && this.#minRtt.probeExpired && !this.#isIdleRestart) {
      this.#saveWindow();
      this.#loss.endSlowPhase(event.nowUs);
      this.#enterState(BbrState.probeRtt);
      this.#probeRttDoneUs = 0;
      this.#ackPhase = AckPhase.none;
      this.#startRound(event);
    }
    if (this.#state === BbrState.probeRtt) this.#handleProbeRtt(event);
    if (event.sample.deliveredBytes > 0) this.#isIdleRestart = false;
  }

  #handleProbeRtt(event: AckEvent): void {
    if (this.#probeRttDoneUs === 0) {
      if (event.bytesInFlight > this.#probeRttWindow()) return;
      this.#probeRttDoneUs = event.nowUs + params.PROBE_RTT_DURATION_US;
      this.#probeRttRoundDone = false;
      this.#startRound(event);
      return;
    }
    if (this.#isRoundStart) this.#probeRttRoundDone = true;
    if (this.#probeRttRoundDone) this.#checkProbeRttDone(event.nowUs);
  }

  /** BBRCheckProbeRTTDone and 5.3.4.4, BBRExitProbeRTT. */
  #checkProbeRttDone(nowUs: number): void {
    if (this.#probeRttDoneUs === 0 || nowUs <= this.#probeRttDoneUs) return;
    this.#minRtt.onProbeDone(nowUs);
    this.#restoreWindow();
    this.#bounds.resetShortTerm();
    if (!this.#fullPipe.everFull) {
      this.#enterState(BbrState.startup);
      return;
    }
    this.#cycleStartUs = nowUs;
    this.#roundsSinceProbe = 0;
    this.#enterState(BbrState.probeCruise);
  }

  // Control parameters (5.6).

  #pacingGain(): number {
    if (this.#state === BbrState.probeDown && this.#isLossTest) return params.LOSS_TEST_PACING_GAIN;
    return params.PACING_GAIN[this.#state]!;
  }

  /** 5.6.2, BBRSetPacingRateWithGain. */
  #setPacingRate(gain: number): void {
    const rate = gain * this.bandwidth * params.PACING_MARGIN / (1 - this.#loss.baseLoss);
    if (rate > this.#pacingRate || (this.#fullPipe.everFull && rate > 0)) this.#pacingRate = rate;
  }

  /** 5.6.4.6, BBRSetCwnd. */
  #setWindow(event: AckEvent): void {
    const maxBytes = this.#inflight(params.WINDOW_GAIN[this.#state]!, this.#aggregation.extraBytes);
    let bytes = this.#windowBytes;
    if (this.#fullPipe.everFull) bytes = Math.min(bytes + event.ackedBytes, maxBytes);
    else if (bytes < maxBytes || event.totalDeliveredBytes < initialWindowBytes(this.#mtu)) bytes += event.ackedBytes;
    bytes = Math.max(bytes, params.MIN_PIPE_DATAGRAMS * this.#mtu);
    // 5.6.4.5, BBRBoundCwndForProbeRTT.
    if (this.#state === BbrState.probeRtt) bytes = Math.min(bytes, this.#probeRttWindow());
    this.#windowBytes = this.#clamped(Math.min(bytes, this.#windowCap()));
  }

  /** 5.6.4.7, BBRBoundCwndForModel. */
  #windowCap(): number {
    let cap = Infinity;
    if (this.#state === BbrState.probeRtt || this.#state === BbrState.probeCruise) {
      cap = this.#bounds.longTermWithHeadroom(this.#mtu);
    } else if (this.#isProbingBandwidthState()) {
      cap = this.#bounds.inflightLong;
    }
    cap = Math.min(cap, this.#bounds.inflightShort);
    return Math.max(cap, params.MIN_PIPE_DATAGRAMS * this.#mtu);
  }

  /** 5.6.4.2, BBRInflight: `gain` bandwidth-delay products, with room for what is lost and not yet declared so. */
  #inflight(gain: number, extraBytes = 0): number {
    const quantum = Math.min(this.#pacingRate / 1_000, params.MAX_QUANTUM_BYTES);
    const floorBytes = Math.max(2 * quantum, params.MIN_PIPE_DATAGRAMS * this.#mtu);
    const minRttUs = this.#minRtt.minUs;
    if (minRttUs === Infinity || this.bandwidth === 0) {
      return Math.max(gain * initialWindowBytes(this.#mtu), floorBytes);
    }
    const loss = this.#loss.baseLoss;
    // What is sent for one byte delivered; a lost packet stays in flight for up to half a round trip longer.
    const allowance = (1 + loss / 2) / (1 - loss);
    const pipeBytes = gain * this.bandwidth * minRttUs / 1_000_000 * allowance + extraBytes;
    // BBRQuantizationBudget.
    return Math.max(pipeBytes, floorBytes) + (this.#state === BbrState.probeUp ? 2 * this.#mtu : 0);
  }

  /** BBRTargetInflight. */
  #targetInflight(): number {
    return Math.min(this.#inflight(1), this.#windowBytes);
  }

  /** BBRProbeRTTCwnd. */
  #probeRttWindow(): number {
    return this.#inflight(params.WINDOW_GAIN[BbrState.probeRtt]!);
  }

  #clamped(bytes: number): number {
    return Math.max(Math.floor(Math.min(bytes, this.#maxWindowBytes)), MIN_WINDOW_DATAGRAMS * this.#mtu);
  }

  /** 5.6.4.4, BBRSaveCwnd. */
  #saveWindow(): void {
    const isModulated = this.#isCollapsed || this.#state === BbrState.probeRtt;
    this.#priorWindowBytes = isModulated ? Math.max(this.#priorWindowBytes, this.#windowBytes) : this.#windowBytes;
  }

  /** 5.6.4.4, BBRRestoreCwnd. */
  #restoreWindow(): void {
    this.#windowBytes = this.#clamped(Math.max(this.#windowBytes, this.#priorWindowBytes));
  }

  #enterState(state: BbrState): void {
    this.#state = state;
    this.#roundsInState = 0;
  }

  /** The path answers again: what it could carry before is the best guess at what it can carry now. */
  #restoreAfterCollapse(event: AckEvent): void {
    this.#isCollapsed = false;
    this.#excusedDelivered = event.totalDeliveredBytes;
    this.#restoreWindow();
  }

  /** IsInAProbeBWState. */
  #isProbingBandwidthState(): boolean {
    return this.#state >= BbrState.probeDown && this.#state <= BbrState.probeUp;
  }

  /** BBRIsProbingBW. */
  #isAccelerating(): boolean {
    return this.#state === BbrState.startup || this.#state === BbrState.probeRefill || this.#state === BbrState.probeUp;
  }

  /** A number in [0, 1): xorshift32 (Marsaglia 2003). */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random / 2 ** 32;
  }
}
