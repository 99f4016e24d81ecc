/**
 * Protection against damage alone: a CRC-32 over the whole packet. It promises nothing against whoever can write
 * packets of his own; see `docs/PROTOCOL.md`, section 14.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { appendCrc32, checkCrc32, CRC32_BYTES } from "../wire/crc32.ts";
import type { PacketProtection } from "./packet_protection.ts";

export { appendCrc32, checkCrc32, CRC32_BYTES };

/** The protection of version 1: the tag is the CRC-32 of everything before it. It holds no state. */
export class Crc32Protection implements PacketProtection {
  readonly overheadBytes = CRC32_BYTES;

  seal(buffer: Uint8Array, _headerEnd: number, payloadEnd: number, _packetNumber: number): number {
    return appendCrc32(buffer, 0, payloadEnd);
  }

  open(datagram: Uint8Array, headerEnd: number, _packetNumber: number): number {
    const payloadEnd = datagram.length - CRC32_BYTES;
    return payloadEnd >= headerEnd && checkCrc32(datagram) ? payloadEnd : -1;
  }

  /** There is nothing secret. */
  wipe(): void {}
}
