/**
 * A folder on the disk with everything below it. Participants: this process, peers that choose names, and other users of
 * the machine, who may change the folder at any time.
 *
 * Goals: no name leads out of the folder; no link is followed; only regular files are opened; no call blocks on a FIFO or
 * device; a file is visible only when it is complete and durable, and so are the folders above it. What users with write
 * access to the folder, or to folders above it, can still do is described at the head of `root_folder.ts` and at
 * `requireOwn` in `placement.ts`.
 *
 * A folder that is removed while a file in it is being received takes the partial file along: the commit is refused, and
 * does not make the folder again, which somebody has just removed.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
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
import type { Disk, DiskStats } from "./disk.ts";
import { settle } from "./completion.ts";
import { attemptAsync, diskError, diskErrorCode, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { type EnteredFolder, type EnterOptions, folderOf, FolderTree, hasShortName, kindOf } from "./folder_tree.ts";
import { type SyncFolder, syncFolder } from "./folder_sync.ts";
import { type DescribeOptions, describeRegularFile, OpenedFile } from "./opened_file.ts";
import { removeStrayLinks, requireNoStrayLinks } from "./moved_links.ts";
import { type Placement, placeOrRefuse, placeReplacing, requireReplaceable } from "./placement.ts";
import { RootFolder } from "./root_folder.ts";
import { SharedFolderCall } from "./shared_folder_call.ts";
import { Spelling } from "./spelling.ts";
import { removeStalePartialFiles, removeStalePartialFilesBelow } from "./stale_partial_files.ts";
import { explainKind, StoreRefusals } from "./store_refusals.ts";
import { TemporaryFile } from "./temporary_file.ts";
import { describeFolder, describeLink, findUnlisted, listTree, measureTree, type TreeUsage } from "./tree_listing.ts";
import { makeFolderWith, makeLink, type NewEntry } from "./tree_making.ts";
import { moveEntry } from "./tree_move.ts";
import { removeEmptyFolder, removeFile, removeFolder } from "./tree_removal.ts";
import { usedBytes } from "./used_bytes.ts";

/** Options of {@link DirectoryStore.open}. */
export interface DirectoryStoreOptions {
  readonly disk: Disk;
  /** Whether it accepts no files. Default: false. */
  readonly readOnly?: boolean;
  /** Whether to create the folder if it is missing. Default: true. */
  readonly create?: boolean;
  /**
   * Hears the paths of entries that are not listed, since they cannot be sent: when the folder is opened (of those in
   * the folder itself), and when a list finds others than before.
   */
  readonly onUnlisted?: (names: readonly string[]) => void;
}

/** How a call uses a folder. */
interface CallOptions extends EnterOptions {
  readonly isCheckedLater?: boolean;
}

const LOOKING = { isChange: false, makesMissing: false } as const;
const CHANGING = { isChange: true, makesMissing: false } as const;
const MAKING = { isChange: true, makesMissing: true } as const;

/** See the module's description. */
export class DirectoryStore implements FileStore {
  readonly #root: RootFolder;
  readonly #tree: FolderTree;
  readonly #disk: Disk;
  readonly #refusals: StoreRefusals;
  readonly #sync: SyncFolder;
  readonly #freeBytes: (folder: string) => Promise<number | undefined>;
  readonly #spelling: Spelling;
  readonly #onUnlisted: (names: readonly string[]) => void;
  /** Those that were told, and were still there when last seen. */
  readonly #unlisted = new Set<string>();

  /** Names that are being given to files, or taken from them; such a file has two names for a moment. */
  readonly #placing = new Set<string>();

  private constructor(root: RootFolder, options: DirectoryStoreOptions) {
    this.#root = root;
    const { disk, readOnly = false } = options;
    this.#disk = disk;
    this.#refusals = new StoreRefusals({ nameRules: disk.nameRules, readOnly });
    this.#sync = new SharedFolderCall((folder) => syncFolder(disk, folder)).call;
    this.#freeBytes = new SharedFolderCall((folder) => disk.freeBytes(folder), { beginsAtOnce: true }).call;
    this.#spelling = new Spelling(disk);
    this.#tree = new FolderTree(root, { disk, sync: this.#sync, spelling: this.#spelling });
    this.#onUnlisted = options.onUnlisted ?? (() => {});
  }

  /** Opens the folder, and removes stale partial files from it. Rejects with StoreError. */
  static async open(rootPath: string, options: DirectoryStoreOptions): Promise<DirectoryStore> {
    const { disk, create = true } = options;
    const root = await RootFolder.open(rootPath, { disk, create });
    if (!options.readOnly) await removeStalePartialFiles(disk, root.path);
    const store = new DirectoryStore(root, options);
    // The folder may allow files to be stored, but not to be listed.
    await attemptAsync(() => store.#findUnlisted());
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
      await this.#tree.makeRootDurable();
    } catch (error) {
      throw toStoreError(error, `the folder ${quote(this.rootPath)}`);
    }
  }

  /** Removes stale partial files from the folders below as well, which takes a while where there are many. */
  async removeStaleBelow(): Promise<void> {
    await removeStalePartialFilesBelow(this.#disk, this.#root.path);
  }

  list(query: ListQuery, done: Done<StoreListing>): void {
    const refusal = this.#refusals.ofList(query.path, query.pattern ?? "");
    // Copied, here and below, since the caller's object may change before the call has ended.
    if (refusal === undefined) settle(this.#list({ ...query }), done);
    else done(refusal);
  }

  stat(name: string, done: Done<FileInfo>): void {
    const refusal = this.#refusals.ofExisting(name);
    if (refusal === undefined) settle(this.#stat(name), done);
    else done(refusal);
  }

  open(name: string, done: Done<ReadableFile>): void {
    const refusal = this.#refusals.ofExisting(name);
    if (refusal === undefined) settle(this.#open(name), done);
    else done(refusal);
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    const refusal = this.#refusals.ofNew(name);
    if (refusal === undefined) settle(this.#create(name, { ...options }), done);
    else done(refusal);
  }

  makeFolder(name: string, { modifiedUs, mode, exactMode }: FolderAttributes, done: Done<CommittedFile>): void {
    const refusal = this.#refusals.ofNew(name);
    if (refusal === undefined) settle(this.#makeFolder(name, { modifiedUs, mode, exactMode }), done);
    else done(refusal);
  }

  makeLink(name: string, { target, overwrite, modifiedUs }: LinkOptions, done: Done<CommittedFile>): void {
    const refusal = this.#refusals.ofNew(name) ?? this.#refusals.ofTarget(name, target);
    if (refusal === undefined) settle(this.#makeLink(name, { target, overwrite, modifiedUs }), done);
    else done(refusal);
  }

  remove(name: string, { recursive }: RemoveOptions, done: Done<RemovedEntries>): void {
    const refusal = this.#refusals.ofRemoval(name);
    if (refusal === undefined) settle(this.#remove(name, recursive), done);
    else done(refusal);
  }

  move(name: string, { newName, overwrite }: MoveOptions, done: Done<CommittedFile>): void {
    const refusal = this.#refusals.ofMove(name, newName);
    if (refusal === undefined) settle(this.#move(name, { newName, overwrite }), done);
    else done(refusal);
  }

  space(done: Done<StoreSpace>): void {
    settle(this.#space(), done);
  }

  /** Adds up everything in the folder, for quotas. */
  measure(done: Done<TreeUsage>): void {
    settle(
      this.#inFolder("", { subject: "the folder", ...LOOKING }, (folder) => measureTree(folder, this.#disk)),
      done,
    );
  }

  #stat(name: string): Promise<FileInfo> {
    return this.#besideEntry(name, LOOKING, (folder, path) =>
      this.#unlessBeingPlaced(folder, async () => {
        await this.#requireNoShortName(name, path);
        const stats = await this.#disk.lstat(path);
        if (stats?.isDirectory()) return describeFolder(name, stats, this.#disk);
        const link = stats?.isSymbolicLink() && await describeLink(name, { path, stats, disk: this.#disk });
        return link || describeRegularFile(stats, this.#howToDescribe(name, folder));
      }));
  }

  #open(name: string): Promise<ReadableFile> {
    return this.#besideEntry(name, LOOKING, (folder, path) =>
      this.#unlessBeingPlaced(folder, async () => {
        await this.#requireNoShortName(name, path);
        try {
          return await this.#openFile(name, { folder, path, atOnce: false });
        } catch (error) {
          throw explainKind(error, await this.#disk.lstat(path), quote(name));
        }
      }), (file) => file.close());
  }

  async #requireNoShortName(name: string, path: string): Promise<void> {
    if (hasShortName(this.#disk, path)) await this.#spelling.require(path, quote(name));
  }

  #create(name: string, options: CreateOptions): Promise<WritableFile> {
    const subject = quote(name);
    const { overwrite, refusesLate, resume, ...attributes } = options;
    const disk = this.#disk;
    const isLate = refusesLate === true && !overwrite;
    const create = async (folder: EnteredFolder, finalPath: string): Promise<WritableFile> => {
      const spelling = this.#spelling;
      if (!isLate) {
        await requireReplaceable(finalPath, { disk, overwrite: overwrite && { spelling }, subject, sync: this.#sync });
      }
      const place = (temporaryPath: string, identity: FileIdentity) =>
        this.#place({ folder, finalPath, temporaryPath, identity, name, overwrite });
      const replaces = overwrite ? { replaces: finalPath } : {};
      const openOlder = () => this.#openFile(name, { folder, path: finalPath, atOnce: true });
      return TemporaryFile.create(folder.path, {
        disk,
        freeBytes: this.#freeBytes,
        ...attributes,
        subject,
        place,
        ...replaces,
        resume: resume && { ...resume, path: name, openOlder },
      });
    };
    // The folder is looked at again when the file is placed, which is soon.
    return this.#besideEntry(name, { ...MAKING, isCheckedLater: isLate }, create, (file) => file.keep());
  }

  #openFile(
    name: string,
    { atOnce, folder, path }: { atOnce: boolean; folder: EnteredFolder; path: string },
  ): Promise<ReadableFile> {
    return OpenedFile.open(path, {
      disk: this.#disk,
      followLinks: false,
      atOnce,
      ...this.#howToDescribe(name, folder),
    });
  }

  #makeFolder(name: string, attributes: FolderAttributes): Promise<CommittedFile> {
    return this.#besideEntry(name, MAKING, async (folder, path) => {
      const notKept = await makeFolderWith(this.#newEntry(name, folder), attributes);
      await this.#makeEntryDurable(folder, path);
      return { location: name, notKept };
    });
  }

  #makeLink(name: string, options: LinkOptions): Promise<CommittedFile> {
    return this.#besideEntry(name, MAKING, async (folder, path) => {
      await makeLink(this.#newEntry(name, folder), options);
      await this.#makeEntryDurable(folder, path);
      return { location: name, notKept: [] };
    });
  }

  #newEntry(name: string, folder: EnteredFolder): NewEntry {
    return {
      disk: this.#disk,
      path: join(folder.path, basename(name)),
      aboveMode: folder.mode,
      subject: quote(name),
      requireSpelling: (path) => this.#spelling.require(path, quote(name)),
    };
  }

  async #makeEntryDurable(folder: EnteredFolder, path: string): Promise<void> {
    await this.#tree.makeDurable(folder);
    await this.#sync(dirname(path));
  }

  #remove(name: string, recursive: boolean): Promise<RemovedEntries> {
    const disk = this.#disk;
    return this.#besideEntry(name, CHANGING, async (_folder, path) => {
      const stats = await this.#requireEntry(name, path);
      const removed = stats.isDirectory()
        ? await (recursive
          ? removeFolder(disk, { path, name, identity: stats })
          : removeEmptyFolder(disk, { path, name }))
        : {
          count: await removeFile(disk, { path, name }) ? 1 : 0,
          usedBytes: usedBytes(stats.isFile() ? stats.size : 0),
        };
      await this.#sync(dirname(path));
      return removed;
    });
  }

  #move(name: string, { newName, overwrite }: MoveOptions): Promise<CommittedFile> {
    const { disk, sync } = { disk: this.#disk, sync: this.#sync };
    return this.#besideEntry(name, CHANGING, async (_folder, fromPath) => {
      const stats = await this.#requireEntry(name, fromPath);
      const refusal = stats.isSymbolicLink() && this.#refusals.ofTarget(newName, await disk.readlink(fromPath));
      if (refusal) throw refusal;
      const moved = { disk, identity: stats, name, newName };
      if (stats.isDirectory()) await requireNoStrayLinks({ ...moved, path: fromPath });
      await this.#besideEntry(newName, MAKING, async (folder, toPath) => {
        await this.#tree.makeDurable(folder);
        const names = [name, newName].filter((one) => !this.#placing.has(one));
        for (const one of names) this.#placing.add(one);
        this.#tree.forgetDurable();
        try {
          const requireSpelling = (path: string) => this.#spelling.require(path, quote(newName));
          await moveEntry({ disk, sync, fromPath, toPath, stats, overwrite, requireSpelling, subject: quote(newName) });
        } finally {
          for (const one of names) this.#placing.delete(one);
          this.#tree.forgetDurable();
        }
        if (stats.isDirectory()) await removeStrayLinks({ ...moved, path: toPath });
      });
      return { location: newName, notKept: [] };
    });
  }

  /** The attributes of an entry that is to be changed: it exists, has exactly this name, and is something peers know of. */
  async #requireEntry(name: string, path: string): Promise<DiskStats> {
    const stats = await this.#disk.lstat(path);
    if (stats === undefined) throw toStoreError(diskError("ENOENT"), quote(name));
    await this.#spelling.require(path, quote(name));
    if (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()) return stats;
    throw new StoreError("not-a-file", `${quote(name)} is ${kindOf(stats)}; change it on the server's machine`);
  }

  #space(): Promise<StoreSpace> {
    return this.#inFolder("", { subject: "the folder", ...LOOKING }, async ({ path, identity }) => {
      const freeBytes = await this.#disk.freeBytes(path);
      if (freeBytes === undefined) return {};
      return { freeBytes: Math.max(0, freeBytes - this.#disk.promisedSpace.on(identity.dev)) };
    });
  }

  async #list(query: ListQuery): Promise<StoreListing> {
    const { path } = query;
    const subject = path === "" ? "the folder" : quote(path);
    const listing = await this.#inFolder(
      path,
      { subject, ...LOOKING },
      (folder) => listTree(folder, { disk: this.#disk, query, isPlacing: (name) => this.#placing.has(name) }),
    );
    this.#tellUnlisted(listing.unlisted, query);
    return listing;
  }

  async #findUnlisted(): Promise<void> {
    const names = await this.#inFolder(
      "",
      { subject: "the folder", ...LOOKING },
      (folder) => findUnlisted(folder, this.#disk),
    );
    this.#tellUnlisted(names, { path: "", recursive: false });
  }

  /** Reports the unlisted names if there are others than before in the folders that were listed. */
  #tellUnlisted(names: readonly string[], { path, recursive }: ListQuery): void {
    const isNews = names.some((name) => !this.#unlisted.has(name));
    for (const name of this.#unlisted) {
      const folder = folderOf(name);
      if (folder === path || recursive && (path === "" || folder.startsWith(`${path}/`))) this.#unlisted.delete(name);
    }
    for (const name of names) this.#unlisted.add(name);
    if (isNews) this.#onUnlisted(names);
  }

  /**
   * Looks a second time if the first was denied: while it is placed, a file has two names for a moment, which may have
   * begun and ended during the call.
   */
  async #unlessBeingPlaced<Result>({ isShared }: EnteredFolder, look: () => Promise<Result>): Promise<Result> {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === "denied" && isShared)) throw error;
      return await look();
    }
  }

  async #place(finished: Finished): Promise<string> {
    const { finalPath, folder, identity, name, overwrite, temporaryPath } = finished;
    const subject = quote(name);
    const placement = { disk: this.#disk, sync: this.#sync, temporaryPath, identity, finalPath, subject };
    await this.#tree.requireSame(folder);
    // Again, if that waited for the disk.
    if (await this.#tree.makeDurable(folder)) await this.#tree.requireSame(folder);
    this.#placing.add(name);
    try {
      if (overwrite) await placeReplacing({ ...placement, spelling: this.#spelling });
      else await placeOrRefuse(placement);
    } finally {
      this.#placing.delete(name);
    }
    return name;
  }

  #howToDescribe(name: string, { isShared }: EnteredFolder): DescribeOptions {
    return { name, subject: quote(name), refuseHardLinks: isShared && !this.#placing.has(name) };
  }

  /** {@link #inFolder} for the folder of an entry, whose path `call` gets as well; the name has been validated. */
  #besideEntry<Result>(
    name: string,
    how: Omit<CallOptions, "subject">,
    call: (folder: EnteredFolder, path: string) => Promise<Result>,
    undo?: (result: Result) => void,
  ): Promise<Result> {
    const enter = { subject: quote(name), ...how };
    return this.#inFolder(folderOf(name), enter, (folder) => call(folder, join(folder.path, basename(name))), undo);
  }

  /**
   * Runs a call in a folder, and checks before and after it that it and the folders above are real ones, the store's own
   * folder among them: another user who replaces one would have to do so twice in between. `undo` releases a result that
   * came from another folder.
   */
  #inFolder<Result>(
    name: string,
    how: CallOptions,
    call: (folder: EnteredFolder) => Promise<Result>,
    undo: (result: Result) => void = () => {},
  ): Promise<Result> {
    return this.#onDisk(how.subject, async () => {
      const folder = await this.#tree.enter(name, how);
      const result = await call(folder);
      try {
        if (!how.isCheckedLater) await this.#tree.requireSame(folder);
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
interface Finished extends Pick<Placement, "finalPath" | "identity" | "temporaryPath"> {
  readonly folder: EnteredFolder;
  readonly name: string;
  readonly overwrite: boolean;
}
