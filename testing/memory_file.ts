/**
 * Open files of the store in memory.
 *
 * @module
 */

import { HeldBytes } from "../store/held_bytes.ts";
import {
  type CommittedFile,
  type CreateOptions,
  type Done,
  type FileInfo,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";

/**
 * The first allocation for a growing file. The operating system provides memory only for the pages that are written,
 * and a file that has its full size from the start is never copied.
 */
const FIRST_ALLOCATION_BYTES = 64 * 1024 * 1024;

/** One file's bytes. Changed in place by `MemoryStore.put`, replaced by a commit. */
export interface StoredFile {
  readonly kind: "file";
  /** The bytes that it repeats. */
  bytes: Uint8Array;
  sizeBytes: number;
  modifiedUs: number;
  mode: number | undefined;
}

/** A file that is committed. */
export interface FinishedFile extends Omit<CreateOptions, "sizeBytes"> {
  readonly bytes: Uint8Array;
}

/** The part of the store that its handles use. */
export interface MemoryDisk {
  /** Whether its files have more bytes than it can hold. */
  isFull(): boolean;
  addHandle(count: number): void;
  /** Counts partial files, and the bytes that are reserved for them. */
  addPartial(count: number, reservedBytes: number): void;
  place(name: string, file: FinishedFile): void;
  /** Ends the exclusive use of what was kept, and leaves this. */
  endResuming(key: string, kept: Uint8Array | undefined): void;
  complete(run: () => void): void;
}

/** Copies bytes of `file` from `offset` on; returns their number. */
export function copyFrom(file: Pick<StoredFile, "bytes" | "sizeBytes">, offset: number, into: Uint8Array): number {
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

/** A file opened for reading. */
export class MemoryReadableFile implements ReadableFile {
  readonly info: FileInfo;
  readonly #file: StoredFile;
  readonly #disk: MemoryDisk;
  #open = true;

  constructor(disk: MemoryDisk, opened: { name: string; file: StoredFile }) {
    const { mode } = opened.file;
    const { sizeBytes, modifiedUs } = opened.file;
    this.info = { name: opened.name, kind: "file", sizeBytes, modifiedUs, ...(mode === undefined ? {} : { mode }) };
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
export interface Held {
  readonly key?: string;
  readonly kept?: Uint8Array | undefined;
  readonly older?: ReadableFile | undefined;
}

/** Less is not kept. */
const WORTH_KEEPING_BYTES = 256 * 1024;

/** A file that is being written. */
export class MemoryWritableFile implements WritableFile {
  readonly #key: string | undefined;
  readonly #keptBytes: number;
  readonly #held: HeldBytes;
  #receivedBytes = 0;
  readonly #name: string;
  readonly #options: CreateOptions;
  readonly #disk: MemoryDisk;
  #bytes: Uint8Array;
  #writtenEnd = 0;
  #open = true;

  constructor(disk: MemoryDisk, created: { name: string; options: CreateOptions; held: Held }) {
    const { name, options, held } = created;
    this.#name = name;
    const { key, kept = new Uint8Array(0), older } = held;
    this.#key = key;
    this.#keptBytes = kept.length;
    const readPartial = (offset: number, into: Uint8Array): number =>
      copyFrom({ bytes: kept, sizeBytes: kept.length }, offset, into);
    this.#held = new HeldBytes({ sizeBytes: options.sizeBytes, foundBytes: kept.length, readPartial, older });
    // Copied, since the caller's object may have more fields and may change later.
    const { sizeBytes, modifiedUs, mode, overwrite, unsized } = options;
    this.#options = { sizeBytes, modifiedUs, mode, overwrite, unsized };
    this.#disk = disk;
    this.#bytes = new Uint8Array(Math.min(options.sizeBytes, FIRST_ALLOCATION_BYTES));
    this.#grow(kept.length);
    this.#bytes.set(kept);
    disk.addHandle(1);
    disk.addPartial(1, this.#reservedBytes);
  }

  /** A file of unknown size reserves what it has. */
  get #reservedBytes(): number {
    return this.#options.unsized === true ? this.#writtenEnd : this.#options.sizeBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    const end = offset + bytes.length;
    const { sizeBytes, unsized } = this.#options;
    if (end > sizeBytes && unsized !== true) {
      throw new StoreError("io", `"${this.#name}" was announced with ${sizeBytes} bytes, not ${end}`);
    }
    if (this.#disk.isFull()) throw new StoreError("no-space", `no space left for "${this.#name}"`);
    this.#grow(end);
    this.#bytes.set(bytes, offset);
    if (unsized === true) this.#disk.addPartial(0, Math.max(0, end - this.#writtenEnd));
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

  get partialPath(): string {
    return this.#key ?? "";
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

  keep(): boolean {
    const isWorthIt = this.#receivedBytes + this.#keptBytes >= WORTH_KEEPING_BYTES;
    const isKept = this.#open && this.#key !== undefined && isWorthIt;
    this.#end(isKept ? this.#bytes.subarray(0, Math.max(this.#writtenEnd, this.#keptBytes)) : undefined);
    return isKept;
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
    const { sizeBytes, modifiedUs, mode, overwrite, unsized } = this.#options;
    if (this.#writtenEnd < sizeBytes) {
      return new StoreError("io", `"${this.#name}" is not complete: ${this.#writtenEnd} of ${sizeBytes} bytes`);
    }
    try {
      const bytes = unsized === true ? this.#bytes.slice(0, this.#writtenEnd) : this.#bytes;
      this.#disk.place(this.#name, { bytes, modifiedUs, mode, overwrite });
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
    this.#disk.addPartial(-1, -this.#reservedBytes);
  }

  /** Doubles the allocation, so that a file announced as huge uses no more memory than its written bytes. */
  #grow(neededBytes: number): void {
    if (neededBytes <= this.#bytes.length) return;
    const mostBytes = this.#options.unsized === true ? Infinity : this.#options.sizeBytes;
    const sizeBytes = Math.min(mostBytes, Math.max(neededBytes, 2 * this.#bytes.length));
    const grown = new Uint8Array(sizeBytes);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #requireOpen(): void {
    if (!this.#open) throw new StoreError("io", `"${this.#name}" is no longer open`);
  }
}
