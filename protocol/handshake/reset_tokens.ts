/**
 * What authenticates a Reset (RFC 9000, section 10.3): sixteen bytes for each connection ID, which the server tells the
 * client alone, inside the encrypted handshake. They follow from the server's static key, so that a server that was restarted
 * can still end the connections of before.
 *
 * Anyone who can send to the server learns the token of a connection ID by asking for a Reset of it, so the token
 * authenticates nothing else.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { RESET_TOKEN_BYTES } from "../wire/packet.ts";

/** The key's use, so that no other use of the same secret yields the same key. */
const LABEL = "sluice reset token";

/** Derives the tokens of one server. */
export class ResetTokens {
  readonly #key: Uint8Array;

  /** `key` is secret, and stays the same when the server is restarted. */
  constructor(key: Uint8Array) {
    this.#key = createHmac("sha256", key).update(LABEL, "utf8").digest();
  }

  /** The token of the connection whose ID on the server's side are these 8 bytes. */
  of(connectionId: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#key).update(connectionId).digest()).subarray(0, RESET_TOKEN_BYTES);
  }
}
