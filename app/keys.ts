/**
 * Public keys as text: 43 characters of base64url. They are the whole key and not a digest of it, so people who compare
 * two of them compare all of it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { KeyPair } from "../protocol/mod.ts";

/** A key in letters, digits, "-" and "_". */
export function formatKey(key: Uint8Array): string {
  return Buffer.from(key).toString("base64url");
}

/** 32 bytes in base64url. Decoding any other text may throw, depending on the version of Deno. */
const PATTERN = /^[\w-]{43}$/;

/** Reads the text of {@link formatKey}; undefined if it is not a key. */
export function parseKey(text: string): Uint8Array | undefined {
  if (!PATTERN.test(text)) return undefined;
  const key = new Uint8Array(Buffer.from(text, "base64url"));
  return formatKey(key) === text ? key : undefined;
}

/** The public key of a private one, both 32 bytes (X25519, RFC 7748). */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return new KeyPair(privateKey).publicKey;
}
