/**
 * The compiled WebAssembly module and its memory. One engine serves all keys, one call at a time: each call writes its
 * key and nonce first.
 *
 * The memory holds, from its start, the module's own places (see {@link PLACES}), room for one text that is copied in
 * and out, and buffers in which packets are sealed and opened where they are.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { type AeadExports, assembleAead, KEY_WORDS, PAGE_BYTES, PLACES } from "./aead_code.ts";

/** The most bytes that AAD, text and tag have together: twice the largest datagram. */
export const MAX_AEAD_BYTES = 131_072;

/**
 * What {@link Engine.allocate} has to give. A socket with batched calls takes 18 buffers of the largest datagram, another
 * one two; a client that tries several addresses has several. Pages that nobody has touched take no memory.
 */
const BUFFER_BYTES = 64 * 65_536;

/** Where these buffers begin: behind the room for a text that is copied. */
const BUFFERS_AT = PLACES.texts + MAX_AEAD_BYTES;

const PAGES = Math.ceil((BUFFERS_AT + BUFFER_BYTES) / PAGE_BYTES);

/** ChaCha20-Poly1305 with the key and the nonce that were written last. It checks nothing but the memory's bounds. */
export class Engine {
  /** The memory as bytes. It never grows, so the array stays valid. */
  readonly bytes: Uint8Array;
  /** The memory itself, to recognize views of it. */
  readonly buffer: ArrayBufferLike;
  readonly run: AeadExports;
  readonly #key: Int32Array;
  readonly #nonce: Int32Array;
  #nextBuffer = BUFFERS_AT;
  /** Buffers that were released. They are of a few lengths, so the next one of the same length fits. */
  readonly #free: Uint8Array[] = [];

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    const module = new WebAssembly.Module(assembleAead(PAGES));
    this.run = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as AeadExports;
    this.buffer = memory.buffer;
    this.bytes = new Uint8Array(this.buffer);
    this.#key = new Int32Array(this.buffer, PLACES.key, KEY_WORDS);
    this.#nonce = new Int32Array(this.buffer, PLACES.nonce, 3);
  }

  /**
   * Sets the key, and the nonce that has 4 zero bytes and then `nonce` in 8 bytes, little-endian (Noise specification,
   * section 12.3). `nonce` is a safe integer, not negative.
   */
  use(key: Int32Array, nonce: number): void {
    for (let word = 0; word < KEY_WORDS; word++) this.#key[word] = key[word]!;
    this.#nonce[0] = 0;
    this.#nonce[1] = nonce;
    this.#nonce[2] = nonce / 0x1_0000_0000;
  }

  /** Overwrites what the module's places hold of keys and key stream. */
  wipe(): void {
    this.bytes.fill(0, 0, PLACES.texts);
  }

  /** A zeroed part of the memory that is given to nobody else, or undefined when no room is left. */
  allocate(length: number): Uint8Array | undefined {
    const index = this.#free.findIndex((buffer) => buffer.length === length);
    if (index >= 0) return this.#free.splice(index, 1)[0]!.fill(0);
    if (this.#nextBuffer + length > this.bytes.length) return undefined;
    const at = this.#nextBuffer;
    this.#nextBuffer += length;
    return this.bytes.subarray(at, at + length);
  }

  /** Takes back what {@link allocate} gave; another array is left to the garbage collector. */
  release(buffer: Uint8Array): void {
    if (buffer.buffer === this.buffer) this.#free.push(buffer);
  }
}
