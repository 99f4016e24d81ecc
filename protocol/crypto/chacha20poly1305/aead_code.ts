/**
 * ChaCha20-Poly1305 (RFC 8439, section 2.8) as a WebAssembly module: a whole packet is sealed or opened by one call,
 * in place, in the module's memory. The module is assembled by the program that runs it, in about ten milliseconds;
 * there is no binary to trust.
 *
 * No branch and no address depends on a key or on text. That WebAssembly's integer operations take the same time for
 * every operand is the engine's and the processor's matter; on today's they do.
 *
 * @module
 */

import { DOUBLE_ROUNDS, KEYSTREAM_BYTES, keystreamFunction, WOVEN_BYTES, xorFunction } from "./chacha20_code.ts";
import { BLOCK_BYTES, blocksFunction, finishFunction, STATE_BYTES } from "./poly1305_code.ts";
import { assembleModule, call, type Code, I32, i32, i64, type Local } from "./wasm_code.ts";
import { loopWhile, parametersOf, v128, WasmFunction, when } from "./wasm_code.ts";

/** Bytes of a page of a WebAssembly memory. */
export const PAGE_BYTES = 65_536;

/** Where things are in the memory, in bytes from its start. */
export const PLACES = {
  /** The key, 32 bytes, which the caller writes. */
  key: 0,
  /** Poly1305's one-time key, 32 bytes. */
  oneTimeKey: 32,
  /** Poly1305's accumulator, {@link STATE_BYTES}. */
  state: 64,
  /** The tag, 16 bytes. */
  tag: 112,
  /** A block of 16 bytes: the end of a text filled up with zeros, or the lengths. */
  block: 128,
  /** {@link KEYSTREAM_BYTES} of key stream. */
  keystream: 256,
  /** From here on the memory holds texts. */
  texts: 256 + KEYSTREAM_BYTES,
} as const;

/** What the module exports. Addresses are offsets in its memory; text is [start, end), its AAD [aad, start). */
export interface AeadExports {
  /** Encrypts in place, and writes the tag at `end`. */
  seal(aad: number, start: number, end: number, nonceLow: number, nonceHigh: number): void;
  /** Decrypts in place, and returns 1 where the tag at `end` is right, else 0. */
  open(aad: number, start: number, end: number, nonceLow: number, nonceHigh: number): number;
  /** For tests: Poly1305 takes in whole blocks, from the one-time key and into the state in {@link PLACES}. */
  poly1305Blocks(address: number, end: number): void;
  /** For tests: Poly1305 writes its tag. */
  poly1305Finish(): void;
}

/** The functions that others call, by their places in the module. */
const NAMES = [
  "keystream",
  "xor",
  "blocks",
  "finish",
  "padded",
  "begin",
  "lengths",
  "encrypt",
  "decrypt",
] as const;
type FunctionName = (typeof NAMES)[number];

function callOf(name: FunctionName, ...operands: Code[]): Code {
  return call(NAMES.indexOf(name), ...operands);
}

/** The module's bytes, for a memory of `pages` pages, imported as `env.memory`. */
export function assembleAead(pages: number): Uint8Array<ArrayBuffer> {
  const functions: Readonly<Record<FunctionName, WasmFunction>> = {
    keystream: keystreamFunction(PLACES),
    xor: xorFunction(),
    blocks: blocksFunction(PLACES),
    finish: finishFunction(PLACES),
    padded: paddedFunction(),
    begin: beginFunction(),
    lengths: lengthsFunction(),
    encrypt: cryptFunction(true),
    decrypt: cryptFunction(false),
  };
  const [seal, open] = [sealFunction(), openFunction()];
  const all = [...NAMES.map((name) => functions[name]), seal, open];
  const exports = { seal, open, poly1305Blocks: functions.blocks, poly1305Finish: functions.finish };
  return assembleModule(all, { pages, exports });
}

/** (address, end): authenticates text and the zeros that fill its last block (RFC 8439, section 2.8: pad16). */
function paddedFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32]);
  const [address, end] = parametersOf(code) as [Local, Local];
  const rest = code.local(I32);
  const block = i32.const(PLACES.block);
  code.body(
    rest.set(i32.and(i32.sub(end.get, address.get), i32.const(BLOCK_BYTES - 1))),
    callOf("blocks", address.get, i32.sub(end.get, rest.get)),
    when(
      rest.get,
      v128.store(block, v128.const([0, 0, 0, 0])),
      callOf("xor", block, i32.sub(end.get, rest.get), rest.get),
      callOf("blocks", block, i32.const(PLACES.block + BLOCK_BYTES)),
    ),
  );
  return code;
}

/** (aad, start, nonceLow, nonceHigh): the first four blocks of key stream, the one-time key, and the AAD. */
function beginFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32, I32, I32]);
  const [aad, start, nonceLow, nonceHigh] = parametersOf(code) as [Local, Local, Local, Local];
  const zero = i32.const(0);
  code.body(
    callOf("keystream", zero, nonceLow.get, nonceHigh.get, zero, zero),
    ...[0, 16].map((half) => v128.store(zero, v128.load(zero, PLACES.keystream + half), PLACES.oneTimeKey + half)),
    ...Array.from({ length: STATE_BYTES / 8 }, (_, word) => i64.store(zero, i64.const(0), PLACES.state + 8 * word)),
    callOf("padded", aad.get, start.get),
  );
  return code;
}

/**
 * (aad, start, end, nonceLow, nonceHigh): encrypts or decrypts, with the key stream from the second block on, and makes
 * the tag. Where it encrypts, what has been encrypted is authenticated beside the next piece of key stream; where it
 * decrypts, each piece is authenticated beside its own key stream, before it is decrypted.
 */
function cryptFunction(isSealing: boolean): WasmFunction {
  const code = new WasmFunction([I32, I32, I32, I32, I32]);
  const [aad, start, end, nonceLow, nonceHigh] = parametersOf(code) as [Local, Local, Local, Local, Local];
  const [at, authenticated, counter, length, woven] = code.locals(I32, 5) as [Local, Local, Local, Local, Local];
  const atMost = (local: Local, limit: number): Code =>
    when(i32.isLess(i32.const(limit), local.get), local.set(i32.const(limit)));
  /** The piece's length, given the offset in the key stream at which it begins. */
  const measure = (offset: number): Code => [
    ...length.set(i32.sub(end.get, at.get)),
    ...atMost(length, KEYSTREAM_BYTES - offset),
  ];
  /** All of a piece but the last is whole blocks. */
  const authenticatePiece: Code = [
    ...callOf("padded", authenticated.get, i32.add(at.get, length.get)),
    ...authenticated.set(i32.add(at.get, length.get)),
  ];
  /** The piece is encrypted or decrypted; where that destroys it, it is authenticated before that. */
  const apply = (offset: number): Code => [
    ...(isSealing ? [] : authenticatePiece),
    ...callOf("xor", at.get, i32.const(PLACES.keystream + offset), length.get),
    ...at.set(i32.add(at.get, length.get)),
    ...counter.set(i32.add(counter.get, i32.const(4))),
  ];
  const limit = isSealing ? at.get : i32.add(at.get, length.get);
  code.body(
    at.set(start.get),
    authenticated.set(start.get),
    measure(KEYSTREAM_BYTES / 4),
    apply(KEYSTREAM_BYTES / 4),
    loopWhile(
      i32.isLess(at.get, end.get),
      measure(0),
      woven.set(i32.shiftRight(i32.sub(limit, authenticated.get), i32.const(Math.log2(WOVEN_BYTES)))),
      atMost(woven, DOUBLE_ROUNDS),
      callOf("keystream", counter.get, nonceLow.get, nonceHigh.get, authenticated.get, woven.get),
      authenticated.set(i32.add(authenticated.get, i32.mul(woven.get, i32.const(WOVEN_BYTES)))),
      apply(0),
    ),
    callOf("padded", authenticated.get, end.get),
    callOf("lengths", i32.sub(start.get, aad.get), i32.sub(end.get, start.get)),
    callOf("finish"),
  );
  return code;
}

/** (aadLength, length): authenticates the lengths, in bytes. */
function lengthsFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32]);
  const [aadLength, length] = parametersOf(code) as [Local, Local];
  const block = i32.const(PLACES.block);
  code.body(
    i64.store(block, i64.fromI32(aadLength.get)),
    i64.store(block, i64.fromI32(length.get), 8),
    callOf("blocks", block, i32.const(PLACES.block + BLOCK_BYTES)),
  );
  return code;
}

/** {@link AeadExports.seal}. */
function sealFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32, I32, I32, I32]);
  const [aad, start, end, nonceLow, nonceHigh] = parametersOf(code) as [Local, Local, Local, Local, Local];
  code.body(
    callOf("begin", aad.get, start.get, nonceLow.get, nonceHigh.get),
    callOf("encrypt", aad.get, start.get, end.get, nonceLow.get, nonceHigh.get),
    v128.store(end.get, v128.load(i32.const(PLACES.tag))),
  );
  return code;
}

/** {@link AeadExports.open}. */
function openFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32, I32, I32, I32], [I32]);
  const [aad, start, end, nonceLow, nonceHigh] = parametersOf(code) as [Local, Local, Local, Local, Local];
  const halves = [0, 8].map((half) => i64.xor(i64.load(end.get, half), i64.load(i32.const(PLACES.tag), half)));
  code.body(
    callOf("begin", aad.get, start.get, nonceLow.get, nonceHigh.get),
    callOf("decrypt", aad.get, start.get, end.get, nonceLow.get, nonceHigh.get),
    // All of it at once, so that the time does not tell how much of a forged tag is right.
    i64.isZero(i64.or(...halves)),
  );
  return code;
}
