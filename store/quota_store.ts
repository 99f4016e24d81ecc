/**
 * A folder with quotas for its clients.
 *
 * A quota limits the total size of the folder's files: clients that share a folder share its quota. A file counts as
 * whole blocks, as on most disks, and as at least one, so that the number of empty files is limited, too. A file that
 * is being received counts with its full size from the start.
 *
 * Non-goal: files that other programs put there, or that were being received before the folder had a quota, count only
 * from the next full count on: that is done when a quota is first needed, and when one seems to be used up.
 *
 * @module
 */

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
import { quote } from "../base/display_text.ts";
import { formatBytes, formatDifferentBytes } from "../base/units.ts";
import { settle, whenDone } from "./completion.ts";

/** The block size of most disks. */
export const BLOCK_BYTES = 4096;

/** The pause after a full count, in multiples of its duration: a flood of requests takes an eleventh of the time. */
const COUNT_LIFE_FACTOR = 10;

/** The bytes that a file counts as. */
export function usedBytes(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

/** What to create, and the quota. */
interface LimitedOptions extends CreateOptions {
  readonly quotaBytes: number;
}

/** See the module's description. All clients of a folder share one. */
export class QuotaStore implements FileStore {
  readonly #store: FileStore;
  readonly #nowUs: () => number;
  /** Whether any client has a quota. */
  #isLimited = false;
  /** The total of the stored files; undefined before the first count. */
  #storedBytes: number | undefined;
  /** The total of files that were stored during a count, which may have missed them. */
  #storedMeanwhile = 0;
  #counting: Promise<void> | undefined;
  #mayCountAtUs = -Infinity;
  /** The total that the files being received will add. */
  #reservedBytes = 0;
  /** The number of files being received under each name. */
  readonly #arriving = new Map<string, number>();

  /** `nowUs` is any monotonic clock, microseconds. */
  constructor(store: FileStore, nowUs: () => number) {
    this.#store = store;
    this.#nowUs = nowUs;
  }

  /** The same folder, for clients with a quota. */
  limitedTo(quotaBytes: number): FileStore {
    this.#isLimited = true;
    return {
      list: (done) => this.list(done),
      stat: (name, done) => this.stat(name, done),
      open: (name, done) => this.open(name, done),
      create: (name, options, done) => this.#create(name, { ...options, quotaBytes }, done),
    };
  }

  list(done: Done<StoreListing>): void {
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
    // Of two concurrent files that replace one, only the first frees its space; the second does not count on it.
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

  /** Creates a file for which `reserved` bytes are reserved, or reports why they could not be. */
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

  /** Looks up the file to be replaced, and counts all files again if the quota seems used up, before it reserves. */
  async #lookAndReserve(name: string, options: LimitedOptions, replaces: boolean): Promise<number | StoreError> {
    const addedBytes = usedBytes(options.sizeBytes) - (replaces ? await this.#sizeOf(name) : 0);
    if (!this.#fits(addedBytes, options)) await this.#count();
    return this.#reserve(name, options, addedBytes);
  }

  /** Reserves the bytes that a file adds, and returns them, or why the quota does not allow them. */
  #reserve(name: string, options: LimitedOptions, addedBytes: number): number | StoreError {
    if (!this.#fits(addedBytes, options)) return this.#quotaExceeded(name, { ...options, addedBytes });
    this.#reservedBytes += Math.max(0, addedBytes);
    return addedBytes;
  }

  /** Whether a quota allows more bytes; false before the first count. */
  #fits(addedBytes: number, { quotaBytes }: LimitedOptions): boolean {
    if (addedBytes <= 0 || quotaBytes === Infinity) return true;
    if (this.#storedBytes === undefined) return false;
    return this.#storedBytes + this.#reservedBytes + addedBytes <= quotaBytes;
  }

  #quotaExceeded(name: string, { addedBytes, quotaBytes }: { addedBytes: number; quotaBytes: number }): StoreError {
    const leftBytes = Math.max(0, quotaBytes - this.#storedBytes! - this.#reservedBytes);
    const [needed, left] = formatDifferentBytes(addedBytes, leftBytes);
    return new StoreError(
      "no-space",
      `${quote(name)} needs ${needed}, but only ${left} ` +
        `of the quota of ${formatBytes(quotaBytes)} are left`,
    );
  }

  /** Whether the files may be counted now, or are being counted. */
  get #mayCount(): boolean {
    return this.#counting !== undefined || this.#nowUs() >= this.#mayCountAtUs;
  }

  /** Counts all files, unless that was done recently. Concurrent calls share one count. */
  #count(): Promise<void> {
    if (!this.#mayCount) return Promise.resolve();
    return this.#counting ??= this.#countAll().finally(() => this.#counting = undefined);
  }

  async #countAll(): Promise<void> {
    const startUs = this.#nowUs();
    this.#storedMeanwhile = 0;
    const { entries } = await whenDone<StoreListing>((done) => this.#store.list(done));
    // Files stored during the count may be in the list or not: count too much rather than too little.
    this.#storedBytes = entries.reduce((sum, { sizeBytes }) => sum + usedBytes(sizeBytes), this.#storedMeanwhile);
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

/** Reports once whether a file was stored. */
class QuotaFile implements WritableFile {
  readonly #file: WritableFile;
  readonly #onEnded: (isStored: boolean) => void;
  #state: "writing" | "committing" | "ended" = "writing";

  constructor(file: WritableFile, onEnded: (isStored: boolean) => void) {
    this.#file = file;
    this.#onEnded = onEnded;
  }

  get heldBytes(): number {
    return this.#file.heldBytes;
  }

  readHeld(offset: number, into: Uint8Array): number {
    return this.#file.readHeld(offset, into);
  }

  reuse(offset: number, length: number): void {
    this.#file.reuse(offset, length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#file.write(offset, bytes);
  }

  read(offset: number, into: Uint8Array): number {
    return this.#file.read(offset, into);
  }

  commit(done: Done<CommittedFile>): void {
    this.#state = "committing";
    this.#file.commit((result) => {
      this.#state = "ended";
      this.#onEnded(!(result instanceof StoreError));
      done(result);
    });
  }

  keep(): void {
    this.#file.keep();
    this.#onNotStored();
  }

  abort(): void {
    this.#file.abort();
    this.#onNotStored();
  }

  #onNotStored(): void {
    if (this.#state !== "writing") return;
    this.#state = "ended";
    this.#onEnded(false);
  }
}
