/**
 * The codec of the messages on a stream: type, length, body (`docs/PROTOCOL.md`, section 14). It knows neither streams
 * nor the order of messages, and checks only the length of names; `file_name.ts` validates them.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { Reader, varintSize, Writer } from "../base/bytes.ts";
import { type FileAttributes, MAX_FILE_BYTES, MAX_TIME_US, type StoreErrorKind } from "./file_store.ts";

/** The longest body of a message. */
export const MAX_BODY_BYTES = 65_536;

/** The longest message, with the longest form of its length: a receiver must be able to buffer it. */
export const MAX_MESSAGE_BYTES: number = 1 + 8 + MAX_BODY_BYTES;

/** The longest name that is encoded or decoded, bytes of UTF-8. */
export const MAX_NAME_BYTES = 1024;

/** The longest text for users; a longer one is cut when it is encoded. */
export const MAX_TEXT_BYTES = 1024;

/** Bytes of a SHA-256. */
export const SHA256_BYTES = 32;

/** Bytes of a DIGEST message: type, length, SHA-256. */
export const DIGEST_MESSAGE_BYTES: number = 1 + 1 + SHA256_BYTES;

/** Message types on the wire. */
export const MessageType = {
  put: 0x01,
  get: 0x02,
  list: 0x03,
  stat: 0x04,
  file: 0x10,
  digest: 0x11,
  result: 0x12,
  entry: 0x13,
  end: 0x14,
  refused: 0x1f,
} as const;

/** The name of a message type; each message has it as its `type`. */
export type MessageName = keyof typeof MessageType;

/** The flags of the attributes in PUT, FILE and ENTRY. */
export const AttributeFlag = {
  /** PUT: replace a file of the name. */
  overwrite: 0x01,
  /** A modification time follows. */
  modified: 0x02,
  /** A mode follows. */
  mode: 0x04,
} as const;

/** The result of receiving a file. */
export const ResultStatus = {
  /** The SHA-256 is that of the sender, and the file is durable under its name. */
  verified: 0,
  /** The bytes that arrived have a different SHA-256; the file was discarded. */
  checksumMismatch: 1,
  /** The file could not be stored for another reason. */
  failed: 2,
} as const;

/** One of {@link ResultStatus}'s values. */
export type ResultStatus = (typeof ResultStatus)[keyof typeof ResultStatus];

/** Why a request was refused. The first nine correspond to {@link StoreErrorKind}. */
export const RefusalReason = {
  exists: 1,
  notFound: 2,
  badName: 3,
  noSpace: 4,
  readOnly: 5,
  denied: 6,
  notAFile: 7,
  changed: 8,
  io: 9,
  /** The server has reached a limit. */
  busy: 10,
  /** The server accepts no new requests because it is shutting down. */
  shuttingDown: 11,
  /** The request was not understood. */
  badRequest: 12,
} as const;

/** One of {@link RefusalReason}'s values. */
export type RefusalReason = (typeof RefusalReason)[keyof typeof RefusalReason];

/** The client sends a file: `sizeBytes` raw bytes follow, then DIGEST. */
export interface PutMessage extends FileAttributes {
  readonly type: "put";
  readonly name: string;
  /** Replace a file of that name. */
  readonly overwrite: boolean;
}

/** The client asks for a file. */
export interface GetMessage {
  readonly type: "get";
  readonly name: string;
}

/** The client asks for all entries. */
export interface ListMessage {
  readonly type: "list";
}

/** The client asks for one entry. */
export interface StatMessage {
  readonly type: "stat";
  readonly name: string;
}

/** The server answers GET: `sizeBytes` raw bytes follow, then DIGEST. */
export interface FileMessage extends FileAttributes {
  readonly type: "file";
}

/** The SHA-256 of the preceding file, as its sender computed it. */
export interface DigestMessage {
  readonly type: "digest";
  readonly sha256: Uint8Array;
}

/** The receiver of a file reports the result. */
export interface ResultMessage {
  readonly type: "result";
  readonly status: ResultStatus;
  /** Of the bytes that arrived, computed by the sender of this message. */
  readonly sha256: Uint8Array;
  /** The name that the file got; may be empty. */
  readonly savedName: string;
}

/** One stored file, in response to LIST and STAT. */
export interface EntryMessage extends FileAttributes {
  readonly type: "entry";
  readonly name: string;
}

/** The last message of the response to LIST. */
export interface EndMessage {
  readonly type: "end";
  /** Entries sent before this. */
  readonly count: number;
  /** Files that have no entry; absent if there are none. */
  readonly unlisted?: UnlistedFiles;
}

/** Files of a store that no message can name. */
export interface UnlistedFiles {
  /** At least 1. */
  readonly count: number;
  /** Some of their names, for people: quoted, with what is not Unicode or not printable escaped or replaced. */
  readonly examples: string;
}

/** The server does not do what was asked. */
export interface RefusedMessage {
  readonly type: "refused";
  readonly reason: RefusalReason;
  /** For people. */
  readonly message: string;
}

/** Any message; `type` tells which. */
export type Message =
  | PutMessage
  | GetMessage
  | ListMessage
  | StatMessage
  | FileMessage
  | DigestMessage
  | ResultMessage
  | EntryMessage
  | EndMessage
  | RefusedMessage;

/** A message and its length, or that it is incomplete, or why the bytes are malformed. */
export type DecodedMessage =
  | { readonly message: Message; readonly consumed: number }
  | "incomplete"
  | { readonly malformed: string };

const utf8 = new TextEncoder();
const REASONS = Object.values(RefusalReason);

const STORE_ERROR_REASONS: Readonly<Record<StoreErrorKind, RefusalReason>> = {
  "exists": RefusalReason.exists,
  "not-found": RefusalReason.notFound,
  "bad-name": RefusalReason.badName,
  "no-space": RefusalReason.noSpace,
  "read-only": RefusalReason.readOnly,
  "denied": RefusalReason.denied,
  "not-a-file": RefusalReason.notAFile,
  "changed": RefusalReason.changed,
  "busy": RefusalReason.busy,
  "io": RefusalReason.io,
};

/** The refusal reason for a store's error. */
export function refusalForStoreError(kind: StoreErrorKind): RefusalReason {
  return STORE_ERROR_REASONS[kind];
}

/** Larger than any body that {@link writeBody} writes: two strings, a hash and a few varints. */
const BODY_ROOM_BYTES = MAX_NAME_BYTES + 128;
/** Type, and the length of such a body. */
const HEAD_ROOM_BYTES = 1 + varintSize(BODY_ROOM_BYTES);

const TWO_32 = 0x1_0000_0000;
/** Above the permission bits; higher bits of a mode are not sent, and ignored. */
const MODE_END = 0o1000;

/** The message's bytes. Names are at most {@link MAX_NAME_BYTES} long and numbers safe integers, not negative. */
export function encodeMessage(message: Message): Uint8Array {
  return encodeMessages([message]);
}

/** The bytes of messages, one after the other; see {@link encodeMessage}. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const body = new Writer();
  const bodyRoom = new Uint8Array(BODY_ROOM_BYTES);
  const all = new Writer().reset(new Uint8Array(messages.length * (HEAD_ROOM_BYTES + BODY_ROOM_BYTES)));
  for (const message of messages) {
    writeBody(body.reset(bodyRoom), message);
    all.u8(MessageType[message.type]);
    all.varint(body.position);
    all.bytes(bodyRoom, 0, body.position);
  }
  return all.buffer.slice(0, all.position);
}

function writeBody(writer: Writer, message: Message): void {
  switch (message.type) {
    case "put":
      writeName(writer, message.name);
      return writeAttributes(writer, message, message.overwrite ? AttributeFlag.overwrite : 0);
    case "get":
    case "stat":
      return writeName(writer, message.name);
    case "list":
      return;
    case "file":
      return writeAttributes(writer, message);
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
      return writeText(writer, message.unlisted?.examples ?? "");
    case "refused":
      writer.varint(message.reason);
      return writeText(writer, message.message);
  }
}

function writeAttributes(writer: Writer, { sizeBytes, modifiedUs, mode }: FileAttributes, flags = 0): void {
  writer.varint(sizeBytes);
  const present = (modifiedUs === undefined ? 0 : AttributeFlag.modified) +
    (mode === undefined ? 0 : AttributeFlag.mode);
  writer.varint(flags + present);
  if (modifiedUs !== undefined) writeTime(writer, modifiedUs);
  if (mode !== undefined) writer.varint(mode % MODE_END);
}

/** 64 bits, two's complement. */
function writeTime(writer: Writer, timeUs: number): void {
  const wholeUs = Math.floor(limitTime(timeUs));
  const high = Math.floor(wholeUs / TWO_32);
  writer.u32(high >>> 0);
  writer.u32(wholeUs - high * TWO_32);
}

function limitTime(timeUs: number): number {
  return Math.max(-MAX_TIME_US, Math.min(timeUs, MAX_TIME_US));
}

function writeName(writer: Writer, name: string): void {
  const bytes = utf8.encode(name);
  invariant(bytes.length <= MAX_NAME_BYTES, "a name is at most 1024 bytes of UTF-8");
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

/** Cuts a long text between characters. */
function writeText(writer: Writer, text: string): void {
  const bytes = new Uint8Array(MAX_TEXT_BYTES);
  const { written } = utf8.encodeInto(text, bytes);
  writer.varint(written);
  writer.bytes(bytes, 0, written);
}

function writeSha256(writer: Writer, sha256: Uint8Array): void {
  invariant(sha256.length === SHA256_BYTES, "a SHA-256 is 32 bytes");
  writer.bytes(sha256);
}

const MESSAGE_NAMES = new Map(
  Object.entries(MessageType).map(([name, type]) => [type as number, name as MessageName]),
);

/**
 * Decodes the message at the start of `bytes`. The result contains copies, no views of `bytes`. An unknown type and a
 * forbidden length are malformed as soon as they have arrived. Never throws.
 */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
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
  const message = readBody(new Reader().reset(bytes, reader.position, consumed), name);
  return message === undefined ? { malformed: `${name} cut short, or with a bad field` } : { message, consumed };
}

/** The message, or undefined if its body is malformed. Extra bytes belong to a later version, and are ignored. */
function readBody(reader: Reader, type: MessageName): Message | undefined {
  const message = readFields(reader, type);
  return reader.failed ? undefined : message;
}

/** Undefined if a field has a forbidden value; if fields are missing, the reader has failed. */
function readFields(reader: Reader, type: MessageName): Message | undefined {
  switch (type) {
    case "put": {
      const name = readString(reader, MAX_NAME_BYTES);
      const attributes = readAttributes(reader);
      if (name === undefined || attributes === undefined) return undefined;
      return { type, name, ...attributes.file, overwrite: hasFlag(attributes.flags, AttributeFlag.overwrite) };
    }
    case "get":
    case "stat": {
      const name = readString(reader, MAX_NAME_BYTES);
      return name === undefined ? undefined : { type, name };
    }
    case "list":
      return { type };
    case "file": {
      const attributes = readAttributes(reader);
      return attributes && { type, ...attributes.file };
    }
    case "digest":
      return { type, sha256: readSha256(reader) };
    case "result": {
      const status = reader.varint();
      const sha256 = readSha256(reader);
      const savedName = readString(reader, MAX_NAME_BYTES);
      return isResultStatus(status) && savedName !== undefined ? { type, status, sha256, savedName } : undefined;
    }
    case "entry": {
      const name = readString(reader, MAX_NAME_BYTES);
      const attributes = readAttributes(reader);
      return name === undefined || attributes === undefined ? undefined : { type, name, ...attributes.file };
    }
    case "end": {
      const count = reader.varint();
      const unlistedCount = reader.varint();
      const examples = readString(reader, MAX_TEXT_BYTES);
      if (examples === undefined) return undefined;
      return { type, count, ...(unlistedCount === 0 ? {} : { unlisted: { count: unlistedCount, examples } }) };
    }
    case "refused": {
      const reason = knownReason(reader.varint());
      const message = readString(reader, MAX_TEXT_BYTES);
      return message === undefined ? undefined : { type, reason, message };
    }
  }
}

/** The attributes of a file, and the flags; undefined if no file can be that large. */
function readAttributes(reader: Reader): { file: FileAttributes; flags: number } | undefined {
  const sizeBytes = reader.varint();
  const flags = reader.varint();
  const time = hasFlag(flags, AttributeFlag.modified) ? { modifiedUs: readTime(reader) } : {};
  const mode = hasFlag(flags, AttributeFlag.mode) ? { mode: reader.varint() % MODE_END } : {};
  return sizeBytes > MAX_FILE_BYTES ? undefined : { file: { sizeBytes, ...time, ...mode }, flags };
}

/** By arithmetic, as flags may exceed 2^31. */
function hasFlag(flags: number, flag: number): boolean {
  return Math.floor(flags / flag) % 2 === 1;
}

function readTime(reader: Reader): number {
  const high = reader.u32() | 0;
  return limitTime(high * TWO_32 + reader.u32());
}

/** A status that this version does not know must not be taken for a success. */
function isResultStatus(status: number): status is ResultStatus {
  return status <= ResultStatus.failed;
}

/** A reason of a later version is treated as the most general one; the text explains it. */
function knownReason(reason: number): RefusalReason {
  return REASONS.find((known) => known === reason) ?? RefusalReason.io;
}

function readSha256(reader: Reader): Uint8Array {
  const start = reader.position;
  reader.skip(SHA256_BYTES);
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
    // A BOM is part of the name: dropping it would make two names one.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(reader.buffer.subarray(start, reader.position));
  } catch {
    return undefined;
  }
}

/** Application error codes of RESET_STREAM, STOP_SENDING and CONNECTION_CLOSE. */
export const ApplicationErrorCode = {
  noError: 0,
  /** The user or the program cancelled it. */
  cancelled: 1,
  /** The request was refused; a REFUSED message says why. */
  refused: 2,
  /** The sender's or receiver's disk failed. */
  storeFailed: 3,
  /** A message was malformed or unexpected. */
  badMessage: 4,
  shuttingDown: 5,
  /** The peer responded, but made no progress within the stall timeout. */
  stalled: 6,
  /** The server has reached a limit, or the connection uses too much of a resource. */
  busy: 7,
  /** The client's access was revoked. */
  forbidden: 8,
  /** The file changed while it was sent. */
  fileChanged: 9,
  /** The receiver's disk is full, or its quota is used up. */
  noSpace: 10,
} as const;

/** The error code that tells the peer of a store's error. */
export function errorCodeForStoreError(kind: StoreErrorKind): number {
  if (kind === "changed") return ApplicationErrorCode.fileChanged;
  return kind === "no-space" ? ApplicationErrorCode.noSpace : ApplicationErrorCode.storeFailed;
}

/** Describes an error code for the user. */
export function describeApplicationError(code: number): string {
  switch (code) {
    case ApplicationErrorCode.noError:
      return "it ended without an error";
    case ApplicationErrorCode.cancelled:
      return "it was cancelled";
    case ApplicationErrorCode.refused:
      return "it was refused";
    case ApplicationErrorCode.storeFailed:
      return "its disk failed, or denied access to the file";
    case ApplicationErrorCode.badMessage:
      return "a message was not understood";
    case ApplicationErrorCode.shuttingDown:
      return "the program is shutting down";
    case ApplicationErrorCode.stalled:
      return "it stood still for too long";
    case ApplicationErrorCode.busy:
      return "the server is busy";
    case ApplicationErrorCode.forbidden:
      return "permission was taken away";
    case ApplicationErrorCode.fileChanged:
      return "the file changed there while it was sent; try again";
    case ApplicationErrorCode.noSpace:
      return "its disk or quota has too little space";
    default:
      return `error code ${code}`;
  }
}
