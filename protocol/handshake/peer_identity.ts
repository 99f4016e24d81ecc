/**
 * The peer's identity, as proven by the handshake: its static key, and whether it knows a token that both sides were given.
 *
 * A token never travels. Its proof is a MAC of the handshake's hash, so that it is valid for this one handshake: a server
 * cannot pass it on to another server, which has another key and so another hash.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";

/** Type of the one credential there is. */
const TOKEN_PROOF = 1;
const PROOF_BYTES = 32;
/** The key's use, so that no other use of the same token yields the same proof. */
const PROOF_LABEL = "sluice token proof";

/** What the client's last message of the handshake carries (`docs/PROTOCOL.md`, section 4.3); nothing without a token. */
export function encodeCredentials(token: Uint8Array | undefined, handshakeHash: Uint8Array): Uint8Array {
  return token === undefined ? new Uint8Array(0) : Uint8Array.of(TOKEN_PROOF, ...proofOf(token, handshakeHash));
}

function proofOf(token: Uint8Array, handshakeHash: Uint8Array): Uint8Array {
  return createHmac("sha256", token).update(PROOF_LABEL, "utf8").update(handshakeHash).digest();
}

/** See the module's description. */
export class PeerIdentity {
  /** The public key, 32 bytes. */
  readonly key: Uint8Array;
  readonly #handshakeHash: Uint8Array | undefined;
  readonly #proof: Uint8Array | undefined;

  /** `credentials` and `handshakeHash` are a client's: what {@link encodeCredentials} wrote, and what it was given. */
  constructor(
    key: Uint8Array,
    client?: { readonly credentials: Uint8Array; readonly handshakeHash: Uint8Array },
  ) {
    this.key = key;
    const { credentials, handshakeHash } = client ?? {};
    if (credentials?.[0] !== TOKEN_PROOF || credentials.length < 1 + PROOF_BYTES) return;
    this.#handshakeHash = handshakeHash;
    this.#proof = credentials.slice(1, 1 + PROOF_BYTES);
  }

  /** Whether the peer has shown that it knows this token; in a time that does not depend on how much of it is right. */
  provesToken(token: Uint8Array): boolean {
    if (this.#proof === undefined || this.#handshakeHash === undefined) return false;
    return timingSafeEqual(this.#proof, proofOf(token, this.#handshakeHash));
  }
}
