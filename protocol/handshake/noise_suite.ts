/**
 * Version 2: Noise_XX_25519_ChaChaPoly_SHA256 (the Noise Protocol Framework, revision 34) over the three messages of the
 * handshake, so that the client's data still go out after one round trip:
 *
 * ```
 *   Hello     -> e
 *   ServerHello     <- e, ee, s, es   with the reset token and the server's parameters
 *   ClientFinish   -> s, se          with the proof of a token, if the client has one; and behind it frames, under the keys that
 *                               both now have
 * ```
 *
 * The prologue is the version and the client's connection ID, so that neither can be exchanged on the way. A server keeps
 * nothing of a Hello: its half of the handshake travels in the token, sealed under a key that only it can derive, and only
 * for the same address and connection IDs.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { AddressTokens } from "./address_token.ts";
import { ChaChaProtection } from "../crypto/chacha_protection.ts";
import { Handshake } from "../crypto/noise.ts";
import { KEY_BYTES, KeyPair } from "../crypto/x25519.ts";
import { openState, sealState } from "./sealed_state.ts";
import { encodeCredentials, PeerIdentity } from "./peer_identity.ts";
import { refusalMac } from "./reset_tokens.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES, writeConnectionId } from "../wire/connection_id.ts";
import { MAX_REFUSAL_BYTES, RESET_TOKEN_BYTES, Version, writeCookie, writeRefusal } from "../wire/packet.ts";
import { decodeParameters, encodeParameters, type TransportParameters } from "../wire/parameters.ts";
import type {
  Agreement,
  ClientAddress,
  ClientSuite,
  ProvenAddress,
  ServerAnswer,
  ServerSuite,
  TokenBinding,
} from "./suite.ts";

const NOTHING = new Uint8Array(0);
const TOKEN_LAYOUT = 1;
/** So that what is made of the secret here is made of it nowhere else. */
const TOKEN_LABEL = "sluice handshake state";
const COOKIE_LABEL = "sluice cookie";
const STAMP_BYTES = 9;

/** Version and client's connection ID: both sides' transcripts begin with it. */
function prologueOf(clientId: Uint8Array): Uint8Array {
  const prologue = new Uint8Array(4 + CONNECTION_ID_BYTES);
  const writer = new Writer().reset(prologue);
  writer.u32(Version.encrypted);
  writer.bytes(clientId);
  return prologue;
}

/** The client's half. */
export class NoiseClientSuite implements ClientSuite {
  readonly version = Version.encrypted;
  readonly hello: Uint8Array;
  readonly #handshake: Handshake;
  readonly #token: Uint8Array | undefined;
  #isAnswered = false;

  /** `staticKey` and `ephemeralKey` are private keys; the latter is fresh for each connection. */
  constructor(
    options: { localId: number; staticKey: Uint8Array; ephemeralKey: Uint8Array; token?: Uint8Array | undefined },
  ) {
    this.#token = options.token;
    const clientId = new Uint8Array(CONNECTION_ID_BYTES);
    writeConnectionId(new Writer().reset(clientId), options.localId);
    const { staticKey, ephemeralKey } = options;
    const prologue = prologueOf(clientId);
    this.#handshake = new Handshake({ role: "initiator", prologue, staticKey: new KeyPair(staticKey), ephemeralKey });
    this.hello = this.#handshake.writeMessage(NOTHING)!;
  }

  onServerHello(payload: Uint8Array): ServerAnswer | undefined {
    // A server of this key may have answered already, but with nonsense.
    const plain = this.#isAnswered ? undefined : this.#handshake.readMessage(payload);
    if (plain === undefined) return undefined;
    this.#isAnswered = true;
    if (plain.length < RESET_TOKEN_BYTES) return undefined;
    const parameters = decodeParameters(plain.subarray(RESET_TOKEN_BYTES));
    if ("malformed" in parameters) return undefined;
    const credentials = encodeCredentials(this.#token, this.#handshake.handshakeHash);
    const handshake = this.#handshake.writeMessage(credentials)!;
    const peer = new PeerIdentity(this.#handshake.remoteStatic);
    const protection = new ChaChaProtection(this.#handshake.split());
    this.#handshake.wipe();
    return { parameters, protection, handshake, peer, resetToken: plain.slice(0, RESET_TOKEN_BYTES) };
  }
}

/** What a server's half is made with. */
export interface NoiseServerOptions {
  /** The server's identity: its private key, the same from start to start. */
  readonly staticKey: Uint8Array;
  /** Of the tokens: random, and new with every start. */
  readonly secret: Uint8Array;
  readonly tokenLifetimeUs: number;
  readonly parameters: TransportParameters;
  readonly randomBytes: (count: number) => Uint8Array;
  /** What a Reset of a connection ID carries. */
  readonly resetTokenOf: (connectionId: Uint8Array) => Uint8Array;
}

/** The server's half. */
export class NoiseServerSuite implements ServerSuite {
  readonly version = Version.encrypted;
  readonly #options: NoiseServerOptions;
  readonly #staticKey: KeyPair;
  readonly #parameters: Uint8Array;
  readonly #cookies: AddressTokens;

  constructor(options: NoiseServerOptions) {
    this.#options = options;
    this.#staticKey = new KeyPair(options.staticKey);
    this.#parameters = encodeParameters(options.parameters);
    const cookieSecret = createHmac("sha256", options.secret).update(COOKIE_LABEL, "utf8").digest();
    this.#cookies = new AddressTokens(new Uint8Array(cookieSecret), options.tokenLifetimeUs);
  }

  answer(
    nowUs: number,
    hello: Uint8Array,
    binding: TokenBinding,
  ): { token: Uint8Array; payload: Uint8Array } | undefined {
    const { randomBytes, resetTokenOf } = this.#options;
    const ephemeralKey = randomBytes(KEY_BYTES);
    const handshake = new Handshake({
      role: "responder",
      prologue: prologueOf(binding.clientId),
      staticKey: this.#staticKey,
      ephemeralKey,
    });
    if (handshake.readMessage(hello) === undefined) return undefined;
    const plain = new Uint8Array(RESET_TOKEN_BYTES + this.#parameters.length);
    plain.set(resetTokenOf(idBytes(binding.serverId)));
    plain.set(this.#parameters, RESET_TOKEN_BYTES);
    const payload = handshake.writeMessage(plain);
    if (payload === undefined) return undefined;
    const state = handshake.save();
    const token = this.#seal(nowUs, state, binding);
    handshake.wipe();
    state.fill(0);
    return { token, payload };
  }

  writeCookie(nowUs: number, writer: Writer, client: ClientAddress): number {
    return writeCookie(writer, client.clientId, this.#cookies.issue(nowUs, { ...client, serverId: 0 }));
  }

  isCookie(nowUs: number, cookie: Uint8Array, client: ClientAddress): boolean {
    return cookie.length > 0 && this.#cookies.verify(cookie, { ...client, serverId: 0, nowUs });
  }

  verify(nowUs: number, token: Uint8Array, binding: TokenBinding): ProvenAddress | undefined {
    if (token.length < STAMP_BYTES || token[0] !== TOKEN_LAYOUT) return undefined;
    const tokenAgeUs = nowUs - new Reader().reset(token, 1).varint();
    if (tokenAgeUs < 0 || tokenAgeUs > this.#options.tokenLifetimeUs) return undefined;
    const state = openState(this.#tokenKey(token.subarray(0, STAMP_BYTES), binding), token.subarray(STAMP_BYTES));
    return state && { tokenAgeUs, agree: (message) => this.#agree(state, message) };
  }

  /** A Refusal, which needs none of the connection's keys: they might yet seal something else under the same number. */
  writeRefusal(writer: Writer, { clientId, serverId }: TokenBinding, reason: string): number {
    const buffer = new Uint8Array(MAX_REFUSAL_BYTES);
    const text = buffer.subarray(0, new TextEncoder().encodeInto(reason, buffer).written);
    const mac = refusalMac(this.#options.resetTokenOf(idBytes(serverId)), text);
    return writeRefusal(writer, { destinationId: clientId, mac, text });
  }

  #agree(state: Uint8Array, message: Uint8Array): Agreement | undefined {
    const handshake = Handshake.restore(state, { staticKey: this.#staticKey });
    const { handshakeHash } = handshake;
    const credentials = handshake.readMessage(message);
    const agreement = credentials && {
      protection: new ChaChaProtection(handshake.split()),
      peer: new PeerIdentity(handshake.remoteStatic, { credentials, handshakeHash }),
    };
    if (agreement !== undefined) state.fill(0);
    handshake.wipe();
    return agreement;
  }

  #seal(nowUs: number, state: Uint8Array, binding: TokenBinding): Uint8Array {
    const stamp = new Uint8Array(STAMP_BYTES);
    const writer = new Writer().reset(stamp);
    writer.u8(TOKEN_LAYOUT);
    writer.varintAs(nowUs, STAMP_BYTES - 1);
    const sealed = sealState(this.#tokenKey(stamp, binding), state);
    const token = new Uint8Array(STAMP_BYTES + sealed.length);
    token.set(stamp);
    token.set(sealed, STAMP_BYTES);
    return token;
  }

  /** A key for one token: no other address, connection or moment has the same, and so none needs a nonce. */
  #tokenKey(stamp: Uint8Array, { address, clientId, serverId }: TokenBinding): Uint8Array {
    const hmac = createHmac("sha256", this.#options.secret);
    hmac.update(TOKEN_LABEL, "utf8").update(stamp).update(clientId).update(idBytes(serverId)).update(address, "utf8");
    return hmac.digest();
  }
}

function idBytes(id: number): Uint8Array {
  const bytes = new Uint8Array(CONNECTION_ID_BYTES);
  writeConnectionId(new Writer().reset(bytes), id);
  return bytes;
}
