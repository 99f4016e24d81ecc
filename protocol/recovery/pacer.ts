/**
 * Paces packets at the rate that congestion control sets (RFC 9002, section 7.7), with a token bucket.
 *
 * The platform's timers fire after about 2.1 ms at best, so the bucket holds the tokens of two such ticks, within bounds,
 * and the deadline is the time at which it is half full: one wake-up sends many packets, and a timer that was set just
 * before its deadline, and so fires a tick late, loses no tokens. A caller that polls earlier, because an ACK arrived, may
 * send as soon as there are tokens for one packet: this keeps the rate up if the bound on bursts is below two ticks.
 *
 * A program on a busy machine loses the processor for some milliseconds now and then, and comes later than even that. What
 * the full bucket did not hold is owed to it, if it had something to send: afterwards it sends faster until it has caught
 * up. Otherwise it would on average send more slowly than the path carries, and congestion control would take that for the
 * path's rate.
 *
 * Hot: allocates nothing.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES } from "../config.ts";
import { invariant } from "../../base/invariant.ts";

/** A burst is at most the tokens of this interval: slightly more than two ticks of the platform's timer. */
export const BURST_INTERVAL_US = 4_400;

/** Datagrams that may always be sent in one burst, however low the rate. */
export const MIN_BURST_DATAGRAMS = 2;

/** Slack for rounding, bytes, so that at the returned time the requested bytes may really be sent. */
const ROUNDING_BYTES = 1e-3;

/** A caller that came late may catch up with at most what the rate allows in this time. */
export const MAX_OWED_US = 20_000;

/** It catches up by sending faster by this share of the rate. */
const CATCH_UP_GAIN = 0.5;

/** A token bucket in bytes that accrues fractions of a byte. It starts full and with an unlimited rate. */
export class Pacer {
  #datagramBytes: number;
  /** Bytes per second. */
  #rate = Infinity;
  #burstBytes = Infinity;
  #capacityBytes = Infinity;
  /** Below 0 if more was sent than allowed, since probes are not paced. */
  #tokensBytes = Infinity;
  #accruedUs = -Infinity;
  /** See {@link setWaiting}. */
  #isWaiting = false;
  /** Tokens that the caller missed because it came late. */
  #owedBytes = 0;

  /** `datagramBytes` is the current size of a full datagram; by default the base size of path MTU discovery. */
  constructor(datagramBytes: number = BASE_DATAGRAM_BYTES) {
    invariant(datagramBytes > 0, "a datagram has a size");
    this.#datagramBytes = datagramBytes;
  }

  /** Bytes per second; Infinity without pacing. */
  get rate(): number {
    return this.#rate;
  }

  /** The size of the bucket: the largest burst, bytes. */
  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** The path's datagram size changed. */
  set datagramBytes(bytes: number) {
    invariant(bytes > 0, "a datagram has a size");
    this.#datagramBytes = bytes;
    this.#resize();
  }

  /**
   * Sets the rate, Infinity for no pacing, and the largest burst (two datagrams are always allowed). For the time since
   * the last update of the bucket, tokens accrue at the new rate.
   */
  setRate(bytesPerSecond: number, burstBytes: number): void {
    invariant(bytesPerSecond > 0 && burstBytes > 0, "the pacing rate and the burst are positive");
    if (bytesPerSecond === this.#rate && burstBytes === this.#burstBytes) return;
    this.#rate = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#resize();
  }

  /** Removes the bytes sent from the bucket, whether or not they were allowed yet. */
  onSent(nowUs: number, bytes: number): void {
    if (this.#rate === Infinity) return;
    this.#accrue(nowUs);
    this.#tokensBytes -= bytes;
  }

  /** Whether the bucket is full: since it was, less was sent than allowed. */
  isFull(nowUs: number): boolean {
    if (this.#rate === Infinity) return true;
    this.#accrue(nowUs);
    return this.#tokensBytes >= this.#capacityBytes;
  }

  /** When a packet of `bytes` may be sent: `nowUs` if now, otherwise when a burst worth a wake-up may be sent. */
  nextSendUs(nowUs: number, bytes: number): number {
    if (this.#rate === Infinity) return nowUs;
    this.#accrue(nowUs);
    const neededBytes = Math.min(bytes, this.#capacityBytes);
    if (this.#tokensBytes + ROUNDING_BYTES >= neededBytes) return nowUs;
    const quantumBytes = Math.max(neededBytes, this.#capacityBytes / 2);
    return nowUs + Math.ceil((quantumBytes - this.#tokensBytes) * 1_000_000 / this.#rate);
  }

  /** Says whether the caller has something to send, and only the pacer keeps it waiting. Then it may catch up if it is late. */
  setWaiting(isWaiting: boolean): void {
    this.#isWaiting = isWaiting;
  }

  #accrue(nowUs: number): void {
    if (nowUs <= this.#accruedUs) return;
    const accruedBytes = this.#rate * (nowUs - this.#accruedUs) / 1_000_000;
    this.#accruedUs = nowUs;
    const roomBytes = this.#capacityBytes - this.#tokensBytes;
    if (accruedBytes <= roomBytes) {
      const repaidBytes = Math.min(this.#owedBytes, CATCH_UP_GAIN * accruedBytes, roomBytes - accruedBytes);
      this.#owedBytes -= repaidBytes;
      this.#tokensBytes += accruedBytes + repaidBytes;
      return;
    }
    // However long nothing was sent, at most one burst accumulates (RFC 9002, section 7.7).
    this.#tokensBytes = this.#capacityBytes;
    const mostBytes = this.#rate * MAX_OWED_US / 1_000_000;
    this.#owedBytes = this.#isWaiting ? Math.min(this.#owedBytes + accruedBytes - roomBytes, mostBytes) : 0;
  }

  #resize(): void {
    const minBytes = MIN_BURST_DATAGRAMS * this.#datagramBytes;
    const accruedBytes = this.#rate * BURST_INTERVAL_US / 1_000_000;
    this.#capacityBytes = Math.max(minBytes, Math.min(this.#burstBytes, accruedBytes));
    this.#tokensBytes = Math.min(this.#tokensBytes, this.#capacityBytes);
  }
}
