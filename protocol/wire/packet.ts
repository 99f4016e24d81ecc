/**
 * Packet headers, and the packets that need no connection: Hello, ServerHello, VersionNegotiation and Reset. One datagram is
 * one packet. `docs/PROTOCOL.md`, section 3, has the layouts.
 *
 * {@link PacketHeader.decode} is the one gate: what it lets pass has every offset it states inside the datagram. It
 * does not check the bytes: for Data and ClientFinish packets the connection's protection does, for the others
 * `checkCrc32`.
 *
 * Hot: headers of Data packets.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { CONNECTION_ID_BYTES, readConnectionId, writeConnectionId } from "./connection_id.ts";
import { appendCrc32, CRC32_BYTES } from "./crc32.ts";
import { MAX_VARINT, Reader, type Writer } from "../../base/bytes.ts";

/** The versions these files speak: "SL" and a number. */
export const Version = {
  /** In the clear: packets end with a CRC-32. */
  plaintext: 0x534c_0001,
  /** A Noise handshake, and packets sealed with ChaCha20-Poly1305. */
  encrypted: 0x534c_0002,
} as const;

/** One of {@link Version}'s values. */
export type Version = (typeof Version)[keyof typeof Version];

/**
 * The least size of a datagram that carries a Hello, and of one of an unknown version that is answered: nobody gets a
 * larger answer than what he sent (RFC 9000, sections 8.1 and 14.1).
 */
export const MIN_HELLO_BYTES = 1200;

/** The largest packet number: one below {@link MAX_VARINT}, so that the end of a half-open range is safe as well. */
export const MAX_PACKET_NUMBER: number = MAX_VARINT - 1;

/** The longest token; a longer one is malformed. A server's memory of a stranger is in here, so it stays small. */
export const MAX_TOKEN_BYTES = 256;

/** The longest message of the handshake in a Hello or a ClientFinish packet; a longer one is malformed. */
export const MAX_HANDSHAKE_BYTES = 512;

/** Bytes of the token that makes a Reset of {@link Version.encrypted} believable (RFC 9000, section 10.3). */
export const RESET_TOKEN_BYTES = 16;

/** The longest reason in a Refusal, in bytes of UTF-8. */
export const MAX_REFUSAL_BYTES = 256;

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
  serverHello: 0xc2,
  /** Carries the token, and frames from the client until the server's first Data packet. */
  clientFinish: 0xc3,
  /** Tells that the connection a Data packet was for is not known. */
  reset: 0xc4,
  /** Tells a client with a good token that it is not taken (version 2). */
  refusal: 0xc5,
  /** Asks a client to say Hello again, with what is in it, before more is done for it (version 2). */
  cookie: 0xc6,
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
  /** As stated by a long header; 0 for Data packets, which have none. */
  version = 0;
  /** The destination connection ID as a number, or -1 where its 64 bits pass 2^53-1: then it is none of ours. */
  destinationId = -1;
  /** Offset of the 8 bytes of the destination connection ID. */
  destinationIdStart = 0;
  /** Offset of the 8 bytes of the source connection ID; -1 where the packet has none (Data, Reset). */
  sourceIdStart = -1;
  /** Where the token starts and ends (ClientFinish, ServerHello), or the cookie (Cookie; Hello of version 2); both 0 elsewhere. */
  tokenStart = 0;
  tokenEnd = 0;
  /** Where the message of the handshake starts and ends (Hello; ClientFinish of version 2); both 0 elsewhere. */
  handshakeStart = 0;
  handshakeEnd = 0;
  /** The full packet number (Data, ClientFinish; in a Reset of version 1 that of the packet it answers); -1 elsewhere. */
  packetNumber = -1;
  /**
   * Where the header ends and the payload starts: frames; for ServerHello the server's answer, for VersionNegotiation a list, for
   * a Reset of version 2 its token, for a Refusal its MAC and text.
   */
  headerEnd = 0;
  readonly #reader = new Reader();

  /** Decodes the header of `datagram`. False where it is no packet: then no field means anything. Never throws. */
  decode(datagram: Uint8Array): boolean {
    const reader = this.#reader.reset(datagram);
    const first = reader.u8();
    this.sourceIdStart = -1;
    this.tokenStart = 0;
    this.tokenEnd = 0;
    this.handshakeStart = 0;
    this.handshakeEnd = 0;
    this.packetNumber = -1;
    if (first === PacketType.data) {
      this.type = PacketType.data;
      this.version = 0;
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
    const isEncrypted = this.version === Version.encrypted;
    const isKnown = isEncrypted || this.version === Version.plaintext;
    if (isKnown && first === PacketType.reset) {
      this.type = PacketType.reset;
      if (isEncrypted) return reader.remaining === RESET_TOKEN_BYTES;
      this.packetNumber = reader.varint();
      return reader.remaining === CRC32_BYTES;
    }
    if (isEncrypted && first === PacketType.cookie) {
      this.type = PacketType.cookie;
      return this.#decodeToken(reader) && reader.remaining === CRC32_BYTES;
    }
    if (isEncrypted && first === PacketType.refusal) {
      this.type = PacketType.refusal;
      return reader.remaining >= RESET_TOKEN_BYTES && reader.remaining <= RESET_TOKEN_BYTES + MAX_REFUSAL_BYTES;
    }
    this.sourceIdStart = reader.position;
    reader.skip(CONNECTION_ID_BYTES);
    if (this.version === 0) {
      this.type = PacketType.versionNegotiation;
      return first === PacketType.versionNegotiation && reader.remaining >= CRC32_BYTES;
    }
    if (!isKnown) {
      this.type = PacketType.unknownVersion;
      return true;
    }
    switch (first) {
      case PacketType.hello:
        this.type = PacketType.hello;
        if (!this.#decodeHandshake(reader) || (isEncrypted && !this.#decodeToken(reader))) return false;
        return this.destinationId === 0 && reader.end >= MIN_HELLO_BYTES && reader.remaining >= CRC32_BYTES;
      case PacketType.serverHello:
        this.type = PacketType.serverHello;
        return this.#decodeToken(reader) && reader.remaining >= CRC32_BYTES;
      case PacketType.clientFinish:
        this.type = PacketType.clientFinish;
        if (!this.#decodeToken(reader) || (isEncrypted && !this.#decodeHandshake(reader))) return false;
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

  #decodeHandshake(reader: Reader): boolean {
    const length = reader.varint();
    if (length > MAX_HANDSHAKE_BYTES) return false;
    this.handshakeStart = reader.position;
    reader.skip(length);
    this.handshakeEnd = reader.position;
    return true;
  }
}

/** Writes a Data packet's header to the peer's connection ID; returns the header's length. */
export function writeDataHeader(writer: Writer, destinationId: Uint8Array, packetNumber: number): number {
  const start = writer.position;
  writer.u8(PacketType.data);
  writePeerId(writer, destinationId);
  writer.varint(packetNumber);
  return writer.position - start;
}

/** What a ClientFinish packet's header states. */
export interface ClientFinishHeader {
  readonly version: Version;
  /** The server's connection ID, from its ServerHello. */
  readonly destinationId: Uint8Array;
  /** The client's own connection ID, as in its Hello. */
  readonly sourceId: number;
  /** The ServerHello's token. */
  readonly token: Uint8Array;
  /** The client's second message of the handshake; version 1 has none. */
  readonly handshake: Uint8Array;
  readonly packetNumber: number;
}

/** Writes a ClientFinish packet's header; returns the header's length. */
export function writeClientFinishHeader(writer: Writer, header: ClientFinishHeader): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.clientFinish, header.version);
  writePeerId(writer, header.destinationId);
  writeConnectionId(writer, header.sourceId);
  writeToken(writer, header.token);
  if (header.version === Version.encrypted) writeHandshake(writer, header.handshake);
  writer.varint(header.packetNumber);
  return writer.position - start;
}

/** What a Hello states. */
export interface Hello {
  readonly version: Version;
  /** The client's own connection ID. */
  readonly sourceId: number;
  /** The client's first message of the handshake; empty in version 1. */
  readonly handshake: Uint8Array;
  /** That of the server's Cookie, if one has come; version 1 has none. */
  readonly cookie?: Uint8Array;
  /** Of the datagram: 1200 unless told, never less. */
  readonly sizeBytes?: number;
}

/** Writes a whole Hello; returns the datagram's length. */
export function writeHello(writer: Writer, hello: Hello): number {
  const { version, sourceId, handshake, cookie = new Uint8Array(0), sizeBytes = MIN_HELLO_BYTES } = hello;
  invariant(sizeBytes >= MIN_HELLO_BYTES, "a Hello is at least 1200 bytes");
  const start = writer.position;
  writeLongHeader(writer, PacketType.hello, version);
  writeConnectionId(writer, 0);
  writeConnectionId(writer, sourceId);
  writeHandshake(writer, handshake);
  if (version === Version.encrypted) writeToken(writer, cookie);
  const paddingBytes = start + sizeBytes - CRC32_BYTES - writer.position;
  invariant(paddingBytes + CRC32_BYTES <= writer.remaining, "a Hello fits its buffer");
  writer.buffer.fill(0, writer.position, writer.position + paddingBytes);
  writer.position += paddingBytes;
  return finish(writer, start);
}

/** What a ServerHello states. */
export interface ServerHello {
  readonly version: Version;
  /** The client's connection ID, from its Hello. */
  readonly destinationId: Uint8Array;
  /** The connection ID that the server chose for its own side. */
  readonly sourceId: number;
  readonly token: Uint8Array;
  /** The server's parameters; in version 2 inside of its message of the handshake. */
  readonly payload: Uint8Array;
}

/** Writes a whole ServerHello; returns the datagram's length. */
export function writeServerHello(writer: Writer, serverHello: ServerHello): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.serverHello, serverHello.version);
  writePeerId(writer, serverHello.destinationId);
  writeConnectionId(writer, serverHello.sourceId);
  writeToken(writer, serverHello.token);
  writer.bytes(serverHello.payload);
  return finish(writer, start);
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

/** What a Reset of version 1 states, both taken from the Data packet that it answers. */
export interface Reset {
  readonly destinationId: Uint8Array;
  readonly packetNumber: number;
}

/** Writes a whole Reset of version 1; returns the datagram's length. */
export function writeReset(writer: Writer, { destinationId, packetNumber }: Reset): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.reset, Version.plaintext);
  writePeerId(writer, destinationId);
  writer.varint(packetNumber);
  return finish(writer, start);
}

/** Writes a whole Reset of version 2, whose token none but its server and its client know; returns the datagram's length. */
export function writeTokenReset(writer: Writer, destinationId: Uint8Array, resetToken: Uint8Array): number {
  invariant(resetToken.length === RESET_TOKEN_BYTES, "a reset token is 16 bytes");
  const start = writer.position;
  writeLongHeader(writer, PacketType.reset, Version.encrypted);
  writePeerId(writer, destinationId);
  writer.bytes(resetToken);
  return writer.position - start;
}

/** Writes a whole Cookie to a client; returns the datagram's length. */
export function writeCookie(writer: Writer, destinationId: Uint8Array, cookie: Uint8Array): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.cookie, Version.encrypted);
  writePeerId(writer, destinationId);
  writeToken(writer, cookie);
  return finish(writer, start);
}

/** What a Refusal states. */
export interface Refusal {
  /** The client's connection ID. */
  readonly destinationId: Uint8Array;
  readonly mac: Uint8Array;
  /** The reason for people, UTF-8. */
  readonly text: Uint8Array;
}

/** Writes a whole Refusal; returns the datagram's length. */
export function writeRefusal(writer: Writer, { destinationId, mac, text }: Refusal): number {
  invariant(mac.length === RESET_TOKEN_BYTES && text.length <= MAX_REFUSAL_BYTES, "a refusal has its size");
  const start = writer.position;
  writeLongHeader(writer, PacketType.refusal, Version.encrypted);
  writePeerId(writer, destinationId);
  writer.bytes(mac);
  writer.bytes(text);
  return writer.position - start;
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

function writeHandshake(writer: Writer, message: Uint8Array): void {
  invariant(message.length <= MAX_HANDSHAKE_BYTES, "a message of the handshake is at most 512 bytes");
  writer.varint(message.length);
  writer.bytes(message);
}

/** Ends a packet that started at `start` with its CRC-32; returns its length. */
function finish(writer: Writer, start: number): number {
  invariant(writer.remaining >= CRC32_BYTES, "a packet's checksum fits its buffer");
  writer.position = appendCrc32(writer.buffer, start, writer.position);
  return writer.position - start;
}
