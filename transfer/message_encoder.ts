/**
 * The bytes of the messages on a stream: type, length, body (`docs/PROTOCOL.md`, section 14).
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { varintSize, Writer } from "../base/bytes.ts";
import { limitTime, MakeFlag, MODE_END, PutFlag, TWO_32 } from "./message_fields.ts";
import {
  AttributeFlag,
  CapacityFlag,
  type CapacityMessage,
  ChunkFlag,
  type ChunkMessage,
  type EntryAttributes,
  type FileRange,
  GetFlag,
  HaveFlag,
  ListFlag,
  MAX_BODY_BYTES,
  MAX_NAME_BYTES,
  MAX_TEXT_BYTES,
  type Message,
  MessageType,
  MoveFlag,
  RemoveFlag,
  type RequestMessage,
  SHA256_BYTES,
  StatFlag,
} from "./messages.ts";

const utf8 = new TextEncoder();

/** The longest varint. */
const MAX_VARINT_BYTES = 8;

/**
 * The message's bytes. Names are at most {@link MAX_NAME_BYTES} long, numbers safe integers, not negative, and the body at
 * most {@link MAX_BODY_BYTES}.
 */
export function encodeMessage(message: Message): Uint8Array {
  return encodeMessages([message]);
}

/** The bytes of messages, one after the other; see {@link encodeMessage}. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const rooms = messages.map(bodyRoomBytes);
  const bytes = new Uint8Array(rooms.reduce((sum, room) => sum + 1 + varintSize(room) + room, 0));
  const all = new Writer().reset(bytes);
  const body = new Writer();
  for (const [index, message] of messages.entries()) {
    all.u8(MessageType[message.type]);
    const lengthAt = all.position;
    const bodyAt = lengthAt + varintSize(rooms[index]!);
    writeBody(body.reset(bytes, bodyAt), message);
    const bodyBytes = body.position - bodyAt;
    invariant(bodyBytes <= MAX_BODY_BYTES, "a message has a body of at most 64 KiB");
    // A body that is shorter than its room may have a shorter length.
    if (varintSize(bodyBytes) < bodyAt - lengthAt) {
      bytes.copyWithin(lengthAt + varintSize(bodyBytes), bodyAt, bodyAt + bodyBytes);
    }
    all.varint(bodyBytes);
    all.reset(bytes, all.position + bodyBytes);
  }
  return bytes.slice(0, all.position);
}

/** At least the length of the body. */
function bodyRoomBytes(message: Message): number {
  // A hash, and a varint for each number that any message has.
  let room = SHA256_BYTES + 8 * MAX_VARINT_BYTES;
  // A code unit is at most three bytes.
  for (const text of textsOf(message)) room += 3 * text.length;
  if ("ranges" in message) room += 2 * MAX_VARINT_BYTES * message.ranges.length;
  if (message.type === "chunk") room += message.content.length;
  if (message.type === "hashes") room += message.hashes.length;
  return room;
}

function textsOf(message: Message): readonly string[] {
  switch (message.type) {
    case "list":
      return [message.path ?? "", message.pattern ?? ""];
    case "move":
      return [message.name, message.newName];
    case "make":
    case "entry":
      return [message.name, message.target ?? ""];
    case "result":
      return [message.savedName];
    case "end":
      return [message.unlisted?.examples ?? "", message.gaps ?? ""];
    case "refused":
      return [message.message];
    default:
      return "name" in message ? [message.name] : [];
  }
}

function writeBody(writer: Writer, message: Message): void {
  switch (message.type) {
    case "put":
      writeName(writer, message.name);
      return writeAttributes(writer, { ...message, kind: "file" }, flagBits(message, PutFlag));
    case "get":
      writeName(writer, message.name);
      return writer.varint(flagBits(message, GetFlag));
    case "list":
      writeName(writer, message.path ?? "");
      writer.varint(flagBits(message, ListFlag));
      return writeName(writer, message.pattern ?? "");
    case "stat":
      writeName(writer, message.name);
      return writer.varint(flagBits(message, StatFlag));
    case "make":
      writeName(writer, message.name);
      return writeAttributes(writer, message, flagBits(message, MakeFlag));
    case "remove":
      writeName(writer, message.name);
      return writer.varint(flagBits(message, RemoveFlag));
    case "move":
      writeName(writer, message.name);
      writeName(writer, message.newName);
      return writer.varint(flagBits(message, MoveFlag));
    case "space":
      return;
    default:
      return writeAnswer(writer, message);
  }
}

type AnswerMessage = Exclude<Message, RequestMessage>;

function writeAnswer(writer: Writer, message: AnswerMessage): void {
  switch (message.type) {
    case "file":
      return writeAttributes(writer, { ...message, kind: "file" });
    case "data":
    case "same":
      return writeRanges(writer, message.ranges);
    case "chunk":
      return writeChunk(writer, message);
    case "have":
      writer.varint(message.blockBytes);
      writer.varint(message.heldBytes);
      return writer.varint(flagBits(message, HaveFlag));
    case "hashes":
      invariant(message.hashes.length % SHA256_BYTES === 0, "HASHES has whole hashes");
      writer.varint(message.hashes.length / SHA256_BYTES);
      return writer.bytes(message.hashes);
    case "digest":
      return writeSha256(writer, message.sha256);
    case "result":
      writer.varint(message.status);
      writeSha256(writer, message.sha256);
      return writeName(writer, message.savedName);
    case "entry":
      writeName(writer, message.name);
      return writeAttributes(writer, message);
    case "end":
      writer.varint(message.count);
      writer.varint(message.unlisted?.count ?? 0);
      writeText(writer, message.unlisted?.examples ?? "");
      return writeText(writer, message.gaps ?? "");
    case "done":
      return writer.varint(message.count);
    case "capacity":
      return writeCapacity(writer, message);
    case "refused":
      writer.varint(message.reason);
      return writeText(writer, message.message);
  }
}

/** The flags whose members are true. */
function flagBits<Flags extends Readonly<Record<string, number>>>(
  message: { readonly [Name in keyof Flags]?: boolean },
  flags: Flags,
): number {
  let bits = 0;
  for (const [name, flag] of Object.entries(flags)) if (message[name] === true) bits += flag;
  return bits;
}

function writeAttributes(writer: Writer, attributes: EntryAttributes, flags = 0): void {
  const { sizeBytes, modifiedUs, mode, exactMode, kind, target = "" } = attributes;
  writer.varint(sizeBytes);
  const present = (modifiedUs === undefined ? 0 : AttributeFlag.modified) +
    (mode === undefined ? 0 : AttributeFlag.mode) + (exactMode === true ? AttributeFlag.exact : 0);
  writer.varint(flags + present + (kind === "file" ? 0 : AttributeFlag[kind]));
  if (modifiedUs !== undefined) writeTime(writer, modifiedUs);
  if (mode !== undefined) writer.varint(mode % MODE_END);
  if (kind === "link") writeName(writer, target);
}

/** 64 bits, two's complement. */
function writeTime(writer: Writer, timeUs: number): void {
  const wholeUs = Math.floor(limitTime(timeUs));
  const high = Math.floor(wholeUs / TWO_32);
  writer.u32(high >>> 0);
  writer.u32(wholeUs - high * TWO_32);
}

/** Each as its distance from the end of the one before, and its length. */
function writeRanges(writer: Writer, ranges: readonly FileRange[]): void {
  writer.varint(ranges.length);
  let end = 0;
  for (const { offset, length } of ranges) {
    writer.varint(offset - end);
    writer.varint(length);
    end = offset + length;
  }
}

function writeChunk(writer: Writer, { offset, plainBytes, content }: ChunkMessage): void {
  writer.varint(plainBytes === undefined ? 0 : ChunkFlag.zstd);
  writer.varint(offset);
  if (plainBytes !== undefined) writer.varint(plainBytes);
  writer.varint(content.length);
  writer.bytes(content);
}

function writeCapacity(writer: Writer, { freeBytes, usedBytes, quotaBytes }: CapacityMessage): void {
  writer.varint(
    (freeBytes === undefined ? 0 : CapacityFlag.free) + (usedBytes === undefined ? 0 : CapacityFlag.used) +
      (quotaBytes === undefined ? 0 : CapacityFlag.quota),
  );
  for (const bytes of [freeBytes, usedBytes, quotaBytes]) if (bytes !== undefined) writer.varint(bytes);
}

function writeName(writer: Writer, name: string): void {
  const bytes = utf8.encode(name);
  invariant(bytes.length <= MAX_NAME_BYTES, "a name is at most 4096 bytes of UTF-8");
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

/** Cuts a long text between characters. */
function writeText(writer: Writer, text: string): void {
  const bytes = new Uint8Array(Math.min(MAX_TEXT_BYTES, 3 * text.length));
  const { written } = utf8.encodeInto(text, bytes);
  writer.varint(written);
  writer.bytes(bytes, 0, written);
}

function writeSha256(writer: Writer, sha256: Uint8Array): void {
  invariant(sha256.length === SHA256_BYTES, "a SHA-256 is 32 bytes");
  writer.bytes(sha256);
}
