/**
 * The client's part of the handshake: sends Hellos until an authentic ServerHello arrives, and judges the packets by which a
 * server ends a connection. The keys are `noise_handshake.ts`'s; the server's part keeps no state and is the endpoint's.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { ConnectionConfig } from "../config.ts";
import { ConnectionState, isOpen } from "../connection_state.ts";
import type { DropReason } from "../drops.ts";
import { type CloseReason, TransportErrorCode } from "../errors.ts";
import { Writer } from "../../base/bytes.ts";
import { CONNECTION_ID_BYTES } from "../wire/connection_id.ts";
import { MAC_BYTES, type PacketHeader, PacketType, readVersions, VERSION, writeHello } from "../wire/packet.ts";
import type { TransportParameters } from "../wire/parameters.ts";
import type { NoiseClient, ServerAnswer } from "./noise_handshake.ts";
import { isRefusalAuthentic } from "./packet_macs.ts";

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

/** The transport parameters that follow from a configuration. */
export function localParameters(config: ConnectionConfig): TransportParameters {
  return {
    maxIdleTimeoutMs: Math.ceil(config.idleTimeoutUs / 1000),
    maxDatagramBytes: config.maxReceivedBytes,
    initialMaxData: config.connectionWindowBytes,
    initialMaxStreamData: config.orderedWindowBytes,
    initialMaxStreams: config.maxStreams,
    maxAckDelayUs: config.maxAckDelayUs,
    receiveBurstBytes: config.receiveBurstBytes,
  };
}

/** What a ServerHello yields. */
export interface ServerHelloResult extends ServerAnswer {
  readonly parameters: TransportParameters;
  readonly serverId: Uint8Array;
  readonly token: Uint8Array;
  /** Round trip of the Hello, or 0 where it was sent more than once and the sample would be ambiguous. */
  readonly rttUs: number;
  /** Time since the last Hello: the round trip if that one was answered, and less if an earlier one was. */
  readonly leastRttUs: number;
}

/** What a client's handshake starts from. */
export interface ClientHandshakeOptions {
  readonly localId: number;
  readonly nowUs: number;
  readonly noise: NoiseClient;
  /** The public key that the server must have; undefined for any. */
  readonly expectedKey: Uint8Array | undefined;
}

/** See the module's description. */
export class ClientHandshake {
  readonly #localId: number;
  readonly #noise: NoiseClient;
  readonly #expectedKey: Uint8Array | undefined;
  /** The server's, once there is one. */
  #answer: ServerAnswer | undefined;
  #helloDueUs: number;
  #timeoutUs = FIRST_HELLO_TIMEOUT_US;
  #sentUs = 0;
  #sentCount = 0;
  #cookie: Uint8Array = new Uint8Array(0);
  #mayTakeCookie = false;
  #isCookieNew = false;

  constructor(options: ClientHandshakeOptions) {
    this.#localId = options.localId;
    this.#noise = options.noise;
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
    const hello = { sourceId: this.#localId, handshake: this.#noise.hello, cookie: this.#cookie };
    return writeHello(new Writer().reset(buffer), hello);
  }

  /**
   * Takes a Cookie: the next Hello carries it, and is sent at once. One only between two scheduled Hellos, so that forged
   * Cookies cannot make a client send much more than the attacker does. Returns why it was dropped, or undefined.
   */
  onCookie(datagram: Uint8Array, header: PacketHeader): DropReason | undefined {
    if (!this.#mayTakeCookie) return "out of place";
    this.#mayTakeCookie = false;
    this.#isCookieNew = true;
    this.#cookie = datagram.slice(header.tokenStart, header.tokenEnd);
    return undefined;
  }

  /**
   * Takes a ServerHello whose header was decoded; undefined where it is not authentic, and the reason to end the connection
   * where it is, but the server has another key than it must, or its parameters are malformed.
   */
  onServerHello(
    nowUs: number,
    datagram: Uint8Array,
    header: PacketHeader,
  ): ServerHelloResult | CloseReason | undefined {
    const answer = this.#noise.onServerHello(datagram, header);
    if (answer === undefined) return undefined;
    const { parameters, peer, protection } = answer;
    const expected = this.#expectedKey;
    if (expected !== undefined && !isSame(expected, peer.key)) {
      protection.wipe();
      return { kind: "server-key", expected, actual: peer.key };
    }
    if ("malformed" in parameters) {
      protection.wipe();
      return { kind: "violation", code: TransportErrorCode.transportParameterError, reason: parameters.malformed };
    }
    this.#answer = answer;
    const leastRttUs = Math.max(1, nowUs - this.#sentUs);
    return {
      ...answer,
      parameters,
      serverId: datagram.slice(header.sourceIdStart, header.sourceIdStart + CONNECTION_ID_BYTES),
      token: datagram.slice(header.tokenStart, header.tokenEnd),
      rttUs: this.#sentCount === 1 ? leastRttUs : 0,
      leastRttUs,
    };
  }

  /**
   * Takes a packet by which a server ends a connection that it does not accept, or does not know any more: returns why the
   * connection ends, or why the packet is dropped, which is not authentic or not expected in this state.
   */
  onVerdict(datagram: Uint8Array, header: PacketHeader, state: ConnectionState): CloseReason | DropReason {
    if (header.type === PacketType.versionNegotiation && state === ConnectionState.helloSent) {
      return this.#onVersionNegotiation(datagram, header);
    }
    const { refusalKey, resetToken } = this.#answer ?? {};
    if (header.type === PacketType.refusal && state === ConnectionState.finishSent && refusalKey !== undefined) {
      return this.#onRefusal(datagram, header, refusalKey);
    }
    if (header.type === PacketType.reset && isOpen(state) && resetToken !== undefined) {
      return timingSafeEqual(datagram.subarray(header.headerEnd), resetToken) ? { kind: "reset" } : "damaged";
    }
    return "out of place";
  }

  #onVersionNegotiation(datagram: Uint8Array, header: PacketHeader): CloseReason | DropReason {
    const supported = readVersions(datagram, header);
    if (supported === undefined) return "malformed";
    // RFC 9000, section 6.2: a list that holds our version does not answer this Hello.
    return supported.includes(VERSION) ? "out of place" : { kind: "version", supported };
  }

  #onRefusal(datagram: Uint8Array, header: PacketHeader, refusalKey: Uint8Array): CloseReason | DropReason {
    if (!isRefusalAuthentic(datagram, header.headerEnd, refusalKey)) return "damaged";
    const codeAt = header.headerEnd + MAC_BYTES;
    const isForNow = datagram[codeAt] === TransportErrorCode.unavailable;
    const code = isForNow ? TransportErrorCode.unavailable : TransportErrorCode.connectionRefused;
    const reason = new TextDecoder().decode(datagram.subarray(codeAt + 1));
    return { kind: "peer", isApplication: false, code, reason };
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
