/**
 * BBR with a competitive mode: sharing a bottleneck with loss-based flows such as TCP CUBIC, it behaves like CUBIC. Not in
 * the draft; the idea and the name of the mode are from Copa (Arun and Balakrishnan, NSDI 2018, section 2.2).
 *
 * A BBR flow that is alone keeps the queue empty between its probes. A queue that persists round after round is caused by
 * another flow, most likely one that fills the queue until it overflows and then roughly halves its rate. BBR's next probe
 * takes all the bandwidth that this releases within a few round trips, where CUBIC needs seconds, and BBR does not respond
 * to 1 % of loss: so the other flow ends up with a tenth of the link. Therefore, once such a queue is detected, our own
 * CUBIC instance sets window and rate, while BBR continues to measure, and takes over again when the queue is gone. Two
 * CUBIC flows share fairly.
 *
 * Non-goals: paths with random loss, on which a CUBIC flow would hardly send anything, so there is none to share with; and
 * flows that keep the queue full despite loss, as BBRv1 does, which get more than their share.
 *
 * @module
 */

import type { SentPacket } from "../../sent_packet.ts";
import { Bbr } from "./bbr.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent } from "../controller.ts";
import { Cubic } from "../cubic.ts";
import { BbrState } from "./state.ts";

/** Ours: rounds of ProbeBW_DOWN, at 0.9 of the rate, that drain the queue of three rounds of probing at 1.25. */
const PROBE_QUEUE_ROUNDS = 8;

/** A round's minimum RTT above this multiple of the path's minimum indicates a queue that jitter does not explain. */
const QUEUE_RTT_FACTOR = 1.25;
/** Rounds with a queue, between probes, after which the queue is attributed to another flow. */
const QUEUE_ROUNDS = 6;
/** Rounds without a queue after which that flow has ended, or is no longer the limit. */
const EMPTY_ROUNDS = 10;
/** Time in competitive mode after which the next ProbeRTT ends it, to find out whether the queue returns. */
const TRIAL_US = 20_000_000;
/** With more loss than this without a queue, no CUBIC flow can be competing. */
const MAX_RANDOM_LOSS = 0.002;
/** Smoothing of the loss without a queue. */
const RANDOM_LOSS_GAIN = 1 / 16;
/** If CUBIC's window falls below this share of its first, the other flow does not yield: BBR then stays BBR for so long. */
const LEAST_WINDOW = 0.4;
const STUBBORN_US = 30_000_000;
/** CUBIC's first window as a share of the bytes in flight, which BBR has only because it did not yield to the other flow. */
const FIRST_WINDOW = 0.95;

/** The BBR congestion controller, with a competitive mode. */
export class CompetingBbr implements CongestionController {
  readonly name = "bbr";
  readonly #bbr: Bbr;
  readonly #options: ControllerOptions;
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  /** Controls window and rate in competitive mode. */
  #cubic: Cubic | undefined;
  #queueRounds = 0;
  #emptyRounds = 0;
  #sinceUs = 0;
  #firstWindowBytes = 0;
  #notBeforeUs = 0;
  /** Share lost in rounds without a queue, smoothed; its initial value is Startup's estimate of the base loss. */
  #randomLoss = 0;

  /** `maxWindowBytes` is an upper bound of the window. */
  constructor(options: ControllerOptions, { maxWindowBytes = Infinity }: { maxWindowBytes?: number } = {}) {
    this.#bbr = new Bbr(options, { maxWindowBytes });
    this.#options = options;
    this.#maxWindowBytes = maxWindowBytes;
    this.#maxDatagramBytes = options.maxDatagramBytes;
  }

  get windowBytes(): number {
    return this.#leader.windowBytes;
  }

  get pacingRate(): number {
    return this.#leader.pacingRate;
  }

  /** Whether competitive mode is active. */
  get isCompeting(): boolean {
    return this.#cubic !== undefined;
  }

  onPacketSent(packet: SentPacket, bytesInFlight: number): void {
    this.#bbr.onPacketSent(packet, bytesInFlight);
    this.#cubic?.onPacketSent(packet, bytesInFlight);
  }

  onAck(event: AckEvent): void {
    const bbr = this.#bbr;
    const wasProbeRtt = bbr.state === BbrState.probeRtt;
    bbr.onAck(event);
    this.#cubic?.onAck(event);
    if (wasProbeRtt && bbr.state !== BbrState.probeRtt && event.nowUs - this.#sinceUs > TRIAL_US) this.#leave();
    if (!bbr.model.isRoundStart) return;
    const { baseLoss, lastLoss, queueing } = bbr.model.loss;
    if (!bbr.fullBandwidthReached) this.#randomLoss = baseLoss;
    else if (!queueing) this.#randomLoss += (lastLoss - this.#randomLoss) * RANDOM_LOSS_GAIN;
    if (this.#cubic === undefined) this.#lookForQueue(event);
    else this.#lookForRoom(event.nowUs, this.#cubic);
  }

  onPacketsLost(event: LossEvent): void {
    this.#bbr.onPacketsLost(event);
    this.#cubic?.onPacketsLost(event);
  }

  onSpuriousLoss(nowUs: number, sentUs: number): void {
    this.#bbr.onSpuriousLoss(nowUs, sentUs);
    this.#cubic?.onSpuriousLoss(nowUs, sentUs);
  }

  onMtuChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#bbr.onMtuChanged(maxDatagramBytes);
    this.#cubic?.onMtuChanged(maxDatagramBytes);
  }

  /** The controller in charge. In ProbeRTT it is always BBR, because the minimum RTT must be measured now and then. */
  get #leader(): CongestionController {
    return this.#cubic === undefined || this.#bbr.state === BbrState.probeRtt ? this.#bbr : this.#cubic;
  }

  #lookForQueue(event: AckEvent): void {
    const { state, roundsInState } = this.#bbr;
    const isCruise = state === BbrState.probeCruise;
    const isDown = state === BbrState.probeDown;
    if (!isCruise && !isDown) return;
    const isOwnQueueGone = isCruise || roundsInState > PROBE_QUEUE_ROUNDS;
    this.#queueRounds = this.#hasQueue && isOwnQueueGone ? this.#queueRounds + 1 : 0;
    if (this.#queueRounds < QUEUE_ROUNDS || event.nowUs < this.#notBeforeUs) return;
    if (this.#randomLoss > MAX_RANDOM_LOSS) return;
    this.#sinceUs = event.nowUs;
    this.#emptyRounds = 0;
    this.#firstWindowBytes = FIRST_WINDOW * event.bytesInFlight;
    this.#cubic = new Cubic({
      ...this.#options,
      maxDatagramBytes: this.#maxDatagramBytes,
      initialRttUs: event.smoothedRttUs,
    }, { maxWindowBytes: this.#maxWindowBytes, windowBytes: this.#firstWindowBytes });
  }

  #lookForRoom(nowUs: number, cubic: Cubic): void {
    if (this.#bbr.state === BbrState.probeRtt) return;
    this.#emptyRounds = this.#bbr.model.loss.queueing ? 0 : this.#emptyRounds + 1;
    const isStubborn = cubic.windowBytes < LEAST_WINDOW * this.#firstWindowBytes;
    if (isStubborn) this.#notBeforeUs = nowUs + STUBBORN_US;
    if (isStubborn || this.#emptyRounds >= EMPTY_ROUNDS) this.#leave();
  }

  #leave(): void {
    this.#cubic = undefined;
    this.#queueRounds = 0;
  }

  get #hasQueue(): boolean {
    const { loss, minRtt } = this.#bbr.model;
    return loss.queueing && loss.lastMinRttUs > QUEUE_RTT_FACTOR * minRtt.minUs;
  }
}
