/**
 * ChaCha20-Poly1305 as RFC 8439 writes it down, slow and plain: what the real one is held against.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createCipheriv, getCiphers } from "node:crypto";

const TAG_BYTES = 16;

/** Key, nonce, AAD and text of one packet. */
export interface Packet {
  readonly key: Uint8Array;
  /** A safe integer, in the last 8 of the 12 bytes, little-endian. */
  readonly nonce: number;
  readonly aad: Uint8Array;
  readonly text: Uint8Array;
}

/** The packet's text encrypted, and its tag: by node:crypto where that has the cipher (Deno 2.6 has not), else below. */
export const sealByOther: (packet: Packet) => Uint8Array = getCiphers().includes("chacha20-poly1305")
  ? sealByNode
  : sealByDefinition;

function nonceBytes(nonce: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setBigUint64(4, BigInt(nonce), true);
  return bytes;
}

function sealByNode({ key, nonce, aad, text }: Packet): Uint8Array {
  const cipher = createCipheriv("chacha20-poly1305", key, nonceBytes(nonce), { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: text.length });
  return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]));
}

/** RFC 8439, section 2.8. */
export function sealByDefinition({ key, nonce, aad, text }: Packet): Uint8Array {
  const stream = chacha20Stream(key, nonceBytes(nonce), 64 + text.length);
  const encrypted = text.map((byte, index) => byte ^ stream[64 + index]!);
  const zeros = (length: number): Uint8Array => new Uint8Array((16 - length % 16) % 16);
  const lengths = new Uint8Array(16);
  new DataView(lengths.buffer).setUint32(0, aad.length, true);
  new DataView(lengths.buffer).setUint32(8, text.length, true);
  const authenticated = Buffer.concat([aad, zeros(aad.length), encrypted, zeros(text.length), lengths]);
  return new Uint8Array(Buffer.concat([encrypted, poly1305ByDefinition(stream.subarray(0, 32), authenticated)]));
}

/** RFC 8439, section 2.3: the key stream from block 0 on. */
function chacha20Stream(key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array {
  const wordsOf = (bytes: Uint8Array): number[] =>
    Array.from({ length: bytes.length / 4 }, (_, i) => Buffer.from(bytes).readUInt32LE(4 * i));
  const stream = new Uint8Array(Math.ceil(length / 64) * 64);
  const view = new DataView(stream.buffer);
  const initial = Uint32Array.from([
    0x61707865,
    0x3320646e,
    0x79622d32,
    0x6b206574,
    ...wordsOf(key),
    0,
    ...wordsOf(nonce),
  ]);
  for (let block = 0; block < stream.length / 64; block++) {
    initial[12] = block;
    const state = initial.slice();
    for (let round = 0; round < 10; round++) {
      for (const [a, b, c, d] of [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]] as const) {
        quarterRound(state, a, b, c, d);
      }
      for (const [a, b, c, d] of [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]] as const) {
        quarterRound(state, a, b, c, d);
      }
    }
    state.forEach((word, i) => view.setUint32(64 * block + 4 * i, word + initial[i]!, true));
  }
  return stream;
}

function quarterRound(state: Uint32Array, a: number, b: number, c: number, d: number): void {
  const step = (to: number, add: number, mixed: number, bits: number): void => {
    state[to]! += state[add]!;
    const word = state[mixed]! ^ state[to]!;
    state[mixed] = (word << bits) | (word >>> (32 - bits));
  };
  step(a, b, d, 16);
  step(c, d, b, 12);
  step(a, b, d, 8);
  step(c, d, b, 7);
}

function littleEndian(data: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(data).reverse().toString("hex")}`);
}

/** RFC 8439, section 2.5, of text in whole blocks. */
export function poly1305ByDefinition(key: Uint8Array, text: Uint8Array): Uint8Array {
  const p = 2n ** 130n - 5n;
  const r = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < text.length; at += 16) {
    sum = (sum + littleEndian(text.subarray(at, at + 16)) + 2n ** 128n) * r % p;
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) % 2n ** 128n;
  return new Uint8Array(Buffer.from(tag.toString(16).padStart(32, "0"), "hex").reverse());
}
