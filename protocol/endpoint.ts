/**
 * One UDP socket's worth of connections: finds the connection that a datagram is for, answers strangers without
 * remembering them, and makes connections for those who have proven their address.
 *
 * A datagram that is for nobody, damaged or out of place is a drop: counted, with its reason, never an exception.
 *
 * @module
 */

import { Admission, type AdmissionLimits } from "./admission.ts";
import { type ConnectionConfig, resolveConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { CallerError, TransportErrorCode } from "./errors.ts";
import { localParameters } from "./handshake.ts";
import { MAX_REMEMBERED_CLOSED, TOKEN_LIFETIME_US } from "./limits.ts";
import { AddressTokens } from "./protection/address_token.ts";
import { checkCrc32, Crc32Protection } from "./protection/checksum.ts";
import { INITIAL_RTT_US } from "./recovery/rtt_estimator.ts";
import { Reader, Writer } from "./wire/cursor.ts";
import { writeConnectionClose } from "./wire/frame.ts";
import {
  CONNECTION_ID_BYTES,
  MIN_HELLO_BYTES,
  PacketHeader,
  PacketType,
  PROTOCOL_VERSION,
  readConnectionId,
  writeDataHeader,
  writeReset,
  writeRetry,
  writeVersionNegotiation,
} from "./wire/packet.ts";

/** What an endpoint is made with. */
export interface EndpointOptions {
  /** Takes connections; a client's endpoint does not. */
  readonly isServer: boolean;
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
  /** Why it was dropped, in a word or two (`drop`). */
  reason: string;
}

/** Bytes of the secret under which tokens are issued; a new one with every start. */
const SECRET_BYTES = 32;

/** Largest stateless answer: a Retry. */
const ANSWER_BYTES = 512;

/** Finds, makes and ends connections. */
export class Endpoint {
  readonly config: ConnectionConfig;
  readonly #isServer: boolean;
  readonly #configFor: (remote: string) => Partial<ConnectionConfig>;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #admission: Admission;
  readonly #tokens: AddressTokens;
  readonly #protection = new Crc32Protection();
  readonly #connections = new Map<number, Connection>();
  /** Server IDs of ended connections, with when they may be forgotten; oldest first. */
  readonly #ended = new Map<number, number>();
  readonly #header = new PacketHeader();
  readonly #writer = new Writer();
  readonly #answer = new Uint8Array(ANSWER_BYTES);
  readonly #drops = new Map<string, number>();
  readonly #result: DatagramResult = { kind: "drop", connection: undefined, answer: this.#answer, reason: "" };
  #isClosing = false;

  constructor(options: EndpointOptions) {
    this.config = resolveConfig(options.config);
    this.#isServer = options.isServer;
    this.#configFor = options.configFor ?? (() => ({}));
    this.#randomBytes = options.randomBytes;
    const secret = options.randomBytes(SECRET_BYTES);
    // Of the secret's 32 bytes four choose buckets as well: those alone could ever be learnt.
    const hashSeed = new Reader().reset(secret).u32();
    this.#admission = new Admission({ hashSeed, ...(options.limits === undefined ? {} : { limits: options.limits }) });
    this.#tokens = new AddressTokens(secret, TOKEN_LIFETIME_US);
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
  get drops(): ReadonlyMap<string, number> {
    return this.#drops;
  }

  /** From now on new connections are refused. */
  refuseNew(): void {
    this.#isClosing = true;
  }

  /** Starts a connection to a server. Clients only. */
  connect(nowUs: number, remote: string): Connection {
    if (this.#isServer) throw new CallerError("a server's endpoint does not connect");
    return this.#create(nowUs, { localId: this.#freshId(), remote });
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
    const dropped = connection.handlePacket(nowUs, datagram, { header, remote });
    if (dropped !== undefined) this.#drop(dropped);
    return this.#hand("connection", connection);
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
    switch (this.#header.type) {
      case PacketType.hello:
        return this.#isServer ? this.#answerHello(nowUs, datagram, remote) : this.#drop("unexpected");
      case PacketType.initial:
        return this.#isServer ? this.#handleInitial(nowUs, datagram, remote) : this.#drop("unexpected");
      case PacketType.unknownVersion:
        return this.#isServer ? this.#answerUnknownVersion(nowUs, datagram) : this.#drop("unknown version");
      case PacketType.data:
        return this.#answerUnknownConnection(nowUs, datagram);
      default:
        return this.#drop("unknown connection");
    }
  }

  /** The connection whose packets go to the ID that a Reset names: a client's few are looked through. */
  #connectionTo(datagram: Uint8Array): Connection | undefined {
    if (this.#isServer || !checkCrc32(datagram)) return undefined;
    const at = this.#header.destinationIdStart;
    const peerId = datagram.subarray(at, at + CONNECTION_ID_BYTES);
    for (const connection of this.#connections.values()) {
      if (connection.sendsTo(peerId)) return connection;
    }
    return undefined;
  }

  /** Keeps nothing: all that the answer promises is in its token (RFC 9000, section 8.1.2). */
  #answerHello(nowUs: number, datagram: Uint8Array, remote: string): DatagramResult {
    // A Retry is a cheap proof of address by itself: "prove first" is answered as "ok" is.
    if (this.#admission.judge(nowUs, remote, { isProven: false }) === "drop") return this.#drop("too many handshakes");
    if (!checkCrc32(datagram)) return this.#drop("damaged");
    const clientId = this.#sourceId(datagram);
    const serverId = this.#freshId();
    const token = this.#tokens.issue(nowUs, { address: remote, clientId, serverId });
    const parameters = localParameters(this.config);
    const retry = { destinationId: clientId, sourceId: serverId, token, parameters };
    return this.#send(writeRetry(this.#writer.reset(this.#answer), retry));
  }

  #handleInitial(nowUs: number, datagram: Uint8Array, remote: string): DatagramResult {
    const header = this.#header;
    const serverId = header.destinationId;
    if (!checkCrc32(datagram)) return this.#drop("damaged");
    const clientId = this.#sourceId(datagram);
    const token = datagram.subarray(header.tokenStart, header.tokenEnd);
    if (serverId < 0 || !this.#tokens.verify(token, { address: remote, clientId, serverId, nowUs })) {
      // Not silence: a client whose token expired, or who means the server before its restart, need not wait.
      return this.#answerUnknownConnection(nowUs, datagram);
    }
    if ((this.#ended.get(serverId) ?? 0) > nowUs) return this.#drop("replayed handshake");
    // Silence, as if the packet had been lost: who asks too often asks again, and finds his turn.
    if (this.#admission.judge(nowUs, remote, { isProven: true }) !== "ok") return this.#drop("too many handshakes");
    const refusal = this.#isClosing ? "the server is shutting down" : this.#admission.admit(serverId, remote);
    if (refusal !== undefined) return this.#refuse(clientId, refusal);
    // Where the token comes late, because a packet was lost, it says less than the usual assumption.
    const handshakeRttUs = this.#tokens.ageUs(token, nowUs);
    const seed = handshakeRttUs < INITIAL_RTT_US ? { handshakeRttUs } : {};
    const connection = this.#create(nowUs, { localId: serverId, remote, peerId: clientId, ...seed });
    const dropped = connection.handlePacket(nowUs, datagram, { header, remote });
    if (dropped !== undefined) this.#drop(dropped);
    return this.#hand("new-connection", connection);
  }

  /** RFC 9000, section 6.1. Only to datagrams of a Hello's size, so that nobody gets more than what he sent. */
  #answerUnknownVersion(nowUs: number, datagram: Uint8Array): DatagramResult {
    if (datagram.length < MIN_HELLO_BYTES || !this.#admission.mayAnswerUnknown(nowUs)) {
      return this.#drop("unknown version");
    }
    const { destinationIdStart: at } = this.#header;
    const destinationId = this.#sourceId(datagram);
    const sourceId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const versions = [PROTOCOL_VERSION];
    return this.#send(writeVersionNegotiation(this.#writer.reset(this.#answer), { destinationId, sourceId, versions }));
  }

  /** A Reset is never answered, so that two endpoints cannot keep each other busy. */
  #answerUnknownConnection(nowUs: number, datagram: Uint8Array): DatagramResult {
    const isAnswered = this.#isServer && this.#admission.mayAnswerUnknown(nowUs) && checkCrc32(datagram);
    if (!isAnswered) return this.#drop("unknown connection");
    const { destinationIdStart: at, packetNumber } = this.#header;
    const destinationId = datagram.slice(at, at + CONNECTION_ID_BYTES);
    const length = writeReset(this.#writer.reset(this.#answer), { destinationId, packetNumber });
    return this.#send(length);
  }

  /** Tells a client with a good token that it is not taken, and keeps nothing. */
  #refuse(clientId: Uint8Array, reason: string): DatagramResult {
    const writer = this.#writer.reset(this.#answer, 0, this.#answer.length - this.#protection.overheadBytes);
    const headerEnd = writeDataHeader(writer, clientId, 0);
    writeConnectionClose(writer, { isApplication: false, code: TransportErrorCode.connectionRefused, reason });
    return this.#send(this.#protection.seal(this.#answer, headerEnd, writer.position, 0));
  }

  #create(
    nowUs: number,
    peer: { localId: number; remote: string; peerId?: Uint8Array; handshakeRttUs?: number },
  ): Connection {
    const connection = new Connection({
      ...peer,
      isClient: !this.#isServer,
      config: resolveConfig({ ...this.config, ...this.#configFor(peer.remote) }),
      nowUs,
      protection: this.#protection,
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

  #hand(kind: "connection" | "new-connection", connection: Connection): DatagramResult {
    this.#result.kind = kind;
    this.#result.connection = connection;
    return this.#result;
  }

  #send(length: number): DatagramResult {
    this.#result.kind = "answer";
    this.#result.connection = undefined;
    this.#result.answer = this.#answer.subarray(0, length);
    return this.#result;
  }

  #drop(reason: string): DatagramResult {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
    this.#result.kind = "drop";
    this.#result.connection = undefined;
    this.#result.reason = reason;
    return this.#result;
  }
}
