/**
 * The messages on a stream, as values (`docs/PROTOCOL.md`, section 14). `message_encoder.ts` and `message_decoder.ts` have
 * their bytes, `file_sender.ts` and `file_receiver.ts` the content of files.
 *
 * @module
 */

import type { EntryKind, FileAttributes, StoreErrorKind } from "./file_store.ts";

/** The longest body of a message. */
export const MAX_BODY_BYTES = 65_536;

/** The longest message, with the longest form of its length: a receiver must be able to buffer it. */
export const MAX_MESSAGE_BYTES: number = 1 + 8 + MAX_BODY_BYTES;

/** The longest name, a path, and the longest target of a link, that is encoded or decoded, bytes of UTF-8. */
export const MAX_NAME_BYTES = 4096;

/** The longest text for users; a longer one is cut when it is encoded. */
export const MAX_TEXT_BYTES = 1024;

/** Bytes of a SHA-256. */
export const SHA256_BYTES = 32;

/** Bytes of a DIGEST message: type, length, SHA-256. */
export const DIGEST_MESSAGE_BYTES: number = 1 + 1 + SHA256_BYTES;

/** The most that a CHUNK contains as it is: what its other fields leave of a body. */
export const MAX_PLAIN_CHUNK_BYTES: number = MAX_BODY_BYTES - 16;

/** The most that a compressed CHUNK contains, bytes after decompression. */
export const MAX_CHUNK_BYTES = 131_072;

/** The smallest block that is hashed by itself; larger ones are this times a power of two. */
export const MIN_BLOCK_BYTES = 65_536;

/** The largest block that is hashed by itself. */
export const MAX_BLOCK_BYTES: number = 2 ** 30;

/** The most blocks that a receiver may hold of a file. */
export const MAX_BLOCKS = 65_536;

/** Message types on the wire. */
export const MessageType = {
  put: 0x01,
  get: 0x02,
  list: 0x03,
  stat: 0x04,
  make: 0x05,
  remove: 0x06,
  move: 0x07,
  space: 0x08,
  file: 0x10,
  digest: 0x11,
  result: 0x12,
  entry: 0x13,
  end: 0x14,
  have: 0x15,
  hashes: 0x16,
  chunk: 0x17,
  data: 0x18,
  same: 0x19,
  done: 0x1a,
  capacity: 0x1b,
  refused: 0x1f,
} as const;

/** The name of a message type; each message has it as its `type`. */
export type MessageName = keyof typeof MessageType;

/** The flags of the attributes in PUT, MAKE, FILE and ENTRY. */
export const AttributeFlag = {
  /** PUT, MAKE: replace what has the name. */
  overwrite: 0x01,
  /** A modification time follows. */
  modified: 0x02,
  /** A mode follows. */
  mode: 0x04,
  /** MAKE, ENTRY: a folder. */
  folder: 0x08,
  /** MAKE, ENTRY: a symbolic link; its target follows. */
  link: 0x10,
  /** PUT: the size is not known yet. */
  unsized: 0x20,
  /** PUT: the server is to say first what it has of the file. Otherwise it refuses if it has a part of it. */
  resumable: 0x40,
  /** PUT, MAKE: the mode is to be kept exactly. */
  exact: 0x80,
} as const;

/** The flags of GET. */
export const GetFlag = {
  /** The content is sent in CHUNKs, in order, and no RESULT follows. */
  inline: 0x01,
  /** The client answers FILE of a large file with HAVE. */
  held: 0x02,
  /** The client takes compressed CHUNKs. */
  zstd: 0x04,
} as const;

/** The flags of LIST. */
export const ListFlag = {
  /** Also what is in the folders of the folder. */
  recursive: 0x01,
} as const;

/** The flags of STAT. */
export const StatFlag = {
  /** A DIGEST follows the ENTRY of a file. */
  digest: 0x01,
} as const;

/** The flags of REMOVE. */
export const RemoveFlag = {
  /** A folder with all that is in it. */
  recursive: 0x01,
} as const;

/** The flags of MOVE. */
export const MoveFlag = {
  /** Replace a file that has the new name. */
  overwrite: 0x01,
} as const;

/** The flags of HAVE. */
export const HaveFlag = {
  /** The receiver of the file takes compressed CHUNKs. */
  zstd: 0x01,
} as const;

/** The flags of CHUNK. One with others is malformed. */
export const ChunkFlag = {
  /** The content is compressed; its size before that precedes it. */
  zstd: 0x01,
} as const;

/** The flags of CAPACITY, one for each of its fields. */
export const CapacityFlag = {
  free: 0x01,
  used: 0x02,
  quota: 0x04,
} as const;

/** The result of receiving a file. */
export const ResultStatus = {
  /** The SHA-256 is that of the sender, and the file is durable under its name. */
  verified: 0,
  /** The bytes that arrived have a different SHA-256; nothing was published. */
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
  /** The server has a part of the file: the client is to repeat the request, and wait for HAVE. */
  partial: 13,
} as const;

/** One of {@link RefusalReason}'s values. */
export type RefusalReason = (typeof RefusalReason)[keyof typeof RefusalReason];

// Flags that are absent are false.

// --- requests ---

/** The client sends a file: its content follows. */
export interface PutMessage extends FileAttributes {
  readonly type: "put";
  readonly name: string;
  /** Replace a file of that name. */
  readonly overwrite: boolean;
  /** The size is not known, and `sizeBytes` 0: the content is in CHUNKs, in order, and its end is that of the file. */
  readonly unsized?: boolean;
  /** The server answers with HAVE at once. */
  readonly resumable?: boolean;
}

/** The client asks for a file. */
export interface GetMessage {
  readonly type: "get";
  readonly name: string;
  /** In CHUNKs, in order; no RESULT follows. */
  readonly inline?: boolean;
  /** The client answers FILE of a large file with HAVE. */
  readonly held?: boolean;
  /** The client takes compressed CHUNKs. */
  readonly zstd?: boolean;
}

/** The client asks for the entries of a folder. */
export interface ListMessage {
  readonly type: "list";
  /** The folder; the store's own if absent. */
  readonly path?: string;
  readonly recursive?: boolean;
  /** Only entries whose path below the folder matches. */
  readonly pattern?: string;
}

/** The client asks for one entry. */
export interface StatMessage {
  readonly type: "stat";
  readonly name: string;
  /** With a DIGEST after it, if it is a file. */
  readonly digest?: boolean;
}

/** The client makes a folder or a link, or sets the attributes of a folder. */
export interface MakeMessage extends EntryAttributes {
  readonly type: "make";
  readonly name: string;
  readonly kind: "folder" | "link";
  /** Replace a link of that name. */
  readonly overwrite?: boolean;
}

/** The client removes an entry. */
export interface RemoveMessage {
  readonly type: "remove";
  readonly name: string;
  /** A folder with all that is in it. */
  readonly recursive?: boolean;
}

/** The client gives an entry another name. */
export interface MoveMessage {
  readonly type: "move";
  readonly name: string;
  readonly newName: string;
  /** Replace a file that has the new name. */
  readonly overwrite?: boolean;
}

/** The client asks how much it can store. */
export interface SpaceMessage {
  readonly type: "space";
}

// --- content of a file, and what is said about it ---

/** The server answers GET: the content follows. */
export interface FileMessage extends FileAttributes {
  readonly type: "file";
}

/** A part of a file; offset and length are bytes. */
export interface FileRange {
  readonly offset: number;
  /** At least 1. */
  readonly length: number;
}

/** The bytes of these ranges, ascending and disjoint, follow as they are, one after the other. */
export interface DataMessage {
  readonly type: "data";
  readonly ranges: readonly FileRange[];
}

/** A part of a file, in the message itself. */
export interface ChunkMessage {
  readonly type: "chunk";
  readonly offset: number;
  /** If compressed: the size of the content after decompression, 1 to {@link MAX_CHUNK_BYTES}. */
  readonly plainBytes?: number;
  /** At least one byte. */
  readonly content: Uint8Array;
}

/** What the receiver of a file has that may be a part of it; HASHES follow. */
export interface HaveMessage {
  readonly type: "have";
  /** {@link MIN_BLOCK_BYTES} to {@link MAX_BLOCK_BYTES}, a power of two. */
  readonly blockBytes: number;
  /** The bytes from 0 on that it has, at most {@link MAX_BLOCKS} blocks; 0 for nothing. */
  readonly heldBytes: number;
  /** It takes compressed CHUNKs. */
  readonly zstd?: boolean;
}

/** The SHA-256 of the next blocks that the receiver has, in their order. */
export interface HashesMessage {
  readonly type: "hashes";
  /** One hash after the other, at least one. */
  readonly hashes: Uint8Array;
}

/** These ranges, ascending and disjoint, are the same on both sides and are not sent. */
export interface SameMessage {
  readonly type: "same";
  readonly ranges: readonly FileRange[];
}

/** The SHA-256 of the whole file, as its sender computed it: the content is complete. */
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

// --- other answers ---

/** The attributes of an entry of any kind. */
export interface EntryAttributes extends FileAttributes {
  readonly kind: EntryKind;
  /** The target of a link. */
  readonly target?: string | undefined;
}

/** One entry, in response to LIST and STAT. */
export interface EntryMessage extends EntryAttributes {
  readonly type: "entry";
  /** Its path from the store's folder on. */
  readonly name: string;
}

/** The last message of the response to LIST. */
export interface EndMessage {
  readonly type: "end";
  /** Entries sent before this. */
  readonly count: number;
  /** Files that have no entry; absent if there are none. */
  readonly unlisted?: UnlistedFiles;
  /** For people: why the list lacks something else; absent if it does not. */
  readonly gaps?: string;
}

/** Files of a store that no message can name. */
export interface UnlistedFiles {
  /** At least 1. */
  readonly count: number;
  /** Some of their names, for people: quoted, with what is not Unicode or not printable escaped or replaced. */
  readonly examples: string;
}

/** The server has done what MAKE, REMOVE or MOVE asked for, and it is durable. */
export interface DoneMessage {
  readonly type: "done";
  /** The number of entries that were made, removed or moved. */
  readonly count: number;
}

/** How much the client can store, bytes; each is absent where it is not known or there is no limit. */
export interface CapacityMessage {
  readonly type: "capacity";
  /** What can be stored now. */
  readonly freeBytes?: number;
  /** What is stored, as counted for the quota. */
  readonly usedBytes?: number;
  readonly quotaBytes?: number;
}

/** The server does not do what was asked. */
export interface RefusedMessage {
  readonly type: "refused";
  readonly reason: RefusalReason;
  /** For people. */
  readonly message: string;
}

/** A request of a client. */
export type RequestMessage =
  | PutMessage
  | GetMessage
  | ListMessage
  | StatMessage
  | MakeMessage
  | RemoveMessage
  | MoveMessage
  | SpaceMessage;

/** Any message; `type` tells which. */
export type Message =
  | RequestMessage
  | FileMessage
  | DataMessage
  | ChunkMessage
  | HaveMessage
  | HashesMessage
  | SameMessage
  | DigestMessage
  | ResultMessage
  | EntryMessage
  | EndMessage
  | DoneMessage
  | CapacityMessage
  | RefusedMessage;

const REQUESTS: ReadonlySet<MessageName> = new Set<RequestMessage["type"]>(
  ["put", "get", "list", "stat", "make", "remove", "move", "space"],
);

/** Whether a message is a request. */
export function isRequest(message: Message): message is RequestMessage {
  return REQUESTS.has(message.type);
}

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
