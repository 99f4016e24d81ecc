/**
 * A file store in memory, for tests of sessions and handlers: it behaves like `store/directory_store.ts` (both pass the
 * same compliance suite), its disk can be full or slow, and its counters reveal leaked handles.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import {
  type CommittedFile,
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type StoreListing,
  type WritableFile,
} from "../transfer/file_store.ts";
import { HeldBytes } from "../store/held_bytes.ts";
import { fileNameError } from "../transfer/file_name.ts";

/** Options of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** The capacity of the disk, on which partial files count with their full size. Default: unlimited. */
  readonly capacityBytes?: number;
  /** Whether it accepts no files. Default: false. */
  readonly readOnly?: boolean;
  /** Runs the completion of a commit when the simulated disk has finished. Default: at once. */
  readonly schedule?: (run: () => void) => void;
  /** The same for the completion of `list`, `stat`, `open` and `create`. Default: at once. */
  readonly lookUp?: (run: () => void) => void;
  /** Microseconds since 1970 of the simulated wall clock, for files without a modification time. Default: 0. */
  readonly nowUs?: () => number;
}

/**
 * The first allocation for a growing file. The operating system provides memory only for the pages that are written,
 * and a file that has its full size from the start is never copied.
 */
const FIRST_ALLOCATION_BYTES = 64 * 1024 * 1024;

/** Options of {@link MemoryStore.put}. */
export interface PutOptions {
  readonly modifiedUs?: number;
  readonly mode?: number;
  /** The file repeats the given bytes up to this size, without using memory. Default: it contains them once. */
  readonly sizeBytes?: number;
}

/** One file's bytes. Changed in place by {@link MemoryStore.put}, replaced by a commit. */
interface StoredFile {
  /** The bytes that it repeats. */
  bytes: Uint8Array;
  sizeBytes: number;
  modifiedUs: number;
  mode: number | undefined;
}

/** A file that is committed. */
interface FinishedFile extends Omit<CreateOptions, "sizeBytes"> {
  readonly bytes: Uint8Array;
}

/** The part of the store that its handles use. */
interface Disk {
  readonly store: MemoryStore;
  addHandle(count: number): void;
  addPartial(count: number, sizeBytes: number): void;
  place(name: string, file: FinishedFile): void;
  /** Ends the exclusive use of what was kept, and leaves this. */
  endResuming(key: string, kept: Uint8Array | undefined): void;
  complete(run: () => void): void;
}

/** See the module's description. */
export class MemoryStore implements FileStore {
  /** The capacity of the disk; lower it during a test to make the disk full. */
  capacityBytes: number;
  /** Whether it accepts no files. */
  readOnly: boolean;
  /** Names of further files, which it does not have. */
  unlisted: readonly string[] = [];
  readonly #files = new Map<string, StoredFile>();
  /** What was left of files that resume, by what they are for; those that are being written are not here. */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #resuming = new Set<string>();
  readonly #nowUs: () => number;
  readonly #lookUp: (run: () => void) => void;
  readonly #disk: Disk;
  #openHandles = 0;
  #partialFiles = 0;
  #reservedBytes = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.readOnly = options.readOnly ?? false;
    this.#nowUs = options.nowUs ?? (() => 0);
    this.#lookUp = options.lookUp ?? ((run) => run());
    const schedule = options.schedule ?? ((run) => run());
    this.#disk = {
      store: this,
      addHandle: (count) => {
        this.#openHandles += count;
      },
      addPartial: (count, sizeBytes) => {
        this.#partialFiles += count;
        this.#reservedBytes += count * sizeBytes;
      },
      place: (name, file) => this.#place(name, file),
      endResuming: (key, kept) => {
        this.#resuming.delete(key);
        if (kept !== undefined) this.#kept.set(key, kept);
      },
      complete: schedule,
    };
  }

  /** The number of open files, for reading or writing. */
  get openHandles(): number {
    return this.#openHandles;
  }

  /** The number of partial files: created, and neither aborted nor committed. */
  get partialFiles(): number {
    return this.#partialFiles;
  }

  /** The number of partial files that were left for the next try. */
  get keptFiles(): number {
    return this.#kept.size;
  }

  /** Bytes of stored files, of partial files at their full size, and of what was left of others. */
  get usedBytes(): number {
    let usedBytes = this.#reservedBytes;
    for (const kept of this.#kept.values()) usedBytes += kept.length;
    for (const file of this.#files.values()) usedBytes += file.sizeBytes;
    return usedBytes;
  }

  /** Puts a file there like another program: at once, and visible to its present readers. */
  put(name: string, bytes: Uint8Array, options: PutOptions = {}): void {
    requireGoodName(name);
    const { modifiedUs = this.#nowUs(), mode, sizeBytes = bytes.length } = options;
    invariant(bytes.length > 0 || sizeBytes === 0, "a file of some size holds some bytes");
    const stored = { bytes: bytes.slice(), sizeBytes, modifiedUs, mode };
    const file = this.#files.get(name);
    if (file === undefined) this.#files.set(name, stored);
    else Object.assign(file, stored);
  }

  /** A file's bytes, or undefined if there is none. */
  contents(name: string): Uint8Array | undefined {
    const file = this.#files.get(name);
    if (file === undefined || file.bytes.length === file.sizeBytes) return file?.bytes;
    const bytes = new Uint8Array(file.sizeBytes);
    copyFrom(file, 0, bytes);
    return bytes;
  }

  list(done: Done<StoreListing>): void {
    // Unlike localeCompare, the default order is the one by code units.
    this.#answer(done, () => {
      const entries = [...this.#files.keys()].sort().map((name) => describe(name, this.#require(name)));
      return { entries, unlisted: this.unlisted, gaps: [] };
    });
  }

  stat(name: string, done: Done<FileInfo>): void {
    this.#answer(done, () => {
      requireGoodName(name);
      return describe(name, this.#require(name));
    });
  }

  open(name: string, done: Done<ReadableFile>): void {
    this.#answer(done, () => {
      requireGoodName(name);
      return new MemoryReadableFile(this.#disk, { name, file: this.#require(name) });
    });
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    this.#answer(done, () => this.#create(name, options));
  }

  #create(name: string, options: CreateOptions): WritableFile {
    requireGoodName(name);
    if (this.readOnly) {
      throw new StoreError("read-only", `"${name}" cannot be stored: this server only gives files`);
    }
    if (!options.overwrite) this.#requireFree(name);
    const held = this.#takeHeld(name, options);
    if (this.usedBytes + options.sizeBytes > this.capacityBytes) {
      if (held.key !== undefined) this.#disk.endResuming(held.key, held.kept);
      held.older?.close();
      throw new StoreError("no-space", `no space left for "${name}" (${options.sizeBytes} bytes)`);
    }
    return new MemoryWritableFile(this.#disk, { name, options, held });
  }

  /** Takes what was kept for this file, unless another one is using it. */
  #takeHeld(name: string, { resume, sizeBytes, modifiedUs }: CreateOptions): Held {
    if (resume === undefined) return {};
    const file = resume.reusesOld ? this.#files.get(name) : undefined;
    const older = file && new MemoryReadableFile(this.#disk, { name, file });
    const key = JSON.stringify([resume.purpose, name, sizeBytes, modifiedUs]);
    if (this.#resuming.has(key)) return { older };
    this.#resuming.add(key);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return { key, kept, older };
  }

  #answer<Result>(done: Done<Result>, call: () => Result): void {
    this.#lookUp(() => {
      let result: Result | StoreError;
      try {
        result = call();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        result = error;
      }
      done(result);
    });
  }

  #require(name: string): StoredFile {
    const file = this.#files.get(name);
    if (file === undefined) throw new StoreError("not-found", `there is no file "${name}"`);
    return file;
  }

  #requireFree(name: string): void {
    if (this.#files.has(name)) throw new StoreError("exists", `"${name}" exists already`);
  }

  #place(name: string, file: FinishedFile): void {
    if (!file.overwrite) this.#requireFree(name);
    const { bytes, modifiedUs = this.#nowUs(), mode } = file;
    this.#files.set(name, { bytes, sizeBytes: bytes.length, modifiedUs, mode });
  }
}

function requireGoodName(name: string): void {
  const error = fileNameError(name);
  if (error !== undefined) throw error;
}

function describe(name: string, file: StoredFile): FileInfo {
  return { name, kind: "file", sizeBytes: file.sizeBytes, modifiedUs: file.modifiedUs };
}

/** Copies bytes of `file` from `offset` on; returns their number. */
function copyFrom(file: Pick<StoredFile, "bytes" | "sizeBytes">, offset: number, into: Uint8Array): number {
  const { bytes, sizeBytes } = file;
  const count = Math.max(0, Math.min(into.length, sizeBytes - offset));
  for (let copied = 0; copied < count;) {
    const at = (offset + copied) % bytes.length;
    const part = bytes.subarray(at, at + count - copied);
    into.set(part, copied);
    copied += part.length;
  }
  return count;
}

class MemoryReadableFile implements ReadableFile {
  readonly info: FileInfo;
  readonly #file: StoredFile;
  readonly #disk: Disk;
  #open = true;

  constructor(disk: Disk, opened: { name: string; file: StoredFile }) {
    const { mode } = opened.file;
    this.info = { ...describe(opened.name, opened.file), ...(mode === undefined ? {} : { mode }) };
    this.#file = opened.file;
    this.#disk = disk;
    disk.addHandle(1);
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return copyFrom(this.#file, offset, into);
  }

  hasChanged(): boolean {
    this.#requireOpen();
    return this.#file.sizeBytes !== this.info.sizeBytes || this.#file.modifiedUs !== this.info.modifiedUs;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#disk.addHandle(-1);
  }

  #requireOpen(): void {
    if (!this.#open) throw new StoreError("io", `"${this.info.name}" is no longer open`);
  }
}

/** What a file may reuse, and the key under which it is kept; none for a file that does not resume. */
interface Held {
  readonly key?: string;
  readonly kept?: Uint8Array | undefined;
  readonly older?: ReadableFile | undefined;
}

/** Less is not kept. */
const WORTH_KEEPING_BYTES = 256 * 1024;

class MemoryWritableFile implements WritableFile {
  readonly #key: string | undefined;
  readonly #keptBytes: number;
  readonly #held: HeldBytes;
  #receivedBytes = 0;
  readonly #name: string;
  readonly #options: CreateOptions;
  readonly #disk: Disk;
  #bytes: Uint8Array;
  #writtenEnd = 0;
  #open = true;

  constructor(disk: Disk, created: { name: string; options: CreateOptions; held: Held }) {
    const { name, options, held } = created;
    this.#name = name;
    const { key, kept = new Uint8Array(0), older } = held;
    this.#key = key;
    this.#keptBytes = kept.length;
    const readPartial = (offset: number, into: Uint8Array): number =>
      copyFrom({ bytes: kept, sizeBytes: kept.length }, offset, into);
    this.#held = new HeldBytes({ sizeBytes: options.sizeBytes, foundBytes: kept.length, readPartial, older });
    // Copied, since the caller's object may have more fields and may change later.
    const { sizeBytes, modifiedUs, mode, overwrite } = options;
    this.#options = { sizeBytes, modifiedUs, mode, overwrite };
    this.#disk = disk;
    this.#bytes = new Uint8Array(Math.min(options.sizeBytes, FIRST_ALLOCATION_BYTES));
    this.#grow(kept.length);
    this.#bytes.set(kept);
    disk.addHandle(1);
    disk.addPartial(1, options.sizeBytes);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    const end = offset + bytes.length;
    if (end > this.#options.sizeBytes) {
      throw new StoreError("io", `"${this.#name}" was announced with ${this.#options.sizeBytes} bytes, not ${end}`);
    }
    const { store } = this.#disk;
    if (store.usedBytes > store.capacityBytes) throw new StoreError("no-space", `no space left for "${this.#name}"`);
    this.#grow(end);
    this.#bytes.set(bytes, offset);
    this.#writtenEnd = Math.max(this.#writtenEnd, end);
    this.#receivedBytes += bytes.length;
  }

  read(offset: number, into: Uint8Array): number {
    this.#requireOpen();
    return copyFrom({ bytes: this.#bytes, sizeBytes: this.#writtenEnd }, offset, into);
  }

  commit(done: Done<CommittedFile>): void {
    if (!this.#open) return done(new StoreError("io", `"${this.#name}" is no longer open`));
    this.#open = false;
    this.#disk.complete(() => {
      this.#release(undefined);
      done(this.#place());
    });
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
    this.#grow(offset + length);
    this.#held.copyOlder(offset, length, (at, bytes) => this.#bytes.set(bytes, at));
    this.#writtenEnd = Math.max(this.#writtenEnd, offset + length);
    this.#receivedBytes += length;
  }

  keep(): void {
    const isWorthIt = this.#receivedBytes + this.#keptBytes >= WORTH_KEEPING_BYTES;
    this.#end(isWorthIt ? this.#bytes.subarray(0, Math.max(this.#writtenEnd, this.#keptBytes)) : undefined);
  }

  abort(): void {
    this.#end(undefined);
  }

  #end(kept: Uint8Array | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    this.#release(kept);
  }

  #place(): CommittedFile | StoreError {
    const { sizeBytes, modifiedUs, mode, overwrite } = this.#options;
    if (this.#writtenEnd < sizeBytes) {
      return new StoreError("io", `"${this.#name}" is not complete: ${this.#writtenEnd} of ${sizeBytes} bytes`);
    }
    try {
      this.#disk.place(this.#name, { bytes: this.#bytes, modifiedUs, mode, overwrite });
      return { location: this.#name, notKept: [] };
    } catch (error) {
      if (error instanceof StoreError) return error;
      throw error;
    }
  }

  #release(kept: Uint8Array | undefined): void {
    if (this.#key !== undefined) this.#disk.endResuming(this.#key, kept);
    this.#held.close();
    this.#disk.addHandle(-1);
    this.#disk.addPartial(-1, this.#options.sizeBytes);
  }

  /** Doubles the allocation, so that a file announced as huge uses no more memory than its written bytes. */
  #grow(neededBytes: number): void {
    if (neededBytes <= this.#bytes.length) return;
    const sizeBytes = Math.min(this.#options.sizeBytes, Math.max(neededBytes, 2 * this.#bytes.length));
    const grown = new Uint8Array(sizeBytes);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #requireOpen(): void {
    if (!this.#open) throw new StoreError("io", `"${this.#name}" is no longer open`);
  }
}
