/**
 * A file of the disk, opened for reading. Hot: `read` is called for every range of data that is sent.
 *
 * @module
 */

import { type FileInfo, MAX_FILE_BYTES, MAX_TIME_US, type ReadableFile, StoreError } from "../transfer/file_store.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attempt, diskError, diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";
import { PERMISSION_BITS } from "./file_mode.ts";

/** What to open, and how. */
export interface OpenOptions {
  readonly disk: Disk;
  /** The file's name for peers. */
  readonly name: string;
  /** The file in messages. */
  readonly subject: string;
  /** Whether to follow a symbolic link: on a user's own disk yes, in a store never. */
  readonly followLinks: boolean;
  /** See {@link DescribeOptions}. */
  readonly refuseHardLinks?: boolean;
  /** Whether to fail at once where no descriptor is free: for callers that have files open. Default: false. */
  readonly atOnce?: boolean;
}

/** Options of {@link describeRegularFile}. */
export interface DescribeOptions {
  readonly name: string;
  readonly subject: string;
  /**
   * Whether to refuse a file with a second name: a user with write access to the folder may have linked it to a file in
   * another folder. Default: false.
   */
  readonly refuseHardLinks?: boolean;
}

/** The attributes of a regular file; throws StoreError if it is something else, or does not exist. */
export function describeRegularFile(stats: DiskStats | undefined, options: DescribeOptions): FileInfo {
  const { name, subject, refuseHardLinks = false } = options;
  if (stats === undefined) throw toStoreError(diskError("ENOENT"), subject);
  if (stats.isDirectory()) throw new StoreError("not-a-file", `${subject} is a folder, not a file`);
  if (stats.isSymbolicLink()) {
    throw new StoreError("not-a-file", `${subject} is a symbolic link, which is not followed here`);
  }
  if (!stats.isFile()) throw new StoreError("not-a-file", `${subject} is a device, FIFO or socket, not a file`);
  if (refuseHardLinks && stats.nlink > 1) {
    throw new StoreError(
      "denied",
      `${subject} has a second name (a hard link), and others may write in its folder, so that it may be anybody's ` +
        "file; put a copy in its place",
    );
  }
  if (stats.size > MAX_FILE_BYTES) {
    throw new StoreError("not-a-file", `${subject} is larger than any file that can be sent (${MAX_FILE_BYTES} bytes)`);
  }
  return { name, kind: "file", sizeBytes: stats.size, modifiedUs: modifiedUsOf(stats) };
}

/** The modification time, microseconds since 1970; undefined if the disk has none. It may be beyond those of Date. */
export function modifiedUsOf({ mtimeMs }: DiskStats): number | undefined {
  if (!Number.isFinite(mtimeMs)) return undefined;
  return Math.max(-MAX_TIME_US, Math.min(Math.round(mtimeMs * 1000), MAX_TIME_US));
}

/** The attributes that reveal a change. */
type Traces = Pick<DiskStats, "size" | "mtimeMs" | "ctimeMs" | "nlink">;

/** A regular file open for reading. It stays readable, with its old bytes, if another file replaces it. */
export class OpenedFile implements ReadableFile {
  readonly info: FileInfo;
  readonly #disk: Disk;
  readonly #subject: string;
  #descriptor: number;
  #traces: Traces;

  private constructor(descriptor: number, opened: { disk: Disk; info: FileInfo; stats: DiskStats; subject: string }) {
    this.#descriptor = descriptor;
    this.info = opened.info;
    this.#traces = tracesOf(opened.stats);
    this.#disk = opened.disk;
    this.#subject = opened.subject;
  }

  /** Opens the file at `path`. Rejects with StoreError; never blocks on a FIFO or device. */
  static open(path: string, options: OpenOptions): Promise<OpenedFile> {
    const { disk, followLinks, subject } = options;
    return onDisk(subject, async () => {
      // Checked before opening, because opening a device can have effects, and again by the descriptor, because the
      // file at `path` may have been replaced in between.
      const look = await (followLinks ? disk.stat(path) : disk.lstat(path));
      describeRegularFile(look, options);
      const descriptor = await openForReading(path, options);
      try {
        const stats = disk.fstat(descriptor);
        const info = describeRegularFile(stats, options);
        if (!isSameFile(stats, look)) throw new StoreError("changed", `${subject} was just replaced; try again`);
        if (info.sizeBytes === 0) requireEmpty(descriptor, options);
        const mode = disk.hasModes ? { mode: stats.mode & PERMISSION_BITS } : {};
        return new OpenedFile(descriptor, { disk, info: { ...info, ...mode }, stats, subject });
      } catch (error) {
        attempt(() => disk.close(descriptor));
        throw error;
      }
    });
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return readAt(this.#descriptor, { disk: this.#disk, offset, into, subject: this.#subject });
  }

  /**
   * The change time is compared as well, since a program can overwrite a file and restore its modification time
   * (`touch -r`), but no program can set the change time.
   *
   * The operating system sets the change time also when a file gets or loses a name: when it is removed, when another
   * file replaces it (its bytes stay, for its readers), and when this program places it by link(2) and unlink(2). So a
   * new change time together with another number of names is no change. Any other new change time is one, although the
   * bytes may be the same after chmod(2) or rename(2) of the file itself: only a second reading could tell, which takes
   * too long for a large file.
   *
   * Deno gives the change time in whole seconds: a file that is overwritten within the second of its previous change,
   * and whose modification time is restored, is not noticed.
   */
  hasChanged(): boolean {
    this.#requireOpen();
    const { size, mtimeMs, ctimeMs, nlink } = this.#traces;
    const now = tracesOf(this.stats());
    if (now.size !== size || now.mtimeMs !== mtimeMs) return true;
    if (now.ctimeMs !== ctimeMs && now.nlink === nlink) return true;
    this.#traces = now;
    return false;
  }

  /** Its attributes as they are now. Throws StoreError. */
  stats(): DiskStats {
    this.#requireOpen();
    try {
      return this.#disk.fstat(this.#descriptor);
    } catch (error) {
      throw toStoreError(error, this.#subject);
    }
  }

  close(): void {
    if (this.#descriptor === -1) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    // Nothing depends on the result: all that was read has been checked.
    attempt(() => this.#disk.close(descriptor));
  }

  #requireOpen(): void {
    if (this.#descriptor === -1) throw new StoreError("io", `${this.#subject} is no longer open`);
  }
}

function tracesOf({ size, mtimeMs, ctimeMs, nlink }: DiskStats): Traces {
  return { size, mtimeMs, ctimeMs, nlink };
}

/** Virtual files, such as those in /proc, have a size of 0 but contain bytes. */
function requireEmpty(descriptor: number, { disk, subject }: OpenOptions): void {
  if (readAt(descriptor, { disk, offset: 0, into: new Uint8Array(1), subject }) === 0) return;
  throw new StoreError("not-a-file", `${subject} does not say how large it is; copy it to a file first`);
}

async function openForReading(path: string, options: OpenOptions): Promise<number> {
  const { disk, atOnce = false } = options;
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = disk.flags;
  // Non-blocking, in case the file was just replaced by a FIFO.
  const flags = O_RDONLY | O_NONBLOCK | (options.followLinks ? 0 : O_NOFOLLOW);
  try {
    return atOnce ? disk.openSync(path, flags) : await disk.open(path, flags);
  } catch (error) {
    if (options.followLinks || diskErrorCode(error) !== "ELOOP") throw error;
    throw new StoreError("not-a-file", `${options.subject} is a symbolic link, which is not followed here`);
  }
}

/** What to read, and where. */
export interface ReadOptions {
  readonly disk: Disk;
  readonly offset: number;
  readonly into: Uint8Array;
  /** The file in messages. */
  readonly subject: string;
}

/**
 * Reads at `offset` of an open file until `into` is full or the file ends; returns the bytes read. Throws StoreError.
 */
export function readAt(descriptor: number, options: ReadOptions): number {
  const { disk, offset, into, subject } = options;
  let doneBytes = 0;
  try {
    while (doneBytes < into.length) {
      const count = disk.read(descriptor, into, doneBytes, into.length - doneBytes, offset + doneBytes);
      if (count === 0) break;
      doneBytes += count;
    }
  } catch (error) {
    throw toStoreError(error, subject);
  }
  return doneBytes;
}
