/**
 * Bytes that are given away and come back: encrypted, and known again. Each has a key of its own, so that none needs a
 * nonce.
 *
 * @module
 */

import { AEAD_TAG_BYTES, ChaCha20Poly1305 } from "../crypto/chacha20poly1305/aead.ts";

/** Seals `state` under a key that seals nothing else; 16 bytes longer. The key is overwritten. */
export function sealState(key: Uint8Array, state: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(state.length + AEAD_TAG_BYTES);
  sealed.set(state);
  const aead = new ChaCha20Poly1305(key);
  aead.seal(sealed, 0, 0, state.length, 0);
  aead.wipe();
  key.fill(0);
  return sealed;
}

/** What {@link sealState} sealed, or undefined where this is not it, or not the key. The key is overwritten. */
export function openState(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const end = sealed.length - AEAD_TAG_BYTES;
  const buffer = sealed.slice();
  const aead = new ChaCha20Poly1305(key);
  const isAuthentic = end >= 0 && aead.open(buffer, 0, 0, end, 0);
  aead.wipe();
  key.fill(0);
  return isAuthentic ? buffer.subarray(0, end) : undefined;
}
