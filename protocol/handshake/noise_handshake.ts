/**
 * The handshake: Noise_XX_25519_ChaChaPoly_SHA256 (the Noise Protocol Framework, revision 34). The client's data follow after
 * one round trip:
 *
 * ```
 *   Hello        -> e
 *   ServerHello  <- e, ee, s, es  with the reset token and the server's parameters
 *   ClientFinish -> s, se         with the proof of a token, if the client has one; frames follow, under the keys that both
 *                                 sides now have
 * ```
 *
 * The prologue is the version and the client's connection ID, so that neither can be changed on the way. The server keeps
 * no state between Hello and ClientFinish: its half of the handshake travels in the token, sealed under a key that only it
 * can derive, and only for the same address and connection IDs.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { AddressTokens } from "./address_token.ts";
import { PacketProtection } from "../crypto/packet_protection.ts";
import { Handshake } from "../crypto/noise.ts";
import { KEY_BYTES, KeyPair } from "../crypto/x25519.ts";
import { TokenSecrets } from "./token_secrets.ts";
import { openState, sealState } from "./sealed_state.ts";
import { encodeCredentials, PeerIdentity } from "./peer_identity.ts";
import { isServerHelloAuthentic, refusalKeyOf, sealRefusal, sealServerHello } from "./packet_macs.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES, writeConnectionId } from "../wire/connection_id.ts";
import {
  MAC_BYTES,
  MAX_REFUSAL_BYTES,
  type PacketHeader,
  RESET_TOKEN_BYTES,
  VERSION,
  writeCookie,
  writeRefusal,
  writeServerHello,
} from "../wire/packet.ts";
import {
  decodeParameters,
  encodeParameters,
  type MalformedParameters,
  type TransportParameters,
} from "../wire/parameters.ts";

const NOTHING = new Uint8Array(0);
const TOKEN_LAYOUT = 1;
/** The key's use, so that no other use of the same secret yields the same key. */
const TOKEN_LABEL = "sluice handshake state";
const COOKIE_LABEL = "sluice cookie";
const STAMP_BYTES = 9;

/** A client that has sent a Hello. */
export interface ClientAddress {
  /** The client's address as "host:port". */
  readonly address: string;
  /** The client's connection ID, 8 bytes. */
  readonly clientId: Uint8Array;
}

/** What a token is bound to. */
export interface TokenBinding extends ClientAddress {
  /** The connection ID that the server chose for its own side. */
  readonly serverId: number;
}

/** What a completed handshake yields. */
export interface Agreement {
  readonly protection: PacketProtection;
  readonly peer: PeerIdentity;
  /** Authenticates a Refusal of this handshake. */
  readonly refusalKey: Uint8Array;
}

/** What a client takes from an authentic ServerHello. */
export interface ServerAnswer extends Agreement {
  readonly parameters: TransportParameters | MalformedParameters;
  /** The handshake message that every ClientFinish packet carries beside the token. */
  readonly handshake: Uint8Array;
  /** Authenticates a Reset. */
  readonly resetToken: Uint8Array;
}

/** A client that has shown a valid token. */
export interface ProvenAddress {
  /** The token's age, microseconds. */
  readonly tokenAgeUs: number;
  /** Takes the handshake message of a ClientFinish packet; undefined where it is forged. */
  agree(handshake: Uint8Array): Agreement | undefined;
}

/** Version and client's connection ID: both sides' transcripts begin with it. */
function prologueOf(clientId: Uint8Array): Uint8Array {
  const prologue = new Uint8Array(4 + CONNECTION_ID_BYTES);
  const writer = new Writer().reset(prologue);
  writer.u32(VERSION);
  writer.bytes(clientId);
  return prologue;
}

/** The client's half, for one connection. */
export class NoiseClient {
  /** The handshake message that a Hello carries. */
  readonly hello: Uint8Array;
  readonly #handshake: Handshake;
  readonly #token: Uint8Array | undefined;

  /** `staticKey` and `ephemeralKey` are private keys; the latter is fresh for each connection. */
  constructor(
    options: { localId: number; staticKey: Uint8Array; ephemeralKey: Uint8Array; token?: Uint8Array | undefined },
  ) {
    this.#token = options.token;
    const { staticKey, ephemeralKey } = options;
    const prologue = prologueOf(idBytes(options.localId));
    this.#handshake = new Handshake({ role: "initiator", prologue, staticKey: new KeyPair(staticKey), ephemeralKey });
    this.hello = this.#handshake.writeMessage(NOTHING)!;
  }

  /**
   * Takes a ServerHello whose header was decoded; undefined, and nothing changed, where it is not authentic. The first
   * authentic one ends the handshake on this side.
   */
  onServerHello(datagram: Uint8Array, header: PacketHeader): ServerAnswer | undefined {
    const handshake = this.#handshake;
    const message = datagram.subarray(header.handshakeStart, header.handshakeEnd);
    const body = handshake.readMessage(message, (chainingKey) => isServerHelloAuthentic(datagram, chainingKey));
    if (body === undefined) return undefined;
    const credentials = encodeCredentials(this.#token, handshake.handshakeHash);
    const finish = handshake.writeMessage(credentials)!;
    const peer = new PeerIdentity(handshake.remoteStatic!);
    const keys = handshake.split();
    const refusalKey = refusalKeyOf(keys.receive);
    handshake.wipe();
    const parameters = body.length < RESET_TOKEN_BYTES
      ? { malformed: "reset token cut short" }
      : decodeParameters(body.subarray(RESET_TOKEN_BYTES));
    const resetToken = body.slice(0, RESET_TOKEN_BYTES);
    return { parameters, protection: new PacketProtection(keys), handshake: finish, peer, resetToken, refusalKey };
  }
}

/** What a server's half is made with. */
export interface NoiseServerOptions {
  /** The server's identity: its private key, the same from start to start. */
  readonly staticKey: Uint8Array;
  /** Of tokens and cookies: random, and new with every start. */
  readonly secret: Uint8Array;
  readonly tokenLifetimeUs: number;
  readonly parameters: TransportParameters;
  readonly randomBytes: (count: number) => Uint8Array;
  /** What a Reset of a connection ID carries. */
  readonly resetTokenOf: (connectionId: Uint8Array) => Uint8Array;
}

/** The server's half, for all connections: it keeps nothing of any. */
export class NoiseServer {
  readonly #options: NoiseServerOptions;
  readonly #staticKey: KeyPair;
  readonly #parameters: Uint8Array;
  readonly #secrets: TokenSecrets;
  readonly #cookies: AddressTokens;

  constructor(options: NoiseServerOptions) {
    this.#options = options;
    this.#secrets = new TokenSecrets(options);
    this.#staticKey = new KeyPair(options.staticKey);
    this.#parameters = encodeParameters(options.parameters);
    const cookieSecret = createHmac("sha256", options.secret).update(COOKIE_LABEL, "utf8").digest();
    this.#cookies = new AddressTokens(new Uint8Array(cookieSecret), options.tokenLifetimeUs);
  }

  /**
   * Writes the ServerHello that answers a Hello with this handshake message, at the start of the writer's buffer; returns
   * its length, or undefined where the message is not valid.
   */
  writeServerHello(nowUs: number, writer: Writer, hello: Uint8Array, binding: TokenBinding): number | undefined {
    const { randomBytes, resetTokenOf } = this.#options;
    const ephemeralKey = randomBytes(KEY_BYTES);
    const prologue = prologueOf(binding.clientId);
    const handshake = new Handshake({ role: "responder", prologue, staticKey: this.#staticKey, ephemeralKey });
    if (handshake.readMessage(hello) === undefined) return undefined;
    const body = new Uint8Array(RESET_TOKEN_BYTES + this.#parameters.length);
    body.set(resetTokenOf(idBytes(binding.serverId)));
    body.set(this.#parameters, RESET_TOKEN_BYTES);
    const message = handshake.writeMessage(body);
    if (message === undefined) return undefined;
    const state = handshake.save();
    const token = this.#seal(nowUs, state, binding);
    const { chainingKey } = handshake;
    const ids = { destinationId: binding.clientId, sourceId: binding.serverId };
    const length = writeServerHello(writer, { ...ids, token, handshake: message });
    const sealedLength = sealServerHello(writer.buffer, length, chainingKey);
    handshake.wipe();
    for (const secret of [state, chainingKey]) secret.fill(0);
    return sealedLength;
  }

  /** Writes a Cookie for a client; returns its length. */
  writeCookie(nowUs: number, writer: Writer, client: ClientAddress): number {
    return writeCookie(writer, client.clientId, this.#cookies.issue(nowUs, { ...client, serverId: 0 }));
  }

  /** Whether a Hello's cookie was made for this client, and not long ago. */
  isCookie(nowUs: number, cookie: Uint8Array, client: ClientAddress): boolean {
    return cookie.length > 0 && this.#cookies.verify(cookie, { ...client, serverId: 0, nowUs });
  }

  /** Undefined where the token is not one of ours, not for this client, or too old. */
  verify(nowUs: number, token: Uint8Array, binding: TokenBinding): ProvenAddress | undefined {
    if (token.length < STAMP_BYTES || token[0] !== TOKEN_LAYOUT) return undefined;
    const issuedUs = new Reader().reset(token, 1).varint();
    const tokenAgeUs = nowUs - issuedUs;
    if (tokenAgeUs < 0 || tokenAgeUs > this.#options.tokenLifetimeUs) return undefined;
    const secret = this.#secrets.forToken(nowUs, issuedUs);
    if (secret === undefined) return undefined;
    const key = tokenKey(secret, token.subarray(0, STAMP_BYTES), binding);
    const state = openState(key, token.subarray(STAMP_BYTES));
    return state && { tokenAgeUs, agree: (message) => this.#agree(state, message) };
  }

  #agree(state: Uint8Array, message: Uint8Array): Agreement | undefined {
    const handshake = Handshake.restore(state, { staticKey: this.#staticKey });
    const { handshakeHash } = handshake;
    const credentials = handshake.readMessage(message);
    if (credentials === undefined) {
      handshake.wipe();
      return undefined;
    }
    const keys = handshake.split();
    const refusalKey = refusalKeyOf(keys.send);
    const peer = new PeerIdentity(handshake.remoteStatic!, { credentials, handshakeHash });
    state.fill(0);
    handshake.wipe();
    return { protection: new PacketProtection(keys), peer, refusalKey };
  }

  #seal(nowUs: number, state: Uint8Array, binding: TokenBinding): Uint8Array {
    const stamp = new Uint8Array(STAMP_BYTES);
    const writer = new Writer().reset(stamp);
    writer.u8(TOKEN_LAYOUT);
    writer.varintAs(nowUs, STAMP_BYTES - 1);
    const sealed = sealState(tokenKey(this.#secrets.forIssue(nowUs), stamp, binding), state);
    const token = new Uint8Array(STAMP_BYTES + sealed.length);
    token.set(stamp);
    token.set(sealed, STAMP_BYTES);
    return token;
  }
}

/** A key for one token: no other address, connection or moment has the same, so that none needs a nonce. */
function tokenKey(
  secret: Uint8Array,
  stamp: Uint8Array,
  { address, clientId, serverId }: TokenBinding,
): Uint8Array {
  const hmac = createHmac("sha256", secret);
  hmac.update(TOKEN_LABEL, "utf8").update(stamp).update(clientId).update(idBytes(serverId)).update(address, "utf8");
  return hmac.digest();
}

/** Writes the Refusal that answers a client's ClientFinish, authenticated by their handshake; returns its length. */
export function writeRefusalFor(
  writer: Writer,
  { clientId, code, reason, refusalKey }: {
    clientId: Uint8Array;
    code: number;
    reason: string;
    refusalKey: Uint8Array;
  },
): number {
  const buffer = new Uint8Array(MAX_REFUSAL_BYTES);
  const text = buffer.subarray(0, new TextEncoder().encodeInto(reason, buffer).written);
  const start = writer.position;
  const length = writeRefusal(writer, { destinationId: clientId, mac: new Uint8Array(MAC_BYTES), code, reason: text });
  sealRefusal(writer.buffer.subarray(start, writer.position), length - MAC_BYTES - 1 - text.length, refusalKey);
  return length;
}

function idBytes(id: number): Uint8Array {
  const bytes = new Uint8Array(CONNECTION_ID_BYTES);
  writeConnectionId(new Writer().reset(bytes), id);
  return bytes;
}
