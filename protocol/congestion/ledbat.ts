/**
 * LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus-01): for transfers in the background. It yields to other traffic: it takes a
 * queue that grows, before packets are lost, for others who need the link, and shrinks its window until the queue is short
 * again. Alone on a link it uses all of it.
 *
 * - The queueing delay is the RTT, filtered, less the lowest RTT of the last minutes (section 4.1: round trips need no
 *   clocks that agree).
 * - Below the target, the window grows more slowly than Reno's (4.2); above it, it shrinks in proportion (4.3).
 * - Slow start ends when the queue approaches the target (4.2). Two round trips later, and then so often that it costs a
 *   tenth of the time, the window is two packets for two round trips (4.4): the queue empties, so that the lowest RTT is the
 *   path's, and of several such flows none takes the queue of the others for the path.
 *
 * Windows are in bytes; the draft counts packets.
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

/** Section 4.5: the queueing delay to stay below, microseconds. */
const TARGET_US = 60_000;
/** Section 4.2: slow start ends at this share of it. */
const SLOW_START_EXIT = 0.75;
/** Section 4.2: the divisor of Reno's growth is at most this. */
const MAX_GAIN_DIVISOR = 16;
/** Section 4.3: the factor of the decrease. */
const DECREASE = 1;
/** Section 4.4: round trips between the end of the first slow start and the first slowdown, and of a slowdown. */
const SLOWDOWN_ROUNDS = 2;
/** Section 4.4: the time from the end of a slowdown to the next one, in times that it took. */
const SLOWDOWN_INTERVAL = 9;

/** RFC 6817, section 3.4.2: the lowest RTT is that of so many intervals... */
const BASE_INTERVALS = 10;
/** ...of a minute. */
const BASE_INTERVAL_US = 60_000_000;
/** RFC 6817, section 3.4.2: the current RTT is the lowest of so many samples. */
const CURRENT_FILTER = 4;

/** RFC 9002, section 7.7: N in the pacing rate. */
const PACING_GAIN = 1.25;
const SLOW_START_PACING_GAIN = 2;
/** The window counts as used while fewer datagrams than this would fit: pacing leaves some of it free. */
const WINDOW_SLACK_DATAGRAMS = 3;

/** The LEDBAT++ congestion controller. */
export class Ledbat implements CongestionController {
  readonly name = "ledbat";
  readonly #maxWindowBytes: number;
  readonly #delay = new QueueingDelay();
  #maxDatagramBytes: number;
  #windowBytes: number;
  #thresholdBytes = Infinity;
  #smoothedRttUs: number;
  /** When the current recovery period began, or -1; the loss of packets sent until then starts no other period. */
  #recoveryStartUs = -1;
  /** When the next slowdown begins; Infinity before the end of the first slow start. */
  #slowdownUs = Infinity;
  /** While the window is two packets: when that ends; else undefined. */
  #slowdownEndUs: number | undefined;
  /** When the last slowdown began, until the window is back where it was. */
  #slowdownBeganUs: number | undefined;

  constructor(options: ControllerOptions, { maxWindowBytes = Infinity }: { maxWindowBytes?: number } = {}) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#maxWindowBytes = maxWindowBytes;
    this.#windowBytes = this.#bounded(initialWindowBytes(options.maxDatagramBytes));
    this.#smoothedRttUs = Math.max(options.initialRttUs, 0);
  }

  get windowBytes(): number {
    return Math.floor(this.#windowBytes);
  }

  /** Infinity until the RTT is known: there is nothing to divide by, and the initial window is small. */
  get pacingRate(): number {
    if (this.#smoothedRttUs <= 0) return Infinity;
    const gain = this.inSlowStart ? SLOW_START_PACING_GAIN : PACING_GAIN;
    return gain * this.#windowBytes * 1_000_000 / this.#smoothedRttUs;
  }

  /** Whether the window grows with each acknowledgement. */
  get inSlowStart(): boolean {
    return this.#slowdownEndUs === undefined && this.#windowBytes < this.#thresholdBytes;
  }

  onPacketSent(_packet: SentPacket, _bytesInFlight: number): void {}

  onAck(event: AckEvent): void {
    if (event.smoothedRttUs > 0) this.#smoothedRttUs = event.smoothedRttUs;
    if (event.rttUs > 0) this.#delay.onSample(event.nowUs, event.rttUs);
    if (this.#slowDown(event.nowUs) || event.largestAckedSentUs <= this.#recoveryStartUs) return;
    const slackBytes = WINDOW_SLACK_DATAGRAMS * this.#maxDatagramBytes;
    const isUsed = event.priorBytesInFlight + slackBytes >= this.#windowBytes ||
      (this.inSlowStart && event.priorBytesInFlight > this.#windowBytes / 2);
    this.#adjust(event, isUsed);
    this.#windowBytes = this.#bounded(this.#windowBytes);
  }

  onPacketsLost(event: LossEvent): void {
    if (event.largestLostSentUs > this.#recoveryStartUs) {
      this.#recoveryStartUs = event.nowUs;
      this.#windowBytes = this.#bounded(this.#windowBytes / 2);
      this.#endSlowStart(event.nowUs);
    }
    if (event.persistentCongestion) this.#windowBytes = this.#bounded(0);
  }

  onSpuriousLoss(_nowUs: number, _sentUs: number): void {}

  onMtuChanged(maxDatagramBytes: number): void {
    const isUntouched = this.#windowBytes === this.#bounded(initialWindowBytes(this.#maxDatagramBytes));
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#windowBytes = this.#bounded(isUntouched ? initialWindowBytes(maxDatagramBytes) : this.#windowBytes);
  }

  #adjust({ ackedBytes, nowUs }: AckEvent, isUsed: boolean): void {
    const { queueingUs, baseUs } = this.#delay;
    const gain = 1 / Math.min(MAX_GAIN_DIVISOR, Math.ceil(2 * TARGET_US / Math.max(baseUs, 1)));
    if (this.inSlowStart) {
      if (queueingUs > SLOW_START_EXIT * TARGET_US) this.#endSlowStart(nowUs);
      else if (isUsed) this.#windowBytes += gain * ackedBytes;
      if (this.#windowBytes >= this.#thresholdBytes) this.#onThreshold(nowUs);
      return;
    }
    const excess = queueingUs / TARGET_US - 1;
    if (excess <= 0 && !isUsed) return;
    // Section 4.3: by GAIN - Constant * W * (delay / target - 1) packets in a round trip, and by no more than half of W.
    const roundBytes = gain * this.#maxDatagramBytes - (excess > 0 ? DECREASE * this.#windowBytes * excess : 0);
    const share = Math.min(1, ackedBytes / this.#windowBytes);
    this.#windowBytes += Math.max(roundBytes, -this.#windowBytes / 2) * share;
  }

  /** Begins and ends slowdowns; returns whether there is one. */
  #slowDown(nowUs: number): boolean {
    if (this.#slowdownEndUs !== undefined) {
      if (nowUs < this.#slowdownEndUs) return true;
      this.#slowdownEndUs = undefined;
      return false;
    }
    if (nowUs < this.#slowdownUs) return false;
    this.#thresholdBytes = this.#windowBytes;
    this.#windowBytes = this.#bounded(0);
    this.#slowdownBeganUs = nowUs;
    this.#slowdownUs = Infinity;
    this.#slowdownEndUs = nowUs + SLOWDOWN_ROUNDS * this.#smoothedRttUs;
    return true;
  }

  /** The window is what it is to be for now. */
  #endSlowStart(nowUs: number): void {
    this.#thresholdBytes = this.#windowBytes;
    this.#onThreshold(nowUs);
  }

  /** Slow start has ended: plans the next slowdown. */
  #onThreshold(nowUs: number): void {
    if (this.#slowdownUs !== Infinity) return;
    const tookUs = this.#slowdownBeganUs === undefined ? 0 : nowUs - this.#slowdownBeganUs;
    const waitUs = tookUs === 0 ? SLOWDOWN_ROUNDS * this.#smoothedRttUs : SLOWDOWN_INTERVAL * tookUs;
    this.#slowdownBeganUs = undefined;
    this.#slowdownUs = nowUs + waitUs;
  }

  #bounded(bytes: number): number {
    return Math.max(Math.min(bytes, this.#maxWindowBytes), MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }
}

/** How long packets wait in queues (RFC 6817, section 3.4.2). */
class QueueingDelay {
  readonly #bases = new Float64Array(BASE_INTERVALS).fill(Infinity);
  readonly #recent = new Float64Array(CURRENT_FILTER).fill(Infinity);
  #at = 0;
  #interval = 0;

  onSample(nowUs: number, rttUs: number): void {
    const interval = Math.floor(nowUs / BASE_INTERVAL_US);
    // After a pause, all that was forgotten meanwhile.
    const passed = Math.min(interval - this.#interval, BASE_INTERVALS);
    for (let back = 0; back < passed; back++) this.#bases[(interval - back) % BASE_INTERVALS] = Infinity;
    this.#interval = interval;
    const slot = interval % BASE_INTERVALS;
    this.#bases[slot] = Math.min(this.#bases[slot]!, rttUs);
    this.#recent[this.#at] = rttUs;
    this.#at = (this.#at + 1) % CURRENT_FILTER;
  }

  /** The lowest RTT of the last minutes; Infinity before the first sample. */
  get baseUs(): number {
    return lowest(this.#bases);
  }

  get queueingUs(): number {
    const { baseUs } = this;
    return baseUs === Infinity ? 0 : Math.max(0, lowest(this.#recent) - baseUs);
  }
}

function lowest(values: Float64Array): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}
