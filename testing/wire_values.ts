/**
 * Packets and frames as plain values, so that a test can state what bytes mean and what a value becomes. Byte strings
 * are hex. The codec of `protocol/wire/` itself goes without such objects, because they cost an allocation each.
 *
 * @module
 */

import { Reader, Writer } from "../base/bytes.ts";
import * as frames from "../protocol/wire/frame.ts";
import * as packets from "../protocol/wire/packet.ts";
import type { TransportParameters } from "../protocol/wire/parameters.ts";

/** Bytes of hex digits; spaces and line ends do not count, and `(00 x 3)` stands for that byte so many times. */
export function fromHex(hex: string): Uint8Array {
  const plain = hex
    .replace(/\(([0-9a-f]{2}) x (\d+)\)/g, (_, byte: string, count: string) => byte.repeat(Number(count)))
    .replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/.test(plain)) throw new Error(`not hex: ${hex}`);
  return Uint8Array.from(plain.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** ACK. Ranges are half-open, newest first. */
export interface AckValue {
  readonly frame: "ack";
  readonly delayUs: number;
  readonly ranges: readonly (readonly [number, number])[];
}

/** A frame. */
export type FrameValue =
  | { readonly frame: "padding"; readonly count: number }
  | { readonly frame: "ping" }
  | AckValue
  | { readonly frame: "resetStream"; readonly streamId: number; readonly code: number; readonly finalSize: number }
  | { readonly frame: "stopSending"; readonly streamId: number; readonly code: number }
  | StreamValue
  | { readonly frame: "zeros"; readonly streamId: number; readonly offset: number; readonly length: number }
  | { readonly frame: "rateLimit"; readonly bytesPerSecond: number; readonly isBackground: boolean }
  | { readonly frame: "maxData" | "maxStreams"; readonly value: number }
  | { readonly frame: "maxStreamData"; readonly streamId: number; readonly value: number }
  | { readonly frame: "pathChallenge" | "pathResponse"; readonly data: string }
  | ({ readonly frame: "close" } & frames.ConnectionClose)
  | { readonly frame: "parameters"; readonly parameters: TransportParameters };

/** STREAM. */
export interface StreamValue {
  readonly frame: "stream";
  readonly streamId: number;
  readonly offset: number;
  readonly data: string;
  readonly fin: boolean;
}

/** Hears frames and keeps them as values; PADDING is not heard. */
export class Recorder implements frames.FrameHandler {
  readonly values: FrameValue[] = [];

  onPing(): void {
    this.values.push({ frame: "ping" });
  }
  onAck(ack: frames.AckFrame): void {
    const ranges = Array.from({ length: ack.rangeCount }, (_, i) => [ack.starts[i]!, ack.ends[i]!] as const);
    this.values.push({ frame: "ack", delayUs: ack.ackDelayUs, ranges });
  }
  onResetStream(streamId: number, code: number, finalSize: number): void {
    this.values.push({ frame: "resetStream", streamId, code, finalSize });
  }
  onStopSending(streamId: number, code: number): void {
    this.values.push({ frame: "stopSending", streamId, code });
  }
  onStream(streamId: number, offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): void {
    this.values.push({ frame: "stream", streamId, offset, data: buffer.subarray(start, end).toHex(), fin });
  }
  onZeros(streamId: number, offset: number, length: number): void {
    this.values.push({ frame: "zeros", streamId, offset, length });
  }
  onRateLimit(bytesPerSecond: number, isBackground: boolean): void {
    this.values.push({ frame: "rateLimit", bytesPerSecond, isBackground });
  }
  onMaxData(value: number): void {
    this.values.push({ frame: "maxData", value });
  }
  onMaxStreamData(streamId: number, value: number): void {
    this.values.push({ frame: "maxStreamData", streamId, value });
  }
  onMaxStreams(value: number): void {
    this.values.push({ frame: "maxStreams", value });
  }
  onPathChallenge(buffer: Uint8Array, at: number): void {
    this.values.push({ frame: "pathChallenge", data: buffer.subarray(at, at + frames.PATH_DATA_BYTES).toHex() });
  }
  onPathResponse(buffer: Uint8Array, at: number): void {
    this.values.push({ frame: "pathResponse", data: buffer.subarray(at, at + frames.PATH_DATA_BYTES).toHex() });
  }
  onConnectionClose(isApplication: boolean, code: number, reason: string): void {
    this.values.push({ frame: "close", isApplication, code, reason });
  }
  onParameters(parameters: TransportParameters): void {
    this.values.push({ frame: "parameters", parameters });
  }
}

/** The frames of `bytes` and what is wrong with the first malformed one, if any is. */
export function decodeFrames(
  bytes: Uint8Array,
  { start = 0, end = bytes.length }: { readonly start?: number; readonly end?: number } = {},
): { readonly values: readonly FrameValue[]; readonly error: frames.FrameError | undefined } {
  const recorder = new Recorder();
  const error = frames.readFrames(new Reader().reset(bytes, start, end), recorder);
  return { values: recorder.values, error };
}

/** Ranges over a list that is newest first. */
export function rangesOf(newestFirst: readonly (readonly [number, number])[]): frames.Ranges {
  const ascending = newestFirst.toReversed();
  return { length: ascending.length, start: (i) => ascending[i]![0], end: (i) => ascending[i]![1] };
}

/** Writes a frame as this implementation does. */
export function writeFrame(writer: Writer, value: FrameValue): void {
  switch (value.frame) {
    case "padding":
      return frames.writePadding(writer, value.count);
    case "ping":
      return frames.writePing(writer);
    case "ack": {
      const options = { ackDelayUs: value.delayUs, maxBytes: writer.remaining };
      const written = frames.writeAck(writer, rangesOf(value.ranges), options);
      if (written !== value.ranges.length) throw new Error(`${written} of ${value.ranges.length} ranges fit`);
      return;
    }
    case "resetStream":
      return frames.writeResetStream(writer, value.streamId, value.code, value.finalSize);
    case "stopSending":
      return frames.writeStopSending(writer, value.streamId, value.code);
    case "stream": {
      const data = fromHex(value.data);
      frames.writeStreamHeader(writer, value.streamId, value.offset, data.length, value.fin);
      return writer.bytes(data);
    }
    case "zeros":
      return frames.writeZeros(writer, value.streamId, value.offset, value.length);
    case "rateLimit":
      return frames.writeRateLimit(writer, value.bytesPerSecond, value.isBackground);
    case "maxData":
      return frames.writeMaxData(writer, value.value);
    case "maxStreams":
      return frames.writeMaxStreams(writer, value.value);
    case "maxStreamData":
      return frames.writeMaxStreamData(writer, value.streamId, value.value);
    case "pathChallenge":
      return frames.writePathChallenge(writer, fromHex(value.data));
    case "pathResponse":
      return frames.writePathResponse(writer, fromHex(value.data));
    case "close":
      return frames.writeConnectionClose(writer, value);
    case "parameters":
      return frames.writeParametersFrame(writer, value.parameters);
  }
}

/** The frames' bytes, one after another. */
export function encodeFrames(values: readonly FrameValue[]): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(65_536));
  for (const value of values) writeFrame(writer, value);
  return writer.buffer.slice(0, writer.position);
}

/**
 * A whole packet. Connection IDs of the packet's sender are numbers where only it reads them, else hex. What packet
 * protection has sealed, and what the handshake has encrypted, are bytes.
 */
export type PacketValue =
  | { readonly packet: "data"; readonly to: string; readonly number: number; readonly sealed: string }
  | {
    readonly packet: "clientFinish";
    readonly to: string;
    readonly from: number;
    readonly token: string;
    readonly handshake: string;
    readonly number: number;
    readonly sealed: string;
  }
  | {
    readonly packet: "hello";
    readonly from: number;
    readonly handshake: string;
    readonly cookie: string;
    readonly sizeBytes: number;
  }
  | {
    readonly packet: "serverHello";
    readonly to: string;
    readonly from: number;
    readonly token: string;
    readonly handshake: string;
    readonly tag: string;
  }
  | {
    readonly packet: "versionNegotiation";
    readonly to: string;
    readonly from: string;
    readonly versions: readonly number[];
  }
  | { readonly packet: "reset"; readonly to: string; readonly token: string }
  | { readonly packet: "cookie"; readonly to: string; readonly cookie: string }
  | {
    readonly packet: "refusal";
    readonly to: string;
    readonly mac: string;
    readonly code: number;
    readonly reason: string;
  };

/** The packet's bytes. */
export function encodePacket(value: PacketValue): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(65_536));
  writePacket(writer, value);
  return writer.buffer.slice(0, writer.position);
}

function writePacket(writer: Writer, value: PacketValue): void {
  const to = "to" in value ? { destinationId: fromHex(value.to) } : undefined;
  switch (value.packet) {
    case "data":
      packets.writeDataHeader(writer, fromHex(value.to), value.number);
      return writer.bytes(fromHex(value.sealed));
    case "clientFinish": {
      const [token, handshake] = [fromHex(value.token), fromHex(value.handshake)];
      const header = { ...to!, sourceId: value.from, token, handshake, packetNumber: value.number };
      packets.writeClientFinishHeader(writer, header);
      return writer.bytes(fromHex(value.sealed));
    }
    case "hello": {
      const [cookie, handshake] = [fromHex(value.cookie), fromHex(value.handshake)];
      packets.writeHello(writer, { sourceId: value.from, handshake, cookie, sizeBytes: value.sizeBytes });
      return;
    }
    case "serverHello": {
      const [token, handshake] = [fromHex(value.token), fromHex(value.handshake)];
      packets.writeServerHello(writer, { ...to!, sourceId: value.from, token, handshake });
      return writer.bytes(fromHex(value.tag));
    }
    case "versionNegotiation":
      packets.writeVersionNegotiation(writer, { ...to!, sourceId: fromHex(value.from), versions: value.versions });
      return;
    case "reset":
      packets.writeReset(writer, fromHex(value.to), fromHex(value.token));
      return;
    case "cookie":
      packets.writeCookie(writer, fromHex(value.to), fromHex(value.cookie));
      return;
    case "refusal": {
      const reason = new TextEncoder().encode(value.reason);
      packets.writeRefusal(writer, { ...to!, mac: fromHex(value.mac), code: value.code, reason });
      return;
    }
  }
}
