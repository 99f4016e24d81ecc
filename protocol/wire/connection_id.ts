/**
 * Connection IDs: 64 bits on the wire, of which our own use 53, so that they are numbers here.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import type { Reader, Writer } from "../../base/bytes.ts";

/** Bytes of a connection ID on the wire. */
export const CONNECTION_ID_BYTES = 8;

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
