/**
 * The folders below a store's folder: enters the folder that an entry's path names, component by component, and makes
 * those that are missing.
 *
 * Participants: the store, which enters a folder before each call and checks it again afterwards; other users of the
 * machine, and other requests, which may rename or remove folders in the meantime, and put links in their places.
 *
 * Goals: each component is a real folder, never a link, when it is entered and when the call has ended; a folder has
 * exactly the name by which it is entered, also on a disk that finds it under other spellings. Non-goal: the race between
 * a check and the following call, see `root_folder.ts`.
 *
 * Requests for the entries of one folder come in crowds: those that come while it is looked at share the next look.
 *
 * The mode of a new folder is that of the folder above it, less the process's umask: what the owner of the store's folder
 * decided for it holds for what is below, and a private store stays private.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import { quote } from "../base/display_text.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attemptAsync, diskError, diskErrorCode, toStoreError } from "./disk_error.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";
import { isWritableByOthers, newFolderMode } from "./file_mode.ts";
import type { SyncFolder } from "./folder_sync.ts";
import type { RootFolder } from "./root_folder.ts";
import { SharedFolderCall } from "./shared_folder_call.ts";
import type { Spelling } from "./spelling.ts";

/** A folder on the way to another one. */
interface Step {
  readonly path: string;
  /** Its path from the store's folder on. */
  readonly name: string;
  readonly identity: Born;
}

/** What tells a folder from one that was made later and got the same inode number. */
interface Born extends FileIdentity {
  readonly birthtimeMs: number;
}

/** A folder that was entered. */
export interface EnteredFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Its path from the store's folder on; "" for that folder. */
  readonly name: string;
  readonly identity: FileIdentity;
  /** Its permission bits. */
  readonly mode: number;
  /** Whether other users may write to it, or to a folder above it in the store. */
  readonly isShared: boolean;
  /** The user that owns the store's folder. */
  readonly ownerUid: number;
  /** The folders from the first component to this one. */
  readonly steps: readonly Step[];
}

/** How to enter a folder. */
export interface EnterOptions {
  /** The entry that is looked for, in messages. */
  readonly subject: string;
  /** Whether something is to be changed: each component must have exactly the spelling that is given. */
  readonly isChange: boolean;
  /** Whether to make the folders that are missing. */
  readonly makesMissing: boolean;
}

/** What a tree is made with. */
export interface FolderTreeOptions {
  readonly disk: Disk;
  readonly sync: SyncFolder;
  readonly spelling: Spelling;
}

/** The most folders that are remembered as durable. */
const MAX_DURABLE = 10_000;

/** No call to the disk begins later than the request for it. */
const AT_ONCE = { beginsAtOnce: true } as const;

/** See the module's description. */
export class FolderTree {
  readonly #root: RootFolder;
  readonly #options: FolderTreeOptions;
  /** Entered folders, without and with a look at their spelling; see {@link #enterForMany}. */
  readonly #looks = new SharedFolderCall((name) => this.#enterForMany(name, false), AT_ONCE);
  readonly #changeLooks = new SharedFolderCall((name) => this.#enterForMany(name, true), AT_ONCE);
  readonly #stepsNow = new SharedFolderCall((name) => this.#lookAtSteps(name), AT_ONCE);
  /** The folders whose entries in those above are durable, by path. */
  readonly #durable = new Map<string, Born>();
  /** The entry of the store's folder itself is. It may not be: this process, or one that was killed, may have made it. */
  #isRootDurable = false;

  constructor(root: RootFolder, options: FolderTreeOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** Enters the folder of this name, "" for the store's own. Rejects with StoreError. */
  async enter(name: string, options: EnterOptions): Promise<EnteredFolder> {
    const { isChange, makesMissing, subject } = options;
    const looks = isChange ? this.#changeLooks : this.#looks;
    const found = await looks.call(name);
    if (typeof found === "object") return found;
    // By itself, with an error that names its entry.
    return await this.#enter(name, { isChange, makesMissing, subject });
  }

  /** Rejects with StoreError unless the folder and those above are the ones that were entered. */
  async requireSame({ name, steps }: EnteredFolder): Promise<void> {
    const found = await this.#stepsNow.call(name);
    for (const [index, { name, identity }] of steps.entries()) {
      if (isSameFile(identity, found[index])) continue;
      throw new StoreError(
        "changed",
        `the folder ${quote(name)} was removed, or another one is in its place; try again`,
      );
    }
  }

  /**
   * Makes the folder's own entry durable, and those of the folders above it; resolves to whether that had to wait for the
   * disk. Rejects with StoreError.
   */
  async makeDurable({ steps }: EnteredFolder): Promise<boolean> {
    const uncertain = steps.filter(({ path, identity }) => !isBorn(identity, this.#durable.get(path)));
    if (this.#isRootDurable && uncertain.length === 0) return false;
    await Promise.all([this.makeRootDurable(), ...uncertain.map(({ path }) => this.#options.sync(dirname(path)))]);
    if (this.#durable.size + uncertain.length > MAX_DURABLE) this.#durable.clear();
    // A disk that does not tell when a folder was made may show a new folder as the one that was there before.
    for (const { path, identity } of uncertain) if (identity.birthtimeMs > 0) this.#durable.set(path, identity);
    return true;
  }

  /** Makes the store's folder itself durable, once; otherwise its files could be lost together with it. */
  async makeRootDurable(): Promise<void> {
    if (this.#isRootDurable) return;
    try {
      await this.#options.sync(dirname(this.#root.path));
    } catch (error) {
      throwUnlessDenied(error);
    }
    this.#isRootDurable = true;
  }

  /** To be called before and after a folder gets another name: no entry is taken for durable because of an earlier one. */
  forgetDurable(): void {
    this.#durable.clear();
  }

  async #enter(name: string, options: EnterOptions): Promise<EnteredFolder> {
    const { disk } = this.#options;
    await this.#root.require();
    const steps: Step[] = [];
    const { path: rootPath, stats: rootStats, isShared: isRootShared } = this.#root;
    let [path, stats, isShared] = [rootPath, rootStats, isRootShared];
    for (const component of name === "" ? [] : name.split("/")) {
      path = join(path, component);
      const above = steps.at(-1);
      const step = { path, name: above === undefined ? component : `${above.name}/${component}` };
      stats = await this.#enterStep(step, stats, options);
      isShared ||= disk.hasModes && (isWritableByOthers(stats.mode) || stats.uid !== rootStats.uid);
      steps.push({ ...step, identity: stats });
    }
    return { path, name, identity: stats, mode: stats.mode, isShared, ownerUid: rootStats.uid, steps };
  }

  /** Enters a folder for several requests; "failed" if each is to find out the reason by itself. */
  async #enterForMany(name: string, isChange: boolean): Promise<EnteredFolder | "failed"> {
    let found: EnteredFolder | undefined;
    await attemptAsync(async () =>
      void (found = await this.#enter(name, { subject: "", isChange, makesMissing: false }))
    );
    return found ?? "failed";
  }

  /** The folders that are now at the places of a folder and of those above it, undefined for what is none. */
  async #lookAtSteps(name: string): Promise<(DiskStats | undefined)[]> {
    await this.#root.require();
    const found: (DiskStats | undefined)[] = [];
    let path = this.#root.path;
    for (const component of name === "" ? [] : name.split("/")) {
      path = join(path, component);
      const stats = await this.#options.disk.lstat(path);
      found.push(stats?.isDirectory() ? stats : undefined);
      if (!stats?.isDirectory()) break;
    }
    return found;
  }

  /** Returns the attributes of a component that is a folder. */
  async #enterStep(
    { path, name }: Pick<Step, "path" | "name">,
    above: DiskStats,
    { subject, isChange, makesMissing }: EnterOptions,
  ): Promise<DiskStats> {
    const { disk, spelling } = this.#options;
    let stats = await disk.lstat(path);
    if (stats === undefined && makesMissing) {
      await makeFolder(disk, path, newFolderMode(above.mode, undefined));
      stats = await disk.lstat(path);
    }
    if (stats === undefined) throw toStoreError(diskError("ENOENT"), subject);
    if (!stats.isDirectory()) throw notAFolder(stats, { name, subject });
    if (isChange || hasShortName(disk, path)) await spelling.require(path, quote(name));
    return stats;
  }
}

/** Whether the folder at a path is still the one that was seen there. */
export async function isSameFolder(
  disk: Disk,
  { path, identity }: { readonly path: string; readonly identity: FileIdentity },
): Promise<boolean> {
  const stats = await disk.lstat(path);
  return stats !== undefined && stats.isDirectory() && isSameFile(identity, stats);
}

/** Windows gives entries a second, short name ("SLUICE~1.PAR"), by which a partial file could be had. */
export function hasShortName({ nameRules }: Disk, name: string): boolean {
  return nameRules === "windows" && /~\d/.test(name);
}

/** Makes a folder; returns whether it did, and not another request in the meantime. */
export async function makeFolder(disk: Disk, path: string, mode: number): Promise<boolean> {
  try {
    await disk.mkdir(path, mode);
    return true;
  } catch (error) {
    if (diskErrorCode(error) !== "EEXIST") throw error;
    return false;
  }
}

/** What an entry is, for messages. */
export function kindOf(stats: DiskStats): string {
  if (stats.isFile()) return "a file";
  if (stats.isDirectory()) return "a folder";
  return stats.isSymbolicLink() ? "a symbolic link, which is not followed here" : "a device, FIFO or socket";
}

/** The refusal of a path that leads through something else than a folder. */
function notAFolder(stats: DiskStats, { name, subject }: { name: string; subject: string }): StoreError {
  const what = `${quote(name)} is ${kindOf(stats)}`;
  const message = quote(name) === subject ? `${what}, not a folder` : `${what}, so that ${subject} cannot be below it`;
  return new StoreError("not-a-file", message);
}

function isBorn(one: Born, other: Born | undefined): boolean {
  return isSameFile(one, other) && one.birthtimeMs === other?.birthtimeMs;
}

/** A program that may not read the folders above the store's cannot sync them either; this is no error. */
function throwUnlessDenied(error: unknown): void {
  if (toStoreError(error, "the folder").kind !== "denied") throw error;
}

/** The folder of an entry, "" for the store's own. */
export function folderOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}
