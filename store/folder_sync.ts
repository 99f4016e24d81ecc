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
    await disk.fsync(descriptor);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === undefined || !NO_FOLDER_SYNC.has(code)) throw error;
  } finally {
    if (descriptor !== -1) disk.close(descriptor);
  }
}

/** The syncs of a folder: the running one, and one that waits for it. */
interface Syncs {
  running: Promise<void> | undefined;
  waiting: Promise<void> | undefined;
}

/**
 * Group commit: while a folder is being synced, callers wait for the next sync and share it. So many concurrent files
 * cost two syncs, and a single file one.
 */
export class SharedFolderSync {
  readonly #syncFolder: SyncFolder;
  readonly #folders = new Map<string, Syncs>();

  constructor(sync: SyncFolder) {
    this.#syncFolder = sync;
  }

  /** {@link SyncFolder}: resolves when all entries that the folder had at the time of the call are durable. */
  readonly sync: SyncFolder = (folder) => {
    let syncs = this.#folders.get(folder);
    if (syncs === undefined) this.#folders.set(folder, syncs = { running: undefined, waiting: undefined });
    // The running sync may have begun before the caller's entry existed.
    return syncs.waiting ??= this.#next(folder, syncs);
  };

  async #next(folder: string, syncs: Syncs): Promise<void> {
    // Its failure is reported to the callers that wait for it.
    await syncs.running?.catch(() => {});
    syncs.running = syncs.waiting;
    syncs.waiting = undefined;
    try {
      await this.#syncFolder(folder);
    } finally {
      if (syncs.waiting === undefined) this.#folders.delete(folder);
    }
  }
}
