/**
 * A number of places, shared by sources of which a few cannot have them all: who has much finds it full before who has
 * nothing.
 *
 * Each source has a bound of its own. Beyond a few places that anybody may have, it gets no more where it has a quarter of
 * as many as are free: so the more is taken, the less each newcomer can take of the rest, and it takes many sources to
 * take all. (After the dynamic thresholds of Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
 * packet switches", 1998.)
 *
 * @module
 */

import { invariant } from "./invariant.ts";

/** How many times as many places as are free a source may have. */
const SHARE_OF_FREE = 0.25;

/** So many places a source may have however few are free: where there are not many, one person may want them all. */
const GUARANTEED_SLOTS = 16;

/** What places are made with. */
export interface FairSlotsOptions {
  /** Places in all. */
  readonly max: number;
  /** Places that one source may have. */
  readonly maxEach: number;
}

/** Why there is no place: all are taken, or the source has its share. */
export type FairSlotsRefusal = "all" | "each";

/** Places, and who has how many of them. What it remembers is no more than the places that are taken. */
export class FairSlots {
  readonly max: number;
  readonly maxEach: number;
  readonly #taken = new Map<string, number>();
  #count = 0;

  constructor({ max, maxEach }: FairSlotsOptions) {
    this.max = max;
    this.maxEach = Math.min(max, maxEach);
  }

  /** Places taken. */
  get count(): number {
    return this.#count;
  }

  /** Places that a source has. */
  countOf(source: string): number {
    return this.#taken.get(source) ?? 0;
  }

  /** Takes a place for a source; returns why not, or undefined where it has one now. */
  take(source: string): FairSlotsRefusal | undefined {
    const own = this.countOf(source);
    if (this.#count >= this.max) return "all";
    if (own >= this.maxEach || own >= Math.max(GUARANTEED_SLOTS, SHARE_OF_FREE * (this.max - this.#count))) {
      return "each";
    }
    this.#taken.set(source, own + 1);
    this.#count++;
    return undefined;
  }

  /** Gives a place back. */
  release(source: string): void {
    const own = this.countOf(source);
    invariant(own > 0, "FairSlots.release: a place that was not taken");
    this.#count--;
    if (own > 1) this.#taken.set(source, own - 1);
    else this.#taken.delete(source);
  }
}
