/**
 * The CRC-32 that ends every packet without protection of its own: zlib's (IEEE 802.3), big-endian, over all bytes of
 * the datagram before it. It finds damage, all of up to 32 bits in a row and all but 1 in 2^32 of the rest; it does
 * not find malice.
 *
 * @module
 */

import { crc32 } from "node:zlib";

/** Bytes a CRC-32 takes. */
export const CRC32_BYTES = 4;

/**
 * Writes the CRC-32 of the bytes of `buffer` from `start` to before `end` at `end`; returns the offset after it. The
 * caller has left room.
 */
export function appendCrc32(buffer: Uint8Array, start: number, end: number): number {
  const crc = crc32(buffer.subarray(start, end));
  buffer[end] = crc / 0x100_0000;
  buffer[end + 1] = crc / 0x1_0000;
  buffer[end + 2] = crc / 0x100;
  buffer[end + 3] = crc;
  return end + CRC32_BYTES;
}

/** Whether `datagram` ends in the CRC-32 of all bytes before that. */
export function checkCrc32(datagram: Uint8Array): boolean {
  const at = datagram.length - CRC32_BYTES;
  if (at < 0) return false;
  const stated = datagram[at]! * 0x100_0000 +
    ((datagram[at + 1]! << 16) | (datagram[at + 2]! << 8) | datagram[at + 3]!);
  return crc32(datagram.subarray(0, at)) === stated;
}
