/**
 * The interface (port) between file transfer and the disk. `store/` implements it, and so does an in-memory store for
 * tests; both pass the same compliance suite (`testing/file_store_compliance.ts`).
 *
 * Reads and writes of open files are synchronous: the page cache takes less time for them than a packet takes. Calls
 * that look up names, or wait for the device, are asynchronous, so that a slow disk, a huge folder or a store on the
 * network blocks nothing else.
 *
 * @module
 */

/** Why a call of a store failed. */
export type StoreErrorKind =
  /** The name is taken and the caller did not ask to overwrite. */
  | "exists"
  | "not-found"
  /** No file in a store may have this name. */
  | "bad-name"
  /** The disk is full, or a quota is used up. */
  | "no-space"
  /** The store accepts no files. */
  | "read-only"
  /** The operating system denies access. */
  | "denied"
  /** There is a folder or device instead of a file. */
  | "not-a-file"
  /** The file changed while it was read. */
  | "changed"
  /** Too many files are open. */
  | "busy"
  /** Any other error of the disk. */
  | "io";

/** An error of the disk, or a refusal by the store. The message names the file and says what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(readonly kind: StoreErrorKind, message: string) {
    super(message);
  }
}

/** The largest file, 4 PiB: the offsets of its stream, including the messages around it, are safe integers. */
export const MAX_FILE_BYTES: number = 2 ** 52;

/** The attributes of a file that travel with it. */
export interface FileAttributes {
  readonly sizeBytes: number;
  /** Time of last modification, microseconds since 1970 UTC, negative before that; absent if it is not known. */
  readonly modifiedUs?: number | undefined;
  /** The permission bits, 0 to 0o777; absent if they are not known, and where files are only looked up. */
  readonly mode?: number | undefined;
}

/** The latest time, and, negated, the earliest: those of JavaScript's Date. */
export const MAX_TIME_US = 8_640_000_000_000_000_000;

/** The attributes of a stored file. */
export interface FileInfo extends FileAttributes {
  readonly name: string;
}

/** The files of a store. */
export interface StoreListing {
  /** Sorted by name in code-unit order. */
  readonly files: readonly FileInfo[];
  /** The names of further files, which no message can carry; not to be printed unescaped. */
  readonly unlisted: readonly string[];
}

/** A stored file opened for reading. */
export interface ReadableFile {
  readonly info: FileInfo;
  /** Reads at `offset` until `into` is full or the file ends; returns the number of bytes. Throws StoreError. */
  read(offset: number, into: Uint8Array): number;
  /**
   * Whether the file has changed since it was opened, and the bytes that were read may be of different versions. False
   * for a file that was removed or replaced by another one: its bytes stay. Throws StoreError.
   */
  hasChanged(): boolean;
  /** Idempotent. */
  close(): void;
}

/** A partial file that is being written. It becomes visible when it is committed; `abort` removes it. */
export interface WritableFile {
  /** Writes all of `bytes` at `offset`; each byte of the file is written once. Throws StoreError. */
  write(offset: number, bytes: Uint8Array): void;
  /** Reads written bytes at `offset` until `into` is full; returns the number of bytes. Throws StoreError. */
  read(offset: number, into: Uint8Array): number;
  /**
   * Makes the file durable and then visible under its name: syncs it, renames it into place, syncs the folder. After a
   * failure no partial file remains.
   */
  commit(done: Done<CommittedFile>): void;
  /** Removes the partial file, at once or soon. Idempotent; no effect after `commit`. */
  abort(): void;
}

/** An attribute of a file that a disk may be unable to keep. */
export type FragileAttribute = "modification time" | "permissions";

/** A file that is durable under its name. */
export interface CommittedFile {
  /** Its final location, for the user. */
  readonly location: string;
  /** The attributes that the file was created with and that the disk did not keep, or not exactly. */
  readonly notKept: readonly FragileAttribute[];
}

/**
 * What to create. Without a modification time the file has that of its last write; the store decides about the mode, and
 * gives no other user a right that `mode` does not.
 */
export interface CreateOptions extends FileAttributes {
  /** Replace a file of that name. If false, a name that is taken is refused, by the commit as well. */
  readonly overwrite: boolean;
}

/** What a client does with a file that it receives and whose name is taken: save it beside the other one as NAME_received, refuse it, or replace it. */
export type IfExists = "beside" | "refuse" | "replace";

/** Called exactly once, later or before the call returns, with the result or the error. */
export type Done<Result> = (result: Result | StoreError) => void;

/**
 * A folder of files, without subfolders; no name that a peer chose leads out of it. Calls cannot be cancelled: a caller
 * that no longer wants a file closes or aborts it when the call has ended.
 */
export interface FileStore {
  /** Every file. */
  list(done: Done<StoreListing>): void;
  stat(name: string, done: Done<FileInfo>): void;
  open(name: string, done: Done<ReadableFile>): void;
  create(name: string, options: CreateOptions, done: Done<WritableFile>): void;
}
