/**
 * CUBIC (RFC 9438): the window grows along a cubic curve whose plateau is where packets were last lost, and is cut to 0.7
 * when packets are lost again. Slow start is HyStart++ (`hystart.ts`). CUBIC shares a link fairly with other TCP, and
 * cannot fill a long link with random loss.
 *
 * Windows are in bytes; the RFC counts segments, so its constants are scaled by the size of a datagram. The RFC's names:
 * W_max is `#plateauBytes`, cwnd_prior `#priorWindowBytes`, W_est `#renoWindowBytes`, t_epoch `#epochUs`.
 *
 * Not implemented of RFC 9438:
 * - ECN (section 4.6): the transport does not read ECN marks.
 * - Proportional rate reduction (4.6 allows it): after a cut, sending pauses until the bytes in flight fit the window.
 * - RFC 7661 (4.6): the window is reduced relative to its own size, not to the bytes in flight, so it grows only while it
 *   is fully used, which is the alternative that 4.6 accepts.
 * - Disabling fast convergence for a flow that is alone on the link (4.7): it cannot know.
 * - Spurious timeouts (4.9.1): they cannot occur, since only acknowledgements reveal a loss.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import {
  type AckEvent,
  type CongestionController,
  type ControllerOptions,
  initialWindowBytes,
  type LossEvent,
  MIN_WINDOW_DATAGRAMS,
} from "./controller.ts";
import { HyStart } from "./hystart.ts";

/** Section 5.1: C, in segments per second cubed. */
const C = 0.4;
/** Section 4.6: beta_cubic. */
const BETA = 0.7;
/** Section 4.3: alpha_cubic, with which the average window equals that of Reno, which has 1 and a factor of 0.5. */
const ALPHA = 3 * (1 - BETA) / (1 + BETA);
/** Section 4.2: the maximum factor by which the window may grow per round trip. */
const MAX_GROWTH = 1.5;

/** RFC 9002, section 7.7: N in the pacing rate, outside slow start. */
const AVOIDANCE_PACING_GAIN = 1.25;
/** In slow start the window doubles every round trip, and pacing must not limit it. */
const SLOW_START_PACING_GAIN = 2;
/** The window counts as fully used while fewer datagrams than this would fit: pacing leaves some of it free. */
const WINDOW_SLACK_DATAGRAMS = 3;

/** The CUBIC congestion controller. */
export class Cubic implements CongestionController {
  readonly name = "cubic";
  readonly #maxWindowBytes: number;
  readonly #hyStart = new HyStart();
  #maxDatagramBytes: number;
  /** Not rounded: with a large window one acknowledgement adds less than a byte. */
  #windowBytes: number;
  #thresholdBytes = Infinity;
  #smoothedRttUs: number;
  /** When the current recovery period began, or -1; the loss of packets sent until then starts no other period. */
  #recoveryStartUs = -1;

  /** When the current congestion avoidance stage began, plus the time in which there was nothing to send; -1: none. */
  #epochUs = -1;
  /** K: seconds from the epoch to the plateau. */
  #secondsToPlateau = 0;
  /** 0 if there was no loss, or persistent congestion since. */
  #plateauBytes = 0;
  #priorWindowBytes = 0;
  #renoWindowBytes = 0;
  /** Time up to which the epoch has been adjusted. */
  #asOfUs = 0;
  readonly #undo = new Undo();

  /**
   * `maxWindowBytes` is an upper bound of the window. With `windowBytes` the path is known to carry that much: congestion
   * avoidance begins with this window, without slow start.
   */
  constructor(
    options: ControllerOptions,
    { maxWindowBytes = Infinity, windowBytes }: { maxWindowBytes?: number; windowBytes?: number } = {},
  ) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#maxWindowBytes = maxWindowBytes;
    this.#windowBytes = this.#bounded(windowBytes ?? initialWindowBytes(options.maxDatagramBytes));
    if (windowBytes !== undefined) this.#thresholdBytes = this.#windowBytes;
    this.#smoothedRttUs = Math.max(options.initialRttUs, 0);
  }

  get windowBytes(): number {
    return Math.floor(this.#windowBytes);
  }

  /** Infinity until the RTT is known: there is nothing to divide by, and the initial window is small. */
  get pacingRate(): number {
    if (this.#smoothedRttUs <= 0) return Infinity;
    // RFC 9002, section 7.7: rate = N * congestion_window / smoothed_rtt.
    const gain = this.inSlowStart ? SLOW_START_PACING_GAIN : AVOIDANCE_PACING_GAIN;
    return gain * this.#windowBytes * 1_000_000 / this.#smoothedRttUs;
  }

  /** Whether the window is below the slow start threshold (section 4.10). */
  get inSlowStart(): boolean {
    return this.#windowBytes < this.#thresholdBytes;
  }

  onPacketSent(packet: SentPacket, bytesInFlight: number): void {
    // Section 4.2: idle time is not part of t.
    if (bytesInFlight <= packet.sizeBytes) this.#skipTime(packet.sentUs);
  }

  onAck(event: AckEvent): void {
    if (event.smoothedRttUs > 0) this.#smoothedRttUs = event.smoothedRttUs;
    // RFC 9406, section 4.2: only while the threshold has its initial value.
    const isFirstSlowStart = this.#thresholdBytes === Infinity;
    if (isFirstSlowStart) this.#hyStart.onAck(event);
    if (event.largestAckedSentUs <= this.#recoveryStartUs) {
      // RFC 9002, section 7.3.2: the window does not grow for packets sent before the recovery period began.
    } else if (!this.#isWindowUsed(event.priorBytesInFlight)) {
      // Sections 5.8 and 4.2: nor while it is not fully used, and that time is not part of t.
      this.#skipTime(event.nowUs);
    } else if (this.inSlowStart) {
      this.#windowBytes += event.ackedBytes / (isFirstSlowStart ? this.#hyStart.growthDivisor : 1);
    } else {
      this.#avoidCongestion(event);
    }
    this.#windowBytes = this.#bounded(this.#windowBytes);
    if (isFirstSlowStart && this.#hyStart.isDone) this.#thresholdBytes = this.#windowBytes;
    this.#asOfUs = event.nowUs;
  }

  onPacketsLost(event: LossEvent): void {
    if (event.largestLostSentUs <= this.#recoveryStartUs) {
      this.#undo.lostBytes += event.lostBytes;
    } else {
      this.#saveForUndo(event.lostBytes);
      this.#recoveryStartUs = event.nowUs;
      this.#reduce();
    }
    if (!event.persistentCongestion) return;
    // Section 4.8 and RFC 9002, section 7.6.2: the minimum window, and slow start immediately (appendix B.8 of RFC 9002
    // resets the recovery start). The next congestion avoidance stage begins at its own plateau.
    this.#windowBytes = this.#bounded(0);
    this.#recoveryStartUs = -1;
    this.#plateauBytes = 0;
    this.#epochUs = -1;
    this.#undo.lostBytes = 0;
  }

  onSpuriousLoss(_nowUs: number, sentUs: number): void {
    const undo = this.#undo;
    if (undo.lostBytes <= 0 || sentUs > this.#recoveryStartUs) return;
    // A lost packet is at most one datagram, so the reduction is undone only if all or nearly all losses were spurious.
    undo.lostBytes -= this.#maxDatagramBytes;
    // Section 4.9.2: a window that has grown beyond its previous size is kept.
    if (undo.lostBytes > 0 || this.#windowBytes >= this.#priorWindowBytes) return;
    this.#windowBytes = this.#bounded(undo.windowBytes);
    this.#priorWindowBytes = undo.priorWindowBytes;
    this.#thresholdBytes = undo.thresholdBytes;
    this.#plateauBytes = undo.plateauBytes;
    this.#secondsToPlateau = undo.secondsToPlateau;
    this.#epochUs = undo.epochUs;
    this.#renoWindowBytes = undo.renoWindowBytes;
    this.#recoveryStartUs = -1;
  }

  onMtuChanged(maxDatagramBytes: number): void {
    // RFC 9002, section 7.2: a window still at its initial value is scaled with the datagram size; a grown one is kept.
    const isUntouched = this.#windowBytes === this.#bounded(initialWindowBytes(this.#maxDatagramBytes));
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#windowBytes = this.#bounded(isUntouched ? initialWindowBytes(maxDatagramBytes) : this.#windowBytes);
  }

  #avoidCongestion(event: AckEvent): void {
    if (this.#epochUs < 0) this.#beginEpoch(event.nowUs);
    const elapsedUs = event.nowUs - this.#epochUs;
    const windowBytes = this.#windowBytes;
    // Section 4.3: W_est grows by alpha_cubic segments per window, and by one segment once it reaches cwnd_prior.
    const alpha = this.#renoWindowBytes >= this.#priorWindowBytes ? 1 : ALPHA;
    this.#renoWindowBytes += alpha * this.#maxDatagramBytes * event.ackedBytes / windowBytes;
    this.#renoWindowBytes = Math.min(this.#renoWindowBytes, this.#maxWindowBytes);
    if (this.#cubicAt(elapsedUs) < this.#renoWindowBytes) {
      // Section 4.3: never less than Reno's window.
      this.#windowBytes = Math.max(windowBytes, this.#renoWindowBytes);
      return;
    }
    // Section 4.2: the target is the curve's value one RTT from now, within bounds.
    const curveBytes = this.#cubicAt(elapsedUs + this.#smoothedRttUs);
    const targetBytes = Math.min(Math.max(curveBytes, windowBytes), MAX_GROWTH * windowBytes);
    // Sections 4.4 and 4.5: (target - cwnd) / cwnd for each segment acknowledged.
    this.#windowBytes += (targetBytes - windowBytes) * Math.min(event.ackedBytes / windowBytes, 1);
  }

  /** Section 4.2: W_cubic(t) = C * (t - K)^3 + W_max. */
  #cubicAt(elapsedUs: number): number {
    const seconds = elapsedUs / 1_000_000 - this.#secondsToPlateau;
    return C * seconds ** 3 * this.#maxDatagramBytes + this.#plateauBytes;
  }

  #beginEpoch(nowUs: number): void {
    const windowBytes = this.#windowBytes;
    this.#epochUs = nowUs;
    this.#renoWindowBytes = windowBytes;
    // Sections 4.8 and 4.10: after a timeout, and if slow start ended without loss, the curve begins at its plateau.
    if (this.#plateauBytes === 0) this.#priorWindowBytes = windowBytes;
    // The window may also exceed the plateau, for example if the cut was limited to the minimum of two datagrams.
    this.#plateauBytes = Math.max(this.#plateauBytes, windowBytes);
    // Section 4.2: K = cbrt((W_max - cwnd_epoch) / C).
    this.#secondsToPlateau = Math.cbrt((this.#plateauBytes - windowBytes) / this.#maxDatagramBytes / C);
  }

  /** Sections 4.6 and 4.7. */
  #reduce(): void {
    const windowBytes = this.#windowBytes;
    // Section 4.7, fast convergence: a plateau below the previous one releases bandwidth to other flows.
    this.#plateauBytes = windowBytes < this.#plateauBytes ? windowBytes * (1 + BETA) / 2 : windowBytes;
    this.#priorWindowBytes = windowBytes;
    this.#windowBytes = this.#bounded(windowBytes * BETA);
    this.#thresholdBytes = this.#windowBytes;
    this.#epochUs = -1;
  }

  #saveForUndo(lostBytes: number): void {
    const undo = this.#undo;
    undo.lostBytes = lostBytes;
    undo.windowBytes = this.#windowBytes;
    undo.priorWindowBytes = this.#priorWindowBytes;
    undo.thresholdBytes = this.#thresholdBytes;
    undo.plateauBytes = this.#plateauBytes;
    undo.secondsToPlateau = this.#secondsToPlateau;
    undo.epochUs = this.#epochUs;
    undo.renoWindowBytes = this.#renoWindowBytes;
  }

  /** Excludes the time since the last adjustment from t. */
  #skipTime(nowUs: number): void {
    if (this.#epochUs >= 0) this.#epochUs += Math.max(0, nowUs - this.#asOfUs);
    this.#asOfUs = Math.max(this.#asOfUs, nowUs);
  }

  #isWindowUsed(priorBytesInFlight: number): boolean {
    if (priorBytesInFlight + WINDOW_SLACK_DATAGRAMS * this.#maxDatagramBytes >= this.#windowBytes) return true;
    return this.inSlowStart && priorBytesInFlight > this.#windowBytes / 2;
  }

  #bounded(bytes: number): number {
    // Section 4.6: the window is at least two segments.
    return Math.max(Math.min(bytes, this.#maxWindowBytes), MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }
}

/** Section 4.9.2: the state to restore if every loss of this recovery period proves spurious. */
class Undo {
  /** Bytes lost that have not proved spurious yet; 0 if there is nothing to restore. */
  lostBytes = 0;
  windowBytes = 0;
  priorWindowBytes = 0;
  thresholdBytes = Infinity;
  plateauBytes = 0;
  secondsToPlateau = 0;
  epochUs = -1;
  renoWindowBytes = 0;
}
