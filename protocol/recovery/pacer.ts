/**
 * Spreads packets over time at the rate that congestion control asks for (RFC 9002, section 7.7): a token bucket.
 *
 * The platform's timers fire after about 2.1 ms at best, so the bucket holds what accrues in two such turns, within
 * bounds, and the deadline told is that of half a bucket: one wake-up sends many packets, and a timer set a moment before
 * its deadline fires a turn late without a token lost. A caller that polls earlier, because an ACK came in, may send as soon as
 * there is enough for one packet: where the bound on a burst leaves less room than two turns, that is what keeps the rate.
 * Hot, and allocates nothing.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES } from "../config.ts";
import { invariant } from "../../base/invariant.ts";

/** What accrues in this time may leave at once: a little over what two turns of the platform's timer take. */
export const BURST_INTERVAL_US = 4_400;

/** Datagrams that may always leave together, however low the rate. */
export const MIN_BURST_DATAGRAMS = 2;

/** Slack in bytes for rounding, so that the time told is never a moment too early for the bytes asked for. */
const ROUNDING_BYTES = 1e-3;

/** A token bucket in bytes that accrues fractions of a byte. It starts full, and with no limit on the rate. */
export class Pacer {
  #datagramBytes: number;
  /** Bytes per second. */
  #rate = Infinity;
  #burstBytes = Infinity;
  #capacityBytes = Infinity;
  /** Below 0 when more was sent than was allowed: probes do not wait. */
  #tokensBytes = Infinity;
  #accruedUs = -Infinity;

  /** `datagramBytes` is the size of a full datagram now; by default the base that path MTU discovery starts from. */
  constructor(datagramBytes: number = BASE_DATAGRAM_BYTES) {
    invariant(datagramBytes > 0, "a datagram has a size");
    this.#datagramBytes = datagramBytes;
  }

  /** Bytes per second; Infinity where nothing is held back. */
  get rate(): number {
    return this.#rate;
  }

  /** The most that may leave at once. */
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
   * Sets the rate, Infinity for no pacing, and the most that may leave at once (but two datagrams always may). The
   * time since the bucket was last looked at counts at the new rate.
   */
  setRate(bytesPerSecond: number, burstBytes: number): void {
    invariant(bytesPerSecond > 0 && burstBytes > 0, "a pacing rate and its burst are positive");
    if (bytesPerSecond === this.#rate && burstBytes === this.#burstBytes) return;
    this.#rate = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#resize();
  }

  /** Takes what was sent out of the bucket, whether or not it was allowed yet. */
  onSent(nowUs: number, bytes: number): void {
    if (this.#rate === Infinity) return;
    this.#accrue(nowUs);
    this.#tokensBytes -= bytes;
  }

  /** When a packet of so many bytes may leave: `nowUs` if now, otherwise when a worthwhile burst may. */
  nextSendUs(nowUs: number, bytes: number): number {
    if (this.#rate === Infinity) return nowUs;
    this.#accrue(nowUs);
    const neededBytes = Math.min(bytes, this.#capacityBytes);
    if (this.#tokensBytes + ROUNDING_BYTES >= neededBytes) return nowUs;
    const quantumBytes = Math.max(neededBytes, this.#capacityBytes / 2);
    return nowUs + Math.ceil((quantumBytes - this.#tokensBytes) * 1_000_000 / this.#rate);
  }

  #accrue(nowUs: number): void {
    if (nowUs <= this.#accruedUs) return;
    // However long nothing was sent, no more than one burst is saved up (RFC 9002, section 7.7).
    const accruedBytes = this.#rate * (nowUs - this.#accruedUs) / 1_000_000;
    this.#tokensBytes = Math.min(this.#capacityBytes, this.#tokensBytes + accruedBytes);
    this.#accruedUs = nowUs;
  }

  #resize(): void {
    const minBytes = MIN_BURST_DATAGRAMS * this.#datagramBytes;
    const accruedBytes = this.#rate * BURST_INTERVAL_US / 1_000_000;
    this.#capacityBytes = Math.max(minBytes, Math.min(this.#burstBytes, accruedBytes));
    this.#tokensBytes = Math.min(this.#tokensBytes, this.#capacityBytes);
  }
}
