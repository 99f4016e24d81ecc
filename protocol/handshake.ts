/**
 * The client's half of the handshake: Hello out until Retry comes in. The server's half keeps no state and is the
 * endpoint's.
 *
 * @module
 */

import type { ConnectionConfig } from "./config.ts";
import { checkCrc32 } from "./protection/checksum.ts";
import { Writer } from "./wire/cursor.ts";
import {
  CONNECTION_ID_BYTES,
  type PacketHeader,
  readRetryParameters,
  readVersions,
  writeHello,
} from "./wire/packet.ts";
import type { TransportParameters } from "./wire/parameters.ts";

/**
 * A Hello that is not answered goes out again after this time, then whenever twice as long has passed. Where 30 % are lost
 * each way, half of the Hellos go unanswered: then seventeen in ten seconds are enough, and the seven of a time that
 * doubles further are not.
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

/** What the server's Retry gave. */
export interface RetryResult {
  readonly serverId: Uint8Array;
  readonly token: Uint8Array;
  readonly parameters: TransportParameters;
  /** Round trip of the Hello, or 0 where it went out more than once and the sample would be ambiguous. */
  readonly rttUs: number;
  /** Time since the last Hello: the round trip, where it was that one's, and less than it, where an earlier one's. */
  readonly leastRttUs: number;
}

/** Sends Hellos and takes the answer. */
export class ClientHandshake {
  readonly #localId: number;
  #helloDueUs: number;
  #timeoutUs = FIRST_HELLO_TIMEOUT_US;
  #sentUs = 0;
  #sentCount = 0;

  constructor(options: { localId: number; nowUs: number }) {
    this.#localId = options.localId;
    this.#helloDueUs = options.nowUs;
  }

  /** When the next Hello is due. */
  get helloDueUs(): number {
    return this.#helloDueUs;
  }

  /** Writes a Hello if one is due; returns its length, or 0. */
  pollHello(nowUs: number, buffer: Uint8Array): number {
    if (nowUs < this.#helloDueUs) return 0;
    this.#sentUs = nowUs;
    this.#sentCount++;
    this.#helloDueUs = nowUs + this.#timeoutUs;
    this.#timeoutUs = Math.min(2 * this.#timeoutUs, MAX_HELLO_TIMEOUT_US);
    return writeHello(new Writer().reset(buffer), { sourceId: this.#localId });
  }

  /** Takes a Retry whose header was decoded; undefined where it is damaged or malformed. */
  onRetry(nowUs: number, datagram: Uint8Array, header: PacketHeader): RetryResult | undefined {
    if (!checkCrc32(datagram)) return undefined;
    const parameters = readRetryParameters(datagram, header);
    if ("malformed" in parameters) return undefined;
    const leastRttUs = Math.max(1, nowUs - this.#sentUs);
    return {
      serverId: datagram.slice(header.sourceIdStart, header.sourceIdStart + CONNECTION_ID_BYTES),
      token: datagram.slice(header.tokenStart, header.tokenEnd),
      parameters,
      rttUs: this.#sentCount === 1 ? leastRttUs : 0,
      leastRttUs,
    };
  }

  /** The versions that a VersionNegotiation packet lists; undefined where it is damaged or malformed. */
  onVersionNegotiation(datagram: Uint8Array, header: PacketHeader): readonly number[] | undefined {
    return checkCrc32(datagram) ? readVersions(datagram, header) : undefined;
  }
}
