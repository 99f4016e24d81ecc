/**
 * Proof of address without memory (RFC 9000, section 8.1): a token that only who receives at an address can have, and
 * that only the server that issued it can make.
 *
 * Layout, 25 bytes:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | layout version, 1 |
 * | 8 | when it was issued, microseconds of the server's clock, as an 8-byte varint |
 * | 16 | HMAC-SHA256 under the server's secret, cut to 16 bytes, of: the 9 bytes before, the client's connection ID (8), the server's (8), the address as UTF-8 |
 *
 * The address comes last because it alone has no fixed length: no two inputs are the same bytes.
 *
 * A token may be used more than once until it expires; that the same handshake does not make a second connection is
 * the endpoint's task, which remembers closed connection IDs for that long.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { invariant } from "../../base/invariant.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES, writeConnectionId } from "../wire/connection_id.ts";

/** Bytes of a token. */
export const TOKEN_BYTES = 25;

/** The least secret. */
export const MIN_SECRET_BYTES = 16;

const LAYOUT_VERSION = 1;
const STAMP_BYTES = 9;
const MAC_BYTES = 16;

/** What a token is bound to. */
export interface TokenBinding {
  /** The client's address as "host:port". */
  readonly address: string;
  /** The client's connection ID, 8 bytes. */
  readonly clientId: Uint8Array;
  /** The connection ID that the server chose for its own side. */
  readonly serverId: number;
}

/** Issues tokens and knows its own again. */
export class AddressTokens {
  readonly #secret: Uint8Array;
  readonly #lifetimeUs: number;

  /** `secret` is random, at least 16 bytes, and the same for as long as tokens are to be known again. */
  constructor(secret: Uint8Array, lifetimeUs: number) {
    invariant(secret.length >= MIN_SECRET_BYTES, "a token secret is at least 16 bytes");
    this.#secret = secret.slice();
    this.#lifetimeUs = lifetimeUs;
  }

  /** A token that proves, for the lifetime from `nowUs` on, that its bearer receives at the address. */
  issue(nowUs: number, binding: TokenBinding): Uint8Array {
    const token = new Uint8Array(TOKEN_BYTES);
    const writer = new Writer().reset(token);
    writer.u8(LAYOUT_VERSION);
    writer.varintAs(nowUs, STAMP_BYTES - 1);
    writer.bytes(this.#mac(token, binding));
    return token;
  }

  /** Whether `token` is one that this secret issued for the binding, and not too long ago. */
  verify(token: Uint8Array, binding: TokenBinding & { readonly nowUs: number }): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    const reader = new Reader().reset(token);
    if (reader.u8() !== LAYOUT_VERSION) return false;
    const issuedUs = reader.varint();
    if (reader.failed || reader.position !== STAMP_BYTES) return false;
    const ageUs = binding.nowUs - issuedUs;
    if (ageUs < 0 || ageUs > this.#lifetimeUs) return false;
    return timingSafeEqual(token.subarray(STAMP_BYTES), this.#mac(token, binding));
  }

  /**
   * How long ago a token was issued that {@link verify} accepts, microseconds. When the first packet with it comes, this
   * is a round trip and what the client took to answer, and more where packets were lost.
   */
  ageUs(token: Uint8Array, nowUs: number): number {
    return nowUs - new Reader().reset(token, 1).varint();
  }

  #mac(token: Uint8Array, { address, clientId, serverId }: TokenBinding): Uint8Array {
    invariant(clientId.length === CONNECTION_ID_BYTES, "a connection ID is 8 bytes");
    const ids = new Uint8Array(2 * CONNECTION_ID_BYTES);
    const writer = new Writer().reset(ids);
    writer.bytes(clientId);
    writeConnectionId(writer, serverId);
    const hmac = createHmac("sha256", this.#secret);
    hmac.update(token.subarray(0, STAMP_BYTES)).update(ids).update(address, "utf8");
    return hmac.digest().subarray(0, MAC_BYTES);
  }
}
