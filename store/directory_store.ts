/**
 * A folder of files on the disk, without subfolders. Participants: this process, peers that choose names, and other
 * users of the machine, who may change the folder at any time.
 *
 * Goals: no name leads out of the folder; only regular files are opened; no call blocks on a FIFO or device; a file is
 * visible only when it is complete and durable. What users with write access to the folder, or to folders above it, can
 * still do is described at the head of `root_folder.ts` and at `requireOwn` in `placement.ts`.
 *
 * @module
 */

import { dirname, join } from "node:path";
import {
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type StoreListing,
  type WritableFile,
} from "../transfer/file_store.ts";
import { badName, checkFileName, checkLocalName, fileNameError, isTemporaryName } from "../transfer/file_name.ts";
import { quote } from "../base/display_text.ts";
import type { Disk } from "./disk.ts";
import { settle } from "./completion.ts";
import { attemptAsync, diskError, diskErrorCode, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { type SyncFolder, syncFolder } from "./folder_sync.ts";
import { type DescribeOptions, describeRegularFile, OpenedFile } from "./opened_file.ts";
import { alreadyExists, placeExclusively, placeReplacing, requireReplaceable } from "./placement.ts";
import { RootFolder } from "./root_folder.ts";
import { SharedFolderCall } from "./shared_folder_call.ts";
import { Spelling } from "./spelling.ts";
import { removeStalePartialFiles } from "./stale_partial_files.ts";
import { TemporaryFile } from "./temporary_file.ts";

/** Options of {@link DirectoryStore.open}. */
export interface DirectoryStoreOptions {
  readonly disk: Disk;
  /** Whether it accepts no files. Default: false. */
  readonly readOnly?: boolean;
  /** Whether to create the folder if it is missing. Default: true. */
  readonly create?: boolean;
  /**
   * Hears the names of files that are not listed, since their names cannot be sent: when the folder is opened, and when
   * a list finds others than before.
   */
  readonly onUnlisted?: (names: readonly string[]) => void;
}

/**
 * The number of concurrent look-ups for a listing. A busy event loop continues each of them only after some
 * milliseconds, so that with a few at a time a long listing would take seconds.
 */
const LOOKUPS_AT_ONCE = 64;

/** See the module's description. */
export class DirectoryStore implements FileStore {
  readonly #root: RootFolder;
  readonly #disk: Disk;
  readonly #readOnly: boolean;
  readonly #sync: SyncFolder;
  readonly #spelling: Spelling;
  readonly #onUnlisted: (names: readonly string[]) => void;
  /** As of the last list. */
  #unlisted: readonly string[] = [];
  /** The folder's entry in the one above is durable. It may not be: this process, or one that was killed, may have created it. */
  #isDurable = false;

  /** Names that are being given to files; such a file has two names for a moment. */
  readonly #placing = new Set<string>();

  private constructor(root: RootFolder, options: DirectoryStoreOptions) {
    this.#root = root;
    const { disk, readOnly = false } = options;
    this.#disk = disk;
    this.#readOnly = readOnly;
    this.#sync = new SharedFolderCall((folder) => syncFolder(disk, folder)).call;
    this.#spelling = new Spelling(disk);
    this.#onUnlisted = options.onUnlisted ?? (() => {});
  }

  /** Opens the folder, and removes stale partial files from it. Rejects with StoreError. */
  static async open(rootPath: string, options: DirectoryStoreOptions): Promise<DirectoryStore> {
    const { disk, create = true } = options;
    const root = await RootFolder.open(rootPath, { disk, create });
    if (!options.readOnly) await removeStalePartialFiles(disk, root.path);
    const store = new DirectoryStore(root, options);
    // The folder may allow files to be stored, but not to be listed.
    await attemptAsync(async () => void await store.#unlistedOf((await disk.readdir(root.path)).sort()));
    return store;
  }

  /** The folder, absolute, without symbolic links. */
  get rootPath(): string {
    return this.#root.path;
  }

  /** The folder was missing, and was created. */
  get isNew(): boolean {
    return this.#root.isNew;
  }

  /** A sentence for each way in which other users can change the folder. Rejects with StoreError. */
  exposures(): Promise<string[]> {
    return this.#onDisk("the folder", () => this.#root.exposures());
  }

  /**
   * Makes the folder itself durable. The first commit does so as well, but a process that drops its permission to read
   * the folders above must call this first. Rejects with StoreError.
   */
  async makeDurable(): Promise<void> {
    try {
      await this.#syncAbove();
    } catch (error) {
      throw toStoreError(error, `the folder ${quote(this.rootPath)}`);
    }
  }

  list(done: Done<StoreListing>): void {
    settle(this.#inRoot("the folder", () => this.#list()), done);
  }

  stat(name: string, done: Done<FileInfo>): void {
    const refusal = fileNameError(name) ?? this.#missingError(name);
    if (refusal === undefined) settle(this.#stat(name), done);
    else done(refusal);
  }

  open(name: string, done: Done<ReadableFile>): void {
    const refusal = fileNameError(name) ?? this.#missingError(name);
    if (refusal === undefined) settle(this.#open(name), done);
    else done(refusal);
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    const refusal = fileNameError(name) ?? this.#localNameError(name) ?? this.#readOnlyError(name);
    // Copied, since the caller's object may change before the call has ended.
    const { sizeBytes, modifiedUs, mode, overwrite, resume } = options;
    if (refusal === undefined) settle(this.#create(name, { sizeBytes, modifiedUs, mode, overwrite, resume }), done);
    else done(refusal);
  }

  #localNameError(name: string): StoreError | undefined {
    const reason = checkLocalName(name, this.#disk.nameRules);
    return reason === undefined ? undefined : badName(name, reason);
  }

  /** A file whose name this disk cannot have does not exist; the disk would take the name for something else. */
  #missingError(name: string): StoreError | undefined {
    return this.#localNameError(name) && toStoreError(diskError("ENOENT"), quote(name));
  }

  #readOnlyError(name: string): StoreError | undefined {
    if (!this.#readOnly) return undefined;
    return new StoreError("read-only", `${quote(name)} cannot be stored: this server only gives files`);
  }

  #stat(name: string): Promise<FileInfo> {
    return this.#inRoot(quote(name), () =>
      this.#unlessBeingPlaced(async () => {
        await this.#requireNoShortName(name);
        const howTo = this.#howToDescribe(name);
        return describeRegularFile(await this.#disk.lstat(this.#path(name)), howTo);
      }));
  }

  #open(name: string): Promise<ReadableFile> {
    return this.#inRoot(quote(name), () =>
      this.#unlessBeingPlaced(async () => {
        await this.#requireNoShortName(name);
        return await this.#openFile(name, { atOnce: false });
      }), (file) => file.close());
  }

  /** Windows gives files a second, short name ("SLUICE~1.PAR"), by which a partial file could be had. */
  async #requireNoShortName(name: string): Promise<void> {
    if (this.#disk.nameRules === "windows" && /~\d/.test(name)) {
      await this.#spelling.require(this.#path(name), quote(name));
    }
  }

  #create(name: string, options: CreateOptions): Promise<WritableFile> {
    const subject = quote(name);
    const { overwrite, resume, ...attributes } = options;
    const disk = this.#disk;
    return this.#inRoot(subject, async () => {
      const finalPath = this.#path(name);
      await requireReplaceable(finalPath, { disk, overwrite: overwrite && { spelling: this.#spelling }, subject });
      const place = (temporaryPath: string, identity: FileIdentity) =>
        this.#place({ temporaryPath, identity, name, overwrite });
      const replaces = overwrite ? { replaces: finalPath } : {};
      return TemporaryFile.create(this.rootPath, {
        disk,
        ...attributes,
        subject,
        place,
        ...replaces,
        resume: resume && { ...resume, path: name, openOlder: () => this.#openFile(name, { atOnce: true }) },
      });
    }, (file) => file.keep());
  }

  #openFile(name: string, { atOnce }: { atOnce: boolean }): Promise<ReadableFile> {
    const options = { disk: this.#disk, followLinks: false, atOnce, ...this.#howToDescribe(name) };
    return OpenedFile.open(this.#path(name), options);
  }

  async #list(): Promise<StoreListing> {
    // Unlike localeCompare, the default order is by code units.
    const all = (await this.#disk.readdir(this.rootPath)).sort();
    const names = all.filter((name) => this.#isSendable(name));
    const found = new Array<FileInfo | undefined>(names.length);
    let next = 0;
    const lookUp = async (): Promise<void> => {
      while (next < names.length) {
        const index = next++;
        found[index] = await this.#lookUpForList(names[index]!);
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, lookUp));
    const unlisted = await this.#unlistedOf(all);
    return { entries: found.filter((info) => info !== undefined), unlisted, gaps: [] };
  }

  #isSendable(name: string): boolean {
    return checkFileName(name) === undefined && this.#localNameError(name) === undefined;
  }

  /**
   * The names among those of the folder by which files cannot be sent, in the order given; reports them if they are
   * others than before. A name that is not UTF-8 cannot be looked up, so it counts as a file's.
   */
  async #unlistedOf(names: readonly string[]): Promise<readonly string[]> {
    const unlisted: string[] = [];
    for (const name of names) {
      if (this.#isSendable(name) || isTemporaryName(name)) continue;
      const stats = await this.#onDisk(quote(name), () => this.#disk.lstat(this.#path(name)));
      if (stats === undefined || stats.isFile()) unlisted.push(name);
    }
    const isNews = unlisted.length !== this.#unlisted.length ||
      unlisted.some((name, at) => name !== this.#unlisted[at]);
    this.#unlisted = unlisted;
    if (isNews && unlisted.length > 0) this.#onUnlisted(unlisted);
    return unlisted;
  }

  /** Undefined for what no peer may ask for: what is not a regular file. */
  async #lookUpForList(name: string): Promise<FileInfo | undefined> {
    const stats = await this.#onDisk(quote(name), () => this.#disk.lstat(this.#path(name)));
    if (stats?.isFile() !== true) return undefined;
    try {
      return describeRegularFile(stats, this.#howToDescribe(name));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return undefined;
    }
  }

  /**
   * Looks a second time if the first was denied: while it is placed, a file has two names for a moment, which may have
   * begun and ended during the call.
   */
  async #unlessBeingPlaced<Result>(look: () => Promise<Result>): Promise<Result> {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === "denied" && this.#root.isShared)) throw error;
      return await look();
    }
  }

  async #place(finished: Finished): Promise<string> {
    const { temporaryPath, identity, name, overwrite } = finished;
    const subject = quote(name);
    const finalPath = this.#path(name);
    const placement = { disk: this.#disk, sync: this.#sync, temporaryPath, identity, finalPath, subject };
    await this.#root.require();
    if (!this.#isDurable) {
      await this.#syncAbove();
      // Again, since that waited for the disk.
      await this.#root.require();
    }
    this.#placing.add(name);
    try {
      if (overwrite) await placeReplacing({ ...placement, spelling: this.#spelling });
      else if (!await placeExclusively(placement)) throw alreadyExists(subject);
    } finally {
      this.#placing.delete(name);
    }
    return name;
  }

  /** Makes the folder itself durable, once; otherwise its files could be lost together with it. */
  async #syncAbove(): Promise<void> {
    if (this.#isDurable) return;
    try {
      await this.#sync(dirname(this.rootPath));
    } catch (error) {
      throwUnlessDenied(error);
    }
    this.#isDurable = true;
  }

  /** `name` has been validated, so the result is an entry of the folder itself. */
  #path(name: string): string {
    return join(this.rootPath, name);
  }

  #howToDescribe(name: string): DescribeOptions {
    return { name, subject: quote(name), refuseHardLinks: this.#root.isShared && !this.#placing.has(name) };
  }

  /**
   * Runs a call in the folder, and checks before and after it that the folder is the one that was opened: another user
   * who replaces it would have to do so twice in between. `undo` releases a result that came from another folder.
   */
  #inRoot<Result>(
    subject: string,
    call: () => Promise<Result>,
    undo: (result: Result) => void = () => {},
  ): Promise<Result> {
    return this.#onDisk(subject, async () => {
      await this.#root.require();
      const result = await call();
      try {
        await this.#root.require();
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

  /** The error to report for a missing file: the folder may be missing, or the check may fail as well. */
  async #whyMissing(error: unknown): Promise<unknown> {
    try {
      await this.#root.require();
      return error;
    } catch (rootError) {
      return rootError;
    }
  }

  async #onDisk<Result>(subject: string, call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      throw toStoreError(this.#isMissing(error) ? await this.#whyMissing(error) : error, subject);
    }
  }
}

/** A complete file, and its destination. */
interface Finished {
  readonly temporaryPath: string;
  readonly identity: FileIdentity;
  readonly name: string;
  readonly overwrite: boolean;
}

/** A program that may not read the folders above the store's cannot sync them either; this is no error. */
function throwUnlessDenied(error: unknown): void {
  if (toStoreError(error, "the folder").kind !== "denied") throw error;
}
