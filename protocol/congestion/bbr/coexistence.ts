/**
 * BBR that gives way to flows that give way: beside TCP CUBIC it becomes CUBIC itself. Not in the draft; the idea, and the
 * name of the mode, are those of Copa (Arun and Balakrishnan, NSDI 2018, section 2.2).
 *
 * BBR alone keeps the queue empty between its probes. A queue that stands there round after round is another flow's, most
 * likely one that fills it until it overflows and then halves its rate, more or less. Whatever that one leaves, BBR's next
 * probe takes, within a few round trips where CUBIC needs seconds, and it answers the loss of a packet in a hundred with
 * nothing: so the other ends up with a tenth of the link. From such a queue on, a CUBIC of our own sets window and rate,
 * beside the BBR that goes on measuring and takes over again once the queue is gone. Two CUBICs share.
 *
 * Non-goals: a path that loses at random, where CUBIC would hardly send at all, so that none can be there; and flows that
 * keep the queue full whatever is lost, as BBR's first version does, which get more than their share.
 *
 * @module
 */

import type { SentPacket } from "../../sent_packet.ts";
import { Bbr } from "./bbr.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent } from "../controller.ts";
import { Cubic } from "../cubic.ts";
import { BbrState } from "./state.ts";

/** Ours: rounds of ProbeBW_DOWN, at 0.9 of the rate, that drain what a probe of a quarter more leaves in three. */
const PROBE_QUEUE_ROUNDS = 8;

/** A round's smallest round trip above this factor of the minimum is a queue that jitter does not explain. */
const QUEUE_RTT_FACTOR = 1.25;
/** Rounds with a queue, each between two probes, after which it is another flow's. */
const QUEUE_ROUNDS = 6;
/** Rounds without one after which that flow is gone, or no longer what limits. */
const EMPTY_ROUNDS = 10;
/** After so long in competitive mode ProbeRTT ends it, to see whether the queue comes back. */
const TRIAL_US = 20_000_000;
/** Where more is lost than this without a queue, nobody's CUBIC competes. */
const MAX_RANDOM_LOSS = 0.002;
/** Smoothing of that loss. */
const RANDOM_LOSS_GAIN = 1 / 16;
/** Below this share of the window that CUBIC began with the other flow does not give way: for so long BBR competes as BBR. */
const LEAST_WINDOW = 0.4;
const STUBBORN_US = 30_000_000;
/** What CUBIC begins with, of the bytes in flight: BBR has them because it gave the other no room. */
const FIRST_WINDOW = 0.95;

/** The BBR congestion controller, with a competitive mode. */
export class CompetingBbr implements CongestionController {
  readonly name = "bbr";
  readonly #bbr: Bbr;
  readonly #options: ControllerOptions;
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  /** Sets the pace while there is competition. */
  #cubic: Cubic | undefined;
  #queueRounds = 0;
  #emptyRounds = 0;
  #sinceUs = 0;
  #firstWindowBytes = 0;
  #notBeforeUs = 0;
  /** Share lost in rounds without a queue, smoothed; it begins with what Startup took for the path's own. */
  #randomLoss = 0;

  /** `maxWindowBytes` bounds the window from above. */
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

  /** In competitive mode. */
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

  /** ProbeRTT is BBR's in either mode: the minimum round trip has to be seen now and then. */
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
