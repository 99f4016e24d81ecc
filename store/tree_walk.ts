/**
 * Visits what is in a folder and in the folders below it, level by level, so that a deep tree needs no deep recursion.
 *
 * Links are visited and never followed. A folder that another user replaces during the walk is given up, with what was
 * found in it: each folder is compared with what was seen in the one above, after that one has been compared itself.
 *
 * @module
 */

import { join } from "node:path";
import type { StoreError } from "../transfer/file_store.ts";
import { quote } from "../base/display_text.ts";
import { forEachConcurrently } from "./concurrently.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { onDisk, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { isWritableByOthers } from "./file_mode.ts";
import { isSameFolder } from "./folder_tree.ts";

/** A folder of the walk. */
export interface WalkedFolder {
  /** Absolute. */
  readonly path: string;
  /** Its path from the store's folder on; "" for that folder. */
  readonly name: string;
  readonly identity: FileIdentity;
  /** Whether other users may write to it, or to a folder above it in the store. */
  readonly isShared: boolean;
  /** The user that owns the store's folder. */
  readonly ownerUid: number;
}

/** An entry that was found. */
export interface WalkedEntry {
  readonly folder: WalkedFolder;
  /** Its name in the folder. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Undefined if it cannot be looked up: its name is not UTF-8, or it has just been removed. */
  readonly stats: DiskStats | undefined;
}

/** How to walk. */
export interface WalkOptions {
  readonly disk: Disk;
  /** Whether to look up an entry of this name. Default: every one. */
  readonly selects?: (name: string) => boolean;
  /** Hears of each entry, in any order; returns whether to go on in it, if it is a folder. */
  readonly visit: (entry: WalkedEntry) => boolean | Promise<boolean>;
  /** Hears of a folder below the first one that cannot be read. */
  readonly onUnreadable: (folder: WalkedFolder, error: StoreError) => void;
  /** A folder below the first one is left out if there would be more entries with it. */
  readonly maxEntries: number;
}

/** What came of a walk. */
export interface WalkResult {
  /** The folders whose entries do not count: they were removed or replaced during the walk. */
  readonly gone: ReadonlySet<WalkedFolder>;
  /** The folders that were left out, as there were too many entries. */
  readonly skipped: readonly WalkedFolder[];
}

/** Walks through a folder, which the caller checks itself afterwards. Rejects with StoreError if it cannot be read. */
export async function walkTree(first: WalkedFolder, options: WalkOptions): Promise<WalkResult> {
  const gone = new Set<WalkedFolder>();
  const skipped: WalkedFolder[] = [];
  let restCount = options.maxEntries;
  for (let level: readonly WalkedFolder[] = [first]; level.length > 0;) {
    const found: { folder: WalkedFolder; name: string }[] = [];
    await forEachConcurrently(level, async (folder) => {
      const names = found.length > restCount ? undefined : await namesIn(folder, folder === first, options);
      // A folder cannot be read in part, so that the first one may have any size.
      if (names === undefined || folder !== first && found.length + names.length > restCount) skipped.push(folder);
      else for (const name of names) found.push({ folder, name });
    });
    restCount -= found.length;
    const next: { above: WalkedFolder; folder: WalkedFolder }[] = [];
    await forEachConcurrently(found, async ({ folder: above, name }) => {
      const folder = await visit(above, name, options);
      if (folder !== undefined) next.push({ above, folder });
    });
    await forEachConcurrently(level, async (folder) => {
      const isThere = folder === first || await onDisk(quote(folder.name), () => isSameFolder(options.disk, folder));
      if (!isThere) gone.add(folder);
    });
    level = next.filter(({ above }) => !gone.has(above)).map(({ folder }) => folder);
  }
  return { gone, skipped };
}

/** The names in a folder to be looked up; none if it cannot be read. */
async function namesIn(folder: WalkedFolder, isFirst: boolean, options: WalkOptions): Promise<readonly string[]> {
  const { disk, onUnreadable, selects = () => true } = options;
  try {
    return (await disk.readdir(folder.path)).filter(selects);
  } catch (error) {
    if (isFirst) throw error;
    const storeError = toStoreError(error, `the folder ${quote(folder.name)}`);
    // Otherwise it was removed or replaced, which the look at it afterwards finds.
    if (storeError.kind !== "not-found" && storeError.kind !== "not-a-file") onUnreadable(folder, storeError);
    return [];
  }
}

/** Visits an entry; returns it if it is a folder to go on in. */
async function visit(folder: WalkedFolder, name: string, options: WalkOptions): Promise<WalkedFolder | undefined> {
  const { disk } = options;
  const path = join(folder.path, name);
  const fullName = nameIn(folder, name);
  const stats = await onDisk(quote(fullName), () => disk.lstat(path));
  const goesOn = await options.visit({ folder, name, path, stats });
  if (!goesOn || !stats?.isDirectory()) return undefined;
  const isShared = folder.isShared ||
    disk.hasModes && (isWritableByOthers(stats.mode) || stats.uid !== folder.ownerUid);
  return { ...folder, path, name: fullName, identity: stats, isShared };
}

/** The path of an entry from the store's folder on. */
export function nameIn(folder: { readonly name: string }, name: string): string {
  return folder.name === "" ? name : `${folder.name}/${name}`;
}
