/**
 * ChaCha20 (RFC 8439, section 2.4) in WebAssembly: four blocks at a time, each in one lane of the vectors.
 *
 * @module
 */

import { BLOCK_BYTES, Poly1305Locals, type Poly1305Places } from "./poly1305_code.ts";
import {
  type Code,
  I32,
  i32,
  type Local,
  loopWhile,
  parametersOf,
  V128,
  v128,
  WasmFunction,
  when,
} from "./wasm_code.ts";

/** Bytes of key stream that {@link keystreamFunction} writes: four blocks. */
export const KEYSTREAM_BYTES = 256;

/** "expand 32-byte k", the first row of the state (RFC 8439, section 2.3). */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];

/** The words on which the quarter rounds of a double round work: first the columns, then the diagonals. */
const COLUMNS = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
const DIAGONALS = [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

/** Double rounds of a block. */
export const DOUBLE_ROUNDS = 10;

/** Bytes that are authenticated during one double round. */
export const WOVEN_BYTES = 2 * BLOCK_BYTES;

/** Where {@link keystreamFunction} finds key and nonce, and writes the key stream. */
export interface KeystreamPlaces extends Poly1305Places {
  readonly key: number;
  readonly nonce: number;
  readonly keystream: number;
}

/** Rotates each word left by whole bytes: one shuffle is cheaper than two shifts. */
function rotateBytes(value: Code, temporary: Local, bytes: number): Code {
  const places = Array.from({ length: 16 }, (_, place) => (place & ~3) | ((place - bytes) & 3));
  return [...temporary.set(value), ...v128.shuffle(temporary.get, temporary.get, places)];
}

/** Rotates each word left by `bits`. */
function rotateBits(value: Code, temporary: Local, bits: number): Code {
  const { get } = temporary;
  const shifted = v128.or(v128.shiftLeft(get, i32.const(bits)), v128.shiftRight(get, i32.const(32 - bits)));
  return [...temporary.set(value), ...shifted];
}

/** Four quarter rounds (RFC 8439, section 2.1) of four blocks at once, as four steps that follow each other. */
function quarterRounds(state: readonly Local[], places: readonly (readonly number[])[], temporary: Local): Code[] {
  const each = (step: (a: Local, b: Local, c: Local, d: Local) => Code): Code =>
    places.flatMap((words) => step(...words.map((word) => state[word]!) as [Local, Local, Local, Local]));
  const addTo = (to: Local, value: Local): Code => to.set(v128.add(to.get, value.get));
  const mixed = (to: Local, value: Local): Code => v128.xor(to.get, value.get);
  return [
    each((a, b, _, d) => [...addTo(a, b), ...d.set(rotateBytes(mixed(d, a), temporary, 2))]),
    each((_, b, c, d) => [...addTo(c, d), ...b.set(rotateBits(mixed(b, c), temporary, 12))]),
    each((a, b, _, d) => [...addTo(a, b), ...d.set(rotateBytes(mixed(d, a), temporary, 1))]),
    each((_, b, c, d) => [...addTo(c, d), ...b.set(rotateBits(mixed(b, c), temporary, 7))]),
  ];
}

/** The bytes for {@link v128.shuffle} that select 32-bit words: 0 to 3 of the first vector, 4 to 7 of the second. */
function wordsOf(words: readonly number[]): number[] {
  return words.flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte));
}

/** Transposes: `rows` hold one word of each block; each block gets its four words, at `to` and every 64 bytes. */
function storeTransposed(rows: readonly Local[], temporaries: readonly Local[], to: number): Code {
  const [a, b, c, d] = rows.map(({ get }) => get) as [Code, Code, Code, Code];
  const [low, high, low2, high2] = temporaries as [Local, Local, Local, Local];
  const LOW = wordsOf([0, 4, 1, 5]);
  const HIGH = wordsOf([2, 6, 3, 7]);
  const FIRST = wordsOf([0, 1, 4, 5]);
  const SECOND = wordsOf([2, 3, 6, 7]);
  return [
    ...low.set(v128.shuffle(a, b, LOW)),
    ...low2.set(v128.shuffle(c, d, LOW)),
    ...high.set(v128.shuffle(a, b, HIGH)),
    ...high2.set(v128.shuffle(c, d, HIGH)),
    ...v128.store(i32.const(to), v128.shuffle(low.get, low2.get, FIRST)),
    ...v128.store(i32.const(to + 64), v128.shuffle(low.get, low2.get, SECOND)),
    ...v128.store(i32.const(to + 128), v128.shuffle(high.get, high2.get, FIRST)),
    ...v128.store(i32.const(to + 192), v128.shuffle(high.get, high2.get, SECOND)),
  ];
}

/**
 * A function (counter, text, woven) that writes {@link KEYSTREAM_BYTES} of key stream, from block `counter` on, with the
 * key and the nonce in memory. During `woven` of its double rounds, at most {@link DOUBLE_ROUNDS}, it authenticates
 * {@link WOVEN_BYTES} each of the text at the address `text`: ChaCha20 uses the vector units of a processor and Poly1305
 * the integer units, so the two run in parallel when their instructions alternate.
 */
export function keystreamFunction(places: KeystreamPlaces): WasmFunction {
  const { key, keystream, nonce } = places;
  const code = new WasmFunction([I32, I32, I32]);
  const [counter, text, woven] = parametersOf(code) as [Local, Local, Local];
  const state = code.locals(V128, 16);
  const temporaries = code.locals(V128, 4);
  const rounds = code.local(I32);
  const poly1305 = new Poly1305Locals(code, places);
  /** RFC 8439, section 2.3: constants, key, counter, nonce. */
  const initial: readonly Code[] = [
    ...CONSTANTS.map((word) => v128.const([word, word, word, word])),
    ...Array.from({ length: 8 }, (_, word) => v128.loadSplat(i32.const(0), key + 4 * word)),
    v128.add(v128.splat(counter.get), v128.const([0, 1, 2, 3])),
    ...Array.from({ length: 3 }, (_, word) => v128.loadSplat(i32.const(0), nonce + 4 * word)),
  ];
  const doubleRound = [COLUMNS, DIAGONALS].flatMap((words) => quarterRounds(state, words, temporaries[0]!));
  const blocks = [...poly1305.block(text.get, 0), ...poly1305.block(text.get, BLOCK_BYTES)];
  const countDown = (local: Local): Code => local.set(i32.sub(local.get, i32.const(1)));
  code.body(
    ...state.map((word, index) => word.set(initial[index]!)),
    rounds.set(i32.sub(i32.const(DOUBLE_ROUNDS), woven.get)),
    when(
      woven.get,
      poly1305.load(),
      loopWhile(
        woven.get,
        ...doubleRound.flatMap((step, index) => [step, blocks[index]!]),
        text.set(i32.add(text.get, i32.const(WOVEN_BYTES))),
        countDown(woven),
      ),
      poly1305.store(),
    ),
    loopWhile(rounds.get, ...doubleRound, countDown(rounds)),
    ...state.map((word, index) => word.set(v128.add(word.get, initial[index]!))),
    ...[0, 4, 8, 12].map((row) => storeTransposed(state.slice(row, row + 4), temporaries, keystream + 4 * row)),
  );
  return code;
}

/** A function (address, keystream, length) that XORs `length` bytes of key stream into the text at `address`. */
export function xorFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32, I32]);
  const [address, keystream, length] = parametersOf(code) as [Local, Local, Local];
  const advance = (bytes: number): Code => [
    ...address.set(i32.add(address.get, i32.const(bytes))),
    ...keystream.set(i32.add(keystream.get, i32.const(bytes))),
    ...length.set(i32.sub(length.get, i32.const(bytes))),
  ];
  code.body(
    loopWhile(
      i32.isLess(i32.const(15), length.get),
      v128.store(address.get, v128.xor(v128.load(address.get), v128.load(keystream.get))),
      advance(16),
    ),
    loopWhile(
      length.get,
      i32.store8(address.get, i32.xor(i32.load8(address.get), i32.load8(keystream.get))),
      advance(1),
    ),
  );
  return code;
}
