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
  /** There is something else than what the call is for: a folder or device instead of a file, a file above an entry. */
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
  /** The receiver gives the entry exactly this mode, instead of what its own rules leave of it. Default: no. */
  readonly exactMode?: boolean | undefined;
}

/** The latest time, and, negated, the earliest: those of JavaScript's Date. */
export const MAX_TIME_US = 8_640_000_000_000_000_000;

/** What an entry of a folder is. */
export type EntryKind = "file" | "folder" | "link";

/** The attributes of a stored entry. The size is that of a file, and 0 for a folder or link. */
export interface FileInfo extends FileAttributes {
  /** Its path from the store's folder on: see `checkPath` in `file_name.ts`. */
  readonly name: string;
  readonly kind: EntryKind;
  /** What a link leads to, as it is written in the link; absent if that is outside the store, or no message can carry it. */
  readonly target?: string | undefined;
}

/** What to list. */
export interface ListQuery {
  /** The folder; "" for the store's own. */
  readonly path: string;
  /** Whether to list what is in the folders below, too. */
  readonly recursive: boolean;
  /**
   * Only entries that match, see `base/glob.ts`: without "/", their last component is compared, otherwise their path
   * below the listed folder. Default: all.
   */
  readonly pattern?: string;
}

/** The entries of a folder. */
export interface StoreListing {
  /** Sorted by path in code-unit order. */
  readonly entries: readonly FileInfo[];
  /** The paths of further entries, which no message can carry; not to be printed unescaped. */
  readonly unlisted: readonly string[];
  /** A sentence for each other reason why the list lacks something: a folder that cannot be read, a limit. */
  readonly gaps: readonly string[];
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

/**
 * A partial file that is being written. It becomes visible when it is committed; `abort` removes it, and `keep` leaves it
 * for the next try.
 *
 * A file that resumes ({@link CreateOptions.resume}) may hold bytes from the start, of an earlier try or of an older
 * version. None of them is trusted: they belong to the new file only when they were read, compared, and reused.
 */
export interface WritableFile {
  /** What identifies it among the partial files that a count of the store finds; absent if it would find none. */
  readonly partialPath?: string;
  /**
   * The number of bytes, from the file's start, that are held and may be compared with the new file's, as of its
   * creation; 0 for none.
   */
  readonly heldBytes: number;
  /**
   * Reads held bytes at `offset` until `into` is full, or up to {@link heldBytes}; returns the number of bytes. Each call
   * reads one source, the partial file or the older version, so a piece should be small. Throws StoreError.
   */
  readHeld(offset: number, into: Uint8Array): number;
  /**
   * Makes part of the new file what {@link readHeld} gave for this range, which consists of blocks that were read.
   * Nothing may have been written there in the meantime. Throws StoreError.
   */
  reuse(offset: number, length: number): void;
  /** Writes all of `bytes` at `offset`; each byte of the file is written or reused once. Throws StoreError. */
  write(offset: number, bytes: Uint8Array): void;
  /** Reads written or reused bytes at `offset` until `into` is full; returns the number of bytes. Throws StoreError. */
  read(offset: number, into: Uint8Array): number;
  /**
   * Makes the file durable and then visible under its name: syncs it, renames it into place, syncs the folder. After a
   * failure no partial file remains, unless the file resumes and the failure can pass (no space, too many open files).
   */
  commit(done: Done<CommittedFile>): void;
  /**
   * Ends it without making it visible. If it resumes and holds enough to be worth it, the partial file stays for the next
   * try; otherwise as `abort`. Returns whether it stays. Idempotent; no effect after `commit`.
   */
  keep(): boolean;
  /** Removes the partial file, at once or soon. Idempotent; no effect after `commit`. */
  abort(): void;
}

/** An attribute of a file that a disk may be unable to keep. */
export type FragileAttribute = "modification time" | "permissions";

/** A file, folder or link that is durable under its name. */
export interface CommittedFile {
  /** Its final location, for the user. */
  readonly location: string;
  /** The attributes that it was created with and that the disk did not keep, or not exactly. */
  readonly notKept: readonly FragileAttribute[];
}

/**
 * What to create. Without a modification time the file has that of its last write; the store decides about the mode, and
 * gives no other user a right that `mode` does not.
 */
export interface CreateOptions extends FileAttributes {
  /** Replace a file of that name. If false, a name that is taken is refused, by the commit as well. */
  readonly overwrite: boolean;
  /**
   * The size is not known: `sizeBytes` is 0, the file is written in order, and ends with what was written last. Writing
   * fails (no-space) as soon as it does not fit. Not with `resume`.
   */
  readonly unsized?: boolean | undefined;
  /**
   * Whether it is enough that the commit refuses a name that is taken: for content that is there already, so that it need
   * not be kept from coming. Default: false.
   */
  readonly refusesLate?: boolean | undefined;
  /** Default: the file starts empty, and is removed unless it is committed. For small files, which this costs less. */
  readonly resume?: ResumeOptions | undefined;
}

/**
 * Where a new file may continue. Its partial file is found again by the purpose, the file's name, size and time; one that
 * another transfer is writing is left alone, and where partial files cannot be kept safely the file starts empty.
 */
export interface ResumeOptions {
  /** Who sends the file: a name of the client that no other has, say, or the server's key. What one peer has sent is never offered to another. */
  readonly purpose: string;
  /** Whether to offer, too, bytes of the file that has the name now, where the partial file has none. */
  readonly reusesOld: boolean;
}

/** The attributes of a folder to be made. Absent ones are left to the disk, and as they are for a folder that exists. */
export type FolderAttributes = Pick<FileAttributes, "modifiedUs" | "mode" | "exactMode">;

/** What to make. */
export interface LinkOptions {
  /** What the link leads to: see `checkLinkTarget` in `link_target.ts`. */
  readonly target: string;
  /** Replace a file or link of that name. */
  readonly overwrite: boolean;
  /** The time of a link that is made, as far as the disk keeps it. */
  readonly modifiedUs?: number | undefined;
}

/** Where to move an entry. */
export interface MoveOptions {
  readonly newName: string;
  /** Replace a file or link that has the new name by a file or link; a folder is never replaced. */
  readonly overwrite: boolean;
}

/** What to remove. */
export interface RemoveOptions {
  /** A folder with everything in it, also files that are being received. If false, a folder must be empty. */
  readonly recursive: boolean;
}

/** What was removed. */
export interface RemovedEntries {
  /** Files, folders and links. */
  readonly count: number;
  /** The space that they used, bytes, as quotas count it. */
  readonly usedBytes: number;
}

/** How much this client can store, bytes. Each is absent if it is not known or there is no limit. */
export interface StoreSpace {
  /** What can be stored now. */
  readonly freeBytes?: number | undefined;
  /** What is stored, as counted for the quota. */
  readonly usedBytes?: number;
  readonly quotaBytes?: number;
}

/** What a client does with a file that it receives and whose name is taken: save it beside the other one as NAME_received, refuse it, or replace it. */
export type IfExists = "beside" | "refuse" | "replace";

/** Called exactly once, later or before the call returns, with the result or the error. */
export type Done<Result> = (result: Result | StoreError) => void;

/**
 * A folder with everything below it. Names are paths from this folder on; none that a peer chose leads out of it, and no
 * symbolic link is followed. Calls cannot be cancelled: a caller that no longer wants a file closes or aborts it when the
 * call has ended.
 */
export interface FileStore {
  list(query: ListQuery, done: Done<StoreListing>): void;
  /** Looks up an entry of any kind. */
  stat(name: string, done: Done<FileInfo>): void;
  /** Opens a file; links and folders are refused. */
  open(name: string, done: Done<ReadableFile>): void;
  /** Begins a file, after it has made the folders above that are missing. */
  create(name: string, options: CreateOptions, done: Done<WritableFile>): void;
  /** Makes a folder, and those above that are missing; of a folder that exists, it only sets the attributes. */
  makeFolder(name: string, attributes: FolderAttributes, done: Done<CommittedFile>): void;
  /** Makes a symbolic link, and the folders above that are missing. */
  makeLink(name: string, options: LinkOptions, done: Done<CommittedFile>): void;
  /** Removes an entry. A link is removed itself, not what it leads to. */
  remove(name: string, options: RemoveOptions, done: Done<RemovedEntries>): void;
  /** Gives an entry another name, and makes the folders above that one that are missing. */
  move(name: string, options: MoveOptions, done: Done<CommittedFile>): void;
  space(done: Done<StoreSpace>): void;
}
