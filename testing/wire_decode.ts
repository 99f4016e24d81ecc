/**
 * Decodes whole packets to {@link PacketValue}s. What is encrypted stays so.
 *
 * @module
 */

import { Reader } from "../base/bytes.ts";
import { CONNECTION_ID_BYTES, readConnectionId } from "../protocol/wire/connection_id.ts";
import { MAC_BYTES, PacketHeader, PacketType, readVersions } from "../protocol/wire/packet.ts";
import type { PacketValue } from "./wire_values.ts";

/** The packet that `datagram` is; undefined where it is none. Never throws, if the codec does not. */
export function decodePacket(datagram: Uint8Array): PacketValue | undefined {
  const header = new PacketHeader();
  if (!header.decode(datagram)) return undefined;
  const { handshakeEnd, handshakeStart, headerEnd, packetNumber: number, tokenEnd, tokenStart } = header;
  const hex = (start: number, end?: number): string => datagram.subarray(start, end).toHex();
  const numberAt = (at: number): number => readConnectionId(new Reader().reset(datagram, at));
  const to = hex(header.destinationIdStart, header.destinationIdStart + CONNECTION_ID_BYTES);
  const token = hex(tokenStart, tokenEnd);
  const handshake = hex(handshakeStart, handshakeEnd);
  switch (header.type) {
    case PacketType.data:
      return { packet: "data", to, number, sealed: hex(headerEnd) };
    case PacketType.clientFinish: {
      const from = numberAt(header.sourceIdStart);
      return { packet: "clientFinish", to, from, token, handshake, number, sealed: hex(headerEnd) };
    }
    case PacketType.hello: {
      const from = numberAt(header.sourceIdStart);
      return { packet: "hello", from, handshake, cookie: token, sizeBytes: datagram.length };
    }
    case PacketType.serverHello: {
      const from = numberAt(header.sourceIdStart);
      return { packet: "serverHello", to, from, token, handshake, tag: hex(headerEnd) };
    }
    case PacketType.versionNegotiation: {
      const versions = readVersions(datagram, header);
      const from = hex(header.sourceIdStart, header.sourceIdStart + CONNECTION_ID_BYTES);
      return versions && { packet: "versionNegotiation", to, from, versions };
    }
    case PacketType.cookie:
      return { packet: "cookie", to, cookie: token };
    case PacketType.reset:
      return { packet: "reset", to, token: hex(headerEnd) };
    case PacketType.refusal: {
      const codeAt = headerEnd + MAC_BYTES;
      const reason = new TextDecoder().decode(datagram.subarray(codeAt + 1));
      return { packet: "refusal", to, mac: hex(headerEnd, codeAt), code: datagram[codeAt]!, reason };
    }
    default:
      return undefined;
  }
}
