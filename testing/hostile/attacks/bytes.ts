/**
 * Bytes that no writer of ours writes, for attacks that need malformed ones, and the requests that they abuse.
 *
 * @module
 */

import { Writer } from "../../../base/bytes.ts";
import { wholeContent } from "../../../transfer/file_sender.ts";
import { encodeMessage, encodeMessages } from "../../../transfer/message_encoder.ts";
import type { Message } from "../../../transfer/messages.ts";
import type { FrameValue } from "../../wire_values.ts";
import { BAIT } from "../fixture.ts";

/** A millisecond, in microseconds. */
export const MS = 1_000;
/** A second, in microseconds. */
export const SECOND = 1_000_000;

/** These numbers as varints, one after another. */
export function varints(...values: readonly number[]): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(8 * values.length));
  for (const value of values) writer.varint(value);
  return writer.buffer.slice(0, writer.position);
}

/** A request for the file that is there to be had. */
export const GET_BAIT: Uint8Array = encodeMessage({ type: "get", name: BAIT.name });

/** The beginning of an upload, up to the bytes of the file. */
export function putOf(name: string, sizeBytes: number): Uint8Array {
  const put: Message = { type: "put", name, sizeBytes, modifiedUs: 1, overwrite: true };
  return encodeMessages([put, ...wholeContent(put)]);
}

/** A STREAM frame. */
export function streamFrame(streamId: number, bytes: Uint8Array, { offset = 0, fin = false } = {}): FrameValue {
  return { frame: "stream", streamId, offset, data: bytes.toHex(), fin };
}
