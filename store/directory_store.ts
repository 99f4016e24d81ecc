/**
 * A folder of files on the disk, one level deep. Participants: this process, peers who choose names, and other users
 * of the machine who may change the folder at any time.
 *
 * Goals: no name leads out of the folder; nothing but regular files is ever opened; no call blocks on a FIFO or
 * device; a file is visible only when it is complete and durable. Non-goal: a stranger who may write to the folder's
 * parent and replaces the folder itself.
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
import type { Disk } from "./disk.ts";
import { diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import { SharedFolderSync, type SyncFolder, syncFolder } from "./folder_sync.ts";
import { describeRegularFile, OpenedFile } from "./opened_file.ts";
import { alreadyExists, placeExclusively, placeReplacing, requireReplaceable } from "./placement.ts";
import { removeLeftovers, TemporaryFile } from "./temporary_file.ts";

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
  /** The folder, absolute, without symbolic links. */
  readonly rootPath: string;
  readonly #disk: Disk;
  readonly #readOnly: boolean;
  readonly #sync: SyncFolder;
  /** Folders above this one, until they are known to be durable: this run may have made them, or one that was killed. */
  #unsynced: readonly string[];

  private constructor(rootPath: string, options: DirectoryStoreOptions) {
    this.rootPath = rootPath;
    this.#unsynced = ancestors(rootPath);
    const { disk, readOnly = false } = options;
    this.#disk = disk;
    this.#readOnly = readOnly;
    this.#sync = new SharedFolderSync((folder) => syncFolder(disk, folder)).sync;
  }

  /** Opens the folder, and clears it of what killed runs left there. Throws StoreError. */
  static open(rootPath: string, options: DirectoryStoreOptions): DirectoryStore {
    const { disk } = options;
    const subject = `the folder "${sanitizeForDisplay(rootPath)}"`;
    const realPath = onDisk(subject, () => {
      if (options.create ?? true) disk.mkdir(rootPath);
      return disk.realpath(rootPath);
    });
    if (!onDisk(subject, () => disk.stat(realPath)).isDirectory()) {
      throw new StoreError("not-a-file", `"${sanitizeForDisplay(rootPath)}" is not a folder`);
    }
    if (!options.readOnly) removeLeftovers(disk, realPath);
    return new DirectoryStore(realPath, options);
  }

  list(): FileInfo[] {
    const names = this.#onDisk("the folder", () => this.#disk.readdir(this.rootPath));
    const files: FileInfo[] = [];
    // Unlike localeCompare, the default order is the one by code units.
    for (const name of names.sort()) {
      // What no peer may ask for is not shown either: partial files, and names that only this platform takes.
      if (checkFileName(name) !== undefined) continue;
      const stats = this.#onDisk(quote(name), () => this.#disk.lstat(this.#path(name)));
      if (stats?.isFile()) files.push(describeRegularFile(stats, { name, subject: quote(name) }));
    }
    return files;
  }

  stat(name: string): FileInfo {
    requireFileName(name);
    const subject = quote(name);
    return this.#onDisk(subject, () => describeRegularFile(this.#disk.lstat(this.#path(name)), { name, subject }));
  }

  open(name: string): ReadableFile {
    requireFileName(name);
    const subject = quote(name);
    const options = { disk: this.#disk, name, subject, followLinks: false };
    return this.#onDisk(subject, () => OpenedFile.open(this.#path(name), options));
  }

  create(name: string, options: CreateOptions): WritableFile {
    requireFileName(name);
    const subject = quote(name);
    if (this.#readOnly) throw new StoreError("read-only", `${subject} is refused: this store takes no files`);
    const { sizeBytes, modifiedMs, overwrite } = options;
    const disk = this.#disk;
    return this.#onDisk(subject, () => {
      this.#requireRoot();
      requireReplaceable(this.#path(name), { disk, overwrite, subject });
      const place = (temporaryPath: string) => this.#place(temporaryPath, { name, overwrite });
      return new TemporaryFile(this.rootPath, { disk, sizeBytes, modifiedMs, subject, place });
    });
  }

  async #place(temporaryPath: string, target: { name: string; overwrite: boolean }): Promise<string> {
    const { name, overwrite } = target;
    const subject = quote(name);
    const placement = { disk: this.#disk, sync: this.#sync, temporaryPath, finalPath: this.#path(name) };
    this.#requireRoot();
    await this.#syncAbove();
    if (overwrite) {
      requireReplaceable(placement.finalPath, { disk: this.#disk, overwrite, subject });
      await placeReplacing(placement);
    } else if (!await placeExclusively(placement)) {
      throw alreadyExists(subject);
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

  #requireRoot(): void {
    if (this.#disk.lstat(this.rootPath)?.isDirectory()) return;
    throw new StoreError("io", "the server's folder has gone; put it back, or start the server again");
  }

  #onDisk<Result>(subject: string, call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      const kind = error instanceof StoreError ? error.kind : diskErrorCode(error);
      // A missing file may be a missing folder.
      if (kind === "not-found" || kind === "ENOENT") this.#requireRoot();
      throw toStoreError(error, subject);
    }
  }
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
