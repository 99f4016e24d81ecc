/**
 * Paces packets at the rate that congestion control sets (RFC 9002, section 7.7), with two token buckets.
 *
 * Each wake-up of the platform's timer sends one burst: a millisecond's worth of packets but no more than ten (section
 * 7.7), or what accrues in a tick of the timer if that is more. One bucket bounds the bursts, which a short queue has to
 * hold: it holds one, and fills at three times the rate. The other keeps the rate. It holds a burst, too, and more
 * while the caller has something to send: a timer fires late, and a program on a busy machine loses the processor for some
 * milliseconds now and then. What it missed is owed to it, and caught up little by little. Otherwise it would on average
 * send more slowly than the path carries, and congestion control would take that for the path's rate.
 *
 * A caller that polls before the deadline, because an ACK arrived, may send as soon as there are tokens for one packet: this
 * keeps the rate up if the bound on bursts is below a tick. Hot: allocates nothing.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES, DEFAULT_CONFIG } from "../config.ts";
import { invariant } from "../../base/invariant.ts";

/** Datagrams of a burst, unless the timer's resolution demands more (RFC 9002, section 7.7: the initial window of 7.2). */
export const BURST_DATAGRAMS = 10;

/** ...and the time in which they accrue, at rates at which that is less. */
export const BURST_US = 1_000;

/** Datagrams that may always be sent in one burst, however low the rate. */
export const MIN_BURST_DATAGRAMS = 2;

/** A burst in ticks, if it is the timer that determines it: slightly more than one, to catch up after a late tick. */
const BURST_TICKS = 1.05;

/** The deadline is so many ticks before a burst has accrued, since the timer fires half a tick late or more. */
const EARLY_TICKS = 0.6;

/** A caller that came late may catch up with at most what the rate allows in this time. */
export const MAX_OWED_US = 20_000;

/** The rate at which it catches up, in pacing rates. */
const PEAK_GAIN = 3;

/** Slack for rounding, bytes, so that at the returned time the requested bytes may really be sent. */
const ROUNDING_BYTES = 1e-3;

/** Options of a {@link Pacer}. */
export interface PacerOptions {
  /** The current size of a full datagram. Default: the base size of path MTU discovery. */
  readonly datagramBytes?: number;
  /** The resolution of the platform's timers, microseconds. Default: that of {@link DEFAULT_CONFIG}. */
  readonly timerTickUs?: number;
}

/** Token buckets in bytes that accrue fractions of a byte. They start full, and with an unlimited rate. */
export class Pacer {
  #datagramBytes: number;
  readonly #tickUs: number;
  /** Bytes per second. */
  #rate = Infinity;
  #maxBurstBytes = Infinity;
  #burstBytes = Infinity;
  /** What has to accrue before the timer is to fire, unless one packet is more. */
  #quantumBytes = 0;
  /** Below 0 if more was sent than allowed, since probes are not paced. */
  #tokensBytes = Infinity;
  /** The tokens of the second bucket: what may be sent at once. */
  #burstTokensBytes = Infinity;
  #accruedUs = -Infinity;
  /** See {@link setWaiting}. */
  #isWaiting = false;

  constructor(options: PacerOptions = {}) {
    this.#datagramBytes = options.datagramBytes ?? BASE_DATAGRAM_BYTES;
    this.#tickUs = options.timerTickUs ?? DEFAULT_CONFIG.timerTickUs;
    invariant(this.#datagramBytes > 0 && this.#tickUs > 0, "a datagram has a size, and a timer a resolution");
  }

  /** Bytes per second; Infinity without pacing. */
  get rate(): number {
    return this.#rate;
  }

  /** The largest burst, bytes. */
  get burstBytes(): number {
    return this.#burstBytes;
  }

  /** The path's datagram size changed. */
  set datagramBytes(bytes: number) {
    invariant(bytes > 0, "a datagram has a size");
    this.#datagramBytes = bytes;
    this.#resize();
  }

  /**
   * Sets the rate, Infinity for no pacing, and a bound on bursts (two datagrams are always allowed). For the time since
   * the last update of the bucket, tokens accrue at the new rate.
   */
  setRate(bytesPerSecond: number, maxBurstBytes: number): void {
    invariant(bytesPerSecond > 0 && maxBurstBytes > 0, "the pacing rate and the burst are positive");
    if (bytesPerSecond === this.#rate && maxBurstBytes === this.#maxBurstBytes) return;
    this.#rate = bytesPerSecond;
    this.#maxBurstBytes = maxBurstBytes;
    this.#resize();
  }

  /** Removes the bytes sent from the bucket, whether or not they were allowed yet. */
  onSent(nowUs: number, bytes: number): void {
    if (this.#rate === Infinity) return;
    this.#accrue(nowUs);
    this.#tokensBytes -= bytes;
    this.#burstTokensBytes -= bytes;
  }

  /** Whether a whole burst is left: since it was, less was sent than allowed. */
  isFull(nowUs: number): boolean {
    if (this.#rate === Infinity) return true;
    this.#accrue(nowUs);
    return this.#tokensBytes >= this.#burstBytes;
  }

  /** When a packet of `bytes` may be sent: `nowUs` if now, otherwise when a burst worth a wake-up may be sent. */
  nextSendUs(nowUs: number, bytes: number): number {
    if (this.#rate === Infinity) return nowUs;
    this.#accrue(nowUs);
    const neededBytes = Math.min(bytes, this.#burstBytes);
    const availableBytes = Math.min(this.#tokensBytes, this.#burstTokensBytes);
    if (availableBytes + ROUNDING_BYTES >= neededBytes) return nowUs;
    const bytesPerUs = this.#rate / 1_000_000;
    const quantumBytes = Math.max(neededBytes, this.#quantumBytes);
    const waitUs = Math.max(
      (quantumBytes - this.#tokensBytes) / bytesPerUs,
      (quantumBytes - this.#burstTokensBytes) / (bytesPerUs * PEAK_GAIN),
    );
    return nowUs + Math.ceil(waitUs);
  }

  /** Says whether the caller has something to send, and only the pacer keeps it waiting. Then it may catch up if it is late. */
  setWaiting(isWaiting: boolean): void {
    this.#isWaiting = isWaiting;
  }

  /** However long there was nothing to send, no more than a burst accumulates (RFC 9002, section 7.7). */
  get #capacityBytes(): number {
    return this.#isWaiting ? this.#burstBytes + this.#rate * MAX_OWED_US / 1_000_000 : this.#burstBytes;
  }

  #accrue(nowUs: number): void {
    if (nowUs <= this.#accruedUs) return;
    const accruedBytes = this.#rate * (nowUs - this.#accruedUs) / 1_000_000;
    this.#tokensBytes = Math.min(this.#capacityBytes, this.#tokensBytes + accruedBytes);
    this.#burstTokensBytes = Math.min(this.#burstBytes, this.#burstTokensBytes + PEAK_GAIN * accruedBytes);
    this.#accruedUs = nowUs;
  }

  #resize(): void {
    const bytesPerUs = this.#rate / 1_000_000;
    const tickBytes = bytesPerUs * this.#tickUs;
    const shortBytes = Math.min(BURST_DATAGRAMS * this.#datagramBytes, bytesPerUs * BURST_US);
    const burstBytes = Math.min(this.#maxBurstBytes, Math.max(BURST_TICKS * tickBytes, shortBytes));
    const leastBytes = MIN_BURST_DATAGRAMS * this.#datagramBytes;
    this.#burstBytes = Math.max(leastBytes, burstBytes);
    this.#quantumBytes = this.#rate === Infinity ? 0 : burstBytes - EARLY_TICKS * tickBytes;
    this.#tokensBytes = Math.min(this.#tokensBytes, this.#capacityBytes);
    this.#burstTokensBytes = Math.min(this.#burstTokensBytes, this.#burstBytes);
  }
}
