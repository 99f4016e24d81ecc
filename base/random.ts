/**
 * Repeatable randomness: sfc32 (Chris Doty-Humphrey's Small Fast Counter generator, from PractRand), its state drawn
 * from the seed by splitmix32 (the counter of Steele, Lea and Flood's SplitMix with a 32-bit finalizer).
 *
 * The same seed gives the same numbers on every machine. Not for secrets: a few outputs reveal the rest.
 *
 * Everything here is arithmetic modulo 2^32, so that `|0` and `>>>` are what is wanted.
 *
 * @module
 */

import { invariant } from "./invariant.ts";

/** The golden ratio in 32 bits, splitmix32's increment. */
const GOLDEN_GAMMA = 0x9e3779b9;
/** Offset basis and prime of FNV-1a in 32 bits. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const TWO_32 = 0x1_0000_0000;
/** Outputs thrown away after seeding, as PractRand does, until every bit of the state depends on every bit of the seed. */
const WARM_UP_ROUNDS = 12;

/** A stream of pseudo-random numbers that its seed determines. */
export class Random {
  readonly #seed: number;
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /** `seed`: an integer from 0 to 2^53-1. */
  constructor(seed: number) {
    invariant(Number.isSafeInteger(seed) && seed >= 0, "a seed is an integer from 0 to 2^53-1");
    this.#seed = seed;
    const low = seed | 0;
    const high = (seed / TWO_32) | 0;
    this.#a = mix(low + GOLDEN_GAMMA);
    this.#b = mix(this.#a ^ (high + Math.imul(GOLDEN_GAMMA, 2)));
    this.#c = mix(this.#b ^ (low + Math.imul(GOLDEN_GAMMA, 3)));
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.#next();
  }

  /** An integer from 0 to 2^32-1. */
  nextUint32(): number {
    return this.#next() >>> 0;
  }

  /** A number from 0 up to but not including 1, with 53 random bits. */
  float(): number {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  /** An integer from `min` to `max`, both included; at most 2^53 different ones. */
  integer(min: number, max: number): number {
    const span = max - min + 1;
    invariant(span >= 1 && span <= 0x20_0000_0000_0000, "an integer is drawn from a range that holds one");
    return min + Math.floor(this.float() * span);
  }

  /** True with this probability; 0 and less never, 1 and more always. Where nothing is to be decided nothing is drawn. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return (this.#next() >>> 0) < probability * TWO_32;
  }

  /** This many random bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at++) bytes[at] = this.#next() >>> 24;
    return bytes;
  }

  /** Flips 1 to `maxCount` different random bits of `bytes`, as far as there are so many. */
  flipBits(bytes: Uint8Array, maxCount: number): void {
    const bitCount = bytes.length * 8;
    if (bitCount === 0) return;
    const flipped = new Set<number>();
    const count = this.integer(1, Math.min(maxCount, bitCount));
    while (flipped.size < count) flipped.add(this.integer(0, bitCount - 1));
    for (const bit of flipped) bytes[Math.floor(bit / 8)]! ^= 1 << bit % 8;
  }

  /** One of the elements, each as likely. */
  pick<T>(elements: readonly T[]): T {
    invariant(elements.length > 0, "one of no elements cannot be picked");
    return elements[this.integer(0, elements.length - 1)] as T;
  }

  /**
   * A stream of its own for the part that `label` names. It depends on this stream's seed and the label alone, not on
   * what was drawn before: a part that draws more does not change what the others draw. The same label gives the
   * same stream.
   */
  fork(label: string): Random {
    let low = FNV_OFFSET ^ (this.#seed | 0);
    let high = mix(low ^ (this.#seed / TWO_32));
    for (let at = 0; at < label.length; at++) {
      const unit = label.charCodeAt(at);
      low = Math.imul(low ^ unit, FNV_PRIME);
      high = Math.imul(high ^ unit, FNV_PRIME) + low | 0;
    }
    return new Random((mix(high) >>> 11) * TWO_32 + (mix(low) >>> 0));
  }

  /** One step of sfc32; the output as a signed 32-bit integer. */
  #next(): number {
    const output = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + output) | 0;
    return output;
  }
}

/**
 * A value that wanders without jumps (value noise: random knots at even distances, straight lines between them), for
 * a delay that varies. It changes by at most as much as time passes, so what is delayed by it keeps its order.
 */
export class RandomWalk {
  readonly #random: Random;
  #knot = -1;
  #left = 0;
  #right = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The value at `time`, an integer from 0 to `amplitude`. Time does not go back from call to call. */
  at(time: number, amplitude: number): number {
    if (amplitude <= 0) return 0;
    // Knots lie an amplitude apart, so that the steepest line falls by 1 per unit of time.
    const position = time / amplitude;
    const knot = Math.floor(position);
    if (knot !== this.#knot) {
      this.#left = knot === this.#knot + 1 ? this.#right : this.#random.float();
      this.#right = this.#random.float();
      this.#knot = knot;
    }
    return Math.floor((this.#left + (this.#right - this.#left) * (position - knot)) * amplitude);
  }
}

/** splitmix32's finalizer: spreads every bit of `value` over all 32. */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
