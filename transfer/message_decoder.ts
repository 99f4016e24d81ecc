/**
 * Reads the messages on a stream: type, length, body (`docs/PROTOCOL.md`, section 14). It knows neither streams nor the
 * order of messages, and checks only the length of names; `file_name.ts` validates them.
 *
 * @module
 */

import { Reader } from "../base/bytes.ts";
import { type FileAttributes, MAX_FILE_BYTES } from "./file_store.ts";
import { KindFlag, limitTime, MakeFlag, MODE_END, PutFlag, TWO_32 } from "./message_fields.ts";
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
  type HaveMessage,
  ListFlag,
  type MakeMessage,
  MAX_BLOCK_BYTES,
  MAX_BLOCKS,
  MAX_BODY_BYTES,
  MAX_CHUNK_BYTES,
  MAX_NAME_BYTES,
  MAX_TEXT_BYTES,
  type Message,
  type MessageName,
  MessageType,
  MIN_BLOCK_BYTES,
  MoveFlag,
  type PutMessage,
  RefusalReason,
  RemoveFlag,
  type RequestMessage,
  ResultStatus,
  SHA256_BYTES,
  StatFlag,
} from "./messages.ts";

/** Enough of a message to know its length, bytes: type, and the longest form of a length. */
export const MAX_HEADER_BYTES = 9;

/** A message and its length, or that it is incomplete, or why the bytes are malformed. */
export type DecodedMessage =
  | { readonly message: Message; readonly consumed: number }
  | "incomplete"
  | { readonly malformed: string };

/** A BOM is part of a name: dropping it would make two names one. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const REASONS = Object.values(RefusalReason);

const MESSAGE_NAMES = new Map(
  Object.entries(MessageType).map(([name, type]) => [type as number, name as MessageName]),
);

/** Options of {@link decodeMessage}. */
export interface DecodeOptions {
  /** Whether the content of a CHUNK may be a view of the bytes. Default: it is a copy. */
  readonly sharesContent?: boolean;
}

/**
 * Decodes the message at the start of `bytes`. The result contains copies, and no views of `bytes` unless it may. An unknown
 * type and a forbidden length are malformed as soon as they have arrived. Never throws.
 */
export function decodeMessage(bytes: Uint8Array, { sharesContent = false }: DecodeOptions = {}): DecodedMessage {
  const [type, lengthByte] = bytes;
  if (type === undefined) return "incomplete";
  const name = MESSAGE_NAMES.get(type);
  if (name === undefined) return { malformed: `unknown message type ${type}` };
  // The first byte of a varint contains its size: a length of which a part is missing is not malformed yet.
  if (lengthByte === undefined || bytes.length - 1 < 1 << (lengthByte >> 6)) return "incomplete";
  const reader = new Reader().reset(bytes, 1);
  const length = reader.varint();
  if (reader.failed || length > MAX_BODY_BYTES) return { malformed: `${name} of more than ${MAX_BODY_BYTES} bytes` };
  if (length > reader.remaining) return "incomplete";
  const consumed = reader.position + length;
  const body = new Reader().reset(bytes, reader.position, consumed);
  const message = readBody(body, name);
  if (message === undefined) return { malformed: `${name} cut short, or with a bad field` };
  if (message.type !== "chunk" || sharesContent) return { message, consumed };
  return { message: { ...message, content: message.content.slice() }, consumed };
}

/**
 * The length of the message at the start of `bytes`, of which {@link MAX_HEADER_BYTES} suffice; 0 where that is not known
 * yet, or the message is malformed, as `decodeMessage` then says.
 */
export function messageLength(bytes: Uint8Array): number {
  const reader = new Reader().reset(bytes);
  const isKnown = MESSAGE_NAMES.has(reader.u8());
  const length = reader.varint();
  return isKnown && !reader.failed && length <= MAX_BODY_BYTES ? reader.position + length : 0;
}

/** The message, or undefined if its body is malformed. Extra bytes belong to a later version, and are ignored. */
function readBody(reader: Reader, type: MessageName): Message | undefined {
  const message = readFields(reader, type);
  return reader.failed ? undefined : message;
}

/** Undefined if a field has a forbidden value; if fields are missing, the reader has failed. */
function readFields(reader: Reader, type: MessageName): Message | undefined {
  switch (type) {
    case "put":
      return readPut(reader);
    case "get": {
      const name = readString(reader, MAX_NAME_BYTES);
      const flags = readFlags(reader, GetFlag);
      return name === undefined ? undefined : { type, name, ...flags };
    }
    case "list": {
      const path = readString(reader, MAX_NAME_BYTES);
      const flags = readFlags(reader, ListFlag);
      const pattern = readString(reader, MAX_NAME_BYTES);
      if (path === undefined || pattern === undefined) return undefined;
      return { type, ...(path === "" ? {} : { path }), ...flags, ...(pattern === "" ? {} : { pattern }) };
    }
    case "stat": {
      const name = readString(reader, MAX_NAME_BYTES);
      const flags = readFlags(reader, StatFlag);
      return name === undefined ? undefined : { type, name, ...flags };
    }
    case "make":
      return readMake(reader);
    case "remove": {
      const name = readString(reader, MAX_NAME_BYTES);
      const flags = readFlags(reader, RemoveFlag);
      return name === undefined ? undefined : { type, name, ...flags };
    }
    case "move": {
      const name = readString(reader, MAX_NAME_BYTES);
      const newName = readString(reader, MAX_NAME_BYTES);
      const flags = readFlags(reader, MoveFlag);
      return name === undefined || newName === undefined ? undefined : { type, name, newName, ...flags };
    }
    case "space":
      return { type };
    default:
      return readAnswer(reader, type);
  }
}

function readAnswer(reader: Reader, type: Exclude<MessageName, RequestMessage["type"]>): Message | undefined {
  switch (type) {
    case "file": {
      const attributes = readAttributes(reader);
      return attributes && { type, ...attributes.file };
    }
    case "data":
    case "same": {
      const ranges = readRanges(reader);
      return ranges && { type, ranges };
    }
    case "chunk":
      return readChunk(reader);
    case "have":
      return readHave(reader);
    case "hashes": {
      const count = reader.varint();
      if (count === 0 || count * SHA256_BYTES > reader.remaining) return undefined;
      return { type, hashes: readBytes(reader, count * SHA256_BYTES) };
    }
    case "digest":
      return { type, sha256: readBytes(reader, SHA256_BYTES) };
    case "result": {
      const status = reader.varint();
      const sha256 = readBytes(reader, SHA256_BYTES);
      const savedName = readString(reader, MAX_NAME_BYTES);
      return isResultStatus(status) && savedName !== undefined ? { type, status, sha256, savedName } : undefined;
    }
    case "entry": {
      const name = readString(reader, MAX_NAME_BYTES);
      const attributes = readAttributes(reader);
      if (name === undefined || attributes === undefined) return undefined;
      return { type, name, ...attributes.file, ...attributes.kind };
    }
    case "end": {
      const count = reader.varint();
      const unlistedCount = reader.varint();
      const examples = readString(reader, MAX_TEXT_BYTES);
      const gaps = readString(reader, MAX_TEXT_BYTES);
      if (examples === undefined || gaps === undefined) return undefined;
      const unlisted = unlistedCount === 0 ? {} : { unlisted: { count: unlistedCount, examples } };
      return { type, count, ...unlisted, ...(gaps === "" ? {} : { gaps }) };
    }
    case "done":
      return { type, count: reader.varint() };
    case "capacity":
      return readCapacity(reader);
    case "refused": {
      const reason = knownReason(reader.varint());
      const message = readString(reader, MAX_TEXT_BYTES);
      return message === undefined ? undefined : { type, reason, message };
    }
  }
}

function readPut(reader: Reader): PutMessage | undefined {
  const name = readString(reader, MAX_NAME_BYTES);
  const attributes = readAttributes(reader);
  if (name === undefined || attributes?.kind.kind !== "file") return undefined;
  const { overwrite = false, ...flags } = trueFlags(attributes.flags, PutFlag);
  if (flags.unsized === true && (flags.resumable === true || attributes.file.sizeBytes > 0)) return undefined;
  return { type: "put", name, ...attributes.file, overwrite, ...flags };
}

function readMake(reader: Reader): MakeMessage | undefined {
  const name = readString(reader, MAX_NAME_BYTES);
  const attributes = readAttributes(reader);
  if (name === undefined || attributes === undefined) return undefined;
  const { kind, target } = attributes.kind;
  if (kind === "file") return undefined;
  const flags = trueFlags(attributes.flags, MakeFlag);
  return { type: "make", name, ...attributes.file, kind, ...(target === undefined ? {} : { target }), ...flags };
}

interface ReadAttributes {
  readonly file: FileAttributes;
  readonly kind: Pick<EntryAttributes, "kind" | "target">;
  readonly flags: number;
}

/** Undefined if no file can be that large, or if a field is forbidden. */
function readAttributes(reader: Reader): ReadAttributes | undefined {
  const sizeBytes = reader.varint();
  const flags = reader.varint();
  const time = hasFlag(flags, AttributeFlag.modified) ? { modifiedUs: readTime(reader) } : {};
  const mode = hasFlag(flags, AttributeFlag.mode) ? { mode: reader.varint() % MODE_END } : {};
  const exact = hasFlag(flags, AttributeFlag.exact) ? { exactMode: true } : {};
  const kind = readKind(reader, flags);
  if (sizeBytes > MAX_FILE_BYTES || kind === undefined) return undefined;
  return { file: { sizeBytes, ...time, ...mode, ...exact }, kind, flags };
}

function readKind(reader: Reader, flags: number): ReadAttributes["kind"] | undefined {
  const { folder = false, link = false } = trueFlags(flags, KindFlag);
  if (!link) return { kind: folder ? "folder" : "file" };
  const target = readString(reader, MAX_NAME_BYTES);
  if (folder || target === undefined) return undefined;
  return { kind: "link", ...(target === "" ? {} : { target }) };
}

function readFlags<Name extends string>(
  reader: Reader,
  wanted: Readonly<Record<Name, number>>,
): Partial<Record<Name, true>> {
  return trueFlags(reader.varint(), wanted);
}

/** The flags that are set, by their names. */
function trueFlags<Name extends string>(
  flags: number,
  wanted: Readonly<Record<Name, number>>,
): Partial<Record<Name, true>> {
  const found: Partial<Record<Name, true>> = {};
  for (const name in wanted) if (hasFlag(flags, wanted[name])) found[name] = true;
  return found;
}

/** By arithmetic, as flags may exceed 2^31. */
function hasFlag(flags: number, flag: number): boolean {
  return Math.floor(flags / flag) % 2 === 1;
}

function readTime(reader: Reader): number {
  const high = reader.u32() | 0;
  return limitTime(high * TWO_32 + reader.u32());
}

/** Undefined if there are none, if one is empty, or if no file reaches so far. */
function readRanges(reader: Reader): readonly FileRange[] | undefined {
  const count = reader.varint();
  // Each takes at least two bytes.
  if (count === 0 || 2 * count > reader.remaining) return undefined;
  const ranges: FileRange[] = [];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const offset = end + reader.varint();
    const length = reader.varint();
    end = offset + length;
    if (length === 0 || end > MAX_FILE_BYTES) return undefined;
    ranges.push({ offset, length });
  }
  return ranges;
}

/** The content is a view. */
function readChunk(reader: Reader): ChunkMessage | undefined {
  const flags = reader.varint();
  const offset = reader.varint();
  const plainBytes = flags === ChunkFlag.zstd ? reader.varint() : undefined;
  const length = reader.varint();
  if (flags > ChunkFlag.zstd || length === 0 || length > reader.remaining) return undefined;
  const sizeBytes = plainBytes ?? length;
  if (sizeBytes === 0 || sizeBytes > MAX_CHUNK_BYTES || offset + sizeBytes > MAX_FILE_BYTES) return undefined;
  const content = reader.buffer.subarray(reader.position, reader.position + length);
  return { type: "chunk", offset, ...(plainBytes === undefined ? {} : { plainBytes }), content };
}

function readHave(reader: Reader): HaveMessage | undefined {
  const blockBytes = reader.varint();
  const heldBytes = reader.varint();
  const flags = readFlags(reader, HaveFlag);
  const isBlockSize = blockBytes >= MIN_BLOCK_BYTES && blockBytes <= MAX_BLOCK_BYTES &&
    Number.isInteger(Math.log2(blockBytes));
  return isBlockSize && heldBytes <= blockBytes * MAX_BLOCKS
    ? { type: "have", blockBytes, heldBytes, ...flags }
    : undefined;
}

function readCapacity(reader: Reader): CapacityMessage | undefined {
  const flags = reader.varint();
  if (flags >= 2 * CapacityFlag.quota) return undefined;
  const { free, used, quota } = trueFlags(flags, CapacityFlag);
  return {
    type: "capacity",
    ...(free === true ? { freeBytes: reader.varint() } : {}),
    ...(used === true ? { usedBytes: reader.varint() } : {}),
    ...(quota === true ? { quotaBytes: reader.varint() } : {}),
  };
}

/** A status that this version does not know must not be taken for a success. */
function isResultStatus(status: number): status is ResultStatus {
  return status <= ResultStatus.failed;
}

/** A reason of a later version is treated as the most general one; the text explains it. */
function knownReason(reason: number): RefusalReason {
  return REASONS.find((known) => known === reason) ?? RefusalReason.io;
}

/** A copy. */
function readBytes(reader: Reader, length: number): Uint8Array {
  const start = reader.position;
  reader.skip(length);
  return reader.buffer.slice(start, reader.position);
}

/** Undefined if it is too long, incomplete, or not UTF-8. */
function readString(reader: Reader, maxBytes: number): string | undefined {
  const length = reader.varint();
  if (length > maxBytes) return undefined;
  const start = reader.position;
  reader.skip(length);
  if (reader.failed) return undefined;
  try {
    return utf8.decode(reader.buffer.subarray(start, reader.position));
  } catch {
    return undefined;
  }
}
