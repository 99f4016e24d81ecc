/**
 * The listing of a folder of a store, with or without the folders below it, and the space that everything in it uses.
 *
 * What no peer may ask for is left out: partial files, devices, FIFOs and sockets. Entries that a peer might ask for, but
 * cannot name, are counted as unlisted.
 *
 * @module
 */

import { type FileInfo, type ListQuery, StoreError, type StoreListing } from "../transfer/file_store.ts";
import { checkFileName, checkLocalName, checkPath, isTemporaryName } from "../transfer/file_name.ts";
import { checkLinkTarget } from "../transfer/link_target.ts";
import { Glob } from "../base/glob.ts";
import { quote } from "../base/display_text.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";
import { PERMISSION_BITS } from "./file_mode.ts";
import { describeRegularFile, modifiedUsOf } from "./opened_file.ts";
import { nameIn, type WalkedEntry, type WalkedFolder, walkTree } from "./tree_walk.ts";
import { usedBytes } from "./used_bytes.ts";

/** The most entries of a listing that is more than one folder: more would take too much memory. */
export const MAX_LISTED_ENTRIES = 1_000_000;

/** What to list, and how. */
export interface ListOptions {
  readonly disk: Disk;
  readonly query: ListQuery;
  /** Whether a file of this path is just being placed, and so has two names. */
  readonly isPlacing: (name: string) => boolean;
  /** Default: {@link MAX_LISTED_ENTRIES}. */
  readonly maxEntries?: number;
}

/** Lists a folder. Rejects with StoreError if it cannot be read. */
export async function listTree(folder: WalkedFolder, options: ListOptions): Promise<StoreListing> {
  const { disk, isPlacing, maxEntries = MAX_LISTED_ENTRIES, query: { path: root, recursive, pattern } } = options;
  const glob = pattern === undefined ? undefined : new Glob(pattern);
  const found: { folder: WalkedFolder; info: FileInfo }[] = [];
  const unlisted: { folder: WalkedFolder; name: string }[] = [];
  const gaps: string[] = [];
  const visit = async (entry: WalkedEntry): Promise<boolean> => {
    const name = nameIn(entry.folder, entry.name);
    const { stats } = entry;
    if (!isSendable(disk, entry)) {
      if (stats === undefined || hasKind(stats)) unlisted.push({ folder: entry.folder, name });
      return false;
    }
    const below = root === "" ? name : name.slice(root.length + 1);
    const isMatch = glob?.matches(glob.hasFolders ? below : entry.name) ?? true;
    if (isMatch) {
      const info = await describeEntry(entry, { disk, isBeingPlaced: isPlacing(name) });
      if (info !== undefined) found.push({ folder: entry.folder, info });
    }
    const goesOn = glob?.hasFolders ? glob.mayMatchBelow(below) : recursive;
    return goesOn && stats?.isDirectory() === true;
  };
  const selects = (name: string) => !isTemporaryName(name);
  const onUnreadable = (_folder: WalkedFolder, { message }: StoreError) => gaps.push(message);
  const { gone, skipped } = await walkTree(folder, { disk, selects, visit, onUnreadable, maxEntries });
  if (skipped.length > 0) gaps.push(describeSkipped(skipped));
  return {
    entries: found.filter(({ folder: above }) => !gone.has(above)).map(({ info }) => info).sort(byName),
    unlisted: unlisted.filter(({ folder: above }) => !gone.has(above)).map(({ name }) => name).sort(),
    gaps: gaps.sort(),
  };
}

/** The paths of a folder's entries that a peer cannot name, sorted. Rejects with StoreError if it cannot be read. */
export async function findUnlisted(folder: WalkedFolder, disk: Disk): Promise<string[]> {
  const found: string[] = [];
  const selects = (name: string) => !isTemporaryName(name) && !isSendable(disk, { folder, name });
  const visit = ({ name, stats }: WalkedEntry) => {
    if (stats === undefined || hasKind(stats)) found.push(nameIn(folder, name));
    return false;
  };
  await walkTree(folder, { disk, selects, visit, onUnreadable: () => {}, maxEntries: Infinity });
  return found.sort();
}

function describeSkipped(skipped: readonly WalkedFolder[]): string {
  const first = quote(skipped[0]!.name);
  const what = skipped.length === 1 ? first : `${first} and ${skipped.length - 1} other folders`;
  return `the list would be too long with what is in ${what}; list one folder at a time`;
}

/** Unlike localeCompare, by code units. */
function byName({ name: one }: FileInfo, { name: other }: FileInfo): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Whether a peer may ask for an entry. */
function isSendable({ nameRules }: Disk, { folder, name }: Pick<WalkedEntry, "folder" | "name">): boolean {
  if (checkFileName(name) !== undefined || checkLocalName(name, nameRules) !== undefined) return false;
  return folder.name === "" || checkPath(nameIn(folder, name)) === undefined;
}

function hasKind(stats: DiskStats): boolean {
  return stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
}

/** Options of {@link describeEntry}. */
export interface DescribeEntryOptions {
  readonly disk: Disk;
  readonly isBeingPlaced: boolean;
}

/** Undefined for what no peer may ask for. Rejects with StoreError if the disk fails. */
async function describeEntry(entry: WalkedEntry, options: DescribeEntryOptions): Promise<FileInfo | undefined> {
  const { folder, path, stats } = entry;
  const name = nameIn(folder, entry.name);
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) return describeFolder(name, stats, options.disk);
  if (stats.isSymbolicLink()) return await describeLink(name, { path, stats, disk: options.disk });
  try {
    const refuseHardLinks = folder.isShared && !options.isBeingPlaced;
    return describeRegularFile(stats, { name, subject: quote(name), refuseHardLinks });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return undefined;
  }
}

/** The attributes of a folder. */
export function describeFolder(name: string, stats: DiskStats, { hasModes }: Disk): FileInfo {
  const mode = hasModes ? { mode: stats.mode & PERMISSION_BITS } : {};
  return { name, kind: "folder", sizeBytes: 0, modifiedUs: modifiedUsOf(stats), ...mode };
}

/** The attributes of a symbolic link; undefined if it has just been removed. */
export async function describeLink(
  name: string,
  { path, stats, disk }: { readonly path: string; readonly stats: DiskStats; readonly disk: Disk },
): Promise<FileInfo | undefined> {
  const info: FileInfo = { name, kind: "link", sizeBytes: 0, modifiedUs: modifiedUsOf(stats) };
  try {
    const target = await disk.readlink(path);
    // What lies outside is not the peer's business.
    return checkLinkTarget(name, target) === undefined ? { ...info, target } : info;
  } catch (error) {
    const code = diskErrorCode(error);
    if (code !== "ENOENT" && code !== "EINVAL") throw error;
    return undefined;
  }
}

/** The space that a folder's content uses. */
export interface TreeUsage {
  /** Of everything but partial files, as quotas count it. */
  readonly usedBytes: number;
  /** Of each partial file, by absolute path. */
  readonly partialBytes: ReadonlyMap<string, number>;
}

/** Adds up everything in a folder: entries that cannot be listed, too. Rejects with StoreError if it cannot be read. */
export async function measureTree(folder: WalkedFolder, disk: Disk): Promise<TreeUsage> {
  let totalBytes = 0;
  const partialBytes = new Map<string, number>();
  const visit = ({ name, path, stats }: WalkedEntry): boolean => {
    const bytes = usedBytes(stats?.isFile() ? stats.size : 0);
    if (isTemporaryName(name) && stats?.isFile()) partialBytes.set(path, bytes);
    else totalBytes += bytes;
    return true;
  };
  // What cannot be read was not put there by a client.
  await walkTree(folder, { disk, visit, onUnreadable: () => {}, maxEntries: Infinity });
  return { usedBytes: totalBytes, partialBytes };
}
