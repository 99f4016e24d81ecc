/**
 * The door to the disk, as file transfer sees it. `store/` implements it, and tests have one in memory; both
 * pass the same compliance suite (`testing/file_store_compliance.ts`).
 *
 * Reads and writes of open files are synchronous: the page cache answers in well under a packet's time. What looks up
 * names, or waits for the device, is not: a slow disk, a huge folder or a store on the network holds up nobody.
 *
 * @module
 */

/** Why a store could not do what it was asked. */
export type StoreErrorKind =
  /** The name is taken and overwriting was not asked for. */
  | "exists"
  | "not-found"
  /** The name is one that no file may bear here. */
  | "bad-name"
  /** The disk is full, or a quota is. */
  | "no-space"
  /** The store takes no files. */
  | "read-only"
  /** The operating system denies access. */
  | "denied"
  /** A folder or device stands where a file is expected. */
  | "not-a-file"
  /** The file changed under a reader. */
  | "changed"
  /** Any other fault of the disk. */
  | "io";

/** A fault of the disk, or a refusal of the store's. The message names the file and says what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(readonly kind: StoreErrorKind, message: string) {
    super(message);
  }
}

/** The largest file, 4 PiB: its stream, with the messages around it, has offsets that are safe integers. */
export const MAX_FILE_BYTES: number = 2 ** 52;

/** What is known of a stored file. */
export interface FileInfo {
  readonly name: string;
  readonly sizeBytes: number;
  /** Time of last modification, milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
}

/** A stored file opened for reading. */
export interface ReadableFile {
  readonly info: FileInfo;
  /** Fills `into` from `offset` as far as the file goes; returns the bytes read. Throws StoreError. */
  read(offset: number, into: Uint8Array): number;
  /** Whether the file's size or modification time is no longer what `info` says. Throws StoreError. */
  hasChanged(): boolean;
  /** Idempotent. */
  close(): void;
}

/** A file on its way in. Until it is committed nobody sees it; aborted, nothing of it stays. */
export interface WritableFile {
  /** Writes the whole of `bytes` at `offset`. Throws StoreError. */
  write(offset: number, bytes: Uint8Array): void;
  /** Fills `into` from `offset` as far as has been written; returns the bytes read. Throws StoreError. */
  read(offset: number, into: Uint8Array): number;
  /**
   * Makes the file durable and then visible under its name: syncs it, renames it into place, syncs the folder.
   * `done` is given the file's final place, as a person would name it; after a failure nothing stays behind.
   */
  commit(done: Done<string>): void;
  /** Removes what was written. Idempotent; no effect after commit. */
  abort(): void;
}

/** What to create. */
export interface CreateOptions {
  readonly sizeBytes: number;
  /** Milliseconds since 1970 UTC that the file gets as its modification time; 0 for now. */
  readonly modifiedMs: number;
  /** Replace a file of that name. Without it an existing name is refused, also when it appears before commit. */
  readonly overwrite: boolean;
}

/** Called exactly once, on a later turn or before the call returns, with the result or with what failed. */
export type Done<Result> = (result: Result | StoreError) => void;

/**
 * A folder of files, one level deep, that names chosen by a peer cannot leave. No call can be taken back: a caller that
 * no longer wants the file closes or aborts it when it comes.
 */
export interface FileStore {
  /** Every file, sorted by name in code-unit order. */
  list(done: Done<readonly FileInfo[]>): void;
  stat(name: string, done: Done<FileInfo>): void;
  open(name: string, done: Done<ReadableFile>): void;
  create(name: string, options: CreateOptions, done: Done<WritableFile>): void;
}
