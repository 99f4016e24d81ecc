/**
 * A folder whose files are counted, so that a client fills it to his quota and no further.
 *
 * A quota bounds what the folder holds in all: who shares a folder shares what is left of it. A file counts with what it
 * takes of most disks, whole blocks, and with one at least, so that empty files have an end as well. One that is on its
 * way counts with its whole size from the start.
 *
 * Non-goal: files that are put there by other means count from the next time that all are counted: when the server
 * starts, and when a quota seems to be used up.
 *
 * @module
 */

import {
  type CreateOptions,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";
import { sanitizeForDisplay } from "../transfer/file_name.ts";

/** Of a file: most disks give room in such pieces. */
export const BLOCK_BYTES = 4096;

/** All are counted again after so many times as long as it took at the earliest: a flood of requests takes an eleventh of the time. */
const COUNT_LIFE_FACTOR = 10;

/** What a file counts. */
export function usedBytes(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

/** See the module's description. One for a folder, whoever uses it. */
export class QuotaStore implements FileStore {
  readonly #store: FileStore;
  readonly #nowUs: () => number;
  /** What the files there count; undefined until somebody has to know. */
  #storedBytes: number | undefined;
  #mayCountAtUs = -Infinity;
  /** What those on their way will add. */
  #reservedBytes = 0;
  /** How many are on their way under a name. */
  readonly #arriving = new Map<string, number>();

  /** `nowUs` is any steady clock, microseconds. */
  constructor(store: FileStore, nowUs: () => number) {
    this.#store = store;
    this.#nowUs = nowUs;
  }

  /** The same folder for who may fill it up to a quota. */
  limitedTo(quotaBytes: number): FileStore {
    return {
      list: () => this.list(),
      stat: (name) => this.stat(name),
      open: (name) => this.open(name),
      create: (name, options) => this.#create(name, { ...options, quotaBytes }),
    };
  }

  list(): FileInfo[] {
    return this.#store.list();
  }

  stat(name: string): FileInfo {
    return this.#store.stat(name);
  }

  open(name: string): ReadableFile {
    return this.#store.open(name);
  }

  create(name: string, options: CreateOptions): WritableFile {
    return this.#create(name, { ...options, quotaBytes: Infinity });
  }

  #create(name: string, options: CreateOptions & { readonly quotaBytes: number }): WritableFile {
    const { overwrite, quotaBytes, sizeBytes } = options;
    // Of two that replace one file at once only one makes its room free, so that neither counts on it.
    const replaced = overwrite && !this.#arriving.has(name) ? this.#sizeOf(name) : 0;
    const added = usedBytes(sizeBytes) - replaced;
    if (quotaBytes !== Infinity) this.#requireRoom(added, { name, quotaBytes });
    const file = this.#store.create(name, options);
    this.#reserve(name, added);
    return new QuotaFile(file, (isStored) => {
      this.#release(name, added);
      if (isStored && this.#storedBytes !== undefined) this.#storedBytes += added;
    });
  }

  /** Throws StoreError. */
  #requireRoom(added: number, { name, quotaBytes }: { name: string; quotaBytes: number }): void {
    if (this.#fits(added, quotaBytes)) return;
    // Perhaps some were removed by other means.
    this.#count();
    if (this.#fits(added, quotaBytes)) return;
    const left = Math.max(0, quotaBytes - this.#storedBytes! - this.#reservedBytes);
    const subject = `"${sanitizeForDisplay(name)}"`;
    throw new StoreError(
      "no-space",
      `${subject} takes ${added} bytes, and of your quota of ${quotaBytes} bytes ${left} are left; ` +
        "ask whoever runs the server for more",
    );
  }

  #fits(added: number, quotaBytes: number): boolean {
    if (added <= 0) return true;
    if (this.#storedBytes === undefined) this.#count();
    return this.#storedBytes! + this.#reservedBytes + added <= quotaBytes;
  }

  #count(): void {
    const startUs = this.#nowUs();
    if (startUs < this.#mayCountAtUs) return;
    this.#storedBytes = this.#store.list().reduce((sum, { sizeBytes }) => sum + usedBytes(sizeBytes), 0);
    const endUs = this.#nowUs();
    this.#mayCountAtUs = endUs + COUNT_LIFE_FACTOR * (endUs - startUs);
  }

  #sizeOf(name: string): number {
    try {
      return usedBytes(this.#store.stat(name).sizeBytes);
    } catch (error) {
      if (error instanceof StoreError && error.kind === "not-found") return 0;
      throw error;
    }
  }

  #reserve(name: string, added: number): void {
    this.#reservedBytes += Math.max(0, added);
    this.#arriving.set(name, (this.#arriving.get(name) ?? 0) + 1);
  }

  #release(name: string, added: number): void {
    this.#reservedBytes -= Math.max(0, added);
    const others = this.#arriving.get(name)! - 1;
    if (others > 0) this.#arriving.set(name, others);
    else this.#arriving.delete(name);
  }
}

/** Tells once what became of a file. */
class QuotaFile implements WritableFile {
  readonly #file: WritableFile;
  readonly #onEnded: (isStored: boolean) => void;
  #state: "writing" | "committing" | "ended" = "writing";

  constructor(file: WritableFile, onEnded: (isStored: boolean) => void) {
    this.#file = file;
    this.#onEnded = onEnded;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#file.write(offset, bytes);
  }

  read(offset: number, into: Uint8Array): number {
    return this.#file.read(offset, into);
  }

  commit(done: (result: string | StoreError) => void): void {
    this.#state = "committing";
    this.#file.commit((result) => {
      this.#state = "ended";
      this.#onEnded(typeof result === "string");
      done(result);
    });
  }

  abort(): void {
    this.#file.abort();
    if (this.#state !== "writing") return;
    this.#state = "ended";
    this.#onEnded(false);
  }
}
