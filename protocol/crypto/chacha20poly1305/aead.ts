/**
 * ChaCha20-Poly1305 (RFC 8439, section 2.8), the AEAD of packets and of the handshake, as a WebAssembly module of our
 * own. This file is the folder's interface: nothing outside the folder imports the others, but for their tests.
 *
 * What it guarantees:
 * - **The same bytes as RFC 8439**, for every key, nonce, AAD and text that the interface takes.
 * - **Constant time by construction**: no branch and no memory address depends on a key, a text or a tag, and every
 *   instruction is an addition, a multiplication, a shift by a constant or a bitwise operation. The module works on
 *   integers only and has no table. What WebAssembly does not define is how an engine compiles these instructions; on
 *   the processors that Deno runs on they take the same time for all operands.
 * - **The whole tag is compared**, and all of it at once, before {@link ChaCha20Poly1305.open} says anything.
 * - **No allocation per packet** for buffers of {@link allocateAeadBuffer}. Other buffers are copied in and out.
 *
 * What it does not do:
 * - It does not notice that a nonce is used twice with one key, which reveals texts and lets an attacker forge tags:
 *   the caller counts.
 * - Its nonces have 53 of 96 bits: 4 zero bytes and a safe integer.
 * - AAD, text and tag together have at most {@link MAX_AEAD_BYTES}, so the block counter never wraps.
 * - {@link ChaCha20Poly1305.wipe} overwrites the copies of a key that are known here. JavaScript's engine may have made
 *   others.
 *
 * Tested in `tests/unit/protocol/crypto/chacha20poly1305/`: against node:crypto, the text and vectors of RFC 8439 and
 * Project Wycheproof; constant time, by an interpreter that follows secrets through every instruction. Why this is not
 * the platform's cipher, and when to decide that anew: `docs/CRYPTOGRAPHY.md`.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { invariant } from "../../../base/invariant.ts";
import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, KEY_WORDS, PLACES } from "./aead_code.ts";
import { Engine, MAX_AEAD_BYTES } from "./engine.ts";

export { AEAD_KEY_BYTES, AEAD_TAG_BYTES, MAX_AEAD_BYTES };

let sharedEngine: Engine | undefined;

/** Made on first use: assembling and compiling the module take some milliseconds. */
function engine(): Engine {
  return sharedEngine ??= new Engine();
}

/**
 * A zeroed buffer of `length` bytes in the module's memory, in which {@link ChaCha20Poly1305} works without copying. It
 * lasts until {@link releaseAeadBuffer}: the memory has room for the sockets of some programs' lives, and after that,
 * callers get an ordinary array, which works as well.
 */
export function allocateAeadBuffer(length: number): Uint8Array {
  return engine().allocate(length) ?? new Uint8Array(length);
}

/** Gives a buffer of {@link allocateAeadBuffer} back, which nobody may use any more: not the system either. */
export function releaseAeadBuffer(buffer: Uint8Array): void {
  engine().release(buffer);
}

/**
 * ChaCha20-Poly1305 under one key. In `buffer`, the AAD is [aadStart, start), the text [start, end), and the tag the 16
 * bytes from `end`. Throws InvariantError for positions outside the buffer, for an invalid nonce and for a wiped key.
 */
export class ChaCha20Poly1305 {
  readonly #engine = engine();
  readonly #key = new Int32Array(KEY_WORDS);
  #isWiped = false;

  /** Copies the key, {@link AEAD_KEY_BYTES} long. */
  constructor(key: Uint8Array) {
    invariant(key.length === AEAD_KEY_BYTES, "a key of ChaCha20-Poly1305 has 32 bytes");
    new Uint8Array(this.#key.buffer).set(key);
  }

  /**
   * Encrypts the text in place and writes the tag. `nonce` is a safe integer that was never used before with this key;
   * on the wire of the cipher it is 4 zero bytes, then 8 bytes, little-endian (Noise specification, section 12.3).
   */
  seal(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): void {
    this.#prepare(buffer, aadStart, start, end, nonce);
    const { run, bytes } = this.#engine;
    if (buffer.buffer === this.#engine.buffer) {
      const at = buffer.byteOffset;
      run.seal(at + aadStart, at + start, at + end);
      return;
    }
    const shift = PLACES.texts - aadStart;
    bytes.set(buffer.subarray(aadStart, end), PLACES.texts);
    run.seal(PLACES.texts, start + shift, end + shift);
    buffer.set(bytes.subarray(start + shift, end + shift + AEAD_TAG_BYTES), start);
  }

  /**
   * Decrypts the text in place and returns true if the tag is right. Otherwise returns false; what [start, end) holds
   * then is unspecified and must not be used.
   */
  open(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): boolean {
    this.#prepare(buffer, aadStart, start, end, nonce);
    const { run, bytes } = this.#engine;
    if (buffer.buffer === this.#engine.buffer) {
      const at = buffer.byteOffset;
      return run.open(at + aadStart, at + start, at + end) === 1;
    }
    const shift = PLACES.texts - aadStart;
    bytes.set(buffer.subarray(aadStart, end + AEAD_TAG_BYTES), PLACES.texts);
    if (run.open(PLACES.texts, start + shift, end + shift) !== 1) return false;
    buffer.set(bytes.subarray(start + shift, end + shift), start);
    return true;
  }

  /** Overwrites the key. Sealing and opening throw from now on. */
  wipe(): void {
    this.#isWiped = true;
    this.#key.fill(0);
    this.#engine.wipe();
  }

  /** The module checks no bounds but its memory's, where other buffers and the key lie beside this one. */
  #prepare(buffer: Uint8Array, aadStart: number, start: number, end: number, nonce: number): void {
    invariant(
      aadStart >= 0 && start >= aadStart && end >= start && end + AEAD_TAG_BYTES <= buffer.length &&
        end + AEAD_TAG_BYTES - aadStart <= MAX_AEAD_BYTES,
      "AAD, text and tag follow each other inside the buffer",
    );
    invariant(Number.isSafeInteger(nonce) && nonce >= 0, "a nonce is a safe integer, not negative");
    invariant(!this.#isWiped, "a wiped key is not used");
    this.#engine.use(this.#key, nonce);
  }
}
