/**
 * Poly1305 (RFC 8439, section 2.5) in WebAssembly, for whole blocks only: the AEAD pads its input to these.
 *
 * The accumulator is five words h0 to h4 of 32 bits, the key r four words of 28 bits, and the product of two words fits
 * 64 bits with room for a sum of several. The arithmetic is modulo 2^130 - 5, so 2^130 counts as 5; r1, r2 and r3 are
 * multiples of 4 (they are clamped), so a product at 2^128 is added at the bottom with s = r + r / 4, which is 5 / 4 r.
 *
 * Between two blocks the words may be larger than 32 bits, so that no carry has to run before the products: h0 is below
 * 2.25 * 2^32 (32 bits of a product, and a carry of at most 5 * 2^30), and a word of the next block is added to that.
 * The largest sum of products is then below 2^28 * 2^32 * (3.25 + 3 * 2 * 1.25 + ...) < 2^63.5.
 *
 * @module
 */

import { type Code, I32, i32, I64, i64, type Local, loopWhile, WasmFunction } from "./wasm_code.ts";

/** Bytes of a block. */
export const BLOCK_BYTES = 16;

/** Bytes of the accumulator in memory: h0 to h4, 8 bytes each. */
export const STATE_BYTES = 40;

/** Where the functions find their data. The one-time key is r in 16 bytes, then s in 16. */
export interface Poly1305Places {
  readonly oneTimeKey: number;
  readonly state: number;
  readonly tag: number;
}

/** The clamp of r, word by word (RFC 8439, section 2.5.1). */
const CLAMP = [0x0fffffff, 0x0ffffffc, 0x0ffffffc, 0x0ffffffc];

const sum = (...terms: readonly Code[]): Code => terms.reduce((left, right) => i64.add(left, right));
const high = (value: Code): Code => i64.shiftRight(value, i64.const(32));

/** Moves what exceeds 32 bits of a word to the next one. */
function carry(from: Local, to: Local): Code {
  return [...to.set(i64.add(to.get, high(from.get))), ...from.set(i64.lowHalf(from.get))];
}

/** Moves what exceeds 2^130 from h4 to h0, multiplied by 5: (h4 / 4) * 4 + h4 / 4. */
function wrapAround(h0: Local, h4: Local): Code {
  const back = i64.add(i64.and(h4.get, i64.const(-4)), i64.shiftRight(h4.get, i64.const(2)));
  return [...h0.set(i64.add(h0.get, back)), ...h4.set(i64.and(h4.get, i64.const(3)))];
}

/** The accumulator and the key in the locals of a function. */
export class Poly1305Locals {
  readonly #h: readonly Local[];
  readonly #r: readonly Local[];
  readonly #s: readonly Local[];
  readonly #d: readonly Local[];
  readonly #places: Poly1305Places;

  constructor(code: WasmFunction, places: Poly1305Places) {
    this.#h = code.locals(I64, 5);
    this.#r = code.locals(I64, 4);
    this.#s = code.locals(I64, 4);
    this.#d = code.locals(I64, 4);
    this.#places = places;
  }

  /** Loads accumulator and key from memory. */
  load(): Code {
    const { state, oneTimeKey } = this.#places;
    const zero = i32.const(0);
    return [
      ...this.#h.flatMap((word, i) => word.set(i64.load(zero, state + 8 * i))),
      ...this.#r.flatMap((word, i) => word.set(i64.and(i64.load32(zero, oneTimeKey + 4 * i), i64.const(CLAMP[i]!)))),
      ...this.#s.flatMap((word, i) =>
        word.set(i64.add(this.#r[i]!.get, i64.shiftRight(this.#r[i]!.get, i64.const(2))))
      ),
    ];
  }

  /** Stores the accumulator to memory. */
  store(): Code {
    return this.#h.flatMap((word, i) => i64.store(i32.const(this.#places.state), word.get, 8 * i));
  }

  /** Adds the block at `address + offset` and multiplies by r: four steps that follow each other. */
  block(address: Code, offset: number): Code[] {
    const [h0, h1, h2, h3, h4] = this.#h as readonly [Local, Local, Local, Local, Local];
    const [d0, d1, d2, d3] = this.#d as readonly [Local, Local, Local, Local];
    const h = this.#h.map(({ get }) => get);
    const r = this.#r.map(({ get }) => get);
    const s = this.#s.map(({ get }) => get);
    /** The products that count at word `place`. h0 is the last word to be ready, so its product is added last. */
    const products = (place: number): Code[] =>
      [1, 2, 3, 0].map((i) => i64.mul(h[i]!, i <= place ? r[place - i]! : s[place + 4 - i]!));
    const top = (place: number): Code => i64.mul(h[4]!, s[place]!);
    const words = [h0, h1, h2, h3];
    return [
      [
        ...words.flatMap((word, i) => word.set(i64.add(word.get, i64.load32(address, offset + 4 * i)))),
        ...h4.set(i64.add(h4.get, i64.const(1))),
      ],
      [...d0.set(sum(...products(0))), ...d1.set(sum(top(1), ...products(1)))],
      [
        ...d2.set(sum(top(2), ...products(2))),
        ...d3.set(sum(top(3), ...products(3))),
        ...h4.set(i64.mul(h[4]!, r[0]!)),
      ],
      [
        ...[d1, d2, d3, h4].flatMap((to, i) => to.set(i64.add(to.get, high(this.#d[i]!.get)))),
        ...words.flatMap((word, i) => word.set(i64.lowHalf(this.#d[i]!.get))),
        ...wrapAround(h0, h4),
      ],
    ];
  }
}

/** A function (address, end) that adds the blocks of [address, end) to the accumulator. */
export function blocksFunction(places: Poly1305Places): WasmFunction {
  const code = new WasmFunction([I32, I32]);
  const [address, end] = [code.parameter(0), code.parameter(1)];
  const poly1305 = new Poly1305Locals(code, places);
  code.body(
    poly1305.load(),
    loopWhile(
      i32.isLess(address.get, end.get),
      ...poly1305.block(address.get, 0),
      address.set(i32.add(address.get, i32.const(BLOCK_BYTES))),
    ),
    poly1305.store(),
  );
  return code;
}

/** A function () that reduces the accumulator fully, adds s and writes the tag. */
export function finishFunction({ oneTimeKey, state, tag }: Poly1305Places): WasmFunction {
  const code = new WasmFunction([]);
  const h = code.locals(I64, 5) as [Local, Local, Local, Local, Local];
  const g = code.locals(I64, 5) as [Local, Local, Local, Local, Local];
  const mask = code.local(I64);
  const carries = (words: readonly Local[]): Code => [0, 1, 2, 3].flatMap((i) => carry(words[i]!, words[i + 1]!));
  code.body(
    ...h.map((word, index) => word.set(i64.load(i32.const(state), 8 * index))),
    // After a block, h is below 2^130 + 2^34, so it exceeds the prime at most once. g = h + 5 reaches 2^130 exactly if h is
    // not below the prime; its lower 128 bits are then the remainder. What h0 has beyond 32 bits is carried with s.
    ...g.map((word, index) => word.set(h[index]!.get)),
    g[0].set(i64.add(g[0].get, i64.const(5))),
    carries(g),
    mask.set(i64.sub(i64.const(0), i64.shiftRight(g[4].get, i64.const(2)))),
    // A mask selects h or g, not a branch: the time must not depend on h.
    ...[0, 1, 2, 3].map((i) => h[i]!.set(i64.xor(h[i]!.get, i64.and(mask.get, i64.xor(h[i]!.get, g[i]!.get))))),
    ...[0, 1, 2, 3].map((i) => h[i]!.set(i64.add(h[i]!.get, i64.load32(i32.const(oneTimeKey), BLOCK_BYTES + 4 * i)))),
    carries(h),
    ...[0, 1, 2, 3].map((i) => i64.store32(i32.const(tag), h[i]!.get, 4 * i)),
  );
  return code;
}
