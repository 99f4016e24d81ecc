/**
 * Makes new names in a folder durable; one call to the disk serves many files (group commit).
 *
 * @module
 */

import type { Disk } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";

/** Makes the entries of a folder durable. */
export type SyncFolder = (folder: string) => Promise<void>;

/**
 * The errors of opening or syncing a folder if the platform does not support that (Windows, some network file systems),
 * or if nothing can have changed.
 */
const NO_FOLDER_SYNC = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR", "EPERM", "EACCES", "EBADF"])
  .add("EROFS");

/** {@link SyncFolder} for a folder of the disk, if the platform supports it. */
export async function syncFolder(disk: Disk, folder: string): Promise<void> {
  let descriptor = -1;
  try {
    // Non-blocking, in case the folder was replaced by a FIFO.
    descriptor = await disk.open(folder, disk.flags.O_RDONLY | disk.flags.O_NONBLOCK);
    await disk.fsync(descriptor, true);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === undefined || !NO_FOLDER_SYNC.has(code)) throw error;
  } finally {
    if (descriptor !== -1) disk.close(descriptor);
  }
}
