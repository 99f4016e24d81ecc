/**
 * Writes frames. Each function leaves the writer after its frame; that the frame fits is the caller's to know, by
 * `MAX_CONTROL_FRAME_BYTES` or by the size functions.
 *
 * Hot: {@link writeStreamHeader}, {@link writeAck}.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { varintSize, type Writer } from "../../base/bytes.ts";
import { FrameType, MAX_REASON_BYTES, PATH_DATA_BYTES, StreamBit } from "./frame_type.ts";
import { type TransportParameters, writeParameters } from "./parameters.ts";

/** Ranges of numbers, half-open, ascending, disjoint and not touching: what `RangeSet` shows of itself. */
export interface Ranges {
  readonly length: number;
  start(index: number): number;
  end(index: number): number;
}

/** Writes `count` PADDING frames. */
export function writePadding(writer: Writer, count: number): void {
  invariant(count >= 0 && count <= writer.remaining, "padding fits the buffer");
  const end = writer.position + count;
  writer.buffer.fill(FrameType.padding, writer.position, end);
  writer.position = end;
}

/** Writes PING. */
export function writePing(writer: Writer): void {
  writer.u8(FrameType.ping);
}

/** What {@link writeAck} needs besides the ranges. */
export interface AckOptions {
  readonly ackDelayUs: number;
  /** The frame's most bytes; what the writer has left bounds it as well. */
  readonly maxBytes: number;
  /** Bytes after which only ranges that end above {@link reportFrom} are added. Default: all are. */
  readonly repeatBytes?: number;
  readonly reportFrom?: number;
}

/**
 * Writes an ACK frame of the newest of `ranges`, as many as fit; older ones are left out (RFC 9000, section 13.2.3).
 * Returns how many it reports; 0 where there is none, or no room for one: then nothing was written.
 */
export function writeAck(writer: Writer, ranges: Ranges, options: AckOptions): number {
  const { ackDelayUs, maxBytes, repeatBytes = maxBytes, reportFrom = 0 } = options;
  const count = ranges.length;
  if (count === 0) return 0;
  const newest = count - 1;
  const largest = ranges.end(newest) - 1;
  const firstRange = largest - ranges.start(newest);
  const room = Math.min(maxBytes, writer.remaining);
  let size = 1 + varintSize(largest) + varintSize(ackDelayUs) + varintSize(firstRange);
  if (size + 1 > room) return 0;
  let more = 0;
  for (let i = newest - 1; i >= 0; i--) {
    size += varintSize(gapField(ranges, i)) + varintSize(lengthField(ranges, i));
    const most = ranges.end(i) > reportFrom ? room : Math.min(room, repeatBytes);
    if (size + varintSize(more + 1) > most) break;
    more++;
  }
  writer.u8(FrameType.ack);
  writer.varint(largest);
  writer.varint(ackDelayUs);
  writer.varint(more);
  writer.varint(firstRange);
  for (let i = newest - 1; i >= newest - more; i--) {
    writer.varint(gapField(ranges, i));
    writer.varint(lengthField(ranges, i));
  }
  return more + 1;
}

/** Unacknowledged packets between range `index` and the next newer one, less one (RFC 9000, section 19.3.1). */
function gapField(ranges: Ranges, index: number): number {
  return ranges.start(index + 1) - ranges.end(index) - 1;
}

function lengthField(ranges: Ranges, index: number): number {
  return ranges.end(index) - ranges.start(index) - 1;
}

/** Writes RESET_STREAM. */
export function writeResetStream(writer: Writer, streamId: number, code: number, finalSize: number): void {
  writer.u8(FrameType.resetStream);
  writer.varint(streamId);
  writer.varint(code);
  writer.varint(finalSize);
}

/** Writes STOP_SENDING. */
export function writeStopSending(writer: Writer, streamId: number, code: number): void {
  writer.u8(FrameType.stopSending);
  writer.varint(streamId);
  writer.varint(code);
}

/**
 * Writes STREAM up to its data, always with its length, and with its offset unless that is 0; the caller puts
 * `length` bytes after it.
 */
export function writeStreamHeader(
  writer: Writer,
  streamId: number,
  offset: number,
  length: number,
  fin: boolean,
): void {
  writer.u8(FrameType.stream | StreamBit.length | (offset > 0 ? StreamBit.offset : 0) | (fin ? StreamBit.fin : 0));
  writer.varint(streamId);
  if (offset > 0) writer.varint(offset);
  writer.varint(length);
}

/** Bytes that {@link writeStreamHeader} writes. */
export function streamHeaderSize(streamId: number, offset: number, length: number): number {
  return 1 + varintSize(streamId) + (offset > 0 ? varintSize(offset) : 0) + varintSize(length);
}

/** Writes MAX_DATA. */
export function writeMaxData(writer: Writer, maximum: number): void {
  writer.u8(FrameType.maxData);
  writer.varint(maximum);
}

/** Writes MAX_STREAM_DATA. */
export function writeMaxStreamData(writer: Writer, streamId: number, maximum: number): void {
  writer.u8(FrameType.maxStreamData);
  writer.varint(streamId);
  writer.varint(maximum);
}

/** Writes MAX_STREAMS: how many streams the client may ever open. */
export function writeMaxStreams(writer: Writer, maximum: number): void {
  writer.u8(FrameType.maxStreams);
  writer.varint(maximum);
}

/** Writes PATH_CHALLENGE of 8 unpredictable bytes. */
export function writePathChallenge(writer: Writer, data: Uint8Array): void {
  writePathData(writer, FrameType.pathChallenge, data);
}

/** Writes PATH_RESPONSE of the challenge's 8 bytes. */
export function writePathResponse(writer: Writer, data: Uint8Array): void {
  writePathData(writer, FrameType.pathResponse, data);
}

function writePathData(writer: Writer, type: number, data: Uint8Array): void {
  invariant(data.length === PATH_DATA_BYTES, "a path challenge is 8 bytes");
  writer.u8(type);
  writer.bytes(data);
}

/** What CONNECTION_CLOSE says. */
export interface ConnectionClose {
  /** Whether the code is the application's (0x1d) or the transport's (0x1c). */
  readonly isApplication: boolean;
  readonly code: number;
  /** For people; cut after 256 bytes of UTF-8, between characters. */
  readonly reason: string;
}

/** Writes CONNECTION_CLOSE. */
export function writeConnectionClose(writer: Writer, { isApplication, code, reason }: ConnectionClose): void {
  const text = new Uint8Array(MAX_REASON_BYTES);
  const { written } = new TextEncoder().encodeInto(reason, text);
  writer.u8(isApplication ? FrameType.applicationClose : FrameType.connectionClose);
  writer.varint(code);
  writer.varint(written);
  writer.bytes(text, 0, written);
}

/** Writes PARAMETERS; 1 byte more than `parametersSize` tells. */
export function writeParametersFrame(writer: Writer, parameters: TransportParameters): void {
  writer.u8(FrameType.parameters);
  writeParameters(writer, parameters);
}
