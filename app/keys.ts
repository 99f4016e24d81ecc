/**
 * Public keys as people see them: 43 characters of base64url, which are the whole key, so that whoever compares them
 * compares all of it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { KEY_BYTES } from "../protocol/mod.ts";

/** A key in letters, digits, "-" and "_". */
export function formatKey(key: Uint8Array): string {
  return Buffer.from(key).toString("base64url");
}

/** Reads what {@link formatKey} wrote; undefined where that is no key. */
export function parseKey(text: string): Uint8Array | undefined {
  const key = new Uint8Array(Buffer.from(text, "base64url"));
  return key.length === KEY_BYTES && formatKey(key) === text ? key : undefined;
}
