/**
 * Packet headers, and the packets that need no connection: Hello, ServerHello, Cookie, VersionNegotiation, Reset and Refusal.
 * One datagram is one packet. `docs/PROTOCOL.md`, section 5, has the layouts.
 *
 * {@link PacketHeader.decode} is the one length gate: in what it accepts, every offset lies inside the datagram. It does
 * not check authenticity: the connection's packet protection does that for ClientFinish and Data packets, the handshake
 * (`protocol/handshake/`) for ServerHello, Reset and Refusal. Hello, Cookie and VersionNegotiation are unauthenticated.
 *
 * Hot: headers of Data packets.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { CONNECTION_ID_BYTES, readConnectionId, writeConnectionId } from "./connection_id.ts";
import { MAX_VARINT, Reader, type Writer } from "../../base/bytes.ts";

/** The version of the protocol: "SL" and a number. */
export const VERSION = 0x534c_0001;

/**
 * The least size of a datagram that carries a Hello, and of one of an unknown version that is answered: no answer is larger
 * than three times what it answers (RFC 9000, sections 8.1 and 14.1).
 */
export const MIN_HELLO_BYTES = 1200;

/** The largest packet number: one below {@link MAX_VARINT}, so that the end of a half-open range is safe as well. */
export const MAX_PACKET_NUMBER: number = MAX_VARINT - 1;

/** Packet numbers that share a key (`crypto/packet_protection.ts`); those of ClientFinish packets are of the first key. */
export const PACKETS_PER_KEY: number = 2 ** 22;

/** The longest token; a longer one is malformed. It carries the server's half of the handshake, so it stays small. */
export const MAX_TOKEN_BYTES = 256;

/** The longest handshake message in a Hello or a ClientFinish packet; a longer one is malformed. */
export const MAX_HANDSHAKE_BYTES = 512;

/** Bytes of the token that authenticates a Reset (RFC 9000, section 10.3). */
export const RESET_TOKEN_BYTES = 16;

/** Bytes of the tag that ends a ServerHello, and of the MAC in a Refusal: HMAC-SHA256, truncated. */
export const MAC_BYTES = 16;

/** The longest reason in a Refusal, bytes of UTF-8. */
export const MAX_REFUSAL_BYTES = 256;

/** The most versions that a VersionNegotiation packet lists. */
export const MAX_LISTED_VERSIONS = 64;

/** First bytes of packets, and {@link PacketType.unknownVersion}, which never appears on the wire. */
export const PacketType = {
  /** Carries frames of an established connection. */
  data: 0x40,
  /** Lists the versions that the server speaks (RFC 9000, section 6). */
  versionNegotiation: 0xc0,
  /** The client's first: padded, and answered without keeping state. */
  hello: 0xc1,
  /** The server's answer to a Hello: its handshake message, and a token that holds its half of the handshake. */
  serverHello: 0xc2,
  /** Carries the token, the client's second handshake message, and frames, until the server's first Data packet arrives. */
  clientFinish: 0xc3,
  /** Tells the client that the server does not know the connection of a Data packet (RFC 9000, section 10.3). */
  reset: 0xc4,
  /** Tells a client that has completed the handshake that the server does not accept it, and why. */
  refusal: 0xc5,
  /**
   * Asks a client to send its Hello again with the cookie in it, before the server does any work for it. The same as DTLS's
   * HelloVerifyRequest (RFC 6347, section 4.2.1), WireGuard's Cookie Reply and QUIC's Retry (RFC 9000, section 8.1.2).
   */
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
  /** Offset of the 8 bytes of the source connection ID; -1 where the packet has none (Data, Reset, Refusal, Cookie). */
  sourceIdStart = -1;
  /** Where the token (ClientFinish, ServerHello) or the cookie (Cookie, Hello) starts and ends; both 0 elsewhere. */
  tokenStart = 0;
  tokenEnd = 0;
  /** Where the handshake message starts and ends (Hello, ServerHello, ClientFinish); both 0 elsewhere. */
  handshakeStart = 0;
  handshakeEnd = 0;
  /** The full packet number (Data, ClientFinish); -1 elsewhere. */
  packetNumber = -1;
  /**
   * Where the header ends and the payload starts: frames; for ServerHello its tag, for VersionNegotiation the list, for a
   * Reset its token, for a Refusal its MAC, code and reason.
   */
  headerEnd = 0;
  readonly #reader = new Reader();

  /** Decodes the header of `datagram`. False where it is not a packet: then no field means anything. Never throws. */
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
    if (this.version === VERSION) {
      switch (first) {
        case PacketType.reset:
          this.type = PacketType.reset;
          return reader.remaining === RESET_TOKEN_BYTES;
        case PacketType.cookie:
          this.type = PacketType.cookie;
          return this.#decodeToken(reader) && reader.remaining === 0;
        case PacketType.refusal:
          this.type = PacketType.refusal;
          return reader.remaining > MAC_BYTES && reader.remaining <= MAC_BYTES + 1 + MAX_REFUSAL_BYTES;
      }
    }
    this.sourceIdStart = reader.position;
    const sourceId = readConnectionId(reader);
    if (this.version === VERSION) return sourceId !== 0 && this.#decodeHandshakePacket(reader, first);
    this.type = this.version === 0 ? PacketType.versionNegotiation : PacketType.unknownVersion;
    return this.version !== 0 || first === PacketType.versionNegotiation;
  }

  /** What follows the connection IDs in the three packets of the handshake. */
  #decodeHandshakePacket(reader: Reader, first: number): boolean {
    switch (first) {
      case PacketType.hello:
        this.type = PacketType.hello;
        if (!this.#decodeHandshake(reader) || !this.#decodeToken(reader)) return false;
        return this.destinationId === 0 && reader.end >= MIN_HELLO_BYTES;
      case PacketType.serverHello:
        this.type = PacketType.serverHello;
        if (!this.#decodeToken(reader) || reader.remaining < MAC_BYTES) return false;
        this.handshakeStart = reader.position;
        reader.skip(reader.remaining - MAC_BYTES);
        this.handshakeEnd = reader.position;
        return true;
      case PacketType.clientFinish:
        this.type = PacketType.clientFinish;
        if (!this.#decodeToken(reader) || !this.#decodeHandshake(reader)) return false;
        this.packetNumber = reader.varint();
        return this.destinationId !== 0 && this.packetNumber < PACKETS_PER_KEY;
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
  /** The server's connection ID, from its ServerHello. */
  readonly destinationId: Uint8Array;
  /** The client's own connection ID, as in its Hello. */
  readonly sourceId: number;
  /** The ServerHello's token. */
  readonly token: Uint8Array;
  /** The client's second handshake message. */
  readonly handshake: Uint8Array;
  readonly packetNumber: number;
}

/** Writes a ClientFinish packet's header; returns the header's length. */
export function writeClientFinishHeader(writer: Writer, header: ClientFinishHeader): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.clientFinish, VERSION);
  writePeerId(writer, header.destinationId);
  writeConnectionId(writer, header.sourceId);
  writeToken(writer, header.token);
  writeHandshake(writer, header.handshake);
  writer.varint(header.packetNumber);
  return writer.position - start;
}

/** What a Hello states. */
export interface Hello {
  /** The client's own connection ID. */
  readonly sourceId: number;
  /** The client's first handshake message. */
  readonly handshake: Uint8Array;
  /** That of the server's Cookie, if one has arrived. */
  readonly cookie?: Uint8Array;
  /** Of the datagram: 1200 unless told, never less. */
  readonly sizeBytes?: number;
}

/** Writes a whole Hello; returns the datagram's length. */
export function writeHello(writer: Writer, hello: Hello): number {
  const { sourceId, handshake, cookie = new Uint8Array(0), sizeBytes = MIN_HELLO_BYTES } = hello;
  invariant(sizeBytes >= MIN_HELLO_BYTES, "a Hello is at least 1200 bytes");
  const start = writer.position;
  writeLongHeader(writer, PacketType.hello, VERSION);
  writeConnectionId(writer, 0);
  writeConnectionId(writer, sourceId);
  writeHandshake(writer, handshake);
  writeToken(writer, cookie);
  const end = start + sizeBytes;
  invariant(end - writer.position <= writer.remaining, "a Hello fits its buffer");
  writer.buffer.fill(0, writer.position, end);
  writer.position = end;
  return sizeBytes;
}

/** What a ServerHello states. */
export interface ServerHello {
  /** The client's connection ID, from its Hello. */
  readonly destinationId: Uint8Array;
  /** The connection ID that the server chose for its own side. */
  readonly sourceId: number;
  readonly token: Uint8Array;
  /** The server's handshake message; its parameters are inside. */
  readonly handshake: Uint8Array;
}

/** Writes a ServerHello up to its tag, of {@link MAC_BYTES}; returns the length so far. */
export function writeServerHello(writer: Writer, serverHello: ServerHello): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.serverHello, VERSION);
  writePeerId(writer, serverHello.destinationId);
  writeConnectionId(writer, serverHello.sourceId);
  writeToken(writer, serverHello.token);
  writer.bytes(serverHello.handshake);
  return writer.position - start;
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
  return writer.position - start;
}

/** Reads the list of a VersionNegotiation packet that decoded; undefined where it is malformed. */
export function readVersions(datagram: Uint8Array, header: PacketHeader): number[] | undefined {
  const reader = new Reader().reset(datagram, header.headerEnd);
  const count = reader.remaining / 4;
  if (!Number.isInteger(count) || count < 1 || count > MAX_LISTED_VERSIONS) return undefined;
  return Array.from({ length: count }, () => reader.u32());
}

/** Writes a whole Reset, with the token that only the server and its client know; returns the datagram's length. */
export function writeReset(writer: Writer, destinationId: Uint8Array, resetToken: Uint8Array): number {
  invariant(resetToken.length === RESET_TOKEN_BYTES, "a reset token is 16 bytes");
  const start = writer.position;
  writeLongHeader(writer, PacketType.reset, VERSION);
  writePeerId(writer, destinationId);
  writer.bytes(resetToken);
  return writer.position - start;
}

/** Writes a whole Cookie to a client; returns the datagram's length. */
export function writeCookie(writer: Writer, destinationId: Uint8Array, cookie: Uint8Array): number {
  const start = writer.position;
  writeLongHeader(writer, PacketType.cookie, VERSION);
  writePeerId(writer, destinationId);
  writeToken(writer, cookie);
  return writer.position - start;
}

/** What a Refusal states. */
export interface Refusal {
  /** The client's connection ID. */
  readonly destinationId: Uint8Array;
  readonly mac: Uint8Array;
  /** A transport error code, below 256. */
  readonly code: number;
  /** The reason for people, UTF-8. */
  readonly reason: Uint8Array;
}

/** Writes a whole Refusal; returns the datagram's length. */
export function writeRefusal(writer: Writer, { destinationId, mac, code, reason }: Refusal): number {
  invariant(mac.length === MAC_BYTES && reason.length <= MAX_REFUSAL_BYTES, "a Refusal has its size");
  const start = writer.position;
  writeLongHeader(writer, PacketType.refusal, VERSION);
  writePeerId(writer, destinationId);
  writer.bytes(mac);
  writer.u8(code);
  writer.bytes(reason);
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
  invariant(message.length <= MAX_HANDSHAKE_BYTES, "a handshake message is at most 512 bytes");
  writer.varint(message.length);
  writer.bytes(message);
}
