/**
 * A folder with quotas for its clients.
 *
 * A quota limits the total size of everything in the folder and below it: clients that share a folder share its quota. A
 * file counts as whole blocks, as on most disks, and as at least one, so that the number of empty files is limited, too;
 * folders and links count as empty files. A file that is being received counts with its full size from the start, a
 * partial file that was left there with what it has.
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
  type FolderAttributes,
  type LinkOptions,
  type ListQuery,
  type MoveOptions,
  type ReadableFile,
  type RemovedEntries,
  type RemoveOptions,
  StoreError,
  type StoreListing,
  type StoreSpace,
  type WritableFile,
} from "../transfer/file_store.ts";
import { quote } from "../base/display_text.ts";
import { formatBytes, formatDifferentBytes } from "../base/units.ts";
import { settle, whenDone } from "./completion.ts";
import type { TreeUsage } from "./tree_listing.ts";
import { usedBytes } from "./used_bytes.ts";

/** The pause after a full count, in multiples of its duration: a flood of requests takes an eleventh of the time. */
const COUNT_LIFE_FACTOR = 10;

/** A store that can be counted. */
export interface MeasurableStore extends FileStore {
  /** Adds up everything in it, partial files and what no list shows included. */
  measure(done: Done<TreeUsage>): void;
}

/** The quota of a call; infinite for a client that has none. */
interface Limit {
  readonly quotaBytes: number;
}

/** What to create, and the quota. */
interface LimitedOptions extends CreateOptions, Limit {}

/** What is reserved for an entry, bytes. */
interface Reserved {
  /** What it adds; negative if it replaces a larger file. */
  readonly addedBytes: number;
  /** For the folders above it that are missing. */
  readonly folderBytes: number;
}

const UNLIMITED: Limit = { quotaBytes: Infinity };

/** See the module's description. All clients of a folder share one. */
export class QuotaStore implements FileStore {
  readonly #store: MeasurableStore;
  readonly #nowUs: () => number;
  /** Whether any client has a quota. */
  #isLimited = false;
  /** The total of what is stored; undefined before the first count. */
  #storedBytes: number | undefined;
  /** The total of what was stored during a count, which may have missed it. */
  #storedMeanwhile = 0;
  #counting: Promise<void> | undefined;
  /** The number of counts that have begun. */
  #countSerial = 0;
  #mayCountAtUs = -Infinity;
  /** The total that the files being received will add. */
  #reservedBytes = 0;
  /** The number of files being received under each name. */
  readonly #arriving = new Map<string, number>();
  /** The partial files of those for which bytes are reserved. */
  readonly #partialPaths = new Set<string>();
  /** What partial files count as that were left for another try. */
  #keptBytes = new Map<string, number>();

  /** `nowUs` is any monotonic clock, microseconds. */
  constructor(store: MeasurableStore, nowUs: () => number) {
    this.#store = store;
    this.#nowUs = nowUs;
  }

  /** The same folder, for clients with a quota. */
  limitedTo(quotaBytes: number): FileStore {
    this.#isLimited = true;
    const limit = { quotaBytes };
    return {
      list: (query, done) => this.list(query, done),
      stat: (name, done) => this.stat(name, done),
      open: (name, done) => this.open(name, done),
      create: (name, options, done) => this.#create(name, { ...options, ...limit }, done),
      makeFolder: (name, attributes, done) => settle(this.#makeFolder(name, { ...attributes }, limit), done),
      makeLink: (name, options, done) => settle(this.#makeLink(name, { ...options }, limit), done),
      remove: (name, options, done) => this.remove(name, options, done),
      move: (name, options, done) => settle(this.#move(name, { ...options }, limit), done),
      space: (done) => settle(this.#space(limit), done),
    };
  }

  list(query: ListQuery, done: Done<StoreListing>): void {
    this.#store.list(query, done);
  }

  stat(name: string, done: Done<FileInfo>): void {
    this.#store.stat(name, done);
  }

  open(name: string, done: Done<ReadableFile>): void {
    this.#store.open(name, done);
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    if (this.#isLimited) this.#create(name, { ...options, ...UNLIMITED }, done);
    else this.#store.create(name, options, done);
  }

  makeFolder(name: string, attributes: FolderAttributes, done: Done<CommittedFile>): void {
    if (this.#isLimited) settle(this.#makeFolder(name, { ...attributes }, UNLIMITED), done);
    else this.#store.makeFolder(name, attributes, done);
  }

  makeLink(name: string, options: LinkOptions, done: Done<CommittedFile>): void {
    if (this.#isLimited) settle(this.#makeLink(name, { ...options }, UNLIMITED), done);
    else this.#store.makeLink(name, options, done);
  }

  remove(name: string, options: RemoveOptions, done: Done<RemovedEntries>): void {
    const serial = this.#countSerial;
    this.#store.remove(name, options, (removed) => {
      if (!(removed instanceof StoreError)) this.#free(removed.usedBytes, serial);
      done(removed);
    });
  }

  move(name: string, options: MoveOptions, done: Done<CommittedFile>): void {
    if (this.#isLimited) settle(this.#move(name, { ...options }, UNLIMITED), done);
    else this.#store.move(name, options, done);
  }

  space(done: Done<StoreSpace>): void {
    this.#store.space(done);
  }

  #makeFolder(name: string, attributes: FolderAttributes, limit: Limit): Promise<CommittedFile> {
    return this.#adding(name, limit, (done) => this.#store.makeFolder(name, attributes, done));
  }

  #makeLink(name: string, options: LinkOptions, limit: Limit): Promise<CommittedFile> {
    return this.#adding(name, limit, (done) => this.#store.makeLink(name, options, done));
  }

  async #move(name: string, options: MoveOptions, limit: Limit): Promise<CommittedFile> {
    const serial = this.#countSerial;
    const freedBytes = options.overwrite ? await this.#sizeOf(options.newName) : 0;
    const reserved = await this.#lookAndReserve(options.newName, limit, 0);
    if (reserved instanceof StoreError) throw reserved;
    try {
      const moved = await whenDone<CommittedFile>((done) => this.#store.move(name, options, done));
      this.#free(freedBytes, serial);
      return moved;
    } finally {
      this.#settle(reserved.folderBytes, true);
    }
  }

  async #space({ quotaBytes }: Limit): Promise<StoreSpace> {
    const { freeBytes = Infinity } = await whenDone<StoreSpace>((done) => this.#store.space(done));
    await this.#count();
    const used = this.#storedBytes! + this.#reservedBytes;
    return { freeBytes: Math.min(freeBytes, Math.max(0, quotaBytes - used)), usedBytes: used, quotaBytes };
  }

  #create(name: string, options: LimitedOptions, done: Done<WritableFile>): void {
    // Of two concurrent files that replace one, only the first frees its space; the second does not count on it.
    const replaces = options.overwrite && !this.#arriving.has(name);
    this.#arriving.set(name, (this.#arriving.get(name) ?? 0) + 1);
    const addedBytes = usedBytes(options.sizeBytes);
    if (
      replaces || options.resume !== undefined || options.unsized === true || name.includes("/") ||
      (!this.#fits(addedBytes, options) && this.#mayCount)
    ) {
      settle(
        this.#lookForFile(name, options, replaces),
        (result) => this.#createReserved(name, options, result, done),
      );
    } else {
      this.#createReserved(name, options, this.#reserve(name, options, { addedBytes, folderBytes: 0 }), done);
    }
  }

  /** Creates a file for which `reserved` bytes are reserved, or reports why they could not be. */
  #createReserved(
    name: string,
    options: LimitedOptions,
    reserved: Reserved | StoreError,
    done: Done<WritableFile>,
  ): void {
    if (reserved instanceof StoreError) {
      this.#release(name, 0, "discarded");
      return done(reserved);
    }
    const { addedBytes, folderBytes } = reserved;
    this.#store.create(name, options, (file) => {
      this.#settle(folderBytes, true);
      if (file instanceof StoreError) {
        this.#release(name, addedBytes, "discarded");
        return done(file);
      }
      const { partialPath = "" } = file;
      this.#partialPaths.add(partialPath);
      const keptBytes = this.#keptBytes.get(partialPath) ?? 0;
      this.#keptBytes.delete(partialPath);
      if (this.#storedBytes !== undefined) this.#storedBytes -= keptBytes;
      let grownBytes = addedBytes;
      const onGrown = (sizeBytes: number) => {
        const nextBytes = Math.max(grownBytes, addedBytes + usedBytes(sizeBytes) - usedBytes(options.sizeBytes));
        this.#extend(name, options, { grownBytes, nextBytes });
        grownBytes = nextBytes;
      };
      const counted = new QuotaFile(file, {
        onGrown: options.unsized === true ? onGrown : undefined,
        onEnded: (end) => {
          this.#partialPaths.delete(partialPath);
          // Only a file that resumes is left for another try.
          const isKept = end === "kept" && options.resume !== undefined;
          this.#release(name, grownBytes, isKept ? "kept" : end === "stored" ? "stored" : "discarded");
          if (isKept) this.#keptBytes.set(partialPath, Math.max(0, grownBytes));
        },
      });
      if (options.resume === undefined || addedBytes <= 0 || this.#excessBytes(options) <= 0) return done(counted);
      // Too little was left of it.
      const excess = this.#quotaExceeded(name, { ...options, addedBytes: addedBytes - keptBytes });
      counted.keep();
      done(excess);
    });
  }

  /** Looks up the file to be replaced, and reserves what the new one adds. */
  async #lookForFile(name: string, options: LimitedOptions, replaces: boolean): Promise<Reserved | StoreError> {
    const addedBytes = usedBytes(options.sizeBytes) - (replaces ? await this.#sizeOf(name) : 0);
    return await this.#lookAndReserve(name, options, addedBytes);
  }

  /** Makes a folder or link. */
  async #adding(
    name: string,
    limit: Limit,
    call: (done: Done<CommittedFile>) => void,
  ): Promise<CommittedFile> {
    const addedBytes = await this.#sizeOf(name) === 0 ? usedBytes(0) : 0;
    const reserved = await this.#lookAndReserve(name, limit, addedBytes);
    if (reserved instanceof StoreError) throw reserved;
    let isStored = false;
    try {
      const made = await whenDone(call);
      isStored = true;
      return made;
    } finally {
      this.#settle(reserved.folderBytes, true);
      this.#settle(reserved.addedBytes, isStored);
    }
  }

  /**
   * Reserves what an entry adds, and the folders above it that are missing, and will be made; counts everything again if
   * the quota seems used up. Those folders stay even if the entry does not come about; if they do not, the next count
   * corrects this.
   */
  async #lookAndReserve(
    name: string,
    limit: Limit & Pick<Partial<CreateOptions>, "resume" | "unsized">,
    addedBytes: number,
  ): Promise<Reserved | StoreError> {
    let folderBytes = 0;
    for (let end = name.lastIndexOf("/"); end > 0; end = name.lastIndexOf("/", end - 1)) {
      if (await this.#sizeOf(name.slice(0, end)) > 0) break;
      folderBytes += usedBytes(0);
    }
    const sumBytes = addedBytes + folderBytes;
    // A file of unknown size cannot wait for a count later on.
    const countsFirst = limit.unsized === true && limit.quotaBytes < Infinity;
    if (countsFirst || !this.#fits(sumBytes, limit)) await this.#count();
    // What is left of an earlier try counts already; how much that is shows when the file is created.
    const mayBeLeft = limit.resume !== undefined && sumBytes <= limit.quotaBytes;
    return this.#reserve(name, mayBeLeft ? UNLIMITED : limit, { addedBytes, folderBytes });
  }

  /** Reserves bytes, or tells why the quota does not allow them. */
  #reserve(name: string, limit: Limit, { addedBytes, folderBytes }: Reserved): Reserved | StoreError {
    const sumBytes = addedBytes + folderBytes;
    if (!this.#fits(sumBytes, limit)) return this.#quotaExceeded(name, { ...limit, addedBytes: sumBytes });
    this.#reservedBytes += Math.max(0, addedBytes) + folderBytes;
    return { addedBytes, folderBytes };
  }

  /** Reserves more for a file that has grown, or throws why the quota does not allow it. */
  #extend(
    name: string,
    limit: Limit,
    { grownBytes, nextBytes }: { readonly grownBytes: number; readonly nextBytes: number },
  ): void {
    const addedBytes = Math.max(0, nextBytes) - Math.max(0, grownBytes);
    if (!this.#fits(addedBytes, limit)) throw this.#quotaExceeded(name, { ...limit, addedBytes, isMore: true });
    this.#reservedBytes += addedBytes;
  }

  /** Whether a quota allows more bytes; false before the first count. */
  #fits(addedBytes: number, { quotaBytes }: Limit): boolean {
    if (addedBytes <= 0 || quotaBytes === Infinity) return true;
    if (this.#storedBytes === undefined) return false;
    return this.#storedBytes + this.#reservedBytes + addedBytes <= quotaBytes;
  }

  /** The bytes beyond a quota; 0 before the first count. */
  #excessBytes({ quotaBytes }: Limit): number {
    return this.#storedBytes === undefined ? 0 : this.#storedBytes + this.#reservedBytes - quotaBytes;
  }

  #quotaExceeded(
    name: string,
    { addedBytes, quotaBytes, isMore = false }: { addedBytes: number; quotaBytes: number; isMore?: boolean },
  ): StoreError {
    const leftBytes = Math.max(0, quotaBytes - this.#storedBytes! - this.#reservedBytes);
    const [needed, left] = formatDifferentBytes(addedBytes, leftBytes);
    return new StoreError(
      "no-space",
      `${quote(name)} needs ${needed}${isMore ? " more" : ""}, but only ${left} ` +
        `of the quota of ${formatBytes(quotaBytes)} are left; remove files there, or ask for a larger quota`,
    );
  }

  /** Whether everything may be counted now, or are being counted. */
  get #mayCount(): boolean {
    return this.#counting !== undefined || this.#nowUs() >= this.#mayCountAtUs;
  }

  /** Counts everything, unless that was done recently. Concurrent calls share one count. */
  #count(): Promise<void> {
    if (!this.#mayCount) return Promise.resolve();
    return this.#counting ??= this.#countAll().finally(() => this.#counting = undefined);
  }

  async #countAll(): Promise<void> {
    const startUs = this.#nowUs();
    this.#countSerial++;
    this.#storedMeanwhile = 0;
    const { usedBytes: countedBytes, partialBytes } = await whenDone<TreeUsage>((done) => this.#store.measure(done));
    // Files stored during the count may be in the list or not: count too much rather than too little.
    this.#storedBytes = countedBytes + this.#storedMeanwhile;
    this.#keptBytes = new Map([...partialBytes].filter(([path]) => !this.#partialPaths.has(path)));
    for (const bytes of this.#keptBytes.values()) this.#storedBytes += bytes;
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

  /** Ends a reservation. */
  #settle(addedBytes: number, isStored: boolean): void {
    this.#reservedBytes -= Math.max(0, addedBytes);
    if (isStored && this.#storedBytes !== undefined) this.#storedBytes += addedBytes;
    if (isStored) this.#storedMeanwhile += Math.max(0, addedBytes);
  }

  /** Takes off what a call has removed, unless a count that began after the call may have missed it already. */
  #free(bytes: number, serial: number): void {
    const isCounted = serial === this.#countSerial && this.#counting === undefined;
    if (isCounted && this.#storedBytes !== undefined) this.#storedBytes = Math.max(0, this.#storedBytes - bytes);
  }

  #release(name: string, addedBytes: number, end: FileEnd): void {
    this.#settle(addedBytes, end !== "discarded");
    const others = this.#arriving.get(name)! - 1;
    if (others > 0) this.#arriving.set(name, others);
    else this.#arriving.delete(name);
  }
}

/** What became of a file; "kept" may be left for another try, as far as it was received, or not. */
type FileEnd = "stored" | "kept" | "discarded";

/** Reports once what became of a file. */
class QuotaFile implements WritableFile {
  readonly #file: WritableFile;
  readonly #onGrown: ((sizeBytes: number) => void) | undefined;
  readonly #onEnded: (end: FileEnd) => void;
  #state: "writing" | "committing" | "ended" = "writing";

  /** `onGrown` is called before bytes are written up to a size; it throws StoreError if that is too large. */
  constructor(
    file: WritableFile,
    options: {
      readonly onGrown: ((sizeBytes: number) => void) | undefined;
      readonly onEnded: (end: FileEnd) => void;
    },
  ) {
    this.#file = file;
    this.#onGrown = options.onGrown;
    this.#onEnded = options.onEnded;
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
    this.#onGrown?.(offset + bytes.length);
    this.#file.write(offset, bytes);
  }

  read(offset: number, into: Uint8Array): number {
    return this.#file.read(offset, into);
  }

  commit(done: Done<CommittedFile>): void {
    this.#state = "committing";
    this.#file.commit((result) => {
      this.#state = "ended";
      this.#onEnded(result instanceof StoreError ? "kept" : "stored");
      done(result);
    });
  }

  keep(): boolean {
    const isKept = this.#file.keep();
    this.#onNotStored("kept");
    return isKept;
  }

  abort(): void {
    this.#file.abort();
    this.#onNotStored("discarded");
  }

  #onNotStored(end: FileEnd): void {
    if (this.#state !== "writing") return;
    this.#state = "ended";
    this.#onEnded(end);
  }
}
