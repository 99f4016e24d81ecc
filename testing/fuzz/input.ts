/**
 * Hostile input: values made by the grammar of the wire, and valid bytes that were changed. Everything is drawn from
 * the generator that is passed in, so that its seed replays it.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import { MAX_VARINT } from "../../base/bytes.ts";
import {
  MAC_BYTES,
  MAX_HANDSHAKE_BYTES,
  MAX_TOKEN_BYTES,
  PACKETS_PER_KEY,
  RESET_TOKEN_BYTES,
} from "../../protocol/wire/packet.ts";
import { TransportErrorCode } from "../../protocol/errors.ts";
import { MAX_ZEROS_BYTES } from "../../protocol/wire/frame.ts";
import type { TransportParameters } from "../../protocol/wire/parameters.ts";
import type { FrameValue, PacketValue } from "../wire_values.ts";
import {
  type FileRange,
  MAX_CHUNK_BYTES,
  type Message,
  MIN_BLOCK_BYTES,
  RefusalReason,
  ResultStatus,
  SHA256_BYTES,
} from "../../transfer/messages.ts";
import { MAX_FILE_BYTES } from "../../transfer/file_store.ts";

/** Where a varint's size changes, and where numbers wrap in other languages. */
const BOUNDARIES = [2 ** 6, 2 ** 14, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 53 - 1];

/** Bytes that turn varints large, or the types of frames into each other, more often than chance has it. */
const TELLING_BYTES = [0x00, 0x01, 0x3f, 0x40, 0x80, 0xbf, 0xc0, 0xdf, 0xff];

const MAX_MUTATIONS = 4;
const MAX_GARBAGE_BYTES = 400;
const MAX_FRAMES = 8;
const MAX_ACK_RANGES = 40;

/** A number that a varint can hold: often a small one, sometimes one at a boundary. */
export function anyVarint(random: Random): number {
  if (random.chance(0.4)) return random.integer(0, 8);
  if (random.chance(0.5)) return random.integer(0, 100_000);
  return Math.min(MAX_VARINT, random.pick(BOUNDARIES) + random.integer(-1, 1));
}

/** A time before, at or after 1970. */
function anyTime(random: Random): number {
  const timeUs = anyVarint(random);
  return random.chance(0.3) && timeUs > 0 ? -timeUs : timeUs;
}

/** Bytes from nowhere. */
export function garbage(random: Random): Uint8Array {
  return random.bytes(random.integer(0, MAX_GARBAGE_BYTES));
}

/** Some of `bytes` changed, cut out, doubled or put in. */
export function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  const out = [...bytes];
  for (let left = random.integer(1, MAX_MUTATIONS); left > 0; left--) {
    const at = random.integer(0, out.length);
    const byte = random.chance(0.5) ? random.pick(TELLING_BYTES) : random.integer(0, 255);
    switch (random.integer(0, 4)) {
      case 0:
        out.length = at;
        break;
      case 1:
        out.splice(at, 0, byte);
        break;
      case 2:
        out.splice(at, 0, ...out.slice(at, at + byte));
        break;
      case 3:
        if (at < out.length) out[at]! ^= 1 << (byte & 7);
        break;
      default:
        if (at < out.length) out[at] = byte;
    }
  }
  return Uint8Array.from(out);
}

/** Text of many scripts and of none: controls, marks, halves of characters, separators. */
export function anyText(random: Random): string {
  const pieces = [
    "a",
    "Z",
    "0",
    ".",
    "..",
    " ",
    "/",
    "\\",
    ":",
    "\0",
    "\u001b",
    "\u202e",
    "\u200b",
    "\ud800",
    "é",
    "🎈",
  ];
  pieces.push("con", "NUL", ".sluice-", "COM1", "~", "\u0301", "\uffff");
  let text = "";
  for (let left = random.integer(0, random.chance(0.05) ? 300 : 8); left > 0; left--) text += random.pick(pieces);
  return text;
}

/** A frame that can be written. */
export function anyFrame(random: Random): FrameValue {
  const number = (): number => anyVarint(random);
  switch (random.integer(0, 13)) {
    case 0:
      return { frame: "ping" };
    case 1:
    case 2:
      return { frame: "ack", delayUs: number(), ranges: anyAckRanges(random) };
    case 3:
      return { frame: "resetStream", streamId: number(), code: number(), finalSize: number() };
    case 4:
      return { frame: "stopSending", streamId: number(), code: number() };
    case 5:
      return { frame: random.pick(["maxData", "maxStreams"]), value: number() };
    case 6:
      return { frame: "maxStreamData", streamId: number(), value: number() };
    case 7:
      return { frame: random.pick(["pathChallenge", "pathResponse"]), data: random.bytes(8).toHex() };
    case 8: {
      const reason = anyText(random).toWellFormed().slice(0, 40);
      return { frame: "close", isApplication: random.chance(0.5), code: number(), reason };
    }
    case 9:
      return { frame: "parameters", parameters: anyParameters(random) };
    case 10: {
      const length = random.chance(0.5) ? MAX_ZEROS_BYTES : random.integer(1, 5_000);
      return {
        frame: "zeros",
        streamId: random.integer(0, 5),
        offset: Math.min(number(), MAX_VARINT - length),
        length,
      };
    }
    case 11:
      return { frame: "rateLimit", bytesPerSecond: number(), isBackground: random.chance(0.5) };
    default:
      return anyStreamFrame(random);
  }
}

function anyStreamFrame(random: Random): FrameValue {
  const data = random.bytes(random.integer(0, 200));
  const offset = Math.min(anyVarint(random), MAX_VARINT - data.length);
  return { frame: "stream", streamId: random.integer(0, 5), offset, data: data.toHex(), fin: random.chance(0.2) };
}

/** Ranges of packet numbers, newest first, with at least one missing between them. */
function anyAckRanges(random: Random): [number, number][] {
  const ranges: [number, number][] = [];
  let end = Math.min(anyVarint(random), MAX_VARINT - 1) + 1;
  for (let left = random.integer(1, MAX_ACK_RANGES); left > 0; left--) {
    const gap = anyVarint(random);
    const start = Math.max(0, end - 1 - anyVarint(random));
    ranges.push([start, end]);
    if (start < 2 + gap) break;
    end = start - 1 - gap;
  }
  return ranges;
}

/** Frames that fill a packet. */
export function anyFrames(random: Random): FrameValue[] {
  return Array.from({ length: random.integer(1, MAX_FRAMES) }, () => anyFrame(random));
}

/** Parameters that a peer may send. */
export function anyParameters(random: Random): TransportParameters {
  return {
    maxIdleTimeoutMs: Math.max(1, anyVarint(random)),
    maxDatagramBytes: Math.max(1200, anyVarint(random)),
    initialMaxData: anyVarint(random),
    initialMaxStreamData: anyVarint(random),
    initialMaxStreams: anyVarint(random),
    maxAckDelayUs: Math.min(16_383_999, anyVarint(random)),
    receiveBurstBytes: Math.max(65_536, anyVarint(random)),
  };
}

/** A packet of any kind, well formed. What would be encrypted is random. */
export function anyPacket(random: Random): PacketValue {
  const hex = (most: number, least = 0): string => random.bytes(random.integer(least, most)).toHex();
  const to = hex(8, 8);
  const from = Math.max(1, anyVarint(random));
  const token = hex(MAX_TOKEN_BYTES);
  const handshake = hex(random.chance(0.9) ? 200 : MAX_HANDSHAKE_BYTES);
  switch (random.integer(0, 7)) {
    case 0:
      return { packet: "data", to, number: Math.min(anyVarint(random), MAX_VARINT - 1), sealed: hex(200) };
    case 1: {
      const number = Math.min(anyVarint(random), PACKETS_PER_KEY - 1);
      return { packet: "clientFinish", to, from, token, handshake, number, sealed: hex(200) };
    }
    case 2:
      return { packet: "hello", from, handshake, cookie: token, sizeBytes: random.integer(1200, 1500) };
    case 3:
      return { packet: "serverHello", to, from, token, handshake, tag: hex(MAC_BYTES, MAC_BYTES) };
    case 4: {
      const versions = Array.from({ length: random.integer(1, 64) }, () => random.nextUint32());
      return { packet: "versionNegotiation", to, from: hex(8, 8), versions };
    }
    case 5:
      return { packet: "cookie", to, cookie: token };
    case 6:
      return {
        packet: "refusal",
        to,
        mac: hex(MAC_BYTES, MAC_BYTES),
        code: random.pick([...Object.values(TransportErrorCode), random.integer(0, 255)]),
        reason: anyText(random).slice(0, 60),
      };
    default:
      return { packet: "reset", to, token: hex(RESET_TOKEN_BYTES, RESET_TOKEN_BYTES) };
  }
}

/** A message of any type. Its texts need not be names. */
export function anyMessage(random: Random): Message {
  const name = anyText(random).toWellFormed();
  const sizeBytes = Math.min(anyVarint(random), MAX_FILE_BYTES);
  const attributes = {
    ...(random.chance(0.2) ? {} : { modifiedUs: anyTime(random) }),
    ...(random.chance(0.5) ? {} : { mode: random.integer(0, 0o777) }),
    ...(random.chance(0.8) ? {} : { exactMode: true }),
  };
  const sha256 = random.bytes(32);
  if (random.chance(0.6)) return anyOtherMessage(random, name);
  const flag = <Name extends string>(flagName: Name) =>
    random.chance(0.5) ? {} : { [flagName]: true } as Partial<Record<Name, true>>;
  switch (random.integer(0, 9)) {
    case 0: {
      const rest = random.chance(0.3) ? { sizeBytes: 0, unsized: true } : { sizeBytes, ...flag("resumable") };
      return { type: "put", name, ...attributes, ...rest, overwrite: random.chance(0.5) };
    }
    case 1:
      return { type: "get", name, ...flag("inline"), ...flag("held"), ...flag("zstd") };
    case 2:
      return { type: "list", ...(name === "" ? {} : { path: name, pattern: name }), ...flag("recursive") };
    case 3:
      return { type: "stat", name, ...flag("digest") };
    case 4:
      return { type: "file", sizeBytes, ...attributes };
    case 5:
      return { type: "digest", sha256 };
    case 6:
      return { type: "result", status: random.pick(Object.values(ResultStatus)), sha256, savedName: name };
    case 7:
      return { type: "entry", name, sizeBytes, ...attributes, ...anyKind(random, name) };
    case 8:
      return {
        type: "end",
        count: anyVarint(random),
        ...(random.chance(0.5) ? {} : { unlisted: { count: random.integer(1, 100), examples: name } }),
        ...(random.chance(0.5) || name === "" ? {} : { gaps: name }),
      };
    default:
      return { type: "refused", reason: random.pick(Object.values(RefusalReason)), message: name };
  }
}

function anyKind(random: Random, target: string) {
  const kind = random.pick(["file", "folder", "link"] as const);
  return kind === "link" && target !== "" ? { kind, target } : { kind };
}

function anyOtherMessage(random: Random, name: string): Message {
  const overwrite = random.chance(0.5) ? {} : { overwrite: true };
  switch (random.integer(0, 10)) {
    case 0: {
      const kind = random.chance(0.5) ? { kind: "folder" as const } : { kind: "link" as const, target: `${name}x` };
      return { type: "make", name, sizeBytes: 0, ...kind, ...overwrite };
    }
    case 1:
      return { type: "remove", name, ...(random.chance(0.5) ? {} : { recursive: true }) };
    case 2:
      return { type: "move", name, newName: name, ...overwrite };
    case 3:
      return { type: "space" };
    case 4:
    case 5:
      return { type: random.pick(["data", "same"] as const), ranges: anyRanges(random) };
    case 6: {
      const content = random.bytes(random.integer(1, 100));
      const offset = Math.min(anyVarint(random), MAX_FILE_BYTES - MAX_CHUNK_BYTES);
      return {
        type: "chunk",
        offset,
        ...(random.chance(0.5) ? {} : { plainBytes: random.integer(1, MAX_CHUNK_BYTES) }),
        content,
      };
    }
    case 7: {
      const heldBytes = Math.min(anyVarint(random), MAX_FILE_BYTES);
      const blockBytes = MIN_BLOCK_BYTES * 2 ** random.integer(0, 14);
      return { type: "have", blockBytes, heldBytes, ...(random.chance(0.5) ? {} : { zstd: true }) };
    }
    case 8:
      return { type: "hashes", hashes: random.bytes(SHA256_BYTES * random.integer(1, 4)) };
    case 9:
      return { type: "done", count: anyVarint(random) };
    default:
      return {
        type: "capacity",
        ...(random.chance(0.5) ? {} : { freeBytes: anyVarint(random) }),
        ...(random.chance(0.5) ? {} : { usedBytes: anyVarint(random) }),
        ...(random.chance(0.5) ? {} : { quotaBytes: anyVarint(random) }),
      };
  }
}

function anyRanges(random: Random): FileRange[] {
  let end = 0;
  return Array.from({ length: random.integer(1, 8) }, () => {
    const offset = end + random.integer(0, 100_000);
    const length = random.integer(1, 100_000);
    end = offset + length;
    return { offset, length };
  });
}
