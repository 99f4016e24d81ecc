/**
 * BBR, the default controller: it measures the path's delivery rate and its RTT without a queue, and sends at that rate
 * with little more than their product in flight. The sections cited are those of draft-ietf-ccwg-bbr-04 (BBRv3). Hot:
 * `onPacketSent` and `onAck` allocate nothing.
 *
 * Differences from the draft, so that random loss costs no more than the bytes lost:
 * - `LossModel` decides whether loss counts as congestion, not a fixed threshold of 2 % (5.3.1.3, 5.5.10).
 * - The sending rate is the estimated delivery rate divided by the share of packets that arrive; the window likewise, with
 *   room for lost packets until they are declared lost.
 * - While there is unexplained loss, ProbeBW_DOWN lasts a full round at 0.75 of the rate.
 * - Congestion is evaluated once per packet-timed round (5.5.1); losses have no round count of their own.
 * - A window collapsed by persistent congestion (5.6.4.4, RTO) is restored by the next acknowledgement.
 * - Startup begins with 32 datagrams, paced, and uses the rate at which a short train of datagrams was delivered as the
 *   bandwidth (`train_rate.ts`), so that it grows by up to six times per round trip instead of two; and once a train
 *   arrived dispersed, Startup continues at 1.25 of the rate instead of filling the queue until the plateau is certain
 *   (5.3.1).
 * - The sending rate is lowered by the amount that chance adds to the maximum of many samples on a lossy path.
 * - After Startup a round lasts at least 10 ms, and if the RTT is shorter, the rate is measured per round (5.5.1).
 * - The long-term bound grows by at least a 64th of the window in the first round of a probe (5.3.3.4).
 * - A standing queue in ProbeBW_CRUISE lowers BBR.bw_shortterm to the delivery rate; in the draft only loss does
 *   (5.5.10.3).
 * - After a probe that met congestion and found no more bandwidth, the next one waits twice as long (5.3.3.5).
 * - ProbeRTT alone does not age the bandwidth filter (5.5.6), which would forget the last probe's result.
 *
 * Not implemented: ECN (3.7); the inflight at which the loss threshold was crossed inside a burst (5.5.10.2,
 * BBRInflightAtLoss), as losses are reported as sums; marking the connection application-limited in ProbeRTT (5.3.4.3),
 * as its samples are not used to detect a full pipe; the send quantum (5.6.3), which the pacer determines.
 *
 * @module
 */

import type { SentPacket } from "../../sent_packet.ts";
import { ControlParameters, type ControlState } from "./control_parameters.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent } from "../controller.ts";
import { FullPipeEstimator } from "./full_pipe.ts";
import { PathModel } from "./path_model.ts";
import { ProbeTimer } from "./probe_timer.ts";
import { FULL_PIPE_ROUNDS } from "./full_pipe.ts";
import { BETA } from "./inflight_bounds.ts";
import { AckPhase, BbrState } from "./state.ts";

/** BBRStartupFullLossCnt, here in datagrams. */
const STARTUP_LOSS_DATAGRAMS = 6;
/** Section 5.3.1.3: loss for at least one full round. Two, because a round may begin in the middle of the loss. */
const STARTUP_LOSS_ROUNDS = 2;
/** ProbeRTTDuration. */
const PROBE_RTT_DURATION_US = 200_000;
/** Ours: after this many rounds of ProbeBW_CRUISE with a queue, each time, the bandwidth is lowered to the delivery rate. */
const CRUISE_QUEUE_ROUNDS = 4;
/**
 * Ours: a probe that meets congestion is fruitless if it raises the bandwidth by less than the first factor, and the delivery
 * rate is not below the second, which would show that the path has become slower.
 */
const PROBE_GROWTH = 1.05;
const PROBE_DECLINE = 0.9;
/** Ours: a path that loses less than this share counts as loss-free. */
const MIN_BASE_LOSS = 0.001;

/** The BBR congestion controller. */
export class Bbr implements CongestionController, ControlState {
  readonly name = "bbr";
  /** The model of the path. Read only: only the controller changes it. */
  readonly model: PathModel;
  readonly #control: ControlParameters;
  readonly #fullPipe = new FullPipeEstimator();
  readonly #probeTimer: ProbeTimer;

  #state: BbrState = BbrState.startup;
  /** Rounds begun since the state was entered. */
  #roundsInState = 0;
  #startupLossRounds = 0;
  /** Consecutive rounds of ProbeBW_CRUISE with a queue. */
  #queueRounds = 0;
  #ackPhase: AckPhase = AckPhase.none;
  /** Whether ProbeBW_DOWN uses the lower rate, for a full round, to find out whether the loss persists. */
  #isLossToleranceProbe = false;
  /** The estimated bandwidth before the current probe, bytes per second. */
  #bandwidthBefore = 0;
  #wasWindowLimited = false;
  #isIdleRestart = false;
  /** When ProbeRTT may end, 0 until the queue has drained; whether a round has ended since. */
  #probeRttDoneUs = 0;
  #probeRttRoundDone = false;

  #isCollapsed = false;
  /** Samples of packets sent before more than this was delivered span a collapse: their losses are ignored. */
  #excusedDelivered = -1;

  /** `maxWindowBytes` is an upper bound of the window. */
  constructor(options: ControllerOptions, { maxWindowBytes = Infinity }: { maxWindowBytes?: number } = {}) {
    this.model = new PathModel(options.initialRttUs);
    this.#probeTimer = new ProbeTimer(options.seed);
    this.#control = new ControlParameters(options, this.model, { maxWindowBytes });
  }

  get windowBytes(): number {
    return this.#control.windowBytes;
  }

  get pacingRate(): number {
    return this.#control.pacingRate;
  }

  /** The current state, for logs and tests. */
  get state(): BbrState {
    return this.#state;
  }

  /** BBR.full_bw_reached: whether the pipe was full at least once. */
  get fullBandwidthReached(): boolean {
    return this.#fullPipe.fullBandwidthReached;
  }

  /** Whether the current or next ProbeBW_DOWN uses the lower rate. */
  get isLossToleranceProbe(): boolean {
    return this.#isLossToleranceProbe;
  }

  /** Rounds begun in the current state. */
  get roundsInState(): number {
    return this.#roundsInState;
  }

  onPacketSent(packet: SentPacket, bytesInFlight: number): void {
    if (bytesInFlight + this.#control.maxDatagramBytes > this.#control.windowBytes) this.#wasWindowLimited = true;
    // 5.4.1, BBRHandleRestartFromIdle: nothing was in flight, because there was nothing to send.
    if (bytesInFlight > packet.sizeBytes || !packet.appLimited) return;
    this.#isIdleRestart = true;
    this.model.aggregation.restart(packet.sentUs);
    if (this.#isInProbeBandwidth()) this.#control.setPacingRate(1, this.fullBandwidthReached);
    else if (this.#state === BbrState.probeRtt) this.#checkProbeRttDone(packet.sentUs);
  }

  onAck(event: AckEvent): void {
    const { model } = this;
    if (this.#isCollapsed) this.#restoreAfterCollapse(event);
    // 5.2.3, BBRUpdateModelAndState, in the draft's order.
    model.onAck(event, this.#control.maxDatagramBytes);
    if (model.isRoundStart) this.#onRound(event);
    model.loss.settleSlowPhase(event.largestAckedSentUs, model.minRtt.minUs, this.#control.maxDatagramBytes);
    model.aggregation.onAck(event.nowUs, event.ackedBytes, model.bandwidth, this.#control.windowBytes);
    this.#checkStartupDone(event);
    this.#checkDrainDone(event);
    this.#updateProbeCycle(event);
    model.minRtt.update(event.nowUs, event.rttUs);
    this.#checkProbeRtt(event);
    model.endAck(event);
    // BBRUpdateControlParameters.
    this.#control.update(event, this);
    if (model.isRoundStart) this.#wasWindowLimited = false;
  }

  onPacketsLost(event: LossEvent): void {
    const { loss } = this.model;
    if (!event.persistentCongestion) return loss.onLost(event.lostBytes, event.largestLostSentUs);
    // 5.6.4.4: the path is down; send almost nothing until acknowledgements arrive. The model is kept for the same path.
    this.#control.save(this.#isCollapsed || this.#state === BbrState.probeRtt);
    this.#isCollapsed = true;
    this.#isIdleRestart = true;
    loss.forgetRound();
    this.#control.collapse();
  }

  onSpuriousLoss(_nowUs: number, sentUs: number): void {
    this.model.loss.onSpurious(this.#control.maxDatagramBytes, sentUs);
    this.model.bounds.onSpurious(sentUs, this.#control.maxDatagramBytes);
  }

  onMtuChanged(maxDatagramBytes: number): void {
    this.#control.setMaxDatagramBytes(maxDatagramBytes);
  }

  /** Runs once per round, with the measurements of the round that has just ended. */
  #onRound(event: AckEvent): void {
    const { aggregation, bounds } = this.model;
    this.#roundsInState++;
    this.#probeTimer.onRound();
    aggregation.onRound(!this.fullBandwidthReached);
    this.#respondToLoss(event);
    this.#respondToQueue(event);
    if (this.#state === BbrState.startup) this.#checkDispersion();
    // 5.3.1.2, BBRCheckFullBWReached; with the round's maximum rate instead of the one sample that ends it.
    if (!event.sample.appLimited && this.#isAccelerating()) {
      this.#fullPipe.onRound(bounds.bandwidthLatest, this.model.isPlateauPlain ? 1 : FULL_PIPE_ROUNDS);
    }
  }

  /** 5.5.10.3, BBRAdaptLowerBoundsFromCongestion. */
  #respondToLoss(event: AckEvent): void {
    const { bounds, loss, maxBandwidth } = this.model;
    const state = this.#state;
    // Before the first slow phase there are no better samples, and uncompensated loss would hide growth of the rate.
    // Above the path's rate the queue may overflow before the RTTs of a whole round reveal it.
    if (state === BbrState.startup) {
      if (!this.model.trains.isDispersed) loss.learnFromRound(this.#control.maxDatagramBytes);
      return;
    }
    const isCruise = state === BbrState.probeCruise;
    if (isCruise || (state === BbrState.probeDown && this.#roundsInState > 2)) loss.noteSteadyRound();
    if (this.#isInProbeBandwidth() && state !== BbrState.probeDown && this.#roundsInState >= 2) loss.noteFastRound();
    if (this.#isAccelerating() || state === BbrState.probeRtt) return;
    if (!loss.isCongestion(loss.lastLoss, loss.lastBytes, this.#control.maxDatagramBytes)) return;
    if (loss.queueing || loss.isHeavy) {
      bounds.cutShortTerm(event.nowUs, maxBandwidth.value, this.#control.windowBytes, loss.lastLostBytes);
    }
    // Loss that no queue explains: send more slowly for a round, to find out whether the loss persists.
    if (!loss.queueing && isCruise && this.#roundsInState >= 2) {
      this.#enterProbeDown(event, { lossToleranceProbe: true });
    }
  }

  /**
   * With jitter the maximum of many samples is too high, and in ProbeBW_CRUISE the excess builds a queue. If a queue stands
   * there, the delivery rate is the better estimate until the next probe. On a lossy path the margin for chance covers this.
   */
  #respondToQueue({ sample }: AckEvent): void {
    const { baseLoss, queueing } = this.model.loss;
    if (this.#state !== BbrState.probeCruise || !queueing || baseLoss > MIN_BASE_LOSS) this.#queueRounds = 0;
    else if (++this.#queueRounds % CRUISE_QUEUE_ROUNDS === 0 && !sample.appLimited) {
      this.model.bounds.limitBandwidth(this.model.bounds.bandwidthLatest);
    }
  }

  // Startup and Drain (5.3.1, 5.3.2).

  /** While the pace followed a rate that proved wrong, the delivery rate could not grow: the rounds of a plateau begin anew. */
  #checkDispersion(): void {
    const { bounds, loss, trains } = this.model;
    if (trains.onRound(loss.queueing || loss.lastLostBytes > 0)) this.#fullPipe.reset(bounds.bandwidthLatest);
  }

  #checkStartupDone(event: AckEvent): void {
    if (this.#state !== BbrState.startup) return;
    const { bounds, isRoundStart, loss } = this.model;
    if (isRoundStart && this.#isStartupLossHigh()) {
      // 5.3.1.3, BBRCheckStartupHighLoss.
      this.#fullPipe.setFull();
      bounds.setLongTerm(Math.max(this.#control.inflight(1), bounds.inflightLatest));
    }
    if (!this.fullBandwidthReached) return;
    this.model.endStartup();
    this.#enterState(BbrState.drain);
    loss.beginSlowPhase(event.nowUs);
  }

  #isStartupLossHigh(): boolean {
    const { loss } = this.model;
    const isHigh = loss.isHeavy ||
      (loss.queueing && loss.lastLostBytes >= STARTUP_LOSS_DATAGRAMS * this.#control.maxDatagramBytes &&
        loss.isCongestion(loss.lastLoss, loss.lastBytes, this.#control.maxDatagramBytes));
    this.#startupLossRounds = isHigh ? this.#startupLossRounds + 1 : 0;
    return this.#startupLossRounds >= STARTUP_LOSS_ROUNDS;
  }

  #checkDrainDone(event: AckEvent): void {
    // 5.3.2, BBRCheckDrainDone.
    if (this.#state !== BbrState.drain || event.bytesInFlight > this.#control.inflight(1)) return;
    this.#enterProbeDown(event, { lossToleranceProbe: this.model.loss.isWorthTesting });
  }

  // ProbeBW (5.3.3.6, BBRUpdateProbeBWCyclePhase).

  #updateProbeCycle(event: AckEvent): void {
    if (!this.fullBandwidthReached) return;
    const isHeld = this.#isHeldByLongTerm(); // Before the bound is raised, since the window follows the bound.
    this.#adaptLongTermModel(event, isHeld);
    switch (this.#state) {
      case BbrState.probeDown:
        if (this.#isTimeToProbe(event.nowUs)) this.#enterProbeRefill(event);
        else if (this.#isTimeToCruise(event)) this.#enterProbeCruise(event.nowUs);
        break;
      case BbrState.probeCruise:
        if (this.#isTimeToProbe(event.nowUs)) this.#enterProbeRefill(event);
        break;
      case BbrState.probeRefill:
        if (this.model.isRoundStart) this.#enterProbeUp(event);
        break;
      case BbrState.probeUp:
        // BBRIsTimeToGoDown: while the long-term bound limits sending, samples cannot show whether the pipe is full.
        if (isHeld) this.#fullPipe.reset(this.model.deliveryRate);
        else if (this.#fullPipe.fullNow) {
          this.#probeTimer.onProbeEnd(false);
          this.#enterProbeDown(event, { lossToleranceProbe: this.model.loss.isWorthTesting });
        }
        break;
    }
  }

  #enterProbeDown(event: AckEvent, { lossToleranceProbe }: { lossToleranceProbe: boolean }): void {
    const { bounds, loss } = this.model;
    // Drain was even slower, so its slow phase continues and includes its losses.
    loss.beginSlowPhase(event.nowUs);
    this.#isLossToleranceProbe = lossToleranceProbe;
    bounds.stopRaising();
    this.#ackPhase = this.#state === BbrState.probeUp ? AckPhase.probeStopping : AckPhase.none;
    this.#probeTimer.restart(event.nowUs);
    this.model.startRound(event);
    this.#enterState(BbrState.probeDown);
  }

  #enterProbeCruise(nowUs: number): void {
    this.model.loss.endSlowPhase(nowUs);
    this.#enterState(BbrState.probeCruise);
  }

  #enterProbeRefill(event: AckEvent): void {
    this.model.loss.endSlowPhase(event.nowUs);
    this.model.bounds.beginProbe();
    this.#ackPhase = AckPhase.refilling;
    this.#bandwidthBefore = this.model.maxBandwidth.value;
    this.model.startRound(event);
    this.#enterState(BbrState.probeRefill);
  }

  #enterProbeUp(event: AckEvent): void {
    this.#ackPhase = AckPhase.probeStarting;
    this.model.startRound(event);
    this.#fullPipe.reset(this.model.deliveryRate);
    this.#enterState(BbrState.probeUp);
    this.model.bounds.raiseSlope(this.#control.windowBytes, this.#control.maxDatagramBytes);
  }

  #isTimeToProbe(nowUs: number): boolean {
    return this.#probeTimer.isDue(nowUs, this.#control.targetInflight() / this.#control.maxDatagramBytes);
  }

  #isTimeToCruise(event: AckEvent): boolean {
    // A loss-tolerance probe needs packets sent for a whole round at the lower rate.
    if (this.#isLossToleranceProbe && this.#roundsInState < 2) return false;
    if (event.bytesInFlight > this.model.bounds.longTermWithHeadroom(this.#control.maxDatagramBytes)) return false;
    return event.bytesInFlight <= this.#control.inflight(1);
  }

  #isHeldByLongTerm(): boolean {
    // The bound is fractional, the window whole bytes.
    return this.#wasWindowLimited && this.#control.windowBytes >= Math.floor(this.model.bounds.inflightLong);
  }

  /** BBRAdaptLongTermModel. */
  #adaptLongTermModel(event: AckEvent, isHeld: boolean): void {
    const { sample } = event;
    const { bounds, isRoundStart, loss, maxBandwidth } = this.model;
    if (isRoundStart && this.#ackPhase === AckPhase.probeStarting) this.#ackPhase = AckPhase.probeFeedback;
    if (isRoundStart && this.#ackPhase === AckPhase.probeStopping && this.#isInProbeBandwidth()) {
      // 5.5.6, BBRAdvanceMaxBwFilter: one round after the probe, all of its samples have arrived.
      if (!sample.appLimited) maxBandwidth.advance();
      this.#ackPhase = AckPhase.none;
    }
    if (sample.priorDeliveredBytes <= this.#excusedDelivered) return;
    // IsInflightTooHigh, over the round trip of the sampled packet.
    const inflightBytes = Math.max(sample.txInFlightBytes, this.#control.maxDatagramBytes);
    if (loss.isCongestion(sample.lostBytes / inflightBytes, inflightBytes, this.#control.maxDatagramBytes)) {
      this.#onInflightTooHigh(event);
      return;
    }
    bounds.raiseTo(sample.txInFlightBytes);
    if (this.#state !== BbrState.probeUp) return;
    // BBRProbeInflightLongtermUpward.
    if (isHeld) bounds.raise(event.ackedBytes);
    if (isRoundStart) bounds.raiseSlope(this.#control.windowBytes, this.#control.maxDatagramBytes);
  }

  /** BBRHandleInflightTooHigh, at most once a probe. */
  #onInflightTooHigh(event: AckEvent): void {
    if (this.#state !== BbrState.probeUp || this.#ackPhase !== AckPhase.probeFeedback) return;
    const { appLimited, lostBytes, txInFlightBytes } = event.sample;
    if (!appLimited) {
      const inflightBytes = Math.max(txInFlightBytes, this.#control.targetInflight() * BETA);
      this.model.bounds.lowerLongTerm(event.nowUs, inflightBytes, lostBytes);
    }
    this.#probeTimer.onProbeEnd(this.#isProbeFruitless());
    this.#enterProbeDown(event, { lossToleranceProbe: true });
  }

  #isProbeFruitless(): boolean {
    const { bounds, maxBandwidth } = this.model;
    const before = this.#bandwidthBefore;
    return maxBandwidth.value < PROBE_GROWTH * before && bounds.bandwidthLatest > PROBE_DECLINE * before;
  }

  // ProbeRTT (5.3.4).

  #checkProbeRtt(event: AckEvent): void {
    const { loss, minRtt } = this.model;
    if (this.#state !== BbrState.probeRtt && minRtt.probeExpired && !this.#isIdleRestart) {
      this.#control.save(this.#isCollapsed);
      loss.beginSlowPhase(event.nowUs); // The only slow phase if ProbeRTT interrupts every probe.
      // A probe interrupted by ProbeRTT still ages the bandwidth filter, once ProbeRTT has ended.
      const wasProbing = this.#state === BbrState.probeUp || this.#ackPhase === AckPhase.probeStopping;
      this.#ackPhase = wasProbing ? AckPhase.probeStopping : AckPhase.none;
      this.#enterState(BbrState.probeRtt);
      this.#probeRttDoneUs = 0;
      this.model.startRound(event);
    }
    if (this.#state === BbrState.probeRtt) this.#handleProbeRtt(event);
    if (event.sample.deliveredBytes > 0) this.#isIdleRestart = false;
  }

  #handleProbeRtt(event: AckEvent): void {
    if (this.#probeRttDoneUs === 0) {
      if (event.bytesInFlight > this.#control.probeRttWindow()) return;
      this.#probeRttDoneUs = event.nowUs + PROBE_RTT_DURATION_US;
      this.#probeRttRoundDone = false;
      this.model.startRound(event);
      return;
    }
    if (this.model.isRoundStart) this.#probeRttRoundDone = true;
    if (this.#probeRttRoundDone) this.#checkProbeRttDone(event.nowUs);
  }

  /** BBRCheckProbeRTTDone and 5.3.4.4, BBRExitProbeRTT. */
  #checkProbeRttDone(nowUs: number): void {
    if (this.#probeRttDoneUs === 0 || nowUs <= this.#probeRttDoneUs) return;
    this.model.minRtt.onProbeDone(nowUs);
    this.model.loss.endSlowPhase(nowUs);
    this.#control.restore();
    this.model.bounds.resetShortTerm();
    this.#probeTimer.restart(nowUs);
    this.#enterState(this.fullBandwidthReached ? BbrState.probeCruise : BbrState.startup);
  }

  /** Acknowledgements arrive again: the path's earlier capacity is the best estimate of its current one. */
  #restoreAfterCollapse(event: AckEvent): void {
    this.#isCollapsed = false;
    this.#excusedDelivered = event.totalDeliveredBytes;
    this.#control.restore();
  }

  #enterState(state: BbrState): void {
    this.#state = state;
    this.#roundsInState = 0;
  }

  /** IsInAProbeBWState. */
  #isInProbeBandwidth(): boolean {
    return this.#state >= BbrState.probeDown && this.#state <= BbrState.probeUp;
  }

  /** BBRIsProbingBW. */
  #isAccelerating(): boolean {
    return this.#state === BbrState.startup || this.#state === BbrState.probeRefill || this.#state === BbrState.probeUp;
  }
}
