/**
 * Removes an entry of a store: a file, a link (never what it leads to), or a folder with everything in it, partial files
 * of transfers under way included.
 *
 * A folder is removed from the bottom up, file by file. If that stops half-way, or the machine loses power, what is left
 * is whole: files as they were, in folders that still exist. Before anything in a folder is removed, the folder is
 * compared with what was seen in the one above, so that a link that takes its place is not followed; for the moment
 * between see `root_folder.ts`.
 *
 * @module
 */

import { join } from "node:path";
import { type RemovedEntries, StoreError } from "../transfer/file_store.ts";
import { isTemporaryName } from "../transfer/file_name.ts";
import { quote, REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { forEachConcurrently } from "./concurrently.ts";
import type { Disk } from "./disk.ts";
import { diskErrorCode, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { isSameFolder } from "./folder_tree.ts";
import { nameIn } from "./tree_walk.ts";
import { usedBytes } from "./used_bytes.ts";

/** A folder that is being removed. */
interface Doomed {
  /** Absolute. */
  readonly path: string;
  /** Its path from the store's folder on. */
  readonly name: string;
  readonly identity: FileIdentity;
}

/** Removes an empty folder. Rejects with StoreError (exists) if it is not empty. */
export async function removeEmptyFolder(disk: Disk, { path, name }: Omit<Doomed, "identity">): Promise<RemovedEntries> {
  try {
    await disk.rmdir(path);
  } catch (error) {
    if (!isNotEmpty(error)) throw error;
    const names = await disk.readdir(path);
    const partialCount = names.filter(isTemporaryName).length;
    const partial = partialCount === 0 ? "" : `, ${partialCount} of them partial files`;
    throw new StoreError(
      "exists",
      `${quote(name)} is a folder that is not empty (entries: ${names.length}${partial}); ` +
        "remove it together with what is in it",
    );
  }
  return { count: 1, usedBytes: usedBytes(0) };
}

/** Removes a folder and everything below it. Rejects with StoreError, which says what is left, and why. */
export async function removeFolder(disk: Disk, first: Doomed): Promise<RemovedEntries> {
  const removed = { count: 0, usedBytes: 0 };
  try {
    // The deepest ones last, that is, at the end.
    const stack: { folder: Doomed; isRead: boolean }[] = [{ folder: first, isRead: false }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { folder, isRead } = next;
      const below = isRead ? [] : await removeFiles(disk, folder, removed);
      if (below.length > 0) {
        stack.push({ folder, isRead: true }, ...below.map((one) => ({ folder: one, isRead: false })));
        continue;
      }
      await removeEmptied(disk, folder);
      removed.count++;
      removed.usedBytes += usedBytes(0);
    }
  } catch (error) {
    const { kind, message } = toStoreError(error, quote(first.name));
    if (removed.count === 0) throw new StoreError(kind, message);
    throw new StoreError(
      kind,
      `${quote(first.name)} was removed only in part (entries: ${removed.count}), the rest is as it was: ${message}`,
    );
  }
  return removed;
}

/** Removes what is in a folder but for its folders, and returns those. */
async function removeFiles(
  disk: Disk,
  folder: Doomed,
  removed: { count: number; usedBytes: number },
): Promise<Doomed[]> {
  await requireSame(disk, folder);
  const files: { path: string; name: string; bytes: number }[] = [];
  const folders: Doomed[] = [];
  await forEachConcurrently(await disk.readdir(folder.path), async (entryName) => {
    const [path, name] = [join(folder.path, entryName), nameIn(folder, entryName)];
    const stats = await disk.lstat(path);
    if (stats?.isDirectory()) folders.push({ path, name, identity: stats });
    else if (stats !== undefined) {
      // A quota counts the partial file of a transfer under way with the transfer, and has that taken off by it.
      const bytes = isTemporaryName(entryName) ? 0 : usedBytes(stats.isFile() ? stats.size : 0);
      files.push({ path, name, bytes });
    }
  });
  await requireSame(disk, folder);
  await forEachConcurrently(files, async ({ path, name, bytes }) => {
    if (!await removeFile(disk, { path, name })) return;
    removed.count++;
    removed.usedBytes += bytes;
  });
  return folders;
}

/** Removes a file or link; resolves to false if it has gone meanwhile. Rejects with StoreError. */
export async function removeFile(disk: Disk, { path, name }: Omit<Doomed, "identity">): Promise<boolean> {
  try {
    await disk.removeFile(path);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "ENOENT") return false;
    throw toStoreError(error, quote(name));
  }
}

/** Removes a folder whose content was removed. */
async function removeEmptied(disk: Disk, folder: Doomed): Promise<void> {
  const subject = quote(folder.name);
  try {
    await requireSame(disk, folder);
    await disk.rmdir(folder.path);
  } catch (error) {
    if (!isNotEmpty(error)) throw toStoreError(error, subject);
    const names = await disk.readdir(folder.path);
    throw new StoreError(
      "io",
      names.some((name) => name.includes(REPLACEMENT_CHARACTER))
        ? `${subject} has entries whose names are not UTF-8; remove them on the server's machine`
        : `something was put into ${subject} meanwhile; try again`,
    );
  }
}

async function requireSame(disk: Disk, folder: Doomed): Promise<void> {
  if (await isSameFolder(disk, folder)) return;
  throw new StoreError(
    "changed",
    `${quote(folder.name)} was removed by another program, or another folder is in its place`,
  );
}

function isNotEmpty(error: unknown): boolean {
  const code = diskErrorCode(error);
  return code === "ENOTEMPTY" || code === "EEXIST";
}
