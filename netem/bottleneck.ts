/**
 * The line of a simulated link: it sends one datagram after the other at a rate, and stands still in its pauses. Times
 * are exact: they are reckoned from the bits sent since the line was last idle, so that rounding to microseconds does
 * not add up.
 *
 * Inside, time is the line's own, which stands still with it; outside it is that of the world. Hot: one call or two for
 * each datagram.
 *
 * @module
 */

import type { Interval } from "./intervals.ts";

/** See the module's description. */
export class Bottleneck {
  #rateBitsPerSecond = Infinity;
  #nextRateBitsPerSecond = Infinity;
  #pauses: readonly Interval[] = [];
  /** When the line began to send without being idle, and the bits since. In its own time, as is `#ownFreeUs`. */
  #busySinceUs = 0;
  #bits = 0;
  #ownFreeUs = 0;

  /** From the next call on that says what time it is. */
  setRate(rateBitsPerSecond: number): void {
    this.#nextRateBitsPerSecond = rateBitsPerSecond;
  }

  /** When the line stands still: pauses one after the other, of which those that have begun do not change. */
  setPauses(pauses: readonly Interval[]): void {
    this.#pauses = pauses;
  }

  /** Queues a datagram at `nowUs`; returns when it has been sent. */
  send(nowUs: number, sizeBytes: number): number {
    const ownUs = this.#toOwn(nowUs);
    this.#changeRate(ownUs);
    if (ownUs >= this.#ownFreeUs) {
      this.#busySinceUs = ownUs;
      this.#bits = 0;
    }
    this.#bits += sizeBytes * 8;
    this.#reckon();
    return this.#toWorld(this.#ownFreeUs);
  }

  /** When everything queued by `nowUs` has been sent, and the line stands still no more: `nowUs` or before if it has. */
  freeUs(nowUs: number): number {
    const ownUs = this.#toOwn(nowUs);
    this.#changeRate(ownUs);
    return this.#toWorld(Math.max(ownUs, this.#ownFreeUs));
  }

  /** Bytes that wait at `nowUs`, those of the datagram being sent included. */
  backlogBytes(nowUs: number): number {
    const ownUs = this.#toOwn(nowUs);
    this.#changeRate(ownUs);
    return Math.ceil(this.#leftBits(ownUs) / 8);
  }

  /** Bits of what is queued that have not been sent. */
  #leftBits(ownUs: number): number {
    if (ownUs >= this.#ownFreeUs) return 0;
    return this.#bits - Math.floor((ownUs - this.#busySinceUs) * this.#rateBitsPerSecond / 1_000_000);
  }

  #changeRate(ownUs: number): void {
    if (this.#nextRateBitsPerSecond === this.#rateBitsPerSecond) return;
    const leftBits = this.#leftBits(ownUs);
    this.#rateBitsPerSecond = this.#nextRateBitsPerSecond;
    this.#busySinceUs = ownUs;
    this.#bits = leftBits;
    this.#reckon();
  }

  #reckon(): void {
    this.#ownFreeUs = this.#busySinceUs + Math.ceil(this.#bits * 1_000_000 / this.#rateBitsPerSecond);
  }

  /** The world's time less the pauses before it. */
  #toOwn(worldUs: number): number {
    let ownUs = worldUs;
    for (const { fromUs, untilUs } of this.#pauses) {
      if (worldUs <= fromUs) break;
      ownUs -= Math.min(worldUs, untilUs) - fromUs;
    }
    return ownUs;
  }

  /** The reverse; what falls into a pause comes when that is over. */
  #toWorld(ownUs: number): number {
    let worldUs = ownUs;
    for (const { fromUs, untilUs } of this.#pauses) {
      if (worldUs < fromUs) break;
      worldUs += untilUs - fromUs;
    }
    return worldUs;
  }
}
