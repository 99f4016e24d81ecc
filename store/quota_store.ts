/**
 * A folder whose files are counted, so that a client fills it to its quota and no further.
 *
 * A quota bounds what the folder holds in all: clients that share a folder share what is left of it. A file counts with
 * what it takes of most disks, whole blocks, and with one at least, so that empty files have an end as well. A file that
 * is being received counts with its whole size from the start.
 *
 * Non-goal: files that are put there by other means, or that were being received before the folder had its first quota,
 * count from the next time that all are counted: when a quota is first needed, and when one seems to be used up.
 *
 * @module
 */

import {
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { settle, whenDone } from "./completion.ts";

/** Of a file: most disks give room in such pieces. */
export const BLOCK_BYTES = 4096;

/** The least time between two counts, in times of what a count takes: a flood of requests takes an eleventh of the time. */
const COUNT_LIFE_FACTOR = 10;

/** What a file counts. */
export function usedBytes(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

/** What to create, within a quota. */
interface LimitedOptions extends CreateOptions {
  readonly quotaBytes: number;
}

/** See the module's description. One for a folder, shared by all clients that use it. */
export class QuotaStore implements FileStore {
  readonly #store: FileStore;
  readonly #nowUs: () => number;
  /** Whether anything has to be counted. */
  #isLimited = false;
  /** What the files there count; undefined before the first count. */
  #storedBytes: number | undefined;
  /** What was stored while a count was under way, which may have missed it. */
  #storedMeanwhile = 0;
  #counting: Promise<void> | undefined;
  #mayCountAtUs = -Infinity;
  /** What files that are being received will add. */
  #reservedBytes = 0;
  /** How many are being received under a name. */
  readonly #arriving = new Map<string, number>();

  /** `nowUs` is any steady clock, microseconds. */
  constructor(store: FileStore, nowUs: () => number) {
    this.#store = store;
    this.#nowUs = nowUs;
  }

  /** The same folder for clients that may fill it up to a quota. */
  limitedTo(quotaBytes: number): FileStore {
    this.#isLimited = true;
    return {
      list: (done) => this.list(done),
      stat: (name, done) => this.stat(name, done),
      open: (name, done) => this.open(name, done),
      create: (name, options, done) => this.#create(name, { ...options, quotaBytes }, done),
    };
  }

  list(done: Done<readonly FileInfo[]>): void {
    this.#store.list(done);
  }

  stat(name: string, done: Done<FileInfo>): void {
    this.#store.stat(name, done);
  }

  open(name: string, done: Done<ReadableFile>): void {
    this.#store.open(name, done);
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    if (this.#isLimited) this.#create(name, { ...options, quotaBytes: Infinity }, done);
    else this.#store.create(name, options, done);
  }

  #create(name: string, options: LimitedOptions, done: Done<WritableFile>): void {
    // Of two that replace one file at once only one makes its room free, so that neither counts on it.
    const replaces = options.overwrite && !this.#arriving.has(name);
    this.#arriving.set(name, (this.#arriving.get(name) ?? 0) + 1);
    const addedBytes = usedBytes(options.sizeBytes);
    if (replaces || (!this.#fits(addedBytes, options) && this.#mayCount)) {
      settle(
        this.#lookAndReserve(name, options, replaces),
        (result) => this.#createReserved(name, options, result, done),
      );
    } else {
      this.#createReserved(name, options, this.#reserve(name, options, addedBytes), done);
    }
  }

  /** Creates a file for which `reserved` bytes are reserved, unless that is why not. */
  #createReserved(
    name: string,
    options: LimitedOptions,
    reserved: number | StoreError,
    done: Done<WritableFile>,
  ): void {
    if (reserved instanceof StoreError) {
      this.#release(name, 0, false);
      return done(reserved);
    }
    this.#store.create(name, options, (file) => {
      if (!(file instanceof StoreError)) {
        return done(new QuotaFile(file, (isStored) => this.#release(name, reserved, isStored)));
      }
      this.#release(name, reserved, false);
      done(file);
    });
  }

  /** Looks what a file replaces, and counts all files again where the quota seems used up, before it reserves. */
  async #lookAndReserve(name: string, options: LimitedOptions, replaces: boolean): Promise<number | StoreError> {
    const addedBytes = usedBytes(options.sizeBytes) - (replaces ? await this.#sizeOf(name) : 0);
    if (!this.#fits(addedBytes, options)) await this.#count();
    return this.#reserve(name, options, addedBytes);
  }

  /** Reserves what a file adds, and returns that, or why the quota has no room for it. */
  #reserve(name: string, options: LimitedOptions, addedBytes: number): number | StoreError {
    if (!this.#fits(addedBytes, options)) return this.#quotaExceeded(name, { ...options, addedBytes });
    this.#reservedBytes += Math.max(0, addedBytes);
    return addedBytes;
  }

  /** Whether a quota has room, as far as is known: a quota is not trusted before the first count. */
  #fits(addedBytes: number, { quotaBytes }: LimitedOptions): boolean {
    if (addedBytes <= 0 || quotaBytes === Infinity) return true;
    if (this.#storedBytes === undefined) return false;
    return this.#storedBytes + this.#reservedBytes + addedBytes <= quotaBytes;
  }

  #quotaExceeded(name: string, { addedBytes, quotaBytes }: { addedBytes: number; quotaBytes: number }): StoreError {
    const leftBytes = Math.max(0, quotaBytes - this.#storedBytes! - this.#reservedBytes);
    return new StoreError(
      "no-space",
      `"${
        sanitizeForDisplay(name)
      }" takes ${addedBytes} bytes, and of your quota of ${quotaBytes} bytes ${leftBytes} ` +
        "are left; ask the server's administrator for more",
    );
  }

  /** Whether all files may be counted, or are being counted. */
  get #mayCount(): boolean {
    return this.#counting !== undefined || this.#nowUs() >= this.#mayCountAtUs;
  }

  /** Counts all files, unless that was done just now. Calls while a count is under way share it. */
  #count(): Promise<void> {
    if (!this.#mayCount) return Promise.resolve();
    return this.#counting ??= this.#countAll().finally(() => this.#counting = undefined);
  }

  async #countAll(): Promise<void> {
    const startUs = this.#nowUs();
    this.#storedMeanwhile = 0;
    const files = await whenDone<readonly FileInfo[]>((done) => this.#store.list(done));
    // What came meanwhile may be in the list or not: rather too much than too little.
    this.#storedBytes = files.reduce((sum, { sizeBytes }) => sum + usedBytes(sizeBytes), this.#storedMeanwhile);
    const endUs = this.#nowUs();
    this.#mayCountAtUs = endUs + COUNT_LIFE_FACTOR * (endUs - startUs);
  }

  async #sizeOf(name: string): Promise<number> {
    try {
      return usedBytes((await whenDone<FileInfo>((done) => this.#store.stat(name, done))).sizeBytes);
    } catch (error) {
      if (error instanceof StoreError && error.kind === "not-found") return 0;
      throw error;
    }
  }

  #release(name: string, addedBytes: number, isStored: boolean): void {
    this.#reservedBytes -= Math.max(0, addedBytes);
    if (isStored && this.#storedBytes !== undefined) this.#storedBytes += addedBytes;
    if (isStored) this.#storedMeanwhile += Math.max(0, addedBytes);
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

  commit(done: Done<string>): void {
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
