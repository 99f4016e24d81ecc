/**
 * Noise_XX_25519_ChaChaPoly_SHA256: what this pattern needs of the Noise Protocol Framework, revision 34
 * (noiseprotocol.org/noise.html). Names and section numbers are those of the specification.
 *
 * Not implemented, because Sluice needs none of it: other patterns, pre-messages, pre-shared keys, and messages after the
 * handshake (packets have nonces of their own: `packet_protection.ts`).
 *
 * Misuse by the caller, such as writing in the peer's turn, violates an invariant. A message from the peer never does: it is
 * read, or refused by returning undefined.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, hkdfSync } from "node:crypto";
import { invariant } from "../../base/invariant.ts";
import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, ChaCha20Poly1305 } from "./chacha20poly1305/aead.ts";
import { KEY_BYTES, KeyPair } from "./x25519.ts";

/** HASHLEN of SHA-256. */
const HASH_BYTES = 32;

const NO_INFO = new Uint8Array(0);

/** Exactly 32 bytes, so it is the first transcript hash without hashing (section 5.2, InitializeSymmetric). */
const PROTOCOL_NAME = "Noise_XX_25519_ChaChaPoly_SHA256";

/** The initiator writes the first message. */
export type Role = "initiator" | "responder";

type Token = "e" | "s" | "ee" | "es" | "se";

/** The messages of XX (section 7.5). The two sides write them in turn. */
const XX: readonly (readonly Token[])[] = [["e"], ["e", "ee", "s", "es"], ["s", "se"]];

/** The keys for packets after the handshake, 32 bytes each. */
export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** Section 5.1. A handshake uses each key for one or two messages, so the nonce stays small. */
class CipherState {
  key: Uint8Array | undefined;
  nonce = 0;

  initializeKey(key: Uint8Array): void {
    this.wipe();
    this.key = key;
    this.nonce = 0;
  }

  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.key === undefined) return plaintext.slice();
    const buffer = new Uint8Array(ad.length + plaintext.length + AEAD_TAG_BYTES);
    buffer.set(ad);
    buffer.set(plaintext, ad.length);
    const aead = new ChaCha20Poly1305(this.key);
    aead.seal(buffer, 0, ad.length, buffer.length - AEAD_TAG_BYTES, this.nonce++);
    aead.wipe();
    return buffer.subarray(ad.length);
  }

  /** The plaintext, or undefined if the ciphertext is not authentic; then nothing has changed. */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    if (this.key === undefined) return ciphertext.slice();
    if (ciphertext.length < AEAD_TAG_BYTES) return undefined;
    const buffer = new Uint8Array(ad.length + ciphertext.length);
    buffer.set(ad);
    buffer.set(ciphertext, ad.length);
    const end = buffer.length - AEAD_TAG_BYTES;
    const aead = new ChaCha20Poly1305(this.key);
    const isAuthentic = aead.open(buffer, 0, ad.length, end, this.nonce);
    aead.wipe();
    if (!isAuthentic) return undefined;
    this.nonce++;
    return buffer.subarray(ad.length, end);
  }

  wipe(): void {
    this.key?.fill(0);
  }
}

/** Section 5.2. */
class SymmetricState {
  chainingKey: Uint8Array;
  hash: Uint8Array;
  readonly cipher = new CipherState();

  constructor(chainingKey: Uint8Array, hash: Uint8Array) {
    this.chainingKey = chainingKey;
    this.hash = hash;
  }

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.chainingKey, inputKeyMaterial);
    this.chainingKey.fill(0);
    this.chainingKey = chainingKey;
    this.cipher.initializeKey(key);
  }

  mixHash(data: Uint8Array): void {
    this.hash = new Uint8Array(createHash("sha256").update(this.hash).update(data).digest());
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.cipher.encryptWithAd(this.hash, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.cipher.decryptWithAd(this.hash, ciphertext);
    if (plaintext !== undefined) this.mixHash(ciphertext);
    return plaintext;
  }

  /** Section 5.2, Split: the key for what the initiator sends, and the key for what the responder sends. */
  split(): [Uint8Array, Uint8Array] {
    return hkdf(this.chainingKey, new Uint8Array(0));
  }

  clone(): SymmetricState {
    const clone = new SymmetricState(this.chainingKey.slice(), this.hash);
    if (this.cipher.key !== undefined) clone.cipher.initializeKey(this.cipher.key.slice());
    clone.cipher.nonce = this.cipher.nonce;
    return clone;
  }

  wipe(): void {
    this.chainingKey.fill(0);
    this.cipher.wipe();
  }
}

/**
 * Section 4.3, with two outputs: HKDF without info (RFC 5869). Returns arrays whose slice() copies; that of a Buffer does
 * not.
 */
function hkdf(chainingKey: Uint8Array, inputKeyMaterial: Uint8Array): [Uint8Array, Uint8Array] {
  const output = new Uint8Array(hkdfSync("sha256", inputKeyMaterial, chainingKey, NO_INFO, 2 * HASH_BYTES));
  const both: [Uint8Array, Uint8Array] = [output.slice(0, HASH_BYTES), output.slice(HASH_BYTES)];
  output.fill(0);
  return both;
}

/** Input of a handshake. */
export interface HandshakeOptions {
  readonly role: Role;
  /** Must be the same on both sides, or the first encrypted message is refused. */
  readonly prologue: Uint8Array;
  readonly staticKey: KeyPair;
  /** A private key, 32 random bytes that no other handshake uses. */
  readonly ephemeralKey: Uint8Array;
}

/** Bytes of {@link Handshake.save}: chaining key, hash, the cipher's key, and the private ephemeral key. */
export const SAVED_BYTES: number = 2 * HASH_BYTES + AEAD_KEY_BYTES + KEY_BYTES;

/** Section 5.3, HandshakeState: three messages, then a key for each direction. */
export class Handshake {
  readonly #role: Role;
  readonly #staticKey: KeyPair;
  readonly #ephemeralKey: Uint8Array;
  readonly #ephemeral: KeyPair;
  #symmetric: SymmetricState;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  /** Index of the next message in {@link XX}. */
  #next = 0;

  constructor({ ephemeralKey, prologue, role, staticKey }: HandshakeOptions) {
    this.#role = role;
    this.#staticKey = staticKey;
    this.#ephemeralKey = new Uint8Array(ephemeralKey);
    this.#ephemeral = new KeyPair(ephemeralKey);
    const name = new TextEncoder().encode(PROTOCOL_NAME);
    this.#symmetric = new SymmetricState(name, name.slice());
    this.#symmetric.mixHash(prologue);
  }

  /**
   * A responder that has written message 2, from what {@link save} returned then. It can read message 3. The bytes are
   * trusted: a caller that stores them outside its own memory must encrypt and authenticate them.
   */
  static restore(saved: Uint8Array, { staticKey }: { staticKey: KeyPair }): Handshake {
    invariant(saved.length === SAVED_BYTES, "a saved handshake has SAVED_BYTES");
    const part = (index: number): Uint8Array => saved.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    const ephemeralKey = part(3);
    const prologue = new Uint8Array(0);
    const handshake = new Handshake({ role: "responder", prologue, staticKey, ephemeralKey });
    const symmetric = new SymmetricState(part(0), part(1));
    symmetric.cipher.initializeKey(part(2));
    // Message 2 has used the key once, for its payload.
    symmetric.cipher.nonce = 1;
    handshake.#symmetric = symmetric;
    handshake.#next = 2;
    ephemeralKey.fill(0);
    return handshake;
  }

  /** Everything that a responder needs to read message 3, including secrets: {@link SAVED_BYTES}. */
  save(): Uint8Array {
    invariant(this.#role === "responder" && this.#next === 2, "a responder is saved after it has written message 2");
    const { chainingKey, cipher, hash } = this.#symmetric;
    const saved = new Uint8Array(SAVED_BYTES);
    [chainingKey, hash, cipher.key!, this.#ephemeralKey].forEach((part, index) => saved.set(part, index * HASH_BYTES));
    return saved;
  }

  /** The static public key of the peer, once read. The rest of the same message proves it. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  /** The hash of the transcript: the same on both sides, and different for every handshake (section 11.2). */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.hash;
  }

  /** The chaining key: secret, and after message 2 the same for both sides alone (section 5.2). A copy. */
  get chainingKey(): Uint8Array {
    return this.#symmetric.chainingKey.slice();
  }

  /** Whether all three messages were written and read. */
  get isComplete(): boolean {
    return this.#next === XX.length;
  }

  /**
   * Section 5.3, WriteMessage. Returns undefined if the peer's ephemeral key, which message 1 does not authenticate, is of
   * low order; the handshake cannot continue then.
   */
  writeMessage(payload: Uint8Array): Uint8Array | undefined {
    invariant(this.#isMyTurn && !this.isComplete, "a side writes a message only in its turn");
    const symmetric = this.#symmetric;
    const parts: Uint8Array[] = [];
    for (const token of XX[this.#next]!) {
      if (token === "e") {
        parts.push(this.#ephemeral.publicKey);
        symmetric.mixHash(this.#ephemeral.publicKey);
      } else if (token === "s") {
        parts.push(symmetric.encryptAndHash(this.#staticKey.publicKey));
      } else {
        const secret = this.#sharedSecret(token, { ephemeral: this.#remoteEphemeral, static: this.#remoteStatic });
        if (secret === undefined) return undefined;
        symmetric.mixKey(secret);
      }
    }
    parts.push(symmetric.encryptAndHash(payload));
    this.#next++;
    return new Uint8Array(Buffer.concat(parts));
  }

  /**
   * Section 5.3, ReadMessage: the payload. Undefined for a message that is cut short, not authentic, or rejected by
   * `isGenuine`, which is given the chaining key that the message leads to; then nothing has changed, and the genuine message
   * may still arrive.
   */
  readMessage(
    message: Uint8Array,
    isGenuine: (chainingKey: Uint8Array) => boolean = () => true,
  ): Uint8Array | undefined {
    invariant(!this.#isMyTurn && !this.isComplete, "a side reads a message only in the turn of its peer");
    const symmetric = this.#symmetric.clone();
    const remote = { ephemeral: this.#remoteEphemeral, static: this.#remoteStatic };
    const payload = this.#read(message, symmetric, remote);
    if (payload === undefined || !isGenuine(symmetric.chainingKey)) {
      symmetric.wipe();
      return undefined;
    }
    this.#symmetric.wipe();
    this.#symmetric = symmetric;
    this.#remoteEphemeral = remote.ephemeral;
    this.#remoteStatic = remote.static;
    this.#next++;
    return payload;
  }

  /** Section 5.2, Split: the keys for packets. */
  split(): TransportKeys {
    invariant(this.isComplete, "keys exist once the handshake is complete");
    const [first, second] = this.#symmetric.split();
    return this.#role === "initiator" ? { send: first, receive: second } : { send: second, receive: first };
  }

  /**
   * Overwrites the secrets in this object. More is not possible in JavaScript: key objects of the platform, and copies that
   * the garbage collector made, last until their memory is reused.
   */
  wipe(): void {
    this.#symmetric.wipe();
    this.#ephemeralKey.fill(0);
  }

  get #isMyTurn(): boolean {
    return (this.#next % 2 === 0) === (this.#role === "initiator");
  }

  #read(message: Uint8Array, symmetric: SymmetricState, remote: RemoteKeys): Uint8Array | undefined {
    let position = 0;
    for (const token of XX[this.#next]!) {
      if (token === "e") {
        if (message.length < KEY_BYTES) return undefined;
        remote.ephemeral = message.slice(0, position = KEY_BYTES);
        symmetric.mixHash(remote.ephemeral);
      } else if (token === "s") {
        // In XX, a key is always set before a static key is sent.
        const end = position + KEY_BYTES + AEAD_TAG_BYTES;
        if (message.length < end) return undefined;
        remote.static = symmetric.decryptAndHash(message.subarray(position, end));
        if (remote.static === undefined) return undefined;
        position = end;
      } else {
        const secret = this.#sharedSecret(token, remote);
        if (secret === undefined) return undefined;
        symmetric.mixKey(secret);
      }
    }
    return symmetric.decryptAndHash(message.subarray(position));
  }

  /** Section 5.3: the first letter of a token is the initiator's key, the second is the responder's. */
  #sharedSecret(token: "ee" | "es" | "se", remote: RemoteKeys): Uint8Array | undefined {
    const [mine, theirs] = this.#role === "initiator" ? token : [token[1], token[0]];
    const key = mine === "e" ? this.#ephemeral : this.#staticKey;
    return key.sharedSecret((theirs === "e" ? remote.ephemeral : remote.static)!);
  }
}

/** The public keys of the peer, as far as they were read. */
interface RemoteKeys {
  ephemeral: Uint8Array | undefined;
  static: Uint8Array | undefined;
}
