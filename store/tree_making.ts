/**
 * Makes folders and symbolic links in a folder of a store.
 *
 * A link is made with the target that its policy allows (`transfer/link_target.ts`), and never followed.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { type FolderAttributes, type FragileAttribute, type LinkOptions, StoreError } from "../transfer/file_store.ts";
import { TEMPORARY_PREFIX } from "../transfer/file_name.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attempt, attemptAsync, diskErrorCode } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";
import { keepsMode, narrowedFolderMode, newFolderMode, PERMISSION_BITS } from "./file_mode.ts";
import { kindOf, makeFolder } from "./folder_tree.ts";
import { alreadyExists, removeQuietly } from "./placement.ts";
import { READ_PRECISION_US } from "./temporary_file.ts";
import { modifiedUsOf } from "./opened_file.ts";

/** A new entry, and the attributes of the folder that it is in. */
export interface NewEntry {
  readonly disk: Disk;
  readonly path: string;
  /** Permission bits of the folder above. */
  readonly aboveMode: number;
  /** The entry in messages. */
  readonly subject: string;
  /** Checks that an existing entry has exactly this name. Rejects with StoreError. */
  readonly requireSpelling: (path: string) => Promise<void>;
}

/**
 * Makes a folder, unless it exists, and sets its attributes, as far as they are given; resolves to those that the disk
 * did not keep. Rejects with StoreError.
 */
export async function makeFolderWith(entry: NewEntry, attributes: FolderAttributes): Promise<FragileAttribute[]> {
  const { disk, path, aboveMode, requireSpelling, subject } = entry;
  const isNew = await disk.lstat(path) === undefined &&
    await makeFolder(disk, path, newFolderMode(aboveMode, attributes.mode));
  const stats = await disk.lstat(path);
  if (stats === undefined) throw new StoreError("changed", `${subject} was removed meanwhile; try again`);
  if (!stats.isDirectory()) throw new StoreError("exists", `${subject} already exists: it is ${kindOf(stats)}`);
  if (!isNew) await requireSpelling(path);
  return await setAttributes(entry, stats, { ...attributes, isNew });
}

/** By the descriptor: the path may have become a link to another user's folder. */
async function setAttributes(
  { disk, path }: NewEntry,
  stats: DiskStats,
  { mode, exactMode, modifiedUs, isNew }: FolderAttributes & { readonly isNew: boolean },
): Promise<FragileAttribute[]> {
  const existing = stats.mode & PERMISSION_BITS;
  // A new folder got its mode when it was made.
  const narrowed = mode === undefined || isNew ? existing : narrowedFolderMode(existing, mode);
  const exact = exactMode === true && mode !== undefined ? mode & PERMISSION_BITS : narrowed;
  const wanted = disk.hasModes ? exact : existing;
  if (wanted === existing && modifiedUs === undefined) return [];
  let now: DiskStats | undefined;
  await attemptAsync(async () => {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = disk.flags;
    const descriptor = await disk.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!isSameFile(disk.fstat(descriptor), stats)) return;
      if (wanted !== existing) attempt(() => disk.fchmod(descriptor, wanted));
      if (modifiedUs !== undefined) attempt(() => disk.futimes(descriptor, modifiedUs));
      now = disk.fstat(descriptor);
      await disk.fsync(descriptor, true);
    } finally {
      disk.close(descriptor);
    }
  });
  const keptUs = now === undefined ? undefined : modifiedUsOf(now);
  const hasTime = modifiedUs === undefined || keptUs !== undefined && Math.abs(keptUs - modifiedUs) < READ_PRECISION_US;
  const hasMode = wanted === existing || now !== undefined && keepsMode(now.mode, wanted);
  return [
    ...(hasMode ? [] : ["permissions"] as const),
    ...(hasTime ? [] : ["modification time"] as const),
  ];
}

/**
 * Makes a link, or with `overwrite` replaces a file or link by it; a link with this target stays as it is. Rejects with
 * StoreError.
 */
export async function makeLink(
  entry: NewEntry,
  { target, overwrite, modifiedUs }: LinkOptions,
): Promise<void> {
  const { disk, path, requireSpelling, subject } = entry;
  const existing = await disk.lstat(path);
  if (existing !== undefined) {
    if (existing.isSymbolicLink() && await disk.readlink(path) === target) return await requireSpelling(path);
    if (!overwrite) throw alreadyExists(subject);
    if (existing.isDirectory()) {
      throw new StoreError("not-a-file", `${subject} is a folder, which a link does not replace; remove it first`);
    }
    await requireSpelling(path);
    return await replaceByLink(entry, { target, modifiedUs });
  }
  try {
    await disk.symlink(target, path);
    await setTime(entry, path, modifiedUs);
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") throw alreadyExists(subject);
    throw error;
  }
}

const RANDOM_BYTES = 16;

/** The time of a link is worth no failure. */
async function setTime({ disk }: NewEntry, path: string, modifiedUs: number | undefined): Promise<void> {
  if (modifiedUs !== undefined) await attemptAsync(() => disk.lutimes(path, modifiedUs));
}

async function replaceByLink(entry: NewEntry, { target, modifiedUs }: Omit<LinkOptions, "overwrite">): Promise<void> {
  const { disk, path } = entry;
  const temporaryPath = join(dirname(path), `${TEMPORARY_PREFIX}${disk.randomBytes(RANDOM_BYTES).toHex()}.part`);
  await disk.symlink(target, temporaryPath);
  await setTime(entry, temporaryPath, modifiedUs);
  try {
    await disk.rename(temporaryPath, path);
  } catch (error) {
    removeQuietly(disk, temporaryPath);
    throw error;
  }
}
