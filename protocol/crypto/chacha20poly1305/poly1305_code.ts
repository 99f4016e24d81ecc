/**
 * Poly1305 (RFC 8439, section 2.5) in WebAssembly, of whole blocks, as the AEAD alone has them.
 *
 * The accumulator is five words h0 to h4 of 32 bits, the key r four of 28, and a product of two fits 64 bits with room
 * for the sum of four. 2^130 is 5 in this field; r1, r2 and r3 are multiples of 4 (they are clamped), so what leaves
 * at 2^128 comes back as s = r + r / 4, which is 5 / 4 r.
 *
 * The words may be larger than 32 bits between two blocks, so that no carry runs before the products: h0 is below
 * 2.25 * 2^32 (what is left of a block, and a carry of at most 5 * 2^30), and a block's word is added to that.
 * The largest sum of products is then below 2^28 * 2^32 * (3.25 + 3 * 2 * 1.25 + ...) < 2^63.5.
 *
 * @module
 */

import { type Code, I32, i32, I64, i64, type Local, loopWhile, WasmFunction } from "./wasm_code.ts";

/** Bytes of a block, and of a tag. */
export const BLOCK_BYTES = 16;

/** Bytes of the state: h0 to h4 in 8 bytes each. */
export const STATE_BYTES = 40;

/** Where the functions find what they work with; the one-time key is r in 16 bytes, then s in 16. */
export interface Poly1305Places {
  readonly oneTimeKey: number;
  readonly state: number;
  readonly tag: number;
}

/** The masks of r's words (RFC 8439, section 2.5.1). */
const CLAMP = [0x0fffffff, 0x0ffffffc, 0x0ffffffc, 0x0ffffffc];

const sum = (...terms: readonly Code[]): Code => terms.reduce((left, right) => i64.add(left, right));
const high = (value: Code): Code => i64.shiftRight(value, i64.const(32));

/** What is in a word beyond 32 bits goes to the next. */
function carry(from: Local, to: Local): Code {
  return [...to.set(i64.add(to.get, high(from.get))), ...from.set(i64.lowHalf(from.get))];
}

/** What is in h4 beyond 2^130 comes back at the bottom, five times: (h4 / 4) * 4 + h4 / 4. */
function wrapAround(h0: Local, h4: Local): Code {
  const back = i64.add(i64.and(h4.get, i64.const(-4)), i64.shiftRight(h4.get, i64.const(2)));
  return [...h0.set(i64.add(h0.get, back)), ...h4.set(i64.and(h4.get, i64.const(3)))];
}

/** The accumulator and the key in a function's locals. */
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

  /** Takes accumulator and key from their places. */
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

  /** Puts the accumulator in its place. */
  store(): Code {
    return this.#h.flatMap((word, i) => i64.store(i32.const(this.#places.state), word.get, 8 * i));
  }

  /** Takes in the block at an address, in four pieces, to be done in order. */
  block(address: Code, offset: number): Code[] {
    const [h0, h1, h2, h3, h4] = this.#h as readonly [Local, Local, Local, Local, Local];
    const [d0, d1, d2, d3] = this.#d as readonly [Local, Local, Local, Local];
    const h = this.#h.map(({ get }) => get);
    const r = this.#r.map(({ get }) => get);
    const s = this.#s.map(({ get }) => get);
    /** The products of places that add up to `place`; h0 is known last, so it is added last. */
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

/** A function (address, end) that takes in the blocks from an address to before another. */
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

/** A function () that reduces the accumulator in full, adds s, and writes the tag. */
export function finishFunction({ oneTimeKey, state, tag }: Poly1305Places): WasmFunction {
  const code = new WasmFunction([]);
  const h = code.locals(I64, 5) as [Local, Local, Local, Local, Local];
  const g = code.locals(I64, 5) as [Local, Local, Local, Local, Local];
  const mask = code.local(I64);
  const carries = (words: readonly Local[]): Code => [0, 1, 2, 3].flatMap((i) => carry(words[i]!, words[i + 1]!));
  code.body(
    ...h.map((word, index) => word.set(i64.load(i32.const(state), 8 * index))),
    carries(h),
    wrapAround(h[0], h[4]),
    carries(h),
    // g = h + 5, which passes 2^130 just where h is not below the prime; its lower 128 bits are then h's remainder.
    ...g.map((word, index) => word.set(h[index]!.get)),
    g[0].set(i64.add(g[0].get, i64.const(5))),
    carries(g),
    mask.set(i64.sub(i64.const(0), i64.shiftRight(g[4].get, i64.const(2)))),
    // Chosen by a mask, not by a branch: the time must not tell which.
    ...[0, 1, 2, 3].map((i) => h[i]!.set(i64.xor(h[i]!.get, i64.and(mask.get, i64.xor(h[i]!.get, g[i]!.get))))),
    ...[0, 1, 2, 3].map((i) => h[i]!.set(i64.add(h[i]!.get, i64.load32(i32.const(oneTimeKey), BLOCK_BYTES + 4 * i)))),
    carries(h),
    ...[0, 1, 2, 3].map((i) => i64.store32(i32.const(tag), h[i]!.get, 4 * i)),
  );
  return code;
}
