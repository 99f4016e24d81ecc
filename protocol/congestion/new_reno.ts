/**
 * NewReno as RFC 9002, section 7 has it: slow start, one halving per round trip with loss, one datagram more per
 * round trip without. Simple, and fair to everything else; it cannot fill a long link that loses at random.
 *
 * Not done of RFC 9002: ECN (7.1), and HyStart++ in slow start. Beyond it: a halving whose losses all turn out to
 * have been spurious is undone, in the spirit of RFC 3522 (Eifel).
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent } from "./controller.ts";
import { initialWindowBytes, MIN_WINDOW_DATAGRAMS } from "./window.ts";

/** RFC 9002, section 7.3.2 and appendix B.1, kLossReductionFactor. */
const LOSS_REDUCTION_FACTOR = 0.5;
/** RFC 9002, section 7.7: N in the pacing rate, outside slow start. */
const AVOIDANCE_PACING_GAIN = 1.25;
/** In slow start the window doubles every round trip, so pacing must not be what holds it back. */
const SLOW_START_PACING_GAIN = 2;
/** The window counts as used while less than so many datagrams of it are free: pacing leaves a little. */
const WINDOW_SLACK_DATAGRAMS = 3;

/** The NewReno congestion controller. */
export class NewReno implements CongestionController {
  readonly name = "new-reno";
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  #windowBytes: number;
  #thresholdBytes = Infinity;
  /** When the current recovery period began; packets sent no later than this do not start another. -1 for none. */
  #recoveryStartUs = -1;
  /** Bytes acknowledged toward the next datagram's worth of growth in congestion avoidance. */
  #ackedBytes = 0;
  #smoothedRttUs: number;

  // What to return to if every loss of this recovery period turns out spurious.
  #undoWindowBytes = 0;
  #undoThresholdBytes = Infinity;
  #undoLostBytes = 0;

  /** `maxWindowBytes` bounds the window from above. */
  constructor(options: ControllerOptions, { maxWindowBytes = Infinity }: { maxWindowBytes?: number } = {}) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#maxWindowBytes = maxWindowBytes;
    this.#windowBytes = this.#bounded(initialWindowBytes(options.maxDatagramBytes));
    this.#smoothedRttUs = Math.max(options.initialRttUs, 0);
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Infinity until a round trip is known: what to divide by is anyone's guess, and the initial window is small. */
  get pacingRate(): number {
    if (this.#smoothedRttUs <= 0) return Infinity;
    // RFC 9002, section 7.7: rate = N * congestion_window / smoothed_rtt.
    const gain = this.inSlowStart ? SLOW_START_PACING_GAIN : AVOIDANCE_PACING_GAIN;
    return gain * this.#windowBytes * 1_000_000 / this.#smoothedRttUs;
  }

  /** Below the slow start threshold (RFC 9002, section 7.3.1). */
  get inSlowStart(): boolean {
    return this.#windowBytes < this.#thresholdBytes;
  }

  onPacketSent(_packet: SentPacket, _bytesInFlight: number): void {}

  onAck(event: AckEvent): void {
    if (event.smoothedRttUs > 0) this.#smoothedRttUs = event.smoothedRttUs;
    // Section 7.3.2: the window does not grow for packets sent before the recovery period began.
    if (event.largestAckedSentUs <= this.#recoveryStartUs) return;
    // Section 7.8: nor while it is not used.
    if (!this.#isWindowUsed(event.priorBytesInFlight)) return;
    if (this.inSlowStart) {
      // Section 7.3.1: by the bytes acknowledged.
      this.#windowBytes = this.#bounded(this.#windowBytes + event.ackedBytes);
      return;
    }
    // Section 7.3.3: at most one datagram for each window acknowledged.
    this.#ackedBytes += event.ackedBytes;
    if (this.#ackedBytes < this.#windowBytes) return;
    this.#ackedBytes -= this.#windowBytes;
    this.#windowBytes = this.#bounded(this.#windowBytes + this.#maxDatagramBytes);
  }

  onPacketsLost(event: LossEvent): void {
    if (event.largestLostSentUs <= this.#recoveryStartUs) {
      this.#undoLostBytes += event.lostBytes;
    } else {
      this.#undoWindowBytes = this.#windowBytes;
      this.#undoThresholdBytes = this.#thresholdBytes;
      this.#undoLostBytes = event.lostBytes;
      // Section 7.3.2: threshold and window are halved when a recovery period begins.
      this.#recoveryStartUs = event.nowUs;
      this.#ackedBytes = 0;
      this.#windowBytes = this.#bounded(Math.floor(this.#windowBytes * LOSS_REDUCTION_FACTOR));
      this.#thresholdBytes = this.#windowBytes;
    }
    if (event.persistentCongestion) {
      // Section 7.6.2: the minimum window, and slow start at once (appendix B.8 resets the recovery start).
      this.#windowBytes = this.#bounded(0);
      this.#recoveryStartUs = -1;
      this.#undoWindowBytes = 0;
    }
  }

  onSpuriousLoss(_nowUs: number, sentUs: number): void {
    if (this.#undoWindowBytes === 0 || sentUs > this.#recoveryStartUs) return;
    // A lost packet is at most one datagram, so this undoes only when all were spurious, or nearly all.
    this.#undoLostBytes -= this.#maxDatagramBytes;
    if (this.#undoLostBytes > 0) return;
    this.#windowBytes = this.#bounded(Math.max(this.#windowBytes, this.#undoWindowBytes));
    this.#thresholdBytes = this.#undoThresholdBytes;
    this.#recoveryStartUs = -1;
    this.#undoWindowBytes = 0;
  }

  onMtuChanged(maxDatagramBytes: number): void {
    // Section 7.2: a window still at its initial value follows the datagram size; a grown one stays.
    const untouched = this.#windowBytes === this.#bounded(initialWindowBytes(this.#maxDatagramBytes));
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#windowBytes = this.#bounded(untouched ? initialWindowBytes(maxDatagramBytes) : this.#windowBytes);
  }

  #isWindowUsed(priorBytesInFlight: number): boolean {
    if (priorBytesInFlight + WINDOW_SLACK_DATAGRAMS * this.#maxDatagramBytes >= this.#windowBytes) return true;
    return this.inSlowStart && priorBytesInFlight > this.#windowBytes / 2;
  }

  #bounded(bytes: number): number {
    // Section 7.2: the minimum window is two datagrams.
    return Math.max(Math.min(bytes, this.#maxWindowBytes), MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }
}
