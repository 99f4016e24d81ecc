/**
 * Diffie-Hellman over Curve25519 (RFC 7748) with keys as 32 raw bytes, by the platform's own implementation.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { invariant } from "../../base/invariant.ts";

/** Bytes of a private key, a public key and a shared secret. */
export const KEY_BYTES = 32;

/** What RFC 8410 puts before a raw private key (PKCS #8) and a raw public key (SPKI), in DER. */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

/** A private key, with its public one. */
export class KeyPair {
  readonly #privateKey: KeyObject;
  #publicKey: Uint8Array | undefined;

  /** Any 32 bytes are a private key. */
  constructor(privateKey: Uint8Array) {
    invariant(privateKey.length === KEY_BYTES, "a private key is 32 bytes");
    this.#privateKey = createPrivateKey({
      key: Buffer.concat([PRIVATE_PREFIX, privateKey]),
      format: "der",
      type: "pkcs8",
    });
  }

  /** 32 bytes; computed when it is first asked for, at a third of the price of a shared secret. */
  get publicKey(): Uint8Array {
    if (this.#publicKey === undefined) {
      const exported = createPublicKey(this.#privateKey).export({ format: "der", type: "spki" });
      this.#publicKey = new Uint8Array(exported.subarray(PUBLIC_PREFIX.length));
    }
    return this.#publicKey;
  }

  /**
   * The secret shared with the holder of `publicKey`; undefined for what no honest peer sends, a point of low order, with
   * which everybody's secret is the same (RFC 7748, section 6.1). The Noise specification lets such a secret pass (section
   * 12.1); refusing it costs nothing and makes the identity that a peer proves its own.
   */
  sharedSecret(publicKey: Uint8Array): Uint8Array | undefined {
    invariant(publicKey.length === KEY_BYTES, "a public key is 32 bytes");
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: "der", type: "spki" });
    let secret: Buffer;
    try {
      secret = diffieHellman({ privateKey: this.#privateKey, publicKey: key });
    } catch {
      // Some versions of the platform refuse a point of low order themselves.
      return undefined;
    }
    return secret.some((byte) => byte !== 0) ? new Uint8Array(secret) : undefined;
  }
}
