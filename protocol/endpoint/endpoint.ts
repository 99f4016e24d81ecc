/**
 * One UDP socket's worth of connections: finds the connection that a datagram is for, answers strangers without
 * remembering them, and makes connections for those who have proven their address.
 *
 * A datagram that is for nobody, damaged or out of place is a drop: counted, with its reason, never an exception.
 *
 * @module
 */

import { Admission, type AdmissionLimits } from "./admission.ts";
import { type ConnectionConfig, resolveConfig } from "../config.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectionOptions } from "../connection/types.ts";
import { DropCounter, type DropCounts, type DropReason } from "../drops.ts";
import { CallerError } from "../errors.ts";
import { localParameters } from "../handshake/client_handshake.ts";
import { NoiseClientSuite, NoiseServerSuite } from "../handshake/noise_suite.ts";
import { PlaintextClientSuite, PlaintextServerSuite } from "../handshake/plaintext_suite.ts";
import type { PeerIdentity } from "../handshake/peer_identity.ts";
import type { ServerSuite } from "../handshake/suite.ts";
import { ResetTokens } from "../handshake/reset_tokens.ts";
import { MAX_REMEMBERED_CLOSED, TOKEN_LIFETIME_US } from "../limits.ts";
import { checkCrc32 } from "../crypto/checksum.ts";
import { KEY_BYTES } from "../crypto/x25519.ts";
import { INITIAL_RTT_US } from "../recovery/rtt_estimator.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES, readConnectionId } from "../wire/connection_id.ts";
import {
  MIN_HELLO_BYTES,
  PacketHeader,
  PacketType,
  Version,
  writeReset,
  writeServerHello,
  writeTokenReset,
  writeVersionNegotiation,
} from "../wire/packet.ts";

/** What an endpoint is made with. */
export interface EndpointOptions {
  /** Takes connections; a client's endpoint does not. */
  readonly isServer: boolean;
  /**
   * The private key that this side proves to hold, 32 bytes (X25519). With one, connections are encrypted; a server
   * without one takes none that are, and a client without one asks for none.
   */
  readonly staticKey?: Uint8Array;
  /** A server with a key takes connections in the clear too. Without a key there are no others. */
  readonly allowsPlaintext?: boolean;
  /** Clients with a key only: what they prove to the server that they know; any bytes. */
  readonly token?: Uint8Array;
  /** Servers only: why a client is not taken, in a sentence for a person; undefined for who is. Default: everybody is. */
  readonly authorize?: (peer: PeerIdentity, remote: string) => string | undefined;
  /** For all of its connections. */
  readonly config?: Partial<ConnectionConfig>;
  /** What differs for a connection with this peer: a path that the caller knows more of, such as loopback. */
  readonly configFor?: (remote: string) => Partial<ConnectionConfig>;
  /** Unpredictable bytes, for connection IDs, tokens and challenges. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** How many connections it keeps, and what it does for strangers; servers only. See `admission.ts` for the defaults. */
  readonly limits?: Partial<AdmissionLimits>;
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

/** Bytes of the secret under which tokens are issued; a new one with every start. */
const SECRET_BYTES = 32;

/** Largest stateless answer: a ServerHello. */
const ANSWER_BYTES = 512;

/** The least datagram that is answered by a Reset of version 2, which is one byte shorter. */
const MIN_RESETTABLE_BYTES = 30;

/** Who sends a packet of the handshake, and what is made of it. */
interface Stranger {
  readonly remote: string;
  readonly suite: ServerSuite;
}

/** Finds, makes and ends connections. */
export class Endpoint {
  readonly config: ConnectionConfig;
  readonly #isServer: boolean;
  readonly #configFor: (remote: string) => Partial<ConnectionConfig>;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #admission: Admission;
  readonly #staticKey: Uint8Array | undefined;
  readonly #token: Uint8Array | undefined;
  readonly #authorize: NonNullable<EndpointOptions["authorize"]>;
  /** What a server speaks, newest first; none for a client. */
  readonly #suites: readonly ServerSuite[];
  readonly #resetTokens: ResetTokens;
  readonly #connections = new Map<number, Connection>();
  /** Server IDs of ended connections, with when they may be forgotten; oldest first. */
  readonly #ended = new Map<number, number>();
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
    const secret = options.randomBytes(SECRET_BYTES);
    // Of the secret's 32 bytes four choose buckets as well: those alone could ever be learnt.
    const hashSeed = new Reader().reset(secret).u32();
    this.#admission = new Admission({ hashSeed, ...(options.limits === undefined ? {} : { limits: options.limits }) });
    this.#resetTokens = new ResetTokens(options.staticKey ?? secret);
    this.#suites = options.isServer ? this.#makeSuites(options, secret) : [];
  }

  #makeSuites(options: EndpointOptions, secret: Uint8Array): ServerSuite[] {
    const { allowsPlaintext = false, randomBytes, staticKey } = options;
    const common = { secret, tokenLifetimeUs: TOKEN_LIFETIME_US, parameters: localParameters(this.config) };
    const resetTokenOf = (id: Uint8Array): Uint8Array => this.#resetTokens.of(id);
    const suites: ServerSuite[] = [];
    if (staticKey !== undefined) suites.push(new NoiseServerSuite({ ...common, staticKey, randomBytes, resetTokenOf }));
    if (staticKey === undefined || allowsPlaintext) suites.push(new PlaintextServerSuite(common));
    return suites;
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
  connect(nowUs: number, remote: string, serverKey?: Uint8Array): Connection {
    if (this.#isServer) throw new CallerError("a server's endpoint does not connect");
    const localId = this.#freshId();
    const staticKey = this.#staticKey;
    const suite = staticKey === undefined
      ? new PlaintextClientSuite()
      : new NoiseClientSuite({ localId, staticKey, ephemeralKey: this.#randomBytes(KEY_BYTES), token: this.#token });
    return this.#create(nowUs, { localId, remote, client: { suite, expectedKey: serverKey } });
  }

  /**
   * Takes a datagram that came from `remote`. `datagram` is used during the call alone and may be changed by it. The
   * result is reused by the next call.
   */
  handleDatagram(nowUs: number, datagram: Uint8Array, remote: string): DatagramResult {
    const header = this.#header;
    if (!header.decode(datagram)) return this.#drop("malformed");
    const connection = header.type === PacketType.reset
      ? this.#connectionTo(datagram)
      : this.#connections.get(header.destinationId);
    if (connection === undefined) return this.#handleStranger(nowUs, datagram, remote);
    return this.#conclude("connection", connection.handlePacket(nowUs, datagram, { header, remote }), connection);
  }

  /** Forgets a connection that is closed. */
  forget(nowUs: number, connection: Connection): void {
    if (!this.#connections.delete(connection.localId) || !this.#isServer) return;
    this.#admission.release(connection.localId);
    this.#ended.set(connection.localId, nowUs + TOKEN_LIFETIME_US);
    for (const [id, untilUs] of this.#ended) {
      if (untilUs > nowUs && this.#ended.size <= MAX_REMEMBERED_CLOSED) break;
      this.#ended.delete(id);
    }
  }

  #handleStranger(nowUs: number, datagram: Uint8Array, remote: string): DatagramResult {
    const suite = this.#suites.find(({ version }) => version === this.#header.version);
    switch (this.#header.type) {
      case PacketType.hello:
        if (suite === undefined) return this.#answerUnknownVersion(nowUs, datagram);
        return this.#answerHello(nowUs, datagram, { remote, suite });
      case PacketType.clientFinish:
        if (suite === undefined) return this.#answerUnknownVersion(nowUs, datagram);
        return this.#handleClientFinish(nowUs, datagram, { remote, suite });
      case PacketType.unknownVersion:
        return this.#answerUnknownVersion(nowUs, datagram);
      case PacketType.data:
        return this.#answerUnknownConnection(nowUs, datagram, "unknown connection");
      default:
        return this.#drop("unknown connection");
    }
  }

  /** The connection whose packets go to the ID that a Reset names: a client's few are looked through. */
  #connectionTo(datagram: Uint8Array): Connection | undefined {
    const { version } = this.#header;
    // That of version 2 has a token instead.
    if (this.#isServer || (version === Version.plaintext && !checkCrc32(datagram))) return undefined;
    const at = this.#header.destinationIdStart;
    const peerId = datagram.subarray(at, at + CONNECTION_ID_BYTES);
    for (const connection of this.#connections.values()) {
      if (connection.sendsTo(peerId)) return connection;
    }
    return undefined;
  }

  /** Keeps nothing: all that the answer promises is in its token (RFC 9000, section 8.1.2). */
  #answerHello(nowUs: number, datagram: Uint8Array, { remote, suite }: Stranger): DatagramResult {
    const { handshakeEnd, handshakeStart, tokenEnd, tokenStart } = this.#header;
    const clientId = this.#sourceId(datagram);
    const client = { address: remote, clientId };
    const isProven = suite.isCookie(nowUs, datagram.subarray(tokenStart, tokenEnd), client);
    const verdict = this.#admission.judge(nowUs, remote, { isProven });
    if (verdict === "drop") return this.#drop("too many handshakes");
    if (!checkCrc32(datagram)) return this.#drop("damaged");
    const writer = this.#writer.reset(this.#answer);
    const cookieLength = verdict === "prove first" ? suite.writeCookie(nowUs, writer, client) : undefined;
    if (cookieLength !== undefined) return this.#send(cookieLength);
    const serverId = this.#freshId();
    const binding = { ...client, serverId };
    const answer = suite.answer(nowUs, datagram.subarray(handshakeStart, handshakeEnd), binding);
    if (answer === undefined) return this.#drop("damaged");
    const serverHello = { version: suite.version, destinationId: clientId, sourceId: serverId, ...answer };
    return this.#send(writeServerHello(writer, serverHello));
  }

  #handleClientFinish(nowUs: number, datagram: Uint8Array, { remote, suite }: Stranger): DatagramResult {
    const header = this.#header;
    const serverId = header.destinationId;
    // Those of version 2 are authenticated by what is in them.
    if (suite.version === Version.plaintext && !checkCrc32(datagram)) return this.#drop("damaged");
    const clientId = this.#sourceId(datagram);
    const binding = { address: remote, clientId, serverId };
    const token = datagram.subarray(header.tokenStart, header.tokenEnd);
    const proven = serverId < 0 ? undefined : suite.verify(nowUs, token, binding);
    if (proven === undefined) return this.#handleBadToken(nowUs, datagram, suite);
    if ((this.#ended.get(serverId) ?? 0) > nowUs) return this.#drop("repeated");
    // Silence, as if the packet had been lost: who asks too often asks again, and finds his turn.
    if (!this.#admission.mayEnd(nowUs, remote)) return this.#drop("too many handshakes");
    const refuse = (reason: string) =>
      this.#send(suite.writeRefusal(this.#writer.reset(this.#answer), binding, reason));
    const refusal = this.#isClosing ? "the server is shutting down" : this.#admission.admit(serverId, remote);
    if (refusal !== undefined) return refuse(refusal);
    const agreement = proven.agree(datagram.subarray(header.handshakeStart, header.handshakeEnd));
    const missingPermission = agreement && this.#authorize(agreement.peer, remote);
    if (agreement === undefined || missingPermission !== undefined) {
      this.#admission.release(serverId);
      return missingPermission === undefined ? this.#drop("damaged") : refuse(missingPermission);
    }
    // Where the token comes late, because a packet was lost, it says less than the usual assumption.
    const { tokenAgeUs } = proven;
    const handshakeRttUs = tokenAgeUs < INITIAL_RTT_US ? tokenAgeUs : undefined;
    const server = { clientId, agreement, handshakeRttUs };
    const connection = this.#create(nowUs, { localId: serverId, remote, server });
    return this.#conclude("new-connection", connection.handlePacket(nowUs, datagram, { header, remote }), connection);
  }

  /**
   * A client whose token expired, or who means the server before its restart, need not wait, if only damage can be told
   * from that: a ClientFinish of version 2 may have come as it is by accident, and its Reset would end an honest connection.
   */
  #handleBadToken(nowUs: number, datagram: Uint8Array, { version }: ServerSuite): DatagramResult {
    const reason = "bad token";
    return version === Version.plaintext ? this.#answerUnknownConnection(nowUs, datagram, reason) : this.#drop(reason);
  }

  /** RFC 9000, section 6.1. Only to datagrams of a Hello's size, so that nobody gets more than what he sent. */
  #answerUnknownVersion(nowUs: number, datagram: Uint8Array): DatagramResult {
    const isAnswered = this.#isServer && datagram.length >= MIN_HELLO_BYTES && this.#admission.mayAnswerUnknown(nowUs);
    if (!isAnswered) return this.#drop("unknown version");
    const { destinationIdStart: at } = this.#header;
    const destinationId = this.#sourceId(datagram);
    const sourceId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const versions = this.#suites.map(({ version }) => version);
    const length = writeVersionNegotiation(this.#writer.reset(this.#answer), { destinationId, sourceId, versions });
    return this.#send(length, "unknown version");
  }

  /**
   * A Reset is never answered, and never longer than what it answers, so that two endpoints cannot keep each other busy
   * (RFC 9000, section 10.3).
   */
  #answerUnknownConnection(nowUs: number, datagram: Uint8Array, reason: DropReason): DatagramResult {
    if (!this.#isServer || !this.#admission.mayAnswerUnknown(nowUs)) return this.#drop(reason);
    const { destinationIdStart: at, packetNumber } = this.#header;
    const destinationId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const writer = this.#writer.reset(this.#answer);
    if (this.#speaks(Version.plaintext) && checkCrc32(datagram)) {
      return this.#send(writeReset(writer, { destinationId, packetNumber }), reason);
    }
    if (!this.#speaks(Version.encrypted) || datagram.length < MIN_RESETTABLE_BYTES) return this.#drop(reason);
    return this.#send(writeTokenReset(writer, destinationId, this.#resetTokens.of(destinationId)), reason);
  }

  #speaks(wanted: Version): boolean {
    return this.#suites.some(({ version }) => version === wanted);
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
    });
    this.#connections.set(connection.localId, connection);
    return connection;
  }

  /** A connection ID of our own: 53 random bits, never 0, not in use. */
  #freshId(): number {
    for (;;) {
      const bytes = this.#randomBytes(CONNECTION_ID_BYTES);
      bytes[0] = 0;
      bytes[1]! &= 0x1f;
      const id = readConnectionId(new Reader().reset(bytes));
      if (id !== 0 && !this.#connections.has(id) && !this.#ended.has(id)) return id;
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
