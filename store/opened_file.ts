/**
 * A file of the disk, opened for reading. Hot: `read` is called for every stretch of data sent.
 *
 * @module
 */

import fs from "node:fs";
import { type FileInfo, type ReadableFile, StoreError } from "../transfer/file_store.ts";
import { diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";

/** What to open, and how. */
export interface OpenOptions {
  /** The file's name as others shall see it. */
  readonly name: string;
  /** What messages call the file. */
  readonly subject: string;
  /** Whether a symbolic link may stand for the file: on a user's own disk yes, in a store never. */
  readonly followLinks: boolean;
}

// Windows has neither flag. O_NONBLOCK: a FIFO put there in the last microsecond must not hold up the program.
const NO_FOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const NON_BLOCKING = fs.constants.O_NONBLOCK ?? 0;

/** What a look at the disk says of a regular file; throws StoreError (not-a-file) for anything else. */
export function describeRegularFile(stats: fs.Stats, options: { name: string; subject: string }): FileInfo {
  const { name, subject } = options;
  if (stats.isDirectory()) throw new StoreError("not-a-file", `${subject} is a folder, not a file`);
  if (stats.isSymbolicLink()) {
    throw new StoreError("not-a-file", `${subject} is a symbolic link, which is not followed here`);
  }
  if (!stats.isFile()) throw new StoreError("not-a-file", `${subject} is a device, FIFO or socket, not a file`);
  return { name, sizeBytes: stats.size, modifiedMs: Math.floor(stats.mtimeMs) };
}

/**
 * A regular file open for reading. It stays readable, with its old bytes, when another file takes its name.
 *
 * node:fs and not `Deno.FsFile`: positional reads and writes in one call, at equal speed for 16 KiB and 1 MiB.
 */
export class OpenedFile implements ReadableFile {
  readonly info: FileInfo;
  readonly #subject: string;
  #descriptor: number;

  private constructor(descriptor: number, opened: { info: FileInfo; subject: string }) {
    this.#descriptor = descriptor;
    this.info = opened.info;
    this.#subject = opened.subject;
  }

  /** Opens the file at `path`. Throws StoreError; never blocks on a FIFO or device. */
  static open(path: string, options: OpenOptions): OpenedFile {
    const { followLinks, subject } = options;
    return onDisk(subject, () => {
      // First a look, because opening a device can have effects; then again through the descriptor, for what stands
      // at `path` may have been exchanged in between.
      describeRegularFile(followLinks ? fs.statSync(path) : fs.lstatSync(path), options);
      const descriptor = openForReading(path, options);
      try {
        const info = describeRegularFile(fs.fstatSync(descriptor), options);
        if (info.sizeBytes === 0) requireEmpty(descriptor, subject);
        return new OpenedFile(descriptor, { info, subject });
      } catch (error) {
        fs.closeSync(descriptor);
        throw error;
      }
    });
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return readAt(this.#descriptor, { offset, into, subject: this.#subject });
  }

  hasChanged(): boolean {
    this.#requireOpen();
    const stats = onDisk(this.#subject, () => fs.fstatSync(this.#descriptor));
    return stats.size !== this.info.sizeBytes || Math.floor(stats.mtimeMs) !== this.info.modifiedMs;
  }

  close(): void {
    if (this.#descriptor === -1) return;
    fs.closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #requireOpen(): void {
    if (this.#descriptor === -1) throw new StoreError("io", `${this.#subject} is no longer open`);
  }
}

/** Files that the system makes up, such as those in /proc, have a size of 0 and bytes all the same. */
function requireEmpty(descriptor: number, subject: string): void {
  if (readAt(descriptor, { offset: 0, into: new Uint8Array(1), subject }) === 0) return;
  throw new StoreError("not-a-file", `${subject} does not say how large it is; copy it to a file first`);
}

function openForReading(path: string, options: OpenOptions): number {
  const flags = fs.constants.O_RDONLY | NON_BLOCKING | (options.followLinks ? 0 : NO_FOLLOW);
  try {
    return fs.openSync(path, flags);
  } catch (error) {
    if (options.followLinks || diskErrorCode(error) !== "ELOOP") throw error;
    throw new StoreError("not-a-file", `${options.subject} is a symbolic link, which is not followed here`);
  }
}

/** Fills `into` from `offset` of an open file as far as it goes; returns the bytes read. Throws StoreError. */
export function readAt(descriptor: number, options: { offset: number; into: Uint8Array; subject: string }): number {
  const { offset, into, subject } = options;
  let doneBytes = 0;
  try {
    while (doneBytes < into.length) {
      const count = fs.readSync(descriptor, into, doneBytes, into.length - doneBytes, offset + doneBytes);
      if (count === 0) break;
      doneBytes += count;
    }
  } catch (error) {
    throw toStoreError(error, subject);
  }
  return doneBytes;
}
