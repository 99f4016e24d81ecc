/**
 * Version 1: nothing is encrypted, nobody authenticated. Packets end with a CRC-32, and the server's parameters stand in
 * its ServerHello as they are.
 *
 * @module
 */

import { AddressTokens } from "./address_token.ts";
import { Crc32Protection } from "../crypto/checksum.ts";
import { TransportErrorCode } from "../errors.ts";
import type { Writer } from "../../base/bytes.ts";
import { writeConnectionClose } from "../wire/frame.ts";
import { Version, writeDataHeader } from "../wire/packet.ts";
import { decodeParameters, encodeParameters, type TransportParameters } from "../wire/parameters.ts";
import { PeerIdentity } from "./peer_identity.ts";
import type { ClientSuite, ProvenAddress, ServerAnswer, ServerSuite, TokenBinding } from "./suite.ts";

const NOTHING = new Uint8Array(0);
const NOBODY = new PeerIdentity(undefined);

/** The client's half. */
export class PlaintextClientSuite implements ClientSuite {
  readonly version = Version.plaintext;
  readonly hello = NOTHING;

  onServerHello(payload: Uint8Array): ServerAnswer | undefined {
    const parameters = decodeParameters(payload);
    if ("malformed" in parameters) return undefined;
    const protection = new Crc32Protection();
    return { parameters, protection, handshake: NOTHING, peer: NOBODY, resetToken: undefined };
  }
}

/** The server's half. */
export class PlaintextServerSuite implements ServerSuite {
  readonly version = Version.plaintext;
  readonly #tokens: AddressTokens;
  readonly #payload: Uint8Array;
  readonly #protection = new Crc32Protection();

  /** `secret` is that of the tokens, at least 16 bytes. */
  constructor(options: { secret: Uint8Array; tokenLifetimeUs: number; parameters: TransportParameters }) {
    this.#tokens = new AddressTokens(options.secret, options.tokenLifetimeUs);
    this.#payload = encodeParameters(options.parameters);
  }

  answer(nowUs: number, _hello: Uint8Array, binding: TokenBinding): { token: Uint8Array; payload: Uint8Array } {
    return { token: this.#tokens.issue(nowUs, binding), payload: this.#payload };
  }

  /** A ServerHello of this version is as cheap. */
  writeCookie(): undefined {}

  isCookie(): boolean {
    return false;
  }

  verify(nowUs: number, token: Uint8Array, binding: TokenBinding): ProvenAddress | undefined {
    if (!this.#tokens.verify(token, { ...binding, nowUs })) return undefined;
    const agreement = { protection: this.#protection, peer: NOBODY };
    return { tokenAgeUs: this.#tokens.ageUs(token, nowUs), agree: () => agreement };
  }

  /** A Data packet that closes the connection. */
  writeRefusal(writer: Writer, { clientId }: TokenBinding, reason: string): number {
    const headerEnd = writeDataHeader(writer, clientId, 0);
    writeConnectionClose(writer, { isApplication: false, code: TransportErrorCode.connectionRefused, reason });
    return this.#protection.seal(writer.buffer, headerEnd, writer.position, 0);
  }
}
