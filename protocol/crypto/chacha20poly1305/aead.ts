/**
 * ChaCha20-Poly1305 (RFC 8439, section 2.8) for packets, sealed and opened in place by a WebAssembly module of our own.
 *
 * Why our own: Deno 2.6 has no such cipher in node:crypto, and Deno 2.9 takes several microseconds for a call whatever
 * the packet's size, as it makes new objects for each nonce. What npm has takes three to twenty times as long. Time to
 * seal, Deno 2.9.6 on a shared AMD EPYC (Zen 4), as a
 * multiple of the first column; to open is much the same:
 *
 * | bytes  | this, in place | copied | node:crypto | libsodium | AssemblyScript | JavaScript |
 * | ------ | -------------- | ------ | ----------- | --------- | -------------- | ---------- |
 * | 1,400  | 1.5 to 2.1 us  | 1.2    | 5           | 3.6       | 9              | 11 to 15   |
 * | 8,192  | 7.3 to 10 us   | 1.05   | 1.3         | 2.9       | 8              | 8          |
 * | 65,400 | 56 to 76 us    | 1.05   | 0.67        | 3.0       | 8              | 7 to 8     |
 *
 * A buffer that lies in the module's own memory, see {@link allocateAeadBuffer}, is worked on where it is, without
 * an allocation; any other is copied there and back, which makes views. Sockets send from that memory and receive into
 * it as from any other.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { invariant } from "../../../base/invariant.ts";
import { type AeadExports, assembleAead, PAGE_BYTES, PLACES } from "./aead_code.ts";

/** Bytes of a key. */
export const AEAD_KEY_BYTES = 32;

/** Bytes of the tag after the text. */
export const AEAD_TAG_BYTES = 16;

/** AAD, text and tag together are at most so long: twice the largest datagram. */
export const MAX_AEAD_BYTES = 131_072;

/** ChaCha20-Poly1305 under one key. */
export interface Aead {
  /**
   * Encrypts buffer[start, end) in place with `aad` = buffer[aadStart, start) and writes 16 bytes of tag at `end`.
   * `nonce` is a safe integer, never used before with this key: 4 zero bytes, then its 8 bytes, little-endian (Noise
   * specification, section 12.3).
   */
  seal(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): void;
  /**
   * The reverse for buffer[start, end), whose tag follows at `end`; false, and nothing promised of the buffer's text,
   * where the tag is wrong.
   */
  open(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): boolean;
  /** Overwrites the key. Nothing may be sealed or opened after that. */
  wipe(): void;
}

/** What {@link allocateAeadBuffer} has to give: a socket's two buffers of the largest datagram, four times. */
const BUFFER_BYTES = 8 * 65_536;

/** Where those begin: behind the room for texts that are copied. */
const BUFFERS_AT = PLACES.texts + MAX_AEAD_BYTES;

const PAGES = Math.ceil((BUFFERS_AT + BUFFER_BYTES) / PAGE_BYTES);

/** The module at work. All keys share it, one call at a time, and each call writes its key first. */
class Engine {
  /** It never grows, so that its buffer stays the same. */
  readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  readonly buffer = this.memory.buffer;
  readonly bytes = new Uint8Array(this.buffer);
  readonly run: AeadExports;
  readonly #key = new Int32Array(this.buffer, PLACES.key, AEAD_KEY_BYTES / 4);
  #nextBuffer = BUFFERS_AT;

  constructor() {
    const module = new WebAssembly.Module(assembleAead(PAGES));
    this.run = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports as unknown as AeadExports;
  }

  /** Sets the key for the next call. */
  use(key: Int32Array): void {
    for (let word = 0; word < key.length; word++) this.#key[word] = key[word]!;
  }

  /** Overwrites what is there of keys and of key stream. */
  wipe(): void {
    this.bytes.fill(0, 0, PLACES.texts);
  }

  allocate(length: number): Uint8Array | undefined {
    if (this.#nextBuffer + length > this.bytes.length) return undefined;
    const at = this.#nextBuffer;
    this.#nextBuffer += length;
    return this.bytes.subarray(at, at + length);
  }
}

let sharedEngine: Engine | undefined;

/** Made when it is first needed: assembling and compiling take some milliseconds. */
function engine(): Engine {
  return sharedEngine ??= new Engine();
}

/**
 * A zeroed buffer for packets, of `length` bytes, which {@link ChaCha20Poly1305} need not copy; never given back, so it
 * is for those that last as long as the program. The module's memory has room for eight of the largest datagrams;
 * after those it is an ordinary array, which is right everywhere as well.
 */
export function allocateAeadBuffer(length: number): Uint8Array {
  return engine().allocate(length) ?? new Uint8Array(length);
}

/** {@link Aead} by WebAssembly. Throws InvariantError for places outside the buffer, and for a nonce that is none. */
export class ChaCha20Poly1305 implements Aead {
  readonly #engine = engine();
  readonly #key = new Int32Array(AEAD_KEY_BYTES / 4);
  #isWiped = false;

  /** Copies the key, {@link AEAD_KEY_BYTES} long. */
  constructor(key: Uint8Array) {
    invariant(key.length === AEAD_KEY_BYTES, "a key of ChaCha20-Poly1305 has 32 bytes");
    new Uint8Array(this.#key.buffer).set(key);
  }

  seal(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): void {
    this.#prepare(buffer, aadStart, start, end, nonce);
    const { run, bytes } = this.#engine;
    if (buffer.buffer === this.#engine.buffer) {
      const at = buffer.byteOffset;
      run.seal(at + aadStart, at + start, at + end, nonce | 0, nonce / 0x1_0000_0000);
      return;
    }
    const shift = PLACES.texts - aadStart;
    bytes.set(buffer.subarray(aadStart, end), PLACES.texts);
    run.seal(PLACES.texts, start + shift, end + shift, nonce | 0, nonce / 0x1_0000_0000);
    buffer.set(bytes.subarray(start + shift, end + shift + AEAD_TAG_BYTES), start);
  }

  open(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): boolean {
    this.#prepare(buffer, aadStart, start, end, nonce);
    const { run, bytes } = this.#engine;
    if (buffer.buffer === this.#engine.buffer) {
      const at = buffer.byteOffset;
      return run.open(at + aadStart, at + start, at + end, nonce | 0, nonce / 0x1_0000_0000) === 1;
    }
    const shift = PLACES.texts - aadStart;
    bytes.set(buffer.subarray(aadStart, end + AEAD_TAG_BYTES), PLACES.texts);
    if (run.open(PLACES.texts, start + shift, end + shift, nonce | 0, nonce / 0x1_0000_0000) !== 1) return false;
    buffer.set(bytes.subarray(start + shift, end + shift), start);
    return true;
  }

  wipe(): void {
    this.#isWiped = true;
    this.#key.fill(0);
    this.#engine.wipe();
  }

  /** The module checks no bounds but the memory's, and other buffers and the key lie beside this one. */
  #prepare(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): void {
    invariant(
      aadStart >= 0 && start >= aadStart && end >= start && end + AEAD_TAG_BYTES <= buffer.length &&
        end + AEAD_TAG_BYTES - aadStart <= MAX_AEAD_BYTES,
      "an AEAD's places are in order and in the buffer, with room for the tag",
    );
    invariant(Number.isSafeInteger(nonce) && nonce >= 0, "a nonce is a safe integer, not below zero");
    invariant(!this.#isWiped, "a wiped key seals and opens nothing");
    this.#engine.use(this.#key);
  }
}
