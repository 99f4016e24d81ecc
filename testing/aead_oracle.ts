/**
 * ChaCha20-Poly1305 by implementations other than Sluice's own, as oracles for tests: node:crypto, and a plain and slow
 * one that follows the text of RFC 8439.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, getCiphers } from "node:crypto";

const CIPHER = "chacha20-poly1305";
const TAG_BYTES = 16;

/** One message to seal. */
export interface Message {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly text: Uint8Array;
}

/** One message to open; `sealed` is the encrypted text with the tag after it. */
export interface SealedMessage extends Omit<Message, "text"> {
  readonly sealed: Uint8Array;
}

/** Seals and opens, each without changing its input. */
export interface AeadOracle {
  readonly name: string;
  seal(message: Message): Uint8Array;
  /** The text, or undefined if the tag is wrong. */
  open(message: SealedMessage): Uint8Array | undefined;
}

/** The nonce of 12 bytes that stands for a safe integer: 4 zero bytes, then 8 bytes, little-endian. */
export function nonceOf(number: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setBigUint64(4, BigInt(number), true);
  return bytes;
}

const BY_NODE: AeadOracle = {
  name: "node:crypto",
  seal({ key, nonce, aad, text }) {
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(aad, { plaintextLength: text.length });
    return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]));
  },
  open({ key, nonce, aad, sealed }) {
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const text = decipher.update(sealed.subarray(0, end));
    try {
      return new Uint8Array(Buffer.concat([text, decipher.final()]));
    } catch {
      return undefined;
    }
  },
};

/** RFC 8439, section 2.8. */
export const BY_DEFINITION: AeadOracle = {
  name: "RFC 8439's definition",
  seal({ key, nonce, aad, text }) {
    const encrypted = encryptByDefinition(key, nonce, text);
    return new Uint8Array(Buffer.concat([encrypted, tagByDefinition(key, nonce, { aad, encrypted })]));
  },
  open({ key, nonce, aad, sealed }) {
    const encrypted = sealed.subarray(0, sealed.length - TAG_BYTES);
    const tag = tagByDefinition(key, nonce, { aad, encrypted });
    if (Buffer.compare(tag, sealed.subarray(encrypted.length)) !== 0) return undefined;
    return encryptByDefinition(key, nonce, encrypted);
  },
};

/** node:crypto if it has the cipher, which Deno 2.6 does not; else the definition. */
export const AEAD_ORACLE: AeadOracle = getCiphers().includes(CIPHER) ? BY_NODE : BY_DEFINITION;

/** RFC 8439, section 2.4, from block 1 on. Decrypts as well. */
function encryptByDefinition(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Uint8Array {
  const stream = chacha20Stream(key, nonce, 64 + text.length);
  return text.map((byte, index) => byte ^ stream[64 + index]!);
}

function tagByDefinition(
  key: Uint8Array,
  nonce: Uint8Array,
  { aad, encrypted }: { readonly aad: Uint8Array; readonly encrypted: Uint8Array },
): Uint8Array {
  const zeros = (length: number): Uint8Array => new Uint8Array((16 - length % 16) % 16);
  const lengths = new Uint8Array(16);
  new DataView(lengths.buffer).setUint32(0, aad.length, true);
  new DataView(lengths.buffer).setUint32(8, encrypted.length, true);
  const authenticated = Buffer.concat([aad, zeros(aad.length), encrypted, zeros(encrypted.length), lengths]);
  return poly1305ByDefinition(chacha20Stream(key, nonce, 32).subarray(0, 32), authenticated);
}

/** RFC 8439, section 2.3: the key stream from block 0 on. */
export function chacha20Stream(key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array {
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

/** RFC 8439, section 2.5, for text that consists of whole blocks. */
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
