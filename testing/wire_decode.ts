/**
 * Decodes whole packets to {@link PacketValue}s, as an endpoint would: header, checksum, contents.
 *
 * @module
 */

import { checkCrc32, CRC32_BYTES, Crc32Protection } from "../protocol/crypto/checksum.ts";
import { Reader } from "../base/bytes.ts";
import { CONNECTION_ID_BYTES, readConnectionId } from "../protocol/wire/connection_id.ts";
import { PacketHeader, PacketType, readVersions, RESET_TOKEN_BYTES, Version } from "../protocol/wire/packet.ts";
import { decodeParameters } from "../protocol/wire/parameters.ts";
import { toHex } from "../transfer/hex.ts";
import { decodeFrames, type PacketValue } from "./wire_values.ts";

/** The packet that `datagram` is; undefined where it is none, or damaged. Never throws, if the codec does not. */
export function decodePacket(datagram: Uint8Array): PacketValue | undefined {
  const header = new PacketHeader();
  if (!header.decode(datagram)) return undefined;
  const isProtected = header.type === PacketType.data || header.type === PacketType.clientFinish;
  return isProtected ? decodeProtected(datagram, header) : decodeStateless(datagram, header);
}

function decodeProtected(datagram: Uint8Array, header: PacketHeader): PacketValue | undefined {
  const payloadEnd = new Crc32Protection().open(datagram, header.headerEnd, header.packetNumber);
  if (payloadEnd < 0) return undefined;
  const { values: frames, error } = decodeFrames(datagram, { start: header.headerEnd, end: payloadEnd });
  if (error !== undefined) return undefined;
  const to = idAt(datagram, header.destinationIdStart);
  const number = header.packetNumber;
  if (header.type === PacketType.data) return { packet: "data", to, number, frames };
  const from = numberAt(datagram, header.sourceIdStart);
  return { packet: "client-finish", to, from, token: tokenOf(datagram, header), number, frames };
}

function decodeStateless(datagram: Uint8Array, header: PacketHeader): PacketValue | undefined {
  const encrypted = header.version === Version.encrypted ? decodeUnchecked(datagram, header) : undefined;
  if (encrypted !== undefined || !checkCrc32(datagram)) return encrypted;
  const to = idAt(datagram, header.destinationIdStart);
  switch (header.type) {
    case PacketType.hello:
      return { packet: "hello", from: numberAt(datagram, header.sourceIdStart), sizeBytes: datagram.length };
    case PacketType.serverHello: {
      const parameters = decodeParameters(datagram.subarray(header.headerEnd, datagram.length - CRC32_BYTES));
      if ("malformed" in parameters) return undefined;
      const from = numberAt(datagram, header.sourceIdStart);
      return { packet: "server-hello", to, from, token: tokenOf(datagram, header), parameters };
    }
    case PacketType.versionNegotiation: {
      const versions = readVersions(datagram, header);
      const from = idAt(datagram, header.sourceIdStart);
      return versions && { packet: "versionNegotiation", to, from, versions };
    }
    case PacketType.cookie:
      return { packet: "cookie", to, cookie: tokenOf(datagram, header) };
    case PacketType.reset:
      return { packet: "reset", to, number: header.packetNumber };
    default:
      return undefined;
  }
}

/** What has something better than a checksum. */
function decodeUnchecked(datagram: Uint8Array, header: PacketHeader): PacketValue | undefined {
  const to = idAt(datagram, header.destinationIdStart);
  const textStart = header.headerEnd + RESET_TOKEN_BYTES;
  const token = toHex(datagram.subarray(header.headerEnd, textStart));
  switch (header.type) {
    case PacketType.reset:
      return { packet: "tokenReset", to, token };
    case PacketType.refusal:
      return { packet: "refusal", to, mac: token, text: new TextDecoder().decode(datagram.subarray(textStart)) };
    default:
      return undefined;
  }
}

function idAt(datagram: Uint8Array, at: number): string {
  return toHex(datagram.subarray(at, at + CONNECTION_ID_BYTES));
}

function numberAt(datagram: Uint8Array, at: number): number {
  return readConnectionId(new Reader().reset(datagram, at));
}

function tokenOf(datagram: Uint8Array, header: PacketHeader): string {
  return toHex(datagram.subarray(header.tokenStart, header.tokenEnd));
}
