/**
 * The connections of one UDP socket: finds the connection that a datagram is for, answers unvalidated addresses without
 * keeping state, and makes connections for clients that have completed the handshake.
 *
 * A datagram that is for no connection, damaged or out of place is a drop: counted, with its reason, never an exception.
 *
 * @module
 */

import { Admission, type AdmissionLimits } from "./admission.ts";
import { type ConnectionConfig, resolveConfig } from "../config.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectionObserver } from "../connection/observer.ts";
import type { ConnectionOptions } from "../connection/types.ts";
import { DropCounter, type DropCounts, type DropReason } from "../drops.ts";
import { CallerError, TransportErrorCode } from "../errors.ts";
import { EndedIds } from "./ended_ids.ts";
import { localParameters } from "../handshake/client_handshake.ts";
import { NoiseClient, NoiseServer, writeRefusalFor } from "../handshake/noise_handshake.ts";
import type { PeerIdentity } from "../handshake/peer_identity.ts";
import { ResetTokens } from "../handshake/reset_tokens.ts";
import { MAX_REMEMBERED_CLOSED, TOKEN_LIFETIME_US } from "../limits.ts";
import { SECRET_BYTES } from "../handshake/token_secrets.ts";
import type { PacketProtection } from "../crypto/packet_protection.ts";
import { KEY_BYTES } from "../crypto/x25519.ts";
import { INITIAL_RTT_US } from "../recovery/rtt_estimator.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import type { NetAddress } from "../../base/net_address.ts";
import { CONNECTION_ID_BYTES, readConnectionId } from "../wire/connection_id.ts";
import {
  MIN_HELLO_BYTES,
  PacketHeader,
  PacketType,
  RESET_TOKEN_BYTES,
  VERSION,
  writeReset,
  writeVersionNegotiation,
} from "../wire/packet.ts";

/** What an endpoint is made with. */
export interface EndpointOptions {
  /** Accepts connections; a client's endpoint does not. */
  readonly isServer: boolean;
  /** This side's private key, 32 bytes (X25519); the handshake proves to the peer that this side holds it. */
  readonly staticKey: Uint8Array;
  /** Clients only: a token that the handshake proves to the server that the client knows; any bytes. */
  readonly token?: Uint8Array;
  /** Servers only: why a client is refused, in a sentence for a person, or undefined. Default: every client is accepted. */
  readonly authorize?: (peer: PeerIdentity, remote: NetAddress) => string | undefined;
  /** For all connections. */
  readonly config?: Partial<ConnectionConfig>;
  /** What differs for a connection with this peer: a path that the caller knows more of, such as loopback. */
  readonly configFor?: (remote: NetAddress) => Partial<ConnectionConfig>;
  /** Unpredictable bytes, for connection IDs, keys, tokens and challenges. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Servers only: the limits of admission control. See `admission.ts` for the defaults. */
  readonly limits?: Partial<AdmissionLimits>;
  /** Ended connections that it remembers; servers only. Default {@link MAX_REMEMBERED_CLOSED}. */
  readonly maxRememberedClosed?: number;
}

/** What became of a datagram. The object is reused. */
export interface DatagramResult {
  kind: "connection" | "new-connection" | "answer" | "drop";
  /** The connection that took it (`connection`, `new-connection`). */
  connection: Connection | undefined;
  /** What to send back to where it came from (`answer`); valid until the next call. */
  answer: Uint8Array;
  /** Why it was dropped, by the endpoint or by the connection, or answered without being taken; undefined if it was not. */
  reason: DropReason | undefined;
}

/** Largest stateless answer: a ServerHello. */
const ANSWER_BYTES = 512;

/** A Reset: type, version, connection ID, token. What it answers is longer. */
const RESET_BYTES = 1 + 4 + CONNECTION_ID_BYTES + RESET_TOKEN_BYTES;

/** Finds, makes and ends connections. */
export class Endpoint {
  readonly config: ConnectionConfig;
  /** Looks into connections that are made from now on. */
  observer: ConnectionObserver | undefined;
  readonly #isServer: boolean;
  readonly #configFor: (remote: NetAddress) => Partial<ConnectionConfig>;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #admission: Admission;
  readonly #staticKey: Uint8Array;
  readonly #token: Uint8Array | undefined;
  readonly #authorize: NonNullable<EndpointOptions["authorize"]>;
  readonly #noise: NoiseServer;
  readonly #resetTokens: ResetTokens;
  readonly #connections = new Map<number, Connection>();
  readonly #ended: EndedIds;
  readonly #header = new PacketHeader();
  readonly #writer = new Writer();
  readonly #answer = new Uint8Array(ANSWER_BYTES);
  readonly #drops = new DropCounter();
  readonly #result: DatagramResult = { kind: "drop", connection: undefined, answer: this.#answer, reason: undefined };
  #isClosing = false;

  constructor(options: EndpointOptions) {
    this.config = resolveConfig(options.config);
    this.#isServer = options.isServer;
    this.#configFor = options.configFor ?? (() => ({}));
    this.#randomBytes = options.randomBytes;
    this.#staticKey = options.staticKey;
    this.#token = options.token;
    this.#authorize = options.authorize ?? (() => undefined);
    this.#ended = new EndedIds(options.maxRememberedClosed ?? MAX_REMEMBERED_CLOSED);
    const secret = options.randomBytes(SECRET_BYTES);
    // Of the secret's 32 bytes four choose buckets as well: those alone could ever be learnt.
    const hashSeed = new Reader().reset(secret).u32();
    this.#admission = new Admission({ hashSeed, ...(options.limits === undefined ? {} : { limits: options.limits }) });
    this.#resetTokens = new ResetTokens(options.staticKey);
    this.#noise = new NoiseServer({
      staticKey: options.staticKey,
      secret,
      tokenLifetimeUs: TOKEN_LIFETIME_US,
      parameters: localParameters(this.config),
      randomBytes: options.randomBytes,
      resetTokenOf: (id) => this.#resetTokens.of(id),
    });
  }

  /** Connections under way. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Connections that have ended and are remembered, so that a replay begins none anew; servers only. */
  get rememberedCount(): number {
    return this.#ended.size;
  }

  /** Sources whose rate of handshakes is remembered; servers only. */
  get rememberedSources(): number {
    return this.#admission.rememberedSources;
  }

  /** Datagrams dropped so far, by reason. */
  get drops(): DropCounts {
    return this.#drops.counts;
  }

  /** From now on new connections are refused. */
  refuseNew(): void {
    this.#isClosing = true;
  }

  /** Starts a connection to a server, which must have the public key `serverKey` if one is given. Clients only. */
  connect(nowUs: number, remote: NetAddress, serverKey?: Uint8Array): Connection {
    if (this.#isServer) throw new CallerError("a server's endpoint does not connect");
    const localId = this.#freshId(nowUs);
    const ephemeralKey = this.#randomBytes(KEY_BYTES);
    const noise = new NoiseClient({ localId, staticKey: this.#staticKey, ephemeralKey, token: this.#token });
    return this.#create(nowUs, { localId, remote, client: { noise, expectedKey: serverKey } });
  }

  /**
   * Takes a datagram that came from `remote`. `datagram` is used during the call alone and may be changed by it. The
   * result is reused by the next call.
   */
  handleDatagram(nowUs: number, datagram: Uint8Array, remote: NetAddress): DatagramResult {
    const header = this.#header;
    if (!header.decode(datagram)) return this.#drop("malformed");
    const connection = header.type === PacketType.reset
      ? this.#connectionTo(datagram)
      : this.#connections.get(header.destinationId);
    if (connection === undefined) return this.#handleUnconnected(nowUs, datagram, remote);
    return this.#conclude("connection", connection.handlePacket(nowUs, datagram, { header, remote }), connection);
  }

  /** Forgets a connection that is closed. */
  forget(nowUs: number, connection: Connection): void {
    if (!this.#connections.delete(connection.localId) || !this.#isServer) return;
    this.#admission.release(connection.localId);
    this.#ended.add(nowUs, connection.localId);
  }

  /** A datagram that is for no connection of this endpoint. */
  #handleUnconnected(nowUs: number, datagram: Uint8Array, remote: NetAddress): DatagramResult {
    const { type } = this.#header;
    if (this.#isServer) {
      switch (type) {
        case PacketType.hello:
          return this.#answerHello(nowUs, datagram, remote);
        case PacketType.clientFinish:
          return this.#handleClientFinish(nowUs, datagram, remote);
        case PacketType.unknownVersion:
          return this.#answerUnknownVersion(nowUs, datagram);
        case PacketType.data:
          return this.#answerUnknownConnection(nowUs, datagram);
      }
    }
    return this.#drop(type === PacketType.unknownVersion ? "unknown version" : "unknown connection");
  }

  /** The connection whose packets go to the ID that a Reset names: a client's few are looked through. */
  #connectionTo(datagram: Uint8Array): Connection | undefined {
    if (this.#isServer) return undefined;
    const at = this.#header.destinationIdStart;
    const peerId = datagram.subarray(at, at + CONNECTION_ID_BYTES);
    for (const connection of this.#connections.values()) {
      if (connection.sendsTo(peerId)) return connection;
    }
    return undefined;
  }

  /** Keeps nothing: all that the answer promises is in its token (RFC 9000, section 8.1.2). */
  #answerHello(nowUs: number, datagram: Uint8Array, remote: NetAddress): DatagramResult {
    const { handshakeEnd, handshakeStart, tokenEnd, tokenStart } = this.#header;
    const client = { address: remote.text, clientId: this.#sourceId(datagram) };
    const isValidated = this.#noise.isCookie(nowUs, datagram.subarray(tokenStart, tokenEnd), client);
    const verdict = this.#admission.judge(nowUs, remote, { isValidated });
    if (verdict === "drop") return this.#drop("too many handshakes");
    const writer = this.#writer.reset(this.#answer);
    if (verdict === "validate") return this.#send(this.#noise.writeCookie(nowUs, writer, client));
    const hello = datagram.subarray(handshakeStart, handshakeEnd);
    const binding = { ...client, serverId: this.#freshId(nowUs) };
    const length = this.#noise.writeServerHello(nowUs, writer, hello, binding);
    return length === undefined ? this.#drop("damaged") : this.#send(length);
  }

  #handleClientFinish(nowUs: number, datagram: Uint8Array, remote: NetAddress): DatagramResult {
    const header = this.#header;
    const serverId = header.destinationId;
    const clientId = this.#sourceId(datagram);
    const token = datagram.subarray(header.tokenStart, header.tokenEnd);
    const proven = serverId < 0
      ? undefined
      : this.#noise.verify(nowUs, token, { address: remote.text, clientId, serverId });
    // Not answered with a Reset: the packet may be damaged, and the Reset would end an honest connection.
    if (proven === undefined) return this.#drop("bad token");
    if (this.#ended.has(nowUs, serverId)) return this.#drop("repeated");
    // Silence, as if the packet had been lost: the client repeats it, and is accepted later.
    if (this.#ended.isFull(nowUs) || !this.#admission.mayEnd(nowUs, remote)) return this.#drop("too many handshakes");
    const agreement = proven.agree(datagram.subarray(header.handshakeStart, header.handshakeEnd));
    if (agreement === undefined || !isSealed(agreement.protection, datagram, header)) return this.#drop("damaged");
    const refused = this.#admit(serverId, agreement.peer, remote);
    if (refused !== undefined) {
      agreement.protection.wipe();
      const refusal = { clientId, ...refused, refusalKey: agreement.refusalKey };
      return this.#send(writeRefusalFor(this.#writer.reset(this.#answer), refusal));
    }
    // Where the token comes late, because a packet was lost, it says less than the usual assumption.
    const { tokenAgeUs } = proven;
    const handshakeRttUs = tokenAgeUs < INITIAL_RTT_US ? tokenAgeUs : undefined;
    const server = { clientId, agreement, handshakeRttUs };
    const connection = this.#create(nowUs, { localId: serverId, remote, server });
    return this.#conclude("new-connection", connection.handlePacket(nowUs, datagram, { header, remote }), connection);
  }

  /** Takes a slot for a client that has completed the handshake; returns why there is none for it, or undefined. */
  #admit(
    serverId: number,
    peer: PeerIdentity,
    remote: NetAddress,
  ): { readonly code: TransportErrorCode; readonly reason: string } | undefined {
    const { connectionRefused, unavailable } = TransportErrorCode;
    if (this.#isClosing) return { code: unavailable, reason: "the server is shutting down" };
    const noSlot = this.#admission.admit(serverId, remote);
    if (noSlot !== undefined) return { code: unavailable, reason: noSlot };
    const denied = this.#authorize(peer, remote);
    if (denied === undefined) return undefined;
    this.#admission.release(serverId);
    return { code: connectionRefused, reason: denied };
  }

  /** RFC 9000, section 6.1. Only to datagrams of a Hello's size, so that no answer is larger than what it answers. */
  #answerUnknownVersion(nowUs: number, datagram: Uint8Array): DatagramResult {
    const isAnswered = datagram.length >= MIN_HELLO_BYTES && this.#admission.mayAnswerUnknown(nowUs);
    if (!isAnswered) return this.#drop("unknown version");
    const { destinationIdStart: at } = this.#header;
    const destinationId = this.#sourceId(datagram);
    const sourceId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const negotiation = { destinationId, sourceId, versions: [VERSION] };
    return this.#send(writeVersionNegotiation(this.#writer.reset(this.#answer), negotiation), "unknown version");
  }

  /**
   * A Reset is never answered, and is shorter than what it answers, so that two endpoints cannot keep each other busy
   * (RFC 9000, section 10.3.3).
   */
  #answerUnknownConnection(nowUs: number, datagram: Uint8Array): DatagramResult {
    const reason = "unknown connection";
    if (datagram.length <= RESET_BYTES || !this.#admission.mayAnswerUnknown(nowUs)) return this.#drop(reason);
    const { destinationIdStart: at } = this.#header;
    const destinationId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const resetToken = this.#resetTokens.of(destinationId);
    return this.#send(writeReset(this.#writer.reset(this.#answer), destinationId, resetToken), reason);
  }

  #create(
    nowUs: number,
    peer: Pick<ConnectionOptions, "localId" | "remote" | "client" | "server">,
  ): Connection {
    const connection = new Connection({
      ...peer,
      isClient: !this.#isServer,
      config: resolveConfig({ ...this.config, ...this.#configFor(peer.remote) }),
      nowUs,
      randomBytes: this.#randomBytes,
      seed: new Reader().reset(this.#randomBytes(4)).u32(),
      observer: this.observer,
    });
    this.#connections.set(connection.localId, connection);
    return connection;
  }

  /** A connection ID of our own: 53 random bits, never 0, not in use. */
  #freshId(nowUs: number): number {
    for (;;) {
      const bytes = this.#randomBytes(CONNECTION_ID_BYTES);
      bytes[0] = 0;
      bytes[1]! &= 0x1f;
      const id = readConnectionId(new Reader().reset(bytes));
      if (id !== 0 && !this.#connections.has(id) && !this.#ended.has(nowUs, id)) return id;
    }
  }

  #sourceId(datagram: Uint8Array): Uint8Array {
    const at = this.#header.sourceIdStart;
    return datagram.slice(at, at + CONNECTION_ID_BYTES);
  }

  /** `reason`: why the datagram that is answered was not taken. */
  #send(length: number, reason?: DropReason): DatagramResult {
    this.#result.answer = this.#answer.subarray(0, length);
    return this.#conclude("answer", reason);
  }

  #drop(reason: DropReason): DatagramResult {
    return this.#conclude("drop", reason);
  }

  #conclude(kind: DatagramResult["kind"], reason: DropReason | undefined, connection?: Connection): DatagramResult {
    if (reason !== undefined) this.#drops.add(reason);
    this.#result.kind = kind;
    this.#result.connection = connection;
    this.#result.reason = reason;
    return this.#result;
  }
}

/** Whether the packet is authentic, before a connection begins with it. A copy is opened: the connection opens the packet. */
function isSealed(protection: PacketProtection, datagram: Uint8Array, header: PacketHeader): boolean {
  return protection.open(datagram.slice(), header.headerEnd, header.packetNumber) >= 0;
}
