/**
 * The client's half of the handshake: Hello out until ServerHello comes in; what they carry is the suite's. The server's half
 * keeps no state and is the endpoint's.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { ConnectionConfig } from "../config.ts";
import { ConnectionState, isOpen } from "../connection_state.ts";
import type { DropReason } from "../drops.ts";
import { type CloseReason, TransportErrorCode } from "../errors.ts";
import { checkCrc32, CRC32_BYTES } from "../crypto/checksum.ts";
import { Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES } from "../wire/connection_id.ts";
import {
  type PacketHeader,
  PacketType,
  readVersions,
  RESET_TOKEN_BYTES,
  type Version,
  writeHello,
} from "../wire/packet.ts";
import type { TransportParameters } from "../wire/parameters.ts";
import { refusalMac } from "./reset_tokens.ts";
import type { ClientSuite, ServerAnswer } from "./suite.ts";

/**
 * A Hello without an answer is repeated after this time, then at intervals of twice as long: 18 Hellos in ten seconds.
 * Where 30 % of the datagrams are lost each way, half of the Hellos get no answer: 18 are enough, and the 6 of a timeout
 * that kept doubling would not be.
 */
const FIRST_HELLO_TIMEOUT_US = 300_000;
const MAX_HELLO_TIMEOUT_US = 600_000;

/**
 * A client that is connected and has no request sends a PING after this time, microseconds: well before its token
 * expires, and late enough that what a program asks for as soon as it is connected goes first, in the first packet.
 */
export const FIRST_PING_DELAY_US = 20_000;

/** What this side tells its peer, from its configuration. */
export function localParameters(config: ConnectionConfig): TransportParameters {
  return {
    maxIdleTimeoutMs: Math.ceil(config.idleTimeoutUs / 1000),
    maxDatagramBytes: config.maxReceivedBytes,
    initialMaxData: config.connectionWindowBytes,
    initialMaxStreamData: config.orderedWindowBytes,
    initialMaxStreams: config.maxStreams,
    maxAckDelayUs: config.maxAckDelayUs,
  };
}

/** What the server's ServerHello gave. */
export interface ServerHelloResult extends ServerAnswer {
  readonly version: Version;
  readonly serverId: Uint8Array;
  readonly token: Uint8Array;
  /** Round trip of the Hello, or 0 where it went out more than once and the sample would be ambiguous. */
  readonly rttUs: number;
  /** Time since the last Hello: the round trip, where it was that one's, and less than it, where an earlier one's. */
  readonly leastRttUs: number;
}

/** What a client knows before it asks. */
export interface ClientHandshakeOptions {
  readonly localId: number;
  readonly nowUs: number;
  readonly suite: ClientSuite;
  /** The only public key that the server may have; undefined for whatever it has. */
  readonly expectedKey: Uint8Array | undefined;
}

/** Sends Hellos and takes the answer, and knows what else may come from a server that is not heard of yet, or no more. */
export class ClientHandshake {
  readonly #localId: number;
  readonly #suite: ClientSuite;
  readonly #expectedKey: Uint8Array | undefined;
  #resetToken: Uint8Array | undefined;
  #helloDueUs: number;
  #timeoutUs = FIRST_HELLO_TIMEOUT_US;
  #sentUs = 0;
  #sentCount = 0;
  #cookie: Uint8Array = new Uint8Array(0);
  #mayTakeCookie = false;
  #isCookieNew = false;

  constructor(options: ClientHandshakeOptions) {
    this.#localId = options.localId;
    this.#suite = options.suite;
    this.#expectedKey = options.expectedKey;
    this.#helloDueUs = options.nowUs;
  }

  /** When the next Hello is due. */
  get helloDueUs(): number {
    return this.#helloDueUs;
  }

  /** Writes a Hello if one is due; returns its length, or 0. */
  pollHello(nowUs: number, buffer: Uint8Array): number {
    if (nowUs < this.#helloDueUs && !this.#isCookieNew) return 0;
    if (nowUs >= this.#helloDueUs) {
      this.#helloDueUs = nowUs + this.#timeoutUs;
      this.#timeoutUs = Math.min(2 * this.#timeoutUs, MAX_HELLO_TIMEOUT_US);
      this.#mayTakeCookie = true;
    }
    this.#isCookieNew = false;
    this.#sentUs = nowUs;
    this.#sentCount++;
    const { hello: handshake, version } = this.#suite;
    const hello = { version, sourceId: this.#localId, handshake, cookie: this.#cookie };
    return writeHello(new Writer().reset(buffer), hello);
  }

  /**
   * Takes a Cookie: the next Hello has it, and goes out at once. One alone between two Hellos of their own time, so that
   * nobody can make a client send much more than he sent himself. Returns why it was dropped, or undefined.
   */
  onCookie(datagram: Uint8Array, header: PacketHeader): DropReason | undefined {
    if (!checkCrc32(datagram)) return "damaged";
    if (header.version !== this.#suite.version || !this.#mayTakeCookie) return "out of place";
    this.#mayTakeCookie = false;
    this.#isCookieNew = true;
    this.#cookie = datagram.slice(header.tokenStart, header.tokenEnd);
    return undefined;
  }

  /**
   * Takes a ServerHello whose header was decoded; undefined where it is damaged, malformed or not the server's, and why the connection
   * ends where the server is another than it must be.
   */
  onServerHello(
    nowUs: number,
    datagram: Uint8Array,
    header: PacketHeader,
  ): ServerHelloResult | CloseReason | undefined {
    if (header.version !== this.#suite.version || !checkCrc32(datagram)) return undefined;
    const answer = this.#suite.onServerHello(datagram.subarray(header.headerEnd, datagram.length - CRC32_BYTES));
    if (answer === undefined) return undefined;
    const [expected, actual] = [this.#expectedKey, answer.peer.key];
    if (expected !== undefined && actual !== undefined && !isSame(expected, actual)) {
      return { kind: "server-key", expected, actual };
    }
    this.#resetToken = answer.resetToken;
    const leastRttUs = Math.max(1, nowUs - this.#sentUs);
    return {
      ...answer,
      version: this.#suite.version,
      serverId: datagram.slice(header.sourceIdStart, header.sourceIdStart + CONNECTION_ID_BYTES),
      token: datagram.slice(header.tokenStart, header.tokenEnd),
      rttUs: this.#sentCount === 1 ? leastRttUs : 0,
      leastRttUs,
    };
  }

  /**
   * Takes a packet by which the server ends a connection that it will not have, or knows no more: why the connection ends, or
   * why the packet is dropped, which is not the server's or not for this state.
   */
  onVerdict(
    datagram: Uint8Array,
    header: PacketHeader,
    now: { readonly state: ConnectionState; readonly isOutstanding: (packetNumber: number) => boolean },
  ): CloseReason | DropReason {
    const { state } = now;
    if (header.type === PacketType.versionNegotiation && state === ConnectionState.helloSent) {
      return this.#onVersionNegotiation(datagram, header);
    }
    if (header.type === PacketType.refusal && state === ConnectionState.finishSent) {
      return this.#onRefusal(datagram, header);
    }
    if (header.type === PacketType.reset && isOpen(state)) {
      return this.#isGenuineReset(datagram, header, now) ? { kind: "reset" } : "damaged";
    }
    return "out of place";
  }

  #onVersionNegotiation(datagram: Uint8Array, header: PacketHeader): CloseReason | DropReason {
    if (!checkCrc32(datagram)) return "damaged";
    const supported = readVersions(datagram, header);
    if (supported === undefined) return "malformed";
    // RFC 9000, section 6.2: a list that holds our version answers somebody else.
    return supported.includes(this.#suite.version) ? "out of place" : { kind: "version", supported };
  }

  #onRefusal(datagram: Uint8Array, header: PacketHeader): CloseReason | DropReason {
    if (this.#resetToken === undefined) return "out of place";
    const textStart = header.headerEnd + RESET_TOKEN_BYTES;
    const text = datagram.subarray(textStart);
    if (!timingSafeEqual(datagram.subarray(header.headerEnd, textStart), refusalMac(this.#resetToken, text))) {
      return "damaged";
    }
    const reason = new TextDecoder().decode(text);
    return { kind: "peer", isApplication: false, code: TransportErrorCode.connectionRefused, reason };
  }

  /**
   * A Reset must have the token that the server gave (RFC 9000, section 10.3), or in version 1 the number of a packet in
   * flight, which who cannot see the packets cannot guess.
   */
  #isGenuineReset(
    datagram: Uint8Array,
    header: PacketHeader,
    { isOutstanding }: { readonly isOutstanding: (packetNumber: number) => boolean },
  ): boolean {
    if (header.version !== this.#suite.version) return false;
    if (this.#resetToken === undefined) return isOutstanding(header.packetNumber);
    return timingSafeEqual(datagram.subarray(header.headerEnd), this.#resetToken);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
