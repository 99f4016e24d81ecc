/**
 * What makes a Reset believable (RFC 9000, section 10.3): sixteen bytes for each connection ID, which the server tells the
 * client inside the encrypted handshake, and nobody else. They follow from the server's own key, so that a server that was
 * started anew can still end the connections of the one before.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { RESET_TOKEN_BYTES } from "../wire/packet.ts";

/** So that what is made of the key here is made of it nowhere else. */
const LABEL = "sluice reset token";

/** Makes the tokens of one server. */
export class ResetTokens {
  readonly #key: Uint8Array;

  /** `key` is secret, and stays the same when the server is started anew. */
  constructor(key: Uint8Array) {
    this.#key = createHmac("sha256", key).update(LABEL, "utf8").digest();
  }

  /** That of a connection whose ID on the server's side are these 8 bytes. */
  of(connectionId: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#key).update(connectionId).digest()).subarray(0, RESET_TOKEN_BYTES);
  }
}

/** What makes a Refusal believable: none but who knows the connection's reset token can make it for that text. */
export function refusalMac(resetToken: Uint8Array, text: Uint8Array): Uint8Array {
  return createHmac("sha256", resetToken).update(text).digest().subarray(0, RESET_TOKEN_BYTES);
}
