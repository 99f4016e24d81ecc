/**
 * Removes partial files that nobody will complete: their program was killed, and the transfer was not tried again. A
 * symbolic link that was about to replace something is one of them.
 *
 * One that is locked is never removed: a transfer is at it. Where files cannot be locked, only the time counts.
 *
 * @module
 */

import { join } from "node:path";
import type { Disk, DiskStats } from "./disk.ts";
import { attemptAsync } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";
import { isPartialName, isWithoutLocks } from "./partial_file.ts";

/** A partial file that has not changed for this long is stale. */
export const STALE_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Removes stale partial files from `folder`: those with names of ours that have not changed for {@link STALE_AFTER_MS}.
 * Ignores errors of the disk.
 */
export async function removeStalePartialFiles(disk: Disk, folder: string): Promise<void> {
  await attemptAsync(async () => {
    for (const name of await disk.readdir(folder)) {
      if (isPartialName(name)) await removeIfStale(disk, join(folder, name));
    }
  });
}

/**
 * The same for `root` and every folder below it. Symbolic links are not followed; a user who replaces a folder by one in
 * the middle of it gains no more than that stale partial files are removed elsewhere.
 */
export async function removeStalePartialFilesBelow(disk: Disk, root: string): Promise<void> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const above = folder;
    await attemptAsync(async () => {
      for (const name of await disk.readdir(above)) {
        const path = join(above, name);
        if (isPartialName(name)) await removeIfStale(disk, path);
        else await attemptAsync(async () => void ((await disk.lstat(path))?.isDirectory() && folders.push(path)));
      }
    });
  }
}

function removeIfStale(disk: Disk, path: string): Promise<void> {
  return attemptAsync(async () => {
    const stats = await disk.lstat(path);
    if (!isStale(disk, stats)) return;
    // A lock would be that of the file to which a link leads.
    if (!disk.hasLocks || stats?.isSymbolicLink()) return disk.unlink(path);
    try {
      const lock = await disk.tryLock(path);
      if (lock === undefined) return;
      try {
        // Again: a transfer may have continued it, and have left it, in the meantime.
        const there = await disk.lstat(path);
        if (isStale(disk, there) && isSameFile(lock, there)) disk.unlink(path);
      } finally {
        lock.release();
      }
    } catch (error) {
      if (!isWithoutLocks(error)) throw error;
      disk.unlink(path);
    }
  });
}

function isStale(disk: Disk, stats: DiskStats | undefined): boolean {
  if (stats === undefined || !(stats.isFile() || stats.isSymbolicLink())) return false;
  // The change time, too: shortly before it is placed, a file already has the modification time of the original.
  const touchedMs = Math.max(stats.mtimeMs, stats.ctimeMs, stats.birthtimeMs);
  return disk.nowMs() - touchedMs > STALE_AFTER_MS;
}
