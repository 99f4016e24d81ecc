/**
 * ChaCha20-Poly1305 (RFC 8439, section 2.8) as a WebAssembly module: one call seals or opens a whole packet in place,
 * in the module's memory. The running program assembles the module in about ten milliseconds, so the repository holds
 * no binary that reviewers would have to trust.
 *
 * @module
 */

import { DOUBLE_ROUNDS, KEYSTREAM_BYTES, keystreamFunction, WOVEN_BYTES, xorFunction } from "./chacha20_code.ts";
import { BLOCK_BYTES, blocksFunction, finishFunction, STATE_BYTES } from "./poly1305_code.ts";
import { assembleModule, call, type Code, I32, i32, i64, type Local } from "./wasm_code.ts";
import { loopWhile, parametersOf, v128, WasmFunction, when } from "./wasm_code.ts";

/** Bytes of a page of a WebAssembly memory. */
export const PAGE_BYTES = 65_536;

/** Bytes of a key. */
export const AEAD_KEY_BYTES = 32;

/** A key in words of 32 bits. */
export const KEY_WORDS: number = AEAD_KEY_BYTES / 4;

/** Bytes of the tag after the text. */
export const AEAD_TAG_BYTES = 16;

/** Where the module keeps its data, in bytes from the start of the memory. */
export const PLACES = {
  /** The key, 32 bytes. The caller writes it before a call. */
  key: 0,
  /** The nonce, 12 bytes. The caller writes it before a call. */
  nonce: 32,
  /** The one-time key of Poly1305, 32 bytes. */
  oneTimeKey: 48,
  /** The accumulator of Poly1305, {@link STATE_BYTES}. */
  state: 80,
  /** The tag, {@link AEAD_TAG_BYTES}. */
  tag: 128,
  /** A block of 16 bytes: the last bytes of a text, padded with zeros, or the lengths. */
  block: 144,
  /** {@link KEYSTREAM_BYTES} of key stream. */
  keystream: 256,
  /** From here on the memory holds texts. */
  texts: 256 + KEYSTREAM_BYTES,
} as const;

/** What the module exports. Addresses are offsets in its memory; the AAD is [aad, start), the text [start, end). */
export interface AeadExports {
  /** Encrypts the text in place and writes the tag at `end`. */
  seal(aad: number, start: number, end: number): void;
  /** Decrypts the text in place. Returns 1 if the tag at `end` is right, 0 if not. */
  open(aad: number, start: number, end: number): number;
  /** For tests: adds whole blocks to the accumulator, with the one-time key that is in {@link PLACES}. */
  poly1305Blocks(address: number, end: number): void;
  /** For tests: writes the tag of Poly1305. */
  poly1305Finish(): void;
}

/** The functions that other functions of the module call; the index of a name is the function's index. */
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

/** The bytes of the module, which imports a memory of `pages` pages as `env.memory`. */
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

/** (address, end): authenticates text, padded with zeros to whole blocks (RFC 8439, section 2.8: pad16). */
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

/** (aad, start): makes the first four blocks of key stream and the one-time key, and authenticates the AAD. */
function beginFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32]);
  const [aad, start] = parametersOf(code) as [Local, Local];
  const zero = i32.const(0);
  code.body(
    callOf("keystream", zero, zero, zero),
    ...[0, 16].map((half) => v128.store(zero, v128.load(zero, PLACES.keystream + half), PLACES.oneTimeKey + half)),
    ...Array.from({ length: STATE_BYTES / 8 }, (_, word) => i64.store(zero, i64.const(0), PLACES.state + 8 * word)),
    callOf("padded", aad.get, start.get),
  );
  return code;
}

/**
 * (aad, start, end): encrypts or decrypts the text, with the key stream from the second block on, and makes the tag.
 * The text is processed in pieces as long as the key stream that is made at a time. Encryption authenticates a piece
 * while the key stream of the next one is made; decryption, while the piece's own is made, before it is decrypted.
 */
function cryptFunction(isSealing: boolean): WasmFunction {
  const code = new WasmFunction([I32, I32, I32]);
  const [aad, start, end] = parametersOf(code) as [Local, Local, Local];
  const [at, authenticated, counter, length, woven] = code.locals(I32, 5) as [Local, Local, Local, Local, Local];
  const atMost = (local: Local, limit: number): Code =>
    when(i32.isLess(i32.const(limit), local.get), local.set(i32.const(limit)));
  /** Sets the length of the piece that uses the key stream from `offset` on. */
  const measure = (offset: number): Code => [
    ...length.set(i32.sub(end.get, at.get)),
    ...atMost(length, KEYSTREAM_BYTES - offset),
  ];
  /** Only the last piece can end in the middle of a block. */
  const authenticatePiece: Code = [
    ...callOf("padded", authenticated.get, i32.add(at.get, length.get)),
    ...authenticated.set(i32.add(at.get, length.get)),
  ];
  /** Encrypts the piece, or authenticates what is left of it and decrypts it. */
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
      callOf("keystream", counter.get, authenticated.get, woven.get),
      authenticated.set(i32.add(authenticated.get, i32.mul(woven.get, i32.const(WOVEN_BYTES)))),
      apply(0),
    ),
    callOf("padded", authenticated.get, end.get),
    callOf("lengths", i32.sub(start.get, aad.get), i32.sub(end.get, start.get)),
    callOf("finish"),
  );
  return code;
}

/** (aadLength, length): authenticates the two lengths, in bytes. */
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
  const code = new WasmFunction([I32, I32, I32]);
  const [aad, start, end] = parametersOf(code) as [Local, Local, Local];
  code.body(
    callOf("begin", aad.get, start.get),
    callOf("encrypt", aad.get, start.get, end.get),
    v128.store(end.get, v128.load(i32.const(PLACES.tag))),
  );
  return code;
}

/** {@link AeadExports.open}. */
function openFunction(): WasmFunction {
  const code = new WasmFunction([I32, I32, I32], [I32]);
  const [aad, start, end] = parametersOf(code) as [Local, Local, Local];
  const halves = [0, 8].map((half) => i64.xor(i64.load(end.get, half), i64.load(i32.const(PLACES.tag), half)));
  code.body(
    callOf("begin", aad.get, start.get),
    callOf("decrypt", aad.get, start.get, end.get),
    // The whole tag is compared at once: the time must not show how much of a forged tag is right.
    i64.isZero(i64.or(...halves)),
  );
  return code;
}
