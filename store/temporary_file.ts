/**
 * A file on its way to the disk: written under a random name in the folder where it will stay, invisible to every
 * store, until it is complete, durable and given its name.
 *
 * ```
 *   open --commit--> committing --placed--> closed
 *     |                  |
 *     +-- abort          +-- failed --> closed, nothing stays
 * ```
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { StoreError, type WritableFile } from "../transfer/file_store.ts";
import { TEMPORARY_PREFIX } from "../transfer/file_name.ts";
import { onDisk, toStoreError } from "./disk_error.ts";
import { readAt } from "./opened_file.ts";
import { removeQuietly } from "./placement.ts";

/** Bytes available to this user on the disk that holds `folder`, or undefined where that is not known. */
export type FreeBytes = (folder: string) => number | undefined;

/** What to write, and where it goes in the end. */
export interface TemporaryFileOptions {
  readonly sizeBytes: number;
  /** Milliseconds since 1970 UTC, 0 for now. */
  readonly modifiedMs: number;
  /** What messages call the file. */
  readonly subject: string;
  /** Moves the finished file from this path to its place; resolves to the place as a person would name it. */
  readonly place: (temporaryPath: string) => Promise<string>;
  /** Default: asks the operating system. */
  readonly freeBytes?: FreeBytes;
}

/** A normal file's mode; the process's umask takes away from it. */
const FILE_MODE = 0o644;
/** While the file is not complete nobody else may read it. */
const PARTIAL_MODE = 0o600;

/** Left free on the disk beyond the file itself, for folders and whoever else writes a little. */
const SPACE_SLACK_BYTES = 1024 * 1024;

/** A partial file that nothing has touched for so long was left by a run that was killed. */
export const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

const RANDOM_BYTES = 16;
const TEMPORARY_NAME = /^\.sluice-[0-9a-f]{32}\.part$/;

const syncDescriptor = promisify(fs.fsync);

/** See the module's description. Hot: `write` is called for every stretch of data received. */
export class TemporaryFile implements WritableFile {
  readonly #path: string;
  readonly #options: TemporaryFileOptions;
  /** The mode that a normal new file has here, umask and default ACLs applied. */
  readonly #finalMode: number;
  #descriptor: number;
  #state: "open" | "committing" | "closed" = "open";

  /** Creates the temporary file in `folder`. Throws StoreError, before a byte is written, where space is short. */
  constructor(folder: string, options: TemporaryFileOptions) {
    this.#options = options;
    requireSpace(folder, options);
    this.#path = path.join(folder, temporaryName());
    const { descriptor, finalMode } = onDisk(options.subject, () => createPrivate(this.#path));
    this.#descriptor = descriptor;
    this.#finalMode = finalMode;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    const { sizeBytes, subject } = this.#options;
    const end = offset + bytes.length;
    if (end > sizeBytes) throw new StoreError("io", `${subject} was announced with ${sizeBytes} bytes, not ${end}`);
    let doneBytes = 0;
    try {
      while (doneBytes < bytes.length) {
        const restBytes = bytes.length - doneBytes;
        doneBytes += fs.writeSync(this.#descriptor, bytes, doneBytes, restBytes, offset + doneBytes);
      }
    } catch (error) {
      throw toStoreError(error, subject);
    }
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return readAt(this.#descriptor, { offset, into, subject: this.#options.subject });
  }

  commit(done: (result: string | StoreError) => void): void {
    if (this.#state !== "open") return done(this.#notOpen());
    this.#state = "committing";
    // Two handlers of one `then`: what `done` itself throws must not call it again.
    this.#finish().then(done, (error: unknown) => {
      this.#discard();
      done(toStoreError(error, this.#options.subject));
    });
  }

  abort(): void {
    if (this.#state === "open") this.#discard();
  }

  async #finish(): Promise<string> {
    const { sizeBytes, subject, place } = this.#options;
    const writtenBytes = fs.fstatSync(this.#descriptor).size;
    if (writtenBytes < sizeBytes) {
      throw new StoreError("io", `${subject} is not complete: ${writtenBytes} of ${sizeBytes} bytes`);
    }
    this.#dress();
    await syncDescriptor(this.#descriptor);
    this.#closeDescriptor();
    const finalPlace = await place(this.#path);
    this.#state = "closed";
    return finalPlace;
  }

  /** Mode and modification time. A disk that keeps no such thing is no reason to lose the file. */
  #dress(): void {
    const { modifiedMs } = this.#options;
    attempt(() => fs.fchmodSync(this.#descriptor, this.#finalMode));
    const modified = new Date(modifiedMs);
    if (modifiedMs === 0 || Number.isNaN(modified.getTime())) return;
    // By path: futimes in node:fs loses the last millisecond to a fraction of seconds.
    attempt(() => Deno.utimeSync(this.#path, modified, modified));
  }

  #discard(): void {
    this.#state = "closed";
    attempt(() => this.#closeDescriptor());
    removeQuietly(this.#path);
  }

  #closeDescriptor(): void {
    if (this.#descriptor === -1) return;
    const descriptor = this.#descriptor;
    // Before the call: a close that fails must not be repeated, the number may be another file's by then.
    this.#descriptor = -1;
    fs.closeSync(descriptor);
  }

  #requireOpen(): void {
    if (this.#state !== "open") throw this.#notOpen();
  }

  #notOpen(): StoreError {
    return new StoreError("io", `${this.#options.subject} is no longer open`);
  }
}

/**
 * Removes the partial files that killed runs left in `folder`: those with our names that nothing has touched for
 * {@link LEFTOVER_AGE_MS}. Silent where the folder cannot be read or changed.
 */
export function removeLeftovers(folder: string, options: { readonly nowMs: number }): void {
  attempt(() => {
    for (const name of fs.readdirSync(folder)) {
      if (TEMPORARY_NAME.test(name)) attempt(() => removeIfStale(path.join(folder, name), options.nowMs));
    }
  });
}

/** What the operating system says of free space; undefined without permission (--allow-sys=statfs) or answer. */
export function freeBytesOnDisk(folder: string): number | undefined {
  // Asked first: on a terminal, Deno would stop and ask the user.
  if (Deno.permissions.querySync({ name: "sys", kind: "statfs" }).state !== "granted") return undefined;
  return attempt(() => {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  });
}

function removeIfStale(filePath: string, nowMs: number): void {
  const stats = fs.lstatSync(filePath);
  // The change time too: shortly before it is placed, a file already bears the modification time of its original.
  const touchedMs = Math.max(stats.mtimeMs, stats.ctimeMs, stats.birthtimeMs);
  if (stats.isFile() && nowMs - touchedMs > LEFTOVER_AGE_MS) fs.unlinkSync(filePath);
}

function requireSpace(folder: string, options: TemporaryFileOptions): void {
  const { sizeBytes, subject, freeBytes = freeBytesOnDisk } = options;
  const availableBytes = freeBytes(folder);
  if (availableBytes === undefined || availableBytes >= sizeBytes + SPACE_SLACK_BYTES) return;
  throw new StoreError(
    "no-space",
    `${subject} cannot be written: it has ${sizeBytes} bytes and the disk ${availableBytes} left; free some space`,
  );
}

function temporaryName(): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  return `${TEMPORARY_PREFIX}${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}.part`;
}

/**
 * Creates a file and then narrows its mode. The operating system says what mode a normal file gets here: reading the
 * umask would need another permission, and does not know default ACLs.
 */
function createPrivate(filePath: string): { descriptor: number; finalMode: number } {
  const { O_CREAT, O_EXCL, O_RDWR } = fs.constants;
  const descriptor = fs.openSync(filePath, O_RDWR | O_CREAT | O_EXCL, FILE_MODE);
  try {
    const finalMode = fs.fstatSync(descriptor).mode & 0o777;
    attempt(() => fs.fchmodSync(descriptor, PARTIAL_MODE));
    return { descriptor, finalMode };
  } catch (error) {
    fs.closeSync(descriptor);
    removeQuietly(filePath);
    throw error;
  }
}

/** Runs what may fail without harm; undefined when it did. A bug (no error of the disk's) still comes through. */
function attempt<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) toStoreError(error, "");
    return undefined;
  }
}
