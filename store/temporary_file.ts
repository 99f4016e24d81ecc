/**
 * A partial file: written under a random name in its final folder, invisible to every store, until it is complete,
 * durable and gets its name.
 *
 * ```
 *   open --commit--> committing --placed--> closed
 *     |                  |
 *     +-- abort          +-- failed --> closed and removed
 * ```
 *
 * @module
 */

import { join } from "node:path";
import { invariant } from "../base/invariant.ts";
import { formatBytes, formatDifferentBytes } from "../base/units.ts";
import {
  type CommittedFile,
  type Done,
  type FileAttributes,
  type FragileAttribute,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";
import { TEMPORARY_PREFIX } from "../transfer/file_name.ts";
import type { Disk } from "./disk.ts";
import { attempt, attemptAsync, onDisk, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { creationMode, finalMode, keepsMode, type ModeSources, PARTIAL_MODE, PERMISSION_BITS } from "./file_mode.ts";
import { findData, findHole } from "./holes.ts";
import { modifiedUsOf, readAt } from "./opened_file.ts";
import { removeQuietly } from "./placement.ts";
import type { PromisedSpace } from "./promised_space.ts";

/** What to write, and its destination. */
export interface TemporaryFileOptions extends FileAttributes {
  readonly disk: Disk;
  /** The file in messages. */
  readonly subject: string;
  /** Moves the complete file from this path to its destination; resolves to the destination, for the user. */
  readonly place: (temporaryPath: string, identity: FileIdentity) => Promise<string>;
  /** The path of the file that it replaces, if there is one at commit. */
  readonly replaces?: string;
}

/** Files larger than this leave so much of the disk free, for folders and other programs; smaller ones may fill it. */
const RESERVED_BYTES = 1_000_000;

/** Deno gives modification times in whole milliseconds. */
const READ_PRECISION_US = 1000;

/** A partial file that has not changed for this long is stale: its program was killed. */
export const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * A partial file of this size is removed in steps that do not block the event loop: for each gigabyte that has been
 * written and is not on the disk yet, unlink(2) can take a second.
 */
export const LARGE_FILE_BYTES: number = 16 * 1024 * 1024;

/** A file that has just been created. */
interface CreatedFile {
  readonly path: string;
  readonly descriptor: number;
  readonly device: number;
  readonly freshMode: number;
}

const RANDOM_BYTES = 16;
const TEMPORARY_NAME = /^\.sluice-[0-9a-f]{32}\.part$/;

/** See the module's description. Hot: `write` is called for every range of data received. */
export class TemporaryFile implements WritableFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #options: TemporaryFileOptions;
  /** The mode that a new file gets in this folder: what umask and default ACLs left of {@link creationMode}. */
  readonly #freshMode: number;
  readonly #device: number;
  readonly #promisedSpace: PromisedSpace;
  #descriptor: number;
  /** The space that is promised to the rest of the file. */
  #promisedBytes: number;
  /** The end of the last range that has been received. */
  #writtenEnd = 0;
  /** The end of the last bytes that were given to the disk: what follows up to `#writtenEnd` is zeros. */
  #dataEnd = 0;
  #state: "open" | "committing" | "closed" = "open";

  private constructor(created: CreatedFile, options: TemporaryFileOptions) {
    this.#disk = options.disk;
    this.#options = options;
    this.#path = created.path;
    this.#descriptor = created.descriptor;
    this.#device = created.device;
    this.#promisedSpace = options.disk.promisedSpace;
    this.#promisedBytes = options.sizeBytes;
    this.#freshMode = created.freshMode;
  }

  /** Creates the temporary file in `folder`. Rejects with StoreError, also if the disk has too little space. */
  static async create(folder: string, options: TemporaryFileOptions): Promise<TemporaryFile> {
    const { disk, subject } = options;
    const path = join(folder, temporaryName(disk.randomBytes(RANDOM_BYTES)));
    const created = await onDisk(subject, () => createPrivate(path, options));
    try {
      await promiseSpace(folder, created.device, options);
    } catch (error) {
      attempt(() => disk.close(created.descriptor));
      removeQuietly(disk, path);
      throw error;
    }
    return new TemporaryFile(created, options);
  }

  readonly heldBytes = 0;

  readHeld(_offset: number, _into: Uint8Array): number {
    this.#requireOpen();
    return 0;
  }

  reuse(_offset: number, length: number): void {
    this.#requireOpen();
    invariant(length === 0, "only held bytes are reused");
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    const { sizeBytes, subject } = this.#options;
    const end = offset + bytes.length;
    if (end > sizeBytes) throw new StoreError("io", `${subject} was announced with ${sizeBytes} bytes, not ${end}`);
    this.#writtenEnd = Math.max(this.#writtenEnd, end);
    this.#takeBack(Math.min(bytes.length, this.#promisedBytes));
    try {
      let at = findData(bytes, 0, offset);
      while (at < bytes.length) {
        const holeAt = findHole(bytes, at, offset);
        this.#writeData(bytes, at, holeAt, offset);
        at = findData(bytes, holeAt, offset);
      }
    } catch (error) {
      throw toStoreError(error, subject);
    }
  }

  /** Writes the bytes with the indices `from` to before `end`; the first of all belongs at `offset`. */
  #writeData(bytes: Uint8Array, from: number, end: number, offset: number): void {
    this.#dataEnd = Math.max(this.#dataEnd, offset + end);
    let at = from;
    while (at < end) at += this.#disk.write(this.#descriptor, bytes, at, end - at, offset + at);
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    const readBytes = readAt(this.#descriptor, { disk: this.#disk, offset, into, subject: this.#options.subject });
    const wantedBytes = Math.min(into.length, this.#writtenEnd - offset);
    // Before the end of the data, a short read means that another program has cut the file.
    if (readBytes >= wantedBytes || offset + readBytes < this.#dataEnd) return readBytes;
    into.fill(0, readBytes, wantedBytes);
    return wantedBytes;
  }

  commit(done: Done<CommittedFile>): void {
    if (this.#state !== "open") return done(this.#notOpen());
    this.#state = "committing";
    // Two handlers of one `then`, so that an error thrown by `done` does not call it again.
    this.#finish().then(done, (error: unknown) => {
      this.#discard();
      done(toStoreError(error, this.#options.subject));
    });
  }

  keep(): void {
    this.abort();
  }

  abort(): void {
    if (this.#state === "open") this.#discard();
  }

  async #finish(): Promise<CommittedFile> {
    const { sizeBytes, subject, place } = this.#options;
    const { dev, ino, size } = this.#disk.fstat(this.#descriptor);
    const writtenBytes = size < this.#dataEnd ? size : this.#writtenEnd;
    if (writtenBytes < sizeBytes) {
      throw new StoreError("io", `${subject} is not complete: ${writtenBytes} of ${sizeBytes} bytes`);
    }
    // A hole at the end.
    if (size < sizeBytes) await this.#disk.truncate(this.#descriptor, sizeBytes);
    const notKept = await this.#applyMetadata();
    await this.#disk.fsync(this.#descriptor);
    this.#closeDescriptor();
    const location = await place(this.#path, { dev, ino });
    this.#state = "closed";
    return { location, notKept };
  }

  /**
   * Sets mode and modification time by the descriptor: the path may have been replaced by a link to another user's
   * file. A disk that does not support them is no reason to discard the file; returns what it did not keep.
   */
  async #applyMetadata(): Promise<FragileAttribute[]> {
    const notKept: FragileAttribute[] = [];
    // The time last, as a disk may count a change of the mode as a modification.
    if (!await this.#applyMode()) notKept.push("permissions");
    if (!this.#applyTime()) notKept.push("modification time");
    return notKept;
  }

  /** Returns whether the file has the mode that it should have. */
  async #applyMode(): Promise<boolean> {
    const disk = this.#disk;
    if (!disk.hasModes) return true;
    let isKept = false;
    await attemptAsync(async () => {
      const replaced = await this.#replaced();
      const wanted = finalMode({ fresh: this.#freshMode, source: this.#options.mode, replaced });
      attempt(() => disk.fchmod(this.#descriptor, wanted));
      isKept = keepsMode(disk.fstat(this.#descriptor).mode, wanted);
    });
    return isKept;
  }

  /** Returns whether the file has its modification time, as exactly as a disk says. */
  #applyTime(): boolean {
    const { modifiedUs } = this.#options;
    if (modifiedUs === undefined) return true;
    let keptUs: number | undefined;
    attempt(() => {
      this.#disk.futimes(this.#descriptor, modifiedUs);
      keptUs = modifiedUsOf(this.#disk.fstat(this.#descriptor));
    });
    return keptUs !== undefined && Math.abs(keptUs - modifiedUs) < READ_PRECISION_US;
  }

  /** The file to be replaced, if there is one. */
  async #replaced(): Promise<ModeSources["replaced"]> {
    const { replaces } = this.#options;
    const replaced = replaces === undefined ? undefined : await this.#disk.lstat(replaces);
    if (replaced?.isFile() !== true) return undefined;
    const { uid, gid } = this.#disk.fstat(this.#descriptor);
    return { mode: replaced.mode & PERMISSION_BITS, isSameOwner: replaced.uid === uid && replaced.gid === gid };
  }

  #discard(): void {
    this.#state = "closed";
    if (this.#descriptor !== -1 && this.#writtenEnd >= LARGE_FILE_BYTES) return void this.#discardLarge();
    attempt(() => this.#closeDescriptor());
    removeQuietly(this.#disk, this.#path);
  }

  /**
   * Removes the name at once, which is quick while the file is open, and frees its space before it is closed. If the
   * program ends first, the operating system frees it.
   */
  async #discardLarge(): Promise<void> {
    removeQuietly(this.#disk, this.#path);
    await attemptAsync(() => this.#disk.truncate(this.#descriptor, 0));
    attempt(() => this.#closeDescriptor());
    // Again, for platforms on which an open file keeps its name.
    removeQuietly(this.#disk, this.#path);
  }

  #closeDescriptor(): void {
    if (this.#descriptor === -1) return;
    this.#takeBack(this.#promisedBytes);
    const descriptor = this.#descriptor;
    // Before the call: a failed close must not be repeated, since the number may belong to another file by then.
    this.#descriptor = -1;
    this.#disk.close(descriptor);
  }

  #takeBack(bytes: number): void {
    this.#promisedBytes -= bytes;
    this.#promisedSpace.add(this.#device, -bytes);
  }

  #requireOpen(): void {
    if (this.#state !== "open") throw this.#notOpen();
  }

  #notOpen(): StoreError {
    return new StoreError("io", `${this.#options.subject} is no longer open`);
  }
}

/**
 * Removes stale partial files from `folder`: those with names of ours that have not changed for {@link STALE_AFTER_MS}.
 * Ignores errors of the disk.
 */
export async function removeStalePartialFiles(disk: Disk, folder: string): Promise<void> {
  await attemptAsync(async () => {
    for (const name of await disk.readdir(folder)) {
      if (TEMPORARY_NAME.test(name)) await attemptAsync(() => removeIfStale(disk, join(folder, name)));
    }
  });
}

async function removeIfStale(disk: Disk, filePath: string): Promise<void> {
  const stats = await disk.lstat(filePath);
  if (stats === undefined) return;
  // The change time, too: shortly before it is placed, a file already has the modification time of the original.
  const touchedMs = Math.max(stats.mtimeMs, stats.ctimeMs, stats.birthtimeMs);
  if (stats.isFile() && disk.nowMs() - touchedMs > STALE_AFTER_MS) disk.unlink(filePath);
}

/** Promises the space that a file needs, or rejects with StoreError (no-space). */
async function promiseSpace(folder: string, device: number, options: TemporaryFileOptions): Promise<void> {
  const { disk, sizeBytes, subject } = options;
  const availableBytes = await onDisk(subject, () => disk.freeBytes(folder)) ?? Infinity;
  const promisedBytes = disk.promisedSpace.on(device);
  const reservedBytes = sizeBytes > RESERVED_BYTES ? RESERVED_BYTES : 0;
  const usableBytes = Math.max(0, availableBytes - reservedBytes - promisedBytes);
  if (sizeBytes <= usableBytes) return disk.promisedSpace.add(device, sizeBytes);
  const [needed, usable] = formatDifferentBytes(sizeBytes, usableBytes);
  const kept = [
    ...(reservedBytes === 0 ? [] : [`${formatBytes(reservedBytes)} is kept free`]),
    ...(promisedBytes === 0 ? [] : [`${formatBytes(promisedBytes)} is for files under way`]),
  ];
  const state = kept.length === 0 ? "free" : `usable (${kept.join(", ")})`;
  throw new StoreError("no-space", `${subject} needs ${needed}, but only ${usable} are ${state}; free some space`);
}

function temporaryName(random: Uint8Array): string {
  return `${TEMPORARY_PREFIX}${random.toHex()}.part`;
}

/**
 * Creates a file with the mode of a new one, which the operating system restricts, and then makes it private. Reading the
 * umask instead would require another permission, and ignore default ACLs.
 */
async function createPrivate(path: string, { disk, mode }: TemporaryFileOptions): Promise<CreatedFile> {
  const { O_CREAT, O_EXCL, O_RDWR } = disk.flags;
  const descriptor = await disk.open(path, O_RDWR | O_CREAT | O_EXCL, creationMode(mode));
  try {
    const { mode: freshMode, dev: device } = disk.fstat(descriptor);
    attempt(() => disk.fchmod(descriptor, PARTIAL_MODE));
    return { path, descriptor, device, freshMode: freshMode & PERMISSION_BITS };
  } catch (error) {
    attempt(() => disk.close(descriptor));
    removeQuietly(disk, path);
    throw error;
  }
}
