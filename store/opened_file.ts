/**
 * A file of the disk, opened for reading. Hot: `read` is called for every stretch of data sent.
 *
 * @module
 */

import { type FileInfo, MAX_FILE_BYTES, type ReadableFile, StoreError } from "../transfer/file_store.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attempt, diskError, diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";

/** What to open, and how. */
export interface OpenOptions {
  readonly disk: Disk;
  /** The file's name as others shall see it. */
  readonly name: string;
  /** What messages call the file. */
  readonly subject: string;
  /** Whether a symbolic link may stand for the file: on a user's own disk yes, in a store never. */
  readonly followLinks: boolean;
  /** See {@link DescribeOptions}. */
  readonly refuseHardLinks?: boolean;
}

/** How {@link describeRegularFile} judges. */
export interface DescribeOptions {
  readonly name: string;
  readonly subject: string;
  /**
   * Whether a file with a second name is refused: a user who may write in the folder can have linked it to a file
   * that lies elsewhere. Default: false.
   */
  readonly refuseHardLinks?: boolean;
}

/** The latest time that a calendar of JavaScript holds, and the earliest with the sign turned; milliseconds since 1970. */
export const MAX_TIME_MS = 8_640_000_000_000_000;

/** What a look at the disk says of a regular file; throws StoreError for anything else, and for nothing. */
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
  return { name, sizeBytes: stats.size, modifiedMs: modifiedMsOf(stats) };
}

/** Some disks hold times that no calendar does, and numbers that are not exact any more. */
function modifiedMsOf({ mtimeMs }: DiskStats): number {
  return Math.max(-MAX_TIME_MS, Math.min(Math.floor(mtimeMs), MAX_TIME_MS));
}

/** A regular file open for reading. It stays readable, with its old bytes, when another file takes its name. */
export class OpenedFile implements ReadableFile {
  readonly info: FileInfo;
  readonly #disk: Disk;
  readonly #subject: string;
  #descriptor: number;

  private constructor(descriptor: number, opened: { disk: Disk; info: FileInfo; subject: string }) {
    this.#descriptor = descriptor;
    this.info = opened.info;
    this.#disk = opened.disk;
    this.#subject = opened.subject;
  }

  /** Opens the file at `path`. Rejects with StoreError; never blocks on a FIFO or device. */
  static open(path: string, options: OpenOptions): Promise<OpenedFile> {
    const { disk, followLinks, subject } = options;
    return onDisk(subject, async () => {
      // First a look, because opening a device can have effects; then again through the descriptor, for what stands
      // at `path` may have been exchanged in between.
      const look = await (followLinks ? disk.stat(path) : disk.lstat(path));
      describeRegularFile(look, options);
      const descriptor = await openForReading(path, options);
      try {
        const stats = disk.fstat(descriptor);
        const info = describeRegularFile(stats, options);
        if (!isSameFile(stats, look)) throw new StoreError("changed", `${subject} was just replaced; try again`);
        if (info.sizeBytes === 0) requireEmpty(descriptor, options);
        return new OpenedFile(descriptor, { disk, info, subject });
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

  hasChanged(): boolean {
    this.#requireOpen();
    try {
      const stats = this.#disk.fstat(this.#descriptor);
      return stats.size !== this.info.sizeBytes || modifiedMsOf(stats) !== this.info.modifiedMs;
    } catch (error) {
      throw toStoreError(error, this.#subject);
    }
  }

  close(): void {
    if (this.#descriptor === -1) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    // All that was read has been judged by then: what the disk says to that is nobody's concern.
    attempt(() => this.#disk.close(descriptor));
  }

  #requireOpen(): void {
    if (this.#descriptor === -1) throw new StoreError("io", `${this.#subject} is no longer open`);
  }
}

/** Files that the system makes up, such as those in /proc, have a size of 0 and bytes all the same. */
function requireEmpty(descriptor: number, { disk, subject }: OpenOptions): void {
  if (readAt(descriptor, { disk, offset: 0, into: new Uint8Array(1), subject }) === 0) return;
  throw new StoreError("not-a-file", `${subject} does not say how large it is; copy it to a file first`);
}

async function openForReading(path: string, options: OpenOptions): Promise<number> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = options.disk.flags;
  try {
    // Non-blocking: a FIFO put there in the last microsecond must not hold up the program.
    return await options.disk.open(path, O_RDONLY | O_NONBLOCK | (options.followLinks ? 0 : O_NOFOLLOW));
  } catch (error) {
    if (options.followLinks || diskErrorCode(error) !== "ELOOP") throw error;
    throw new StoreError("not-a-file", `${options.subject} is a symbolic link, which is not followed here`);
  }
}

/** What to read, and from where. */
export interface ReadOptions {
  readonly disk: Disk;
  readonly offset: number;
  readonly into: Uint8Array;
  /** What messages call the file. */
  readonly subject: string;
}

/** Fills `into` from `offset` of an open file as far as it goes; returns the bytes read. Throws StoreError. */
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
