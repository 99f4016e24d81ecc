/**
 * The bottleneck of a link: it serializes one datagram after the other at a rate, and stops during its pauses. Times are
 * exact: they are computed from the bits sent since the bottleneck was last idle, so that rounding to microseconds does
 * not accumulate.
 *
 * Internally it counts service time, which stops during a pause; callers give and get the link's time. Hot: one or two
 * calls for each datagram.
 *
 * @module
 */

import type { Interval } from "./intervals.ts";

/** See the module's description. */
export class Bottleneck {
  #rateBitsPerSecond = Infinity;
  #nextRateBitsPerSecond = Infinity;
  #pauses: readonly Interval[] = [];
  /** Start of the current busy period, and the bits queued since. In service time, as is `#freeServiceUs`. */
  #busySinceUs = 0;
  #bits = 0;
  #freeServiceUs = 0;

  /** Takes effect at the next call that has the time as an argument. */
  setRate(rateBitsPerSecond: number): void {
    this.#nextRateBitsPerSecond = rateBitsPerSecond;
  }

  /** When nothing is sent: pauses in order, of which those that have begun must not change. */
  setPauses(pauses: readonly Interval[]): void {
    this.#pauses = pauses;
  }

  /** Queues a datagram at `nowUs`; returns when its last bit has been sent. */
  send(nowUs: number, sizeBytes: number): number {
    const serviceUs = this.#toServiceTime(nowUs);
    this.#changeRate(serviceUs);
    if (serviceUs >= this.#freeServiceUs) {
      this.#busySinceUs = serviceUs;
      this.#bits = 0;
    }
    this.#bits += sizeBytes * 8;
    this.#updateFree();
    return this.#toLinkTime(this.#freeServiceUs);
  }

  /** When everything queued by `nowUs` has been sent and no pause is left: `nowUs` or earlier if that is the case. */
  freeUs(nowUs: number): number {
    const serviceUs = this.#toServiceTime(nowUs);
    this.#changeRate(serviceUs);
    return this.#toLinkTime(Math.max(serviceUs, this.#freeServiceUs));
  }

  /** Bytes queued at `nowUs`, including the rest of the datagram being sent. */
  backlogBytes(nowUs: number): number {
    const serviceUs = this.#toServiceTime(nowUs);
    this.#changeRate(serviceUs);
    return Math.ceil(this.#remainingBits(serviceUs) / 8);
  }

  #remainingBits(serviceUs: number): number {
    if (serviceUs >= this.#freeServiceUs) return 0;
    return this.#bits - Math.floor((serviceUs - this.#busySinceUs) * this.#rateBitsPerSecond / 1_000_000);
  }

  #changeRate(serviceUs: number): void {
    if (this.#nextRateBitsPerSecond === this.#rateBitsPerSecond) return;
    const remainingBits = this.#remainingBits(serviceUs);
    this.#rateBitsPerSecond = this.#nextRateBitsPerSecond;
    this.#busySinceUs = serviceUs;
    this.#bits = remainingBits;
    this.#updateFree();
  }

  #updateFree(): void {
    this.#freeServiceUs = this.#busySinceUs + Math.ceil(this.#bits * 1_000_000 / this.#rateBitsPerSecond);
  }

  /** The link's time less the pauses before it. */
  #toServiceTime(linkUs: number): number {
    let serviceUs = linkUs;
    for (const { fromUs, untilUs } of this.#pauses) {
      if (linkUs <= fromUs) break;
      serviceUs -= Math.min(linkUs, untilUs) - fromUs;
    }
    return serviceUs;
  }

  /** The reverse; an instant within a pause becomes the end of the pause. */
  #toLinkTime(serviceUs: number): number {
    let linkUs = serviceUs;
    for (const { fromUs, untilUs } of this.#pauses) {
      if (linkUs < fromUs) break;
      linkUs += untilUs - fromUs;
    }
    return linkUs;
  }
}
