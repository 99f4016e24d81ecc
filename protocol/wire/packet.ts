/**
 * Packet headers, and the packets that need no connection: Hello, Retry, VersionNegotiation and Reset. One datagram is
 * one packet. `docs/PROTOCOL.md`, section 3, has the layouts.
 *
 * {@link PacketHeader.decode} is the one gate: what it lets pass has every offset it states inside the datagram. It
 * does not check the bytes: for Data and Initial packets the connection's protection does, for the others
 * `checkCrc32`.
 *
 * Hot: headers of Data packets.
 *
 * @module
 */

import { invariant } from "../invariant.ts";
import { appendCrc32, CRC32_BYTES } from "./crc32.ts";
import { MAX_VARINT, Reader, type Writer } from "./cursor.ts";
import { type MalformedParameters, readParameters, type TransportParameters, writeParameters } from "./parameters.ts";

/** The version these files speak: "SL", version 1. */
export const PROTOCOL_VERSION = 0x534c_0001;

/** Bytes of a connection ID on the wire. */
export const CONNECTION_ID_BYTES = 8;

/**
 * The least size of a datagram that carries a Hello, and of one of an unknown version that is answered: nobody gets a
 * larger answer than what he sent (RFC 9000, sections 8.1 and 14.1).
 */
export const MIN_HELLO_BYTES = 1200;

/** The largest packet number: one below {@link MAX_VARINT}, so that the end of a half-open range is safe as well. */
export const MAX_PACKET_NUMBER: number = MAX_VARINT - 1;

/** The longest token; a longer one is malformed. A server's memory of a stranger is in here, so it stays small. */
export const MAX_TOKEN_BYTES = 256;

/** The most versions a VersionNegotiation packet lists. */
export const MAX_LISTED_VERSIONS = 64;

/** First bytes of packets, and {@link PacketType.unknownVersion}, which is on no wire. */
export const PacketType = {
  /** Carries frames of an established connection. */
  data: 0x40,
  /** Lists the versions the server speaks. */
  versionNegotiation: 0xc0,
  /** The client's first: padded, and answered without keeping state. */
  hello: 0xc1,
  /** The server's answer to a Hello: an address token and its transport parameters. */
  retry: 0xc2,
  /** Carries the token, and frames from the client until the server's first Data packet. */
  initial: 0xc3,
  /** Tells that the connection a Data packet was for is not known. */
  reset: 0xc4,
  /** A packet with a long header of another version: its connection IDs are decoded and nothing else. */
  unknownVersion: -1,
} as const;

/** One of {@link PacketType}'s values. */
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** Set in the first byte of a packet whose header states a version: the same in every version. */
const LONG_HEADER_BIT = 0x80;
const LONG_DESTINATION_START = 5;
const SHORT_DESTINATION_START = 1;

/** The header of one packet, decoded; reused from packet to packet. Offsets are into the datagram. */
export class PacketHeader {
  type: PacketType = PacketType.data;
  /** As stated by a long header; {@link PROTOCOL_VERSION} for Data packets. */
  version = 0;
  /** The destination connection ID as a number, or -1 where its 64 bits pass 2^53-1: then it is none of ours. */
  destinationId = -1;
  /** Offset of the 8 bytes of the destination connection ID. */
  destinationIdStart = 0;
  /** Offset of the 8 bytes of the source connection ID; -1 where the packet has none (Data, Reset). */
  sourceIdStart = -1;
  /** Where the token starts and ends (Initial, Retry); both 0 elsewhere. */
  tokenStart = 0;
  tokenEnd = 0;
  /** The full packet number (Data, Initial; in a Reset that of the packet it answers); -1 elsewhere. */
  packetNumber = -1;
  /** Where the header ends and the payload starts: frames; for Retry its parameters, for VersionNegotiation a list. */
  headerEnd = 0;
  readonly #reader = new Reader();

  /** Decodes the header of `datagram`. False where it is no packet: then no field means anything. Never throws. */
  decode(datagram: Uint8Array): boolean {
    const reader = this.#reader.reset(datagram);
    const first = reader.u8();
    this.sourceIdStart = -1;
    this.tokenStart = 0;
    this.tokenEnd = 0;
    this.packetNumber = -1;
    if (first === PacketType.data) {
      this.type = PacketType.data;
      this.version = PROTOCOL_VERSION;
      this.destinationIdStart = SHORT_DESTINATION_START;
      this.destinationId = readConnectionId(reader);
      this.packetNumber = reader.varint();
    } else if ((first & LONG_HEADER_BIT) === 0 || !this.#decodeLong(reader, first)) {
      return false;
    }
    this.headerEnd = reader.position;
    return !reader.failed && this.packetNumber <= MAX_PACKET_NUMBER;
  }

  #decodeLong(reader: Reader, first: number): boolean {
    this.version = reader.u32();
    this.destinationIdStart = LONG_DESTINATION_START;
    this.destinationId = readConnectionId(reader);
    if (this.version === PROTOCOL_VERSION && first === PacketType.reset) {
      this.type = PacketType.reset;
      this.packetNumber = reader.varint();
      return reader.remaining === CRC32_BYTES;
    }
    this.sourceIdStart = reader.position;
    reader.skip(CONNECTION_ID_BYTES);
    if (this.version === 0) {
      this.type = PacketType.versionNegotiation;
      return first === PacketType.versionNegotiation && reader.remaining >= CRC32_BYTES;
    }
    if (this.version !== PROTOCOL_VERSION) {
      this.type = PacketType.unknownVersion;
      return true;
    }
    switch (first) {
      case PacketType.hello:
        this.type = PacketType.hello;
        // Version 1 sends no parameters here; whoever sends some means what this version need not know.
        reader.skip(reader.varint());
        return this.destinationId === 0 && reader.end >= MIN_HELLO_BYTES && reader.remaining >= CRC32_BYTES;
      case PacketType.retry:
        this.type = PacketType.retry;
        return this.#decodeToken(reader) && reader.remaining >= CRC32_BYTES;
      case PacketType.initial:
        this.type = PacketType.initial;
        if (!this.#decodeToken(reader)) return false;
        this.packetNumber = reader.varint();
        return true;
      default:
        return false;
    }
  }

  #decodeToken(reader: Reader): boolean {
    const length = reader.varint();
    if (length > MAX_TOKEN_BYTES) return false;
    this.tokenStart = reader.position;
    reader.skip(length);
    this.tokenEnd = reader.position;
    return true;
  }
}

/** Writes one of our own connection IDs: below 2^53, so that the top 11 of its 64 bits are zero. */
export function writeConnectionId(writer: Writer, id: number): void {
  invariant(Number.isSafeInteger(id) && id >= 0, "a connection ID of ours is a safe integer, not negative");
  const high = Math.floor(id / 0x1_0000_0000);
  writer.u32(high);
  writer.u32(id - high * 0x1_0000_0000);
}

/** Reads a connection ID as a number; -1 where its 64 bits pass 2^53-1, so that it cannot be one of ours. */
export function readConnectionId(reader: Reader): number {
  const high = reader.u32();
  const low = reader.u32();
  return high > 0x1f_ffff ? -1 : high * 0x1_0000_0000 + low;
}

/** Writes a Data packet's header to the peer's connection ID; returns the header's length. */
export function writeDataHeader(writer: Writer, destinationId: Uint8Array, packetNumber: number): number {
  const start = writer.position;
  writer.u8(PacketType.data);
  writePeerId(writer, destinationId);
  writer.varint(packetNumber);
  return writer.position - start;
}

/** What an Initial packet's header states. */
export interface InitialHeader {
  /** The server's connection ID, from its Retry. */
  readonly destinationId: Uint8Array;
  /** The client's own connection ID, as in its Hello. */
  readonly sourceId: number;
  /** The Retry's token. */
  readonly token: Uint8Array;
  readonly packetNumber: number;
}

/** Writes an Initial packet's header; returns the header's length. */
export function writeInitialHeader(writer: Writer, header: InitialHeader): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.initial, PROTOCOL_VERSION);
  writePeerId(writer, header.destinationId);
  writeConnectionId(writer, header.sourceId);
  writeToken(writer, header.token);
  writer.varint(header.packetNumber);
  return writer.position - start;
}

/** Writes a whole Hello of `sizeBytes` bytes of datagram (1200 unless told, never less); returns that length. */
export function writeHello(
  writer: Writer,
  { sourceId, sizeBytes = MIN_HELLO_BYTES }: { readonly sourceId: number; readonly sizeBytes?: number },
): number {
  invariant(sizeBytes >= MIN_HELLO_BYTES, "a Hello is at least 1200 bytes");
  const start = writer.position;
  writeLongHeader(writer, PacketType.hello, PROTOCOL_VERSION);
  writeConnectionId(writer, 0);
  writeConnectionId(writer, sourceId);
  writer.varint(0);
  const paddingBytes = start + sizeBytes - CRC32_BYTES - writer.position;
  invariant(paddingBytes + CRC32_BYTES <= writer.remaining, "a Hello fits its buffer");
  writer.buffer.fill(0, writer.position, writer.position + paddingBytes);
  writer.position += paddingBytes;
  return finish(writer, start);
}

/** What a Retry states. */
export interface Retry {
  /** The client's connection ID, from its Hello. */
  readonly destinationId: Uint8Array;
  /** The connection ID that the server chose for its own side. */
  readonly sourceId: number;
  readonly token: Uint8Array;
  /** The server's. */
  readonly parameters: TransportParameters;
}

/** Writes a whole Retry; returns the datagram's length. */
export function writeRetry(writer: Writer, retry: Retry): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.retry, PROTOCOL_VERSION);
  writePeerId(writer, retry.destinationId);
  writeConnectionId(writer, retry.sourceId);
  writeToken(writer, retry.token);
  writeParameters(writer, retry.parameters);
  return finish(writer, start);
}

/** Reads the parameters of a Retry that decoded. */
export function readRetryParameters(
  datagram: Uint8Array,
  header: PacketHeader,
): TransportParameters | MalformedParameters {
  const reader = new Reader().reset(datagram, header.headerEnd, datagram.length - CRC32_BYTES);
  const parameters = readParameters(reader);
  return reader.remaining === 0 ? parameters : { malformed: "bytes after the parameters" };
}

/** What a VersionNegotiation packet states. */
export interface VersionNegotiation {
  /** The connection IDs of the packet that is answered, exchanged (RFC 9000, section 17.2.1). */
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
  /** At least one. */
  readonly versions: readonly number[];
}

/** Writes a whole VersionNegotiation packet; returns the datagram's length. */
export function writeVersionNegotiation(writer: Writer, negotiation: VersionNegotiation): number {
  const { versions } = negotiation;
  invariant(versions.length >= 1 && versions.length <= MAX_LISTED_VERSIONS, "1 to 64 versions are listed");
  const start = writer.position;
  writeLongHeader(writer, PacketType.versionNegotiation, 0);
  writePeerId(writer, negotiation.destinationId);
  writePeerId(writer, negotiation.sourceId);
  for (const version of versions) writer.u32(version);
  return finish(writer, start);
}

/** Reads the list of a VersionNegotiation packet that decoded; undefined where it is malformed. */
export function readVersions(datagram: Uint8Array, header: PacketHeader): number[] | undefined {
  const reader = new Reader().reset(datagram, header.headerEnd, datagram.length - CRC32_BYTES);
  const count = reader.remaining / 4;
  if (!Number.isInteger(count) || count < 1 || count > MAX_LISTED_VERSIONS) return undefined;
  return Array.from({ length: count }, () => reader.u32());
}

/** What a Reset states, both taken from the Data packet that it answers. */
export interface Reset {
  readonly destinationId: Uint8Array;
  readonly packetNumber: number;
}

/** Writes a whole Reset; returns the datagram's length. */
export function writeReset(writer: Writer, { destinationId, packetNumber }: Reset): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.reset, PROTOCOL_VERSION);
  writePeerId(writer, destinationId);
  writer.varint(packetNumber);
  return finish(writer, start);
}

function writeLongHeader(writer: Writer, type: PacketType, version: number): void {
  writer.u8(type);
  writer.u32(version);
}

function writePeerId(writer: Writer, id: Uint8Array): void {
  invariant(id.length === CONNECTION_ID_BYTES, "a connection ID is 8 bytes");
  writer.bytes(id);
}

function writeToken(writer: Writer, token: Uint8Array): void {
  invariant(token.length <= MAX_TOKEN_BYTES, "a token is at most 256 bytes");
  writer.varint(token.length);
  writer.bytes(token);
}

/** Ends a packet that started at `start` with its CRC-32; returns its length. */
function finish(writer: Writer, start: number): number {
  invariant(writer.remaining >= CRC32_BYTES, "a packet's checksum fits its buffer");
  writer.position = appendCrc32(writer.buffer, start, writer.position);
  return writer.position - start;
}
