/**
 * Frames: what a packet's payload is made of (RFC 9000, section 19; `docs/PROTOCOL.md`, section 7). Their types and
 * bounds, then reading, then writing.
 *
 * {@link readFrames} acts frame by frame: each frame is checked whole before its handler is called, and the frames
 * before a malformed one have been acted on when that is found. Checking all frames beforehand would cost every good
 * packet a second reading; a peer that sends a malformed frame loses the connection either way.
 *
 * Each writing function leaves the writer after its frame. The caller ensures that the frame fits, by
 * {@link MAX_CONTROL_FRAME_BYTES} or by the size functions.
 *
 * Hot: STREAM and ACK. Nothing is allocated per packet, except where CONNECTION_CLOSE or PARAMETERS arrive.
 *
 * @module
 */

import { TransportErrorCode } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";
import { MAX_VARINT, type Reader, varintSize, type Writer } from "../../base/bytes.ts";
import { MAX_PACKET_NUMBER } from "./packet.ts";
import { readParameters, type TransportParameters, writeParameters } from "./parameters.ts";

/**
 * Frame types. STREAM takes 0x08 to 0x0f: its low three bits say which fields follow.
 *
 * Two are not QUIC's: ZEROS stands for a STREAM frame of zeros, and does not carry them; RATE_LIMIT asks the peer to send
 * no faster.
 *
 * QUIC's DATA_BLOCKED, STREAM_DATA_BLOCKED and HANDSHAKE_DONE are left out of this protocol on purpose: a receiver
 * announces its limits reliably without being asked, and any Data packet confirms the handshake.
 */
export const FrameType = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  resetStream: 0x04,
  stopSending: 0x05,
  stream: 0x08,
  maxData: 0x10,
  maxStreamData: 0x11,
  maxStreams: 0x12,
  pathChallenge: 0x1a,
  pathResponse: 0x1b,
  connectionClose: 0x1c,
  applicationClose: 0x1d,
  parameters: 0x20,
  zeros: 0x21,
  rateLimit: 0x22,
} as const;

/** What STREAM's low three type bits say (RFC 9000, section 19.8). */
export const StreamBit = {
  /** The frame ends the stream. */
  fin: 0x01,
  /** A length follows; without it the data run to the packet's end. */
  length: 0x02,
  /** An offset follows; without it the data start the stream. */
  offset: 0x04,
} as const;

/** Bytes of PATH_CHALLENGE's and PATH_RESPONSE's data. */
export const PATH_DATA_BYTES = 8;

/** The longest reason that CONNECTION_CLOSE carries, bytes of UTF-8. */
export const MAX_REASON_BYTES = 256;

/**
 * The most bytes that one ZEROS frame stands for. A receiver writes and hashes each of them: with one such frame in a
 * packet, a packet of any size costs it about as much as one of 64 KiB.
 */
export const MAX_ZEROS_BYTES = 65_536;

/** No frame but ACK, STREAM, PARAMETERS and CONNECTION_CLOSE is longer: type and three 8-byte varints. */
export const MAX_CONTROL_FRAME_BYTES = 25;

// --- reading ---

/** Types above this take more than one byte as a varint; this version has none. */
const LAST_ONE_BYTE_TYPE = 0x3f;
/** STREAM takes every type from {@link FrameType.stream} to this. */
const LAST_STREAM_TYPE = 0x0f;

/** What one ACK frame says. The object is reused: copy what you keep. */
export class AckFrame {
  largestAcked = 0;
  /** How long the sender of the frame held it back, microseconds, by its own account. */
  ackDelayUs = 0;
  /** Ranges in {@link starts} and {@link ends}; at least 1. */
  rangeCount = 0;
  /** Ranges of packet numbers, half-open, newest first, neither overlapping nor touching. */
  starts: Float64Array = new Float64Array(64);
  ends: Float64Array = new Float64Array(64);

  /** Makes room for `count` ranges. A datagram bounds the count, so this is bounded by 512 KiB for the largest. */
  ensureCapacity(count: number): void {
    if (count <= this.starts.length) return;
    const capacity = 2 ** Math.ceil(Math.log2(count));
    this.starts = new Float64Array(capacity);
    this.ends = new Float64Array(capacity);
  }
}

/**
 * Hears each frame of a packet, in order; PADDING is passed over. `buffer` is the packet's own: copy what you keep.
 * Whatever a method throws passes through {@link readFrames}.
 */
export interface FrameHandler {
  /** Comes before each frame that asks for an acknowledgement. */
  onAckEliciting?(): void;
  onPing(): void;
  onAck(ack: AckFrame): void;
  onResetStream(streamId: number, code: number, finalSize: number): void;
  onStopSending(streamId: number, code: number): void;
  /** The data are the bytes of `buffer` from `start` to before `end`; `offset` is where they go in the stream. */
  onStream(streamId: number, offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): void;
  /** The bytes of the stream from `offset` on, `length` of them (1 to {@link MAX_ZEROS_BYTES}), are zeros. */
  onZeros(streamId: number, offset: number, length: number): void;
  /** The peer asks for no more than `bytesPerSecond`, 0 for any rate; and, if in the background, to yield to others. */
  onRateLimit(bytesPerSecond: number, isBackground: boolean): void;
  onMaxData(maximum: number): void;
  onMaxStreamData(streamId: number, maximum: number): void;
  onMaxStreams(maximum: number): void;
  /** The 8 bytes of `buffer` from `at` on. */
  onPathChallenge(buffer: Uint8Array, at: number): void;
  onPathResponse(buffer: Uint8Array, at: number): void;
  onConnectionClose(isApplication: boolean, code: number, reason: string): void;
  onParameters(parameters: TransportParameters): void;
}

/** What is wrong with a packet's frames, and the code to close the connection with. */
export interface FrameError {
  readonly code: TransportErrorCode;
  readonly message: string;
}

/** How {@link readFrames} reads. */
export interface ReadFramesOptions {
  /** What {@link FrameHandler.onAck} is given. Default: a new one for each ACK frame. */
  readonly ack?: AckFrame;
  /** Which frames are allowed, one of `FRAME_RULES`. Default: all. */
  readonly rule?: Uint8Array;
}

/**
 * Reads every frame up to the reader's end and tells `handler`; stops at the first malformed or forbidden one and returns
 * what is wrong with it. Hot: pass the same `options` each time.
 */
export function readFrames(
  reader: Reader,
  handler: FrameHandler,
  { ack, rule }: ReadFramesOptions = ALL_FRAMES,
): FrameError | undefined {
  // RFC 9000, section 12.4: a packet without frames is a PROTOCOL_VIOLATION.
  if (reader.remaining === 0) return NO_FRAMES;
  while (reader.remaining > 0) {
    const type = reader.u8();
    // RFC 9000, section 12.4: a type is in its shortest form. None of ours passes one byte.
    if (type > LAST_ONE_BYTE_TYPE) return UNKNOWN_TYPE;
    if (rule?.[type] === 0) return FORBIDDEN;
    if (isAckEliciting(type)) handler.onAckEliciting?.();
    let error: FrameError | undefined;
    if (type >= FrameType.stream && type <= LAST_STREAM_TYPE) error = readStream(reader, handler, type);
    else if (type === FrameType.padding) skipPadding(reader);
    else if (type === FrameType.ack) error = readAck(reader, handler, ack ?? new AckFrame());
    else error = readControl(reader, handler, type);
    if (error !== undefined) return error;
  }
  return undefined;
}

/** RFC 9000, section 12.4, table 3: all frames but those marked N. */
function isAckEliciting(type: number): boolean {
  return type > FrameType.ack && type !== FrameType.connectionClose && type !== FrameType.applicationClose ||
    type === FrameType.ping;
}

const ALL_FRAMES: ReadFramesOptions = {};
const NO_FRAMES: FrameError = { code: TransportErrorCode.protocolViolation, message: "a packet without frames" };
const FORBIDDEN: FrameError = {
  code: TransportErrorCode.protocolViolation,
  message: "a frame that this side may not send, or not in this packet",
};
const UNKNOWN_TYPE = encodingError("unknown frame type");
const CUT_SHORT = encodingError("frame cut short, or a number in it past 2^53-1");
const BAD_ACK = encodingError("ACK of a packet number that cannot be");
const PAST_LAST_OFFSET = encodingError("STREAM data past offset 2^53-1");
const BAD_ZEROS = encodingError("ZEROS of no byte or of more than 65,536");
const BAD_RATE_LIMIT = encodingError("RATE_LIMIT with a priority that is neither 0 nor 1");
const LONG_REASON = encodingError("reason longer than 256 bytes");

function encodingError(message: string): FrameError {
  return { code: TransportErrorCode.frameEncodingError, message };
}

function skipPadding(reader: Reader): void {
  const { buffer, end } = reader;
  let at = reader.position;
  while (at < end && buffer[at] === FrameType.padding) at++;
  reader.position = at;
}

/** RFC 9000, section 19.8. */
function readStream(reader: Reader, handler: FrameHandler, type: number): FrameError | undefined {
  const streamId = reader.varint();
  const offset = (type & StreamBit.offset) === 0 ? 0 : reader.varint();
  const length = (type & StreamBit.length) === 0 ? reader.remaining : reader.varint();
  const start = reader.position;
  reader.skip(length);
  if (reader.failed) return CUT_SHORT;
  if (offset > MAX_VARINT - length) return PAST_LAST_OFFSET;
  handler.onStream(streamId, offset, reader.buffer, start, start + length, (type & StreamBit.fin) !== 0);
  return undefined;
}

/** RFC 9000, section 19.3, but that the delay is in microseconds without an exponent. */
function readAck(reader: Reader, handler: FrameHandler, ack: AckFrame): FrameError | undefined {
  const largest = reader.varint();
  const delayUs = reader.varint();
  const moreRanges = reader.varint();
  let start = largest - reader.varint();
  // Each further range takes at least two bytes: a count that the packet cannot hold must not make us reserve memory.
  if (reader.failed || moreRanges > reader.remaining / 2) return CUT_SHORT;
  if (start < 0 || largest > MAX_PACKET_NUMBER) return BAD_ACK;
  ack.ensureCapacity(moreRanges + 1);
  const { starts, ends } = ack;
  starts[0] = start;
  ends[0] = largest + 1;
  for (let i = 1; i <= moreRanges; i++) {
    // RFC 9000, section 19.3.1: gap and length both count one less than there is; -1 where the gap passes 0.
    const end = start - reader.varint() - 1;
    start = end - 1 - reader.varint();
    if (start < 0) return reader.failed ? CUT_SHORT : BAD_ACK;
    starts[i] = start;
    ends[i] = end;
  }
  if (reader.failed) return CUT_SHORT;
  ack.largestAcked = largest;
  ack.ackDelayUs = delayUs;
  ack.rangeCount = moreRanges + 1;
  handler.onAck(ack);
  return undefined;
}

/** The frames of which a connection sees few: each reads its fields, and acts once they are known to be whole. */
function readControl(reader: Reader, handler: FrameHandler, type: number): FrameError | undefined {
  switch (type) {
    case FrameType.ping:
      handler.onPing();
      return undefined;
    case FrameType.maxData:
    case FrameType.maxStreams:
      return readOneField(reader, handler, type);
    case FrameType.stopSending:
    case FrameType.maxStreamData:
      return readTwoFields(reader, handler, type);
    case FrameType.resetStream: {
      const streamId = reader.varint();
      const code = reader.varint();
      const finalSize = reader.varint();
      if (reader.failed) return CUT_SHORT;
      handler.onResetStream(streamId, code, finalSize);
      return undefined;
    }
    case FrameType.zeros:
      return readZeros(reader, handler);
    case FrameType.rateLimit:
      return readRateLimit(reader, handler);
    case FrameType.pathChallenge:
    case FrameType.pathResponse: {
      const at = reader.position;
      reader.skip(PATH_DATA_BYTES);
      if (reader.failed) return CUT_SHORT;
      if (type === FrameType.pathChallenge) handler.onPathChallenge(reader.buffer, at);
      else handler.onPathResponse(reader.buffer, at);
      return undefined;
    }
    case FrameType.connectionClose:
    case FrameType.applicationClose:
      return readClose(reader, handler, type === FrameType.applicationClose);
    case FrameType.parameters: {
      const parameters = readParameters(reader);
      if ("malformed" in parameters) {
        return { code: TransportErrorCode.transportParameterError, message: parameters.malformed };
      }
      handler.onParameters(parameters);
      return undefined;
    }
    default:
      return UNKNOWN_TYPE;
  }
}

function readOneField(reader: Reader, handler: FrameHandler, type: number): FrameError | undefined {
  const value = reader.varint();
  if (reader.failed) return CUT_SHORT;
  if (type === FrameType.maxData) handler.onMaxData(value);
  else handler.onMaxStreams(value);
  return undefined;
}

function readTwoFields(reader: Reader, handler: FrameHandler, type: number): FrameError | undefined {
  const streamId = reader.varint();
  const value = reader.varint();
  if (reader.failed) return CUT_SHORT;
  if (type === FrameType.maxStreamData) handler.onMaxStreamData(streamId, value);
  else handler.onStopSending(streamId, value);
  return undefined;
}

function readZeros(reader: Reader, handler: FrameHandler): FrameError | undefined {
  const streamId = reader.varint();
  const offset = reader.varint();
  const length = reader.varint();
  if (reader.failed) return CUT_SHORT;
  if (length === 0 || length > MAX_ZEROS_BYTES) return BAD_ZEROS;
  if (offset > MAX_VARINT - length) return PAST_LAST_OFFSET;
  handler.onZeros(streamId, offset, length);
  return undefined;
}

function readRateLimit(reader: Reader, handler: FrameHandler): FrameError | undefined {
  const bytesPerSecond = reader.varint();
  const background = reader.varint();
  if (reader.failed) return CUT_SHORT;
  if (background > 1) return BAD_RATE_LIMIT;
  handler.onRateLimit(bytesPerSecond, background === 1);
  return undefined;
}

function readClose(reader: Reader, handler: FrameHandler, isApplication: boolean): FrameError | undefined {
  const code = reader.varint();
  const length = reader.varint();
  if (length > MAX_REASON_BYTES) return LONG_REASON;
  const start = reader.position;
  reader.skip(length);
  if (reader.failed) return CUT_SHORT;
  // A reason is for people: bytes that are no UTF-8 are shown as such, they are no error. A BOM is kept as it came.
  const reason = new TextDecoder("utf-8", { ignoreBOM: true }).decode(reader.buffer.subarray(start, start + length));
  handler.onConnectionClose(isApplication, code, reason);
  return undefined;
}

// --- writing ---

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

/** Writes ZEROS: a STREAM frame of `length` zeros, 1 to {@link MAX_ZEROS_BYTES}, without the zeros. */
export function writeZeros(writer: Writer, streamId: number, offset: number, length: number): void {
  writer.u8(FrameType.zeros);
  writer.varint(streamId);
  writer.varint(offset);
  writer.varint(length);
}

/** Writes RATE_LIMIT: `bytesPerSecond` is a whole number, 0 for any rate. */
export function writeRateLimit(writer: Writer, bytesPerSecond: number, isBackground: boolean): void {
  writer.u8(FrameType.rateLimit);
  writer.varint(bytesPerSecond);
  writer.varint(isBackground ? 1 : 0);
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
