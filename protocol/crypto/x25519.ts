/**
 * X25519: Diffie-Hellman over Curve25519 (RFC 7748), with keys as 32 raw bytes. The platform computes it; this module
 * converts keys and refuses points of low order.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { invariant } from "../../base/invariant.ts";

/** Bytes of a private key, a public key and a shared secret. */
export const KEY_BYTES = 32;

/** The DER bytes before a raw private key (PKCS #8) and a raw public key (SPKI), as RFC 8410 encodes them. */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

/** A private key and its public key. */
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

  /** 32 bytes, computed on first use, in a third of the time of a shared secret. */
  get publicKey(): Uint8Array {
    if (this.#publicKey === undefined) {
      const exported = createPublicKey(this.#privateKey).export({ format: "der", type: "spki" });
      this.#publicKey = new Uint8Array(exported.subarray(PUBLIC_PREFIX.length));
    }
    return this.#publicKey;
  }

  /**
   * The secret shared with the holder of `publicKey`. Undefined for a point of low order, which no honest peer sends: with
   * it, the secret is zero for every private key (RFC 7748, section 6.1). The Noise specification permits such secrets
   * (section 12.1); refusing them costs nothing, and otherwise anyone could authenticate with such a point as a static key.
   */
  sharedSecret(publicKey: Uint8Array): Uint8Array | undefined {
    invariant(publicKey.length === KEY_BYTES, "a public key is 32 bytes");
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: "der", type: "spki" });
    let secret: Buffer;
    try {
      secret = diffieHellman({ privateKey: this.#privateKey, publicKey: key });
    } catch {
      // Some versions of the platform throw for a point of low order.
      return undefined;
    }
    return secret.some((byte) => byte !== 0) ? new Uint8Array(secret) : undefined;
  }
}
