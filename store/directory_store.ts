/**
 * A folder of files on the disk, one level deep. Participants: this process, peers who choose names, and other users
 * of the machine who may change the folder at any time.
 *
 * Goals: no name leads out of the folder; nothing but regular files is ever opened; no call blocks on a FIFO or
 * device; a file is visible only when it is complete and durable. What remains to whoever may write in the folder, or
 * above it, is at the head of `root_folder.ts` and at `requireOwn` in `placement.ts`.
 *
 * @module
 */

import { dirname, join } from "node:path";
import {
  type CreateOptions,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";
import { checkFileName, requireFileName, sanitizeForDisplay } from "../transfer/file_name.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { diskErrorCode, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { SharedFolderSync, type SyncFolder, syncFolder } from "./folder_sync.ts";
import { type DescribeOptions, describeRegularFile, OpenedFile } from "./opened_file.ts";
import { alreadyExists, placeExclusively, placeReplacing, requireReplaceable } from "./placement.ts";
import { RootFolder } from "./root_folder.ts";
import { removeStalePartialFiles, TemporaryFile } from "./temporary_file.ts";

/** How a {@link DirectoryStore} is opened. */
export interface DirectoryStoreOptions {
  readonly disk: Disk;
  /** Takes no files. Default: false. */
  readonly readOnly?: boolean;
  /** Make the folder, and those above it, if it is not there. Default: true. */
  readonly create?: boolean;
}

/** See the module's description. */
export class DirectoryStore implements FileStore {
  readonly #root: RootFolder;
  readonly #disk: Disk;
  readonly #readOnly: boolean;
  readonly #sync: SyncFolder;
  /** Folders above this one, until they are known to be durable: this run may have made them, or one that was killed. */
  #unsynced: readonly string[];

  /** Names that are being given to files, which have two for a moment. */
  readonly #placing = new Set<string>();

  private constructor(root: RootFolder, options: DirectoryStoreOptions) {
    this.#root = root;
    this.#unsynced = ancestors(root.path);
    const { disk, readOnly = false } = options;
    this.#disk = disk;
    this.#readOnly = readOnly;
    this.#sync = new SharedFolderSync((folder) => syncFolder(disk, folder)).sync;
  }

  /** Opens the folder, and clears it of what killed runs left there. Throws StoreError. */
  static open(rootPath: string, options: DirectoryStoreOptions): DirectoryStore {
    const { disk, create = true } = options;
    const root = RootFolder.open(rootPath, { disk, create });
    if (!options.readOnly) removeStalePartialFiles(disk, root.path);
    return new DirectoryStore(root, options);
  }

  /** The folder, absolute, without symbolic links. */
  get rootPath(): string {
    return this.#root.path;
  }

  /** Who but its owner can change the folder: a sentence for each way. Throws StoreError. */
  exposures(): string[] {
    return this.#onDisk("the folder", () => this.#root.exposures());
  }

  /**
   * Makes durable that the folder is there. Done before the first file if not by then, but a process that gives up its
   * right to look at the folders above must call this before. Rejects with StoreError.
   */
  async makeDurable(): Promise<void> {
    try {
      await this.#syncAbove();
    } catch (error) {
      throw toStoreError(error, `the folder "${sanitizeForDisplay(this.rootPath)}"`);
    }
  }

  list(): FileInfo[] {
    return this.#inRoot("the folder", () => this.#list());
  }

  stat(name: string): FileInfo {
    requireFileName(name);
    const subject = quote(name);
    return this.#inRoot(
      subject,
      () => describeRegularFile(this.#disk.lstat(this.#path(name)), this.#howToDescribe(name)),
    );
  }

  open(name: string): ReadableFile {
    requireFileName(name);
    const subject = quote(name);
    return this.#inRoot(subject, () => {
      const options = { disk: this.#disk, followLinks: false, ...this.#howToDescribe(name) };
      return OpenedFile.open(this.#path(name), options);
    }, (file) => file.close());
  }

  create(name: string, options: CreateOptions): WritableFile {
    requireFileName(name);
    const subject = quote(name);
    if (this.#readOnly) {
      throw new StoreError("read-only", `${subject} cannot be stored: this server only gives files`);
    }
    const { sizeBytes, modifiedMs, overwrite } = options;
    const disk = this.#disk;
    return this.#inRoot(subject, () => {
      const finalPath = this.#path(name);
      requireReplaceable(finalPath, { disk, overwrite, subject });
      const place = (temporaryPath: string, identity: FileIdentity) =>
        this.#place({ temporaryPath, identity, name, overwrite });
      const replaces = overwrite ? { replaces: finalPath } : {};
      return new TemporaryFile(this.rootPath, { disk, sizeBytes, modifiedMs, subject, place, ...replaces });
    }, (file) => file.abort());
  }

  #list(): FileInfo[] {
    const names = this.#disk.readdir(this.rootPath);
    const files: FileInfo[] = [];
    // Unlike localeCompare, the default order is the one by code units.
    for (const name of names.sort()) {
      // What no peer may ask for is not shown either: partial files, and names that only this platform takes.
      if (checkFileName(name) !== undefined) continue;
      const stats = this.#onDisk(quote(name), () => this.#disk.lstat(this.#path(name)));
      if (stats?.isFile()) this.#addTo(files, { name, stats });
    }
    return files;
  }

  /** What cannot be given out is not shown either. */
  #addTo(files: FileInfo[], { name, stats }: { name: string; stats: DiskStats }): void {
    try {
      files.push(describeRegularFile(stats, this.#howToDescribe(name)));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  async #place(finished: Finished): Promise<string> {
    const { temporaryPath, identity, name, overwrite } = finished;
    const subject = quote(name);
    const finalPath = this.#path(name);
    const placement = { disk: this.#disk, sync: this.#sync, temporaryPath, identity, finalPath, subject };
    this.#root.require();
    await this.#syncAbove();
    // Again, as that waited for the disk.
    this.#root.require();
    if (overwrite) {
      requireReplaceable(finalPath, { disk: this.#disk, overwrite, subject });
      await placeReplacing(placement);
      return name;
    }
    this.#placing.add(name);
    try {
      if (!await placeExclusively(placement)) throw alreadyExists(subject);
    } finally {
      this.#placing.delete(name);
    }
    return name;
  }

  /** Makes durable that the folder is there, once: what is in it would be gone with it. */
  async #syncAbove(): Promise<void> {
    if (this.#unsynced.length === 0) return;
    try {
      for (const folder of this.#unsynced) await this.#sync(folder);
    } catch (error) {
      throwUnlessDenied(error);
    }
    this.#unsynced = [];
  }

  /** `name` has passed the gate, so this is an entry of the folder itself. */
  #path(name: string): string {
    return join(this.rootPath, name);
  }

  #howToDescribe(name: string): DescribeOptions {
    return { name, subject: quote(name), refuseHardLinks: this.#root.isShared && !this.#placing.has(name) };
  }

  /**
   * Runs a call in the folder, and looks before and after that it is the one: whoever exchanges it would have to do so
   * twice in between. `undo` takes back a result that came from elsewhere.
   */
  #inRoot<Result>(subject: string, call: () => Result, undo: (result: Result) => void = () => {}): Result {
    return this.#onDisk(subject, () => {
      this.#root.require();
      const result = call();
      try {
        this.#root.require();
      } catch (error) {
        undo(result);
        throw error;
      }
      return result;
    });
  }

  #isMissing(error: unknown): boolean {
    const kind = error instanceof StoreError ? error.kind : diskErrorCode(error);
    return kind === "not-found" || kind === "ENOENT";
  }

  /** A missing file may be a missing folder, or the disk may fail over that question as well. */
  #whyMissing(error: unknown): unknown {
    try {
      this.#root.require();
      return error;
    } catch (rootError) {
      return rootError;
    }
  }

  #onDisk<Result>(subject: string, call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw toStoreError(this.#isMissing(error) ? this.#whyMissing(error) : error, subject);
    }
  }
}

/** A file that is complete, and where it goes. */
interface Finished {
  readonly temporaryPath: string;
  readonly identity: FileIdentity;
  readonly name: string;
  readonly overwrite: boolean;
}

/** The folders above one, from the lowest on. */
function ancestors(folderPath: string): string[] {
  const found: string[] = [];
  for (let folder = dirname(folderPath), last = folderPath; folder !== last; folder = dirname(folder)) {
    found.push(folder);
    last = folder;
  }
  return found;
}

/** Whoever may not look at the folders above the store's cannot sync them either, and works all the same. */
function throwUnlessDenied(error: unknown): void {
  if (toStoreError(error, "the folder").kind !== "denied") throw error;
}

function quote(name: string): string {
  return `"${sanitizeForDisplay(name)}"`;
}
