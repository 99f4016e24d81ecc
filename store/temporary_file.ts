/**
 * A partial file: written under a name of ours in its final folder, invisible to every store, until it is complete,
 * durable and gets its name.
 *
 * ```
 *   open --commit--> committing --placed--> closed
 *     |                  |
 *     +-- abort          +-- failed --> closed and removed, or left for the next try
 *     +-- keep --> left for the next try
 * ```
 *
 * One that resumes begins with what an earlier try left ({@link openPartialFile}). Those bytes count for nothing until
 * they are reused or overwritten; its lock is held from before the first use to after the last.
 *
 * @module
 */

import {
  type CommittedFile,
  type CreateOptions,
  type Done,
  type FileAttributes,
  type FragileAttribute,
  type ReadableFile,
  type ResumeOptions,
  StoreError,
  type StoreErrorKind,
  type WritableFile,
} from "../transfer/file_store.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attempt, attemptAsync, diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";
import { finalMode, keepsMode, type ModeSources, PERMISSION_BITS } from "./file_mode.ts";
import { HeldBytes } from "./held_bytes.ts";
import { findData, findHole } from "./holes.ts";
import { modifiedUsOf, readAt } from "./opened_file.ts";
import { lastingName, openPartialFile, type PartialFile } from "./partial_file.ts";
import { removeQuietly } from "./placement.ts";
import { SpacePromise } from "./space_promise.ts";

/** What to write, and its destination. */
export interface TemporaryFileOptions extends FileAttributes, Pick<CreateOptions, "unsized"> {
  readonly disk: Disk;
  /** As that of the disk, shared by files that are created concurrently. Default: that of the disk. */
  readonly freeBytes?: Disk["freeBytes"];
  /** The file in messages. */
  readonly subject: string;
  /** Moves the complete file from this path to its destination; resolves to the destination, for the user. */
  readonly place: (temporaryPath: string, identity: FileIdentity) => Promise<string>;
  /** The path of the file that it replaces, if there is one at commit. */
  readonly replaces?: string;
  /** Default: it starts empty, under a random name. */
  readonly resume?: TemporaryFileResume | undefined;
}

/** Where a file continues. */
export interface TemporaryFileResume extends ResumeOptions {
  /** The target: its path on this disk or in its store, always spelled the same. */
  readonly path: string;
  /**
   * Opens the older version through the checks of any file that is sent, without waiting for a descriptor. If that fails,
   * there is none.
   */
  readonly openOlder: () => Promise<ReadableFile>;
}

/** Deno gives modification times in whole milliseconds. */
export const READ_PRECISION_US = 1000;

/**
 * A partial file of this size is removed in steps that do not block the event loop: for each gigabyte that has been
 * written and is not on the disk yet, unlink(2) can take a second.
 */
export const LARGE_FILE_BYTES: number = 16 * 1024 * 1024;

/** A file of at most this size is little to sync, see {@link Disk.fsync}. */
const SMALL_FILE_BYTES = 64 * 1024;

/** Less than this is not worth to be kept for the next try. */
export const WORTH_KEEPING_BYTES: number = 256 * 1024;

/** The piece of what was found that is compared with zeros, and overwritten, at a time. */
const CLEAR_BYTES = 64 * 1024;

/** The failures of a commit that a later try may not meet. */
const PASSING: ReadonlySet<StoreErrorKind> = new Set(["no-space", "busy"]);

const DENIALS: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM"]);

/** See the module's description. Hot: `write` is called for every range of data received. */
export class TemporaryFile implements WritableFile {
  readonly #disk: Disk;
  readonly #options: TemporaryFileOptions;
  readonly #partial: PartialFile;
  readonly #held: HeldBytes;
  /** The space for the rest of the file. */
  readonly #space: SpacePromise;
  #descriptor: number;
  /** The end of the last range that has been received or reused. */
  #writtenEnd = 0;
  /** The end of the last bytes of these ranges that the disk has: what follows up to `#writtenEnd` is zeros. */
  #dataEnd = 0;
  #receivedBytes = 0;
  /** Whether the disk may have lost written bytes: what it still shows of them must not be reused. */
  #isDoubtful = false;
  #isPlacing = false;
  #state: "open" | "committing" | "closed" = "open";

  private constructor(
    opened: { partial: PartialFile; space: SpacePromise; older: ReadableFile | undefined },
    options: TemporaryFileOptions,
  ) {
    const { partial, space, older } = opened;
    const { sizeBytes } = options;
    this.#disk = options.disk;
    this.#options = options;
    this.#partial = partial;
    this.#descriptor = partial.descriptor;
    this.#space = space;
    const readPartial = (offset: number, into: Uint8Array): number => this.#readDisk(offset, into);
    this.#held = new HeldBytes({ sizeBytes, foundBytes: partial.foundBytes, readPartial, older });
  }

  /** Opens the temporary file in `folder`. Rejects with StoreError, also if the disk has too little space. */
  static async create(folder: string, options: TemporaryFileOptions): Promise<TemporaryFile> {
    const { disk, subject, mode, resume, sizeBytes, unsized: isUnsized = false } = options;
    const name = resume && lastingName({ ...options, ...resume });
    const partial = await onDisk(subject, async () => {
      try {
        return await openPartialFile(folder, { disk, mode, lastingName: name });
      } catch (error) {
        throw DENIALS.has(diskErrorCode(error)) ? folderDenied(subject) : error;
      }
    });
    let space: SpacePromise;
    try {
      const { allocatedBytes, identity: { dev: device } } = partial;
      const { promisedSpace } = disk;
      const { freeBytes = (path: string) => disk.freeBytes(path) } = options;
      const needs = {
        disk: { freeBytes, promisedSpace },
        folder,
        device,
        subject,
        sizeBytes,
        isUnsized,
        allocatedBytes,
      };
      space = await SpacePromise.make(needs);
    } catch (error) {
      attempt(() => disk.close(partial.descriptor));
      // What an earlier try left waits for space.
      if (partial.foundBytes === 0) removeQuietly(disk, partial.path);
      attempt(() => partial.lock?.release());
      throw error;
    }
    const older = resume?.reusesOld ? await openOrNone(resume.openOlder) : undefined;
    return new TemporaryFile({ partial, space, older }, options);
  }

  get heldBytes(): number {
    return this.#held.sizeBytes;
  }

  readHeld(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return this.#held.read(offset, into);
  }

  reuse(offset: number, length: number): void {
    this.#requireOpen();
    this.#held.copyOlder(offset, length, (at, bytes) => this.write(at, bytes));
    const end = offset + length;
    this.#writtenEnd = Math.max(this.#writtenEnd, end);
    this.#dataEnd = Math.max(this.#dataEnd, Math.min(end, this.#partial.foundBytes));
  }

  get partialPath(): string {
    return this.#partial.path;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    const { sizeBytes, subject, unsized } = this.#options;
    const end = offset + bytes.length;
    if (end > sizeBytes && unsized !== true) {
      throw new StoreError("io", `${subject} was announced with ${sizeBytes} bytes, not ${end}`);
    }
    // What was found may have the space already, or not: that of its holes stays promised until the end.
    if (offset >= this.#partial.foundBytes) this.#space.take(bytes.length);
    this.#writtenEnd = Math.max(this.#writtenEnd, end);
    this.#receivedBytes += bytes.length;
    try {
      for (let at = 0; at < bytes.length;) {
        const dataAt = findData(bytes, at, offset);
        this.#clear(offset + at, offset + dataAt);
        at = findHole(bytes, dataAt, offset);
        this.#writeData(bytes, dataAt, at, offset);
      }
    } catch (error) {
      const failure = toStoreError(error, subject);
      if (!PASSING.has(failure.kind)) this.#isDoubtful = true;
      throw failure;
    }
  }

  /** Makes zeros of what was found in a range, where it is something else: elsewhere a hole reads as zeros. */
  #clear(from: number, until: number): void {
    const end = Math.min(until, this.#partial.foundBytes);
    for (let at = from; at < end; at += CLEAR_BYTES) {
      const found = new Uint8Array(Math.min(CLEAR_BYTES, end - at));
      this.#readDisk(at, found);
      for (let index = 0; index < found.length;) {
        const dataAt = findData(found, index, at);
        index = findHole(found, dataAt, at);
        found.fill(0, dataAt, index);
        this.#writeData(found, dataAt, index, at);
      }
    }
  }

  /** Writes the bytes with the indices `from` to before `end`; the first of all belongs at `offset`. */
  #writeData(bytes: Uint8Array, from: number, end: number, offset: number): void {
    if (from === end) return;
    this.#dataEnd = Math.max(this.#dataEnd, offset + end);
    let at = from;
    while (at < end) at += this.#disk.write(this.#descriptor, bytes, at, end - at, offset + at);
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    const readBytes = this.#readDisk(offset, into);
    const wantedBytes = Math.min(into.length, this.#writtenEnd - offset);
    // Before the end of the data, a short read means that another program has cut the file.
    if (readBytes >= wantedBytes || offset + readBytes < this.#dataEnd) return readBytes;
    into.fill(0, readBytes, wantedBytes);
    return wantedBytes;
  }

  #readDisk(offset: number, into: Uint8Array): number {
    return readAt(this.#descriptor, { disk: this.#disk, offset, into, subject: this.#options.subject });
  }

  commit(done: Done<CommittedFile>): void {
    if (this.#state !== "open") return done(this.#notOpen());
    this.#state = "committing";
    // Two handlers of one `then`, so that an error thrown by `done` does not call it again.
    this.#finish().then(done, async (error: unknown) => {
      await this.#endFailed(error);
      done(toStoreError(error, this.#options.subject));
    });
  }

  keep(): boolean {
    if (this.#state !== "open") return false;
    const isKept = this.#isWorthKeeping;
    if (isKept) this.#leave();
    else this.#discard();
    return isKept;
  }

  abort(): void {
    if (this.#state === "open") this.#discard();
  }

  get #isWorthKeeping(): boolean {
    const { lock, foundBytes } = this.#partial;
    // The next try finds what the disk has: zeros at the end were not written.
    const leftBytes = Math.min(this.#receivedBytes + foundBytes, Math.max(this.#dataEnd, foundBytes));
    return lock !== undefined && !this.#isDoubtful && leftBytes >= WORTH_KEEPING_BYTES;
  }

  async #finish(): Promise<CommittedFile> {
    const { subject, place, unsized } = this.#options;
    const sizeBytes = unsized === true ? this.#writtenEnd : this.#options.sizeBytes;
    const { replaces } = this.#options;
    const mode = replaces === undefined ? this.#modeInPlaceOf(undefined) : await this.#modeReplacing(replaces);
    let stats = this.#applyMetadata(mode);
    const writtenBytes = stats.size < this.#dataEnd ? stats.size : this.#writtenEnd;
    if (writtenBytes < sizeBytes) {
      throw new StoreError("io", `${subject} is not complete: ${writtenBytes} of ${sizeBytes} bytes`);
    }
    // A hole at the end, or more than there is to be. Mending it counts as a modification.
    if (stats.size !== sizeBytes) {
      await this.#disk.truncate(this.#descriptor, sizeBytes);
      stats = this.#applyMetadata(mode);
    }
    const { dev, ino } = stats;
    const notKept = this.#notKept(stats, mode);
    await this.#sync(sizeBytes);
    this.#closeDescriptor();
    this.#held.close();
    this.#isPlacing = true;
    const location = await place(this.#partial.path, { dev, ino });
    this.#state = "closed";
    this.#release();
    return { location, notKept };
  }

  /**
   * After a failure, the operating system may take what it could not write for written: a later sync would succeed.
   */
  async #sync(sizeBytes: number): Promise<void> {
    this.#isDoubtful = true;
    await this.#disk.fsync(this.#descriptor, sizeBytes <= SMALL_FILE_BYTES);
    this.#isDoubtful = false;
  }

  /**
   * Sets mode and modification time by the descriptor: the path may have been replaced by a link to another user's
   * file. A disk that does not support them is no reason to discard the file. Returns the attributes that it has then.
   */
  #applyMetadata(mode: number | undefined): DiskStats {
    const { modifiedUs } = this.#options;
    const disk = this.#disk;
    // The time last, as a disk may count a change of the mode as a modification.
    if (mode !== undefined) attempt(() => disk.fchmod(this.#descriptor, mode));
    if (modifiedUs !== undefined) attempt(() => disk.futimes(this.#descriptor, modifiedUs));
    return disk.fstat(this.#descriptor);
  }

  /** What the disk did not keep of what was set. */
  #notKept(stats: DiskStats, mode: number | undefined): FragileAttribute[] {
    const { modifiedUs } = this.#options;
    const notKept: FragileAttribute[] = [];
    if (this.#disk.hasModes && !(mode !== undefined && keepsMode(stats.mode, mode))) notKept.push("permissions");
    if (modifiedUs !== undefined && !isAbout(modifiedUsOf(stats), modifiedUs)) notKept.push("modification time");
    return notKept;
  }

  /** The mode that the file is to have; undefined if the disk has none. */
  #modeInPlaceOf(replaced: ModeSources["replaced"]): number | undefined {
    if (!this.#disk.hasModes) return undefined;
    const { mode: source, exactMode = false } = this.#options;
    return finalMode({ fresh: this.#partial.freshMode, source, replaced, isExact: exactMode });
  }

  /** The same, in place of what is at `path`; undefined if that cannot be told. */
  async #modeReplacing(path: string): Promise<number | undefined> {
    let wanted: number | undefined;
    await attemptAsync(async () => void (wanted = this.#modeInPlaceOf(await this.#replaced(path))));
    return wanted;
  }

  /** The file to be replaced at `path`, if there is one. */
  async #replaced(path: string): Promise<ModeSources["replaced"]> {
    const replaced = await this.#disk.lstat(path);
    if (replaced?.isFile() !== true) return undefined;
    const { uid, gid } = this.#disk.fstat(this.#descriptor);
    return { mode: replaced.mode & PERMISSION_BITS, isSameOwner: replaced.uid === uid && replaced.gid === gid };
  }

  /** Ends it after a failed commit. */
  async #endFailed(error: unknown): Promise<void> {
    if (this.#isWorthKeeping && PASSING.has(kindOf(error))) return this.#leave();
    if (!this.#isPlacing || this.#partial.lock === undefined) return this.#discard();
    // It may have got its final name and lost it again: then its first name may be that of another transfer's file.
    let there: FileIdentity | undefined;
    await attemptAsync(async () => void (there = await this.#disk.lstat(this.#partial.path)));
    if (isSameFile(this.#partial.identity, there)) this.#discard();
    else this.#leave();
  }

  /** Ends it without removing it. */
  #leave(): void {
    this.#state = "closed";
    attempt(() => this.#closeDescriptor());
    this.#release();
  }

  #discard(): void {
    this.#state = "closed";
    const largest = Math.max(this.#writtenEnd, this.#partial.foundBytes);
    if (this.#descriptor !== -1 && largest >= LARGE_FILE_BYTES) return void this.#discardLarge();
    attempt(() => this.#closeDescriptor());
    removeQuietly(this.#disk, this.#partial.path);
    this.#release();
  }

  /**
   * Removes the name at once, which is quick while the file is open, and frees its space before it is closed. If the
   * program ends first, the operating system frees it.
   */
  async #discardLarge(): Promise<void> {
    const { path, lock } = this.#partial;
    removeQuietly(this.#disk, path);
    await attemptAsync(() => this.#disk.truncate(this.#descriptor, 0));
    attempt(() => this.#closeDescriptor());
    // Again, for platforms on which an open file keeps its name; they have no locks. Elsewhere the name of a file that is
    // found again may be another one's by now.
    if (lock === undefined) removeQuietly(this.#disk, path);
    this.#release();
  }

  /** Gives back what else it holds, when the partial file is no longer needed. */
  #release(): void {
    this.#held.close();
    attempt(() => this.#partial.lock?.release());
  }

  #closeDescriptor(): void {
    if (this.#descriptor === -1) return;
    this.#space.end();
    const descriptor = this.#descriptor;
    // Before the call: a failed close must not be repeated, since the number may belong to another file by then.
    this.#descriptor = -1;
    this.#disk.close(descriptor);
  }

  #requireOpen(): void {
    if (this.#state !== "open") throw this.#notOpen();
  }

  #notOpen(): StoreError {
    return new StoreError("io", `${this.#options.subject} is no longer open`);
  }
}

/** Whether a disk keeps a time, as exactly as it says. */
function isAbout(keptUs: number | undefined, modifiedUs: number): boolean {
  return keptUs !== undefined && Math.abs(keptUs - modifiedUs) < READ_PRECISION_US;
}

function folderDenied(subject: string): StoreError {
  return new StoreError(
    "denied",
    `${subject} cannot be written: its folder does not permit new files; check the owner and mode of the folder`,
  );
}

async function openOrNone(open: () => Promise<ReadableFile>): Promise<ReadableFile | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return undefined;
  }
}

function kindOf(error: unknown): StoreErrorKind {
  return toStoreError(error, "").kind;
}
