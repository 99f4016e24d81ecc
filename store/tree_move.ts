/**
 * Gives an entry of a store another name, perhaps in another folder. The new name never replaces anything unasked.
 *
 * A file or link gets the new name by link(2), which fails if it is taken, and loses the old one when the new one is
 * durable: after a crash in between it has both, and the same move ends it. With `overwrite`, and for folders, it is a
 * rename: on a disk with a journal, one of the two names is there after a crash. A folder is renamed only to a name that
 * was free a moment before; rename(2) replaces no file by a folder, and no folder that has something in it.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";
import type { SyncFolder } from "./folder_sync.ts";
import { kindOf } from "./folder_tree.ts";
import { alreadyExists, claimAndRename, hasNoHardLinks } from "./placement.ts";

/** What to move; the caller has looked at the entry and its folders. */
export interface Move {
  readonly disk: Disk;
  readonly sync: SyncFolder;
  readonly fromPath: string;
  readonly toPath: string;
  /** The entry at the old path. */
  readonly stats: DiskStats;
  /** Replace a file or link that has the new name by a file or link. */
  readonly overwrite: boolean;
  /** Checks that a name which is taken is that of the entry, and not another spelling of it. Rejects with StoreError. */
  readonly requireSpelling: (path: string) => Promise<void>;
  /** The new name in messages. */
  readonly subject: string;
}

/** Moves an entry, and makes that durable. Rejects with StoreError, or with the disk's error; then the entry has its old name. */
export async function moveEntry(move: Move): Promise<void> {
  const { disk, stats, toPath, overwrite, requireSpelling, subject } = move;
  const existing = await disk.lstat(toPath);
  if (existing === undefined) {
    if (stats.isDirectory()) return await renameEntry(move);
    return await moveExclusively(move);
  }
  if (isSameFile(stats, existing) && stats.ino > 0) {
    const isOtherSpelling = !(await disk.readdir(dirname(toPath))).includes(basename(toPath));
    if (isOtherSpelling) return await renameEntry(move);
    // Two names of one file: an earlier move got so far.
    return await removeOldName(move);
  }
  if (!overwrite) throw alreadyExists(subject);
  if (existing.isDirectory() || stats.isDirectory()) {
    const what = stats.isDirectory() ? "a folder" : kindOf(stats);
    throw new StoreError(
      "not-a-file",
      `${subject} is ${kindOf(existing)}, which ${what} does not replace; remove it first`,
    );
  }
  await requireSpelling(toPath);
  await renameEntry(move);
}

async function renameEntry({ disk, fromPath, sync, toPath }: Move): Promise<void> {
  await disk.rename(fromPath, toPath);
  // The new name first: a disk that syncs one of them must not lose both.
  await sync(dirname(toPath));
  if (dirname(fromPath) !== dirname(toPath)) await sync(dirname(fromPath));
}

async function moveExclusively(move: Move): Promise<void> {
  const { disk, fromPath, subject, toPath } = move;
  try {
    await disk.link(fromPath, toPath);
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") throw alreadyExists(subject);
    if (!hasNoHardLinks(error)) throw error;
    if (!await claimAndRename({ disk, temporaryPath: fromPath, finalPath: toPath })) throw alreadyExists(subject);
    await move.sync(dirname(toPath));
    if (dirname(fromPath) !== dirname(toPath)) await move.sync(dirname(fromPath));
    return;
  }
  await removeOldName(move);
}

/** Removes the old name of an entry that has the new one, too. */
async function removeOldName({ disk, fromPath, stats, sync, toPath }: Move): Promise<void> {
  await sync(dirname(toPath));
  // Another request may have replaced or removed it in the meantime.
  if (isSameFile(stats, await disk.lstat(fromPath))) await disk.removeFile(fromPath);
  await sync(dirname(fromPath));
}
