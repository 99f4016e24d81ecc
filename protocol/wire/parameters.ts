/**
 * Transport parameters: what each side tells the other once, before data flows (RFC 9000, sections 7.4 and 18). The
 * server's travel in its ServerHello, the client's in the PARAMETERS frame of its ClientFinish packets.
 *
 * @module
 */

import { Reader, varintSize, Writer } from "../../base/bytes.ts";

/** What one side can do and allows. */
export interface TransportParameters {
  /** The connection ends when nothing arrived for this long, milliseconds; the lower of both sides' holds. Not 0. */
  readonly maxIdleTimeoutMs: number;
  /** The largest UDP payload that the sender of this receives, bytes; at least 1200. */
  readonly maxDatagramBytes: number;
  /** Stream bytes that the other side may send on the whole connection at first. */
  readonly initialMaxData: number;
  /** Bytes that the other side may send on each stream at first. */
  readonly initialMaxStreamData: number;
  /** Streams that the client may open at first; what a client states means nothing, for a server opens none. */
  readonly initialMaxStreams: number;
  /** The longest that this side delays an acknowledgement on purpose, microseconds; below 2^14 milliseconds. */
  readonly maxAckDelayUs: number;
  /**
   * UDP payload that the sender of this receives at once without loss, bytes: what its socket's buffer holds. At least, and
   * if it is absent, {@link DEFAULT_RECEIVE_BURST_BYTES}.
   */
  readonly receiveBurstBytes: number;
}

/** Why parameters could not be read. */
export interface MalformedParameters {
  readonly malformed: string;
}

/** Parameter IDs on the wire. */
export const ParameterId = {
  maxIdleTimeoutMs: 1,
  maxDatagramBytes: 2,
  initialMaxData: 3,
  initialMaxStreamData: 4,
  initialMaxStreams: 5,
  maxAckDelayUs: 6,
  receiveBurstBytes: 7,
} as const;

/** More pairs than this are malformed: a count must not decide how long we read. */
export const MAX_PARAMETERS = 64;

/** The least {@link TransportParameters.maxDatagramBytes} (RFC 9000, section 18.2: every path carries 1200). */
export const MIN_MAX_DATAGRAM_BYTES = 1200;

/** {@link TransportParameters.maxAckDelayUs} stays below this (RFC 9000, section 18.2). */
export const MAX_ACK_DELAY_LIMIT_US: number = 2 ** 14 * 1000;

/**
 * {@link TransportParameters.receiveBurstBytes} of a peer that states none. A receive buffer of 208 KiB (Linux's default)
 * holds 110 KB in datagrams of 1,200 bytes, and half of that may be occupied already.
 */
export const DEFAULT_RECEIVE_BURST_BYTES = 65_536;

type Key = keyof typeof ParameterId;

/** Every parameter of this version, in the order of its ID. */
const KEYS = Object.keys(ParameterId) as Key[];

/** Parameters that need not be stated, with the values that hold then. The others are required. */
const DEFAULTS: Readonly<Partial<Record<Key, number>>> = { receiveBurstBytes: DEFAULT_RECEIVE_BURST_BYTES };

/** Writes the count and the pairs, in ascending order of ID, without those that have their defaults. */
export function writeParameters(writer: Writer, parameters: TransportParameters): void {
  const stated = statedKeys(parameters);
  writer.varint(stated.length);
  for (const key of stated) {
    writer.varint(ParameterId[key]);
    writer.varint(parameters[key]);
  }
}

/** Bytes that {@link writeParameters} writes. */
export function parametersSize(parameters: TransportParameters): number {
  const stated = statedKeys(parameters);
  let size = varintSize(stated.length);
  for (const key of stated) size += varintSize(ParameterId[key]) + varintSize(parameters[key]);
  return size;
}

function statedKeys(parameters: TransportParameters): Key[] {
  return KEYS.filter((key) => parameters[key] !== DEFAULTS[key]);
}

/** Reads the count and the pairs. Unknown IDs are passed over (RFC 9000, section 7.4.2). */
export function readParameters(reader: Reader): TransportParameters | MalformedParameters {
  const count = reader.varint();
  if (count > MAX_PARAMETERS) return { malformed: "more than 64 parameters" };
  const values = new Map<number, number>();
  for (let i = 0; i < count && !reader.failed; i++) {
    const id = reader.varint();
    // RFC 9000, section 7.4: a parameter sent twice is an error.
    if (!reader.failed && values.has(id)) return { malformed: `parameter ${id} twice` };
    values.set(id, reader.varint());
  }
  if (reader.failed) return { malformed: "parameters cut short" };
  const parameters = {} as Record<keyof TransportParameters, number>;
  for (const key of KEYS) {
    const value = values.get(ParameterId[key]) ?? DEFAULTS[key];
    if (value === undefined) return { malformed: `parameter ${ParameterId[key]} missing` };
    parameters[key] = value;
  }
  return checkBounds(parameters) ?? parameters;
}

/** Whether all parameters of this version are equal. */
export function isSameParameters(one: TransportParameters, other: TransportParameters): boolean {
  return KEYS.every((key) => one[key] === other[key]);
}

/** Parameters as bytes of their own, where no frame carries them. */
export function encodeParameters(parameters: TransportParameters): Uint8Array {
  const bytes = new Uint8Array(parametersSize(parameters));
  writeParameters(new Writer().reset(bytes), parameters);
  return bytes;
}

/** Reads what {@link encodeParameters} wrote. */
export function decodeParameters(bytes: Uint8Array): TransportParameters | MalformedParameters {
  const reader = new Reader().reset(bytes);
  const parameters = readParameters(reader);
  return reader.remaining === 0 ? parameters : { malformed: "bytes after the parameters" };
}

function checkBounds(parameters: TransportParameters): MalformedParameters | undefined {
  if (parameters.maxIdleTimeoutMs === 0) return { malformed: "max_idle_timeout_ms is 0" };
  if (parameters.maxDatagramBytes < MIN_MAX_DATAGRAM_BYTES) return { malformed: "max_datagram_bytes is under 1200" };
  if (parameters.maxAckDelayUs >= MAX_ACK_DELAY_LIMIT_US) return { malformed: "max_ack_delay_us is too long" };
  if (parameters.receiveBurstBytes < DEFAULT_RECEIVE_BURST_BYTES) {
    return { malformed: "receive_burst_bytes is under 65536" };
  }
  return undefined;
}
