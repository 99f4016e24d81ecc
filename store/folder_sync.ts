/**
 * Makes new names in a folder survive a power failure; those of many files at the same time with one call to the disk.
 *
 * @module
 */

import type { Disk } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";

/** Makes the entries of a folder durable. */
export type SyncFolder = (folder: string) => Promise<void>;

/**
 * What opening or syncing a folder reports where the platform cannot do that (Windows, some network file systems), or
 * where nothing can have changed.
 */
const NO_FOLDER_SYNC = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR", "EPERM", "EACCES", "EBADF"])
  .add("EROFS");

/** {@link SyncFolder} for a folder of the disk, where the platform can. */
export async function syncFolder(disk: Disk, folder: string): Promise<void> {
  let descriptor = -1;
  try {
    // Non-blocking: a FIFO that was put in the folder's place must not hold up the program.
    descriptor = await disk.open(folder, disk.flags.O_RDONLY | disk.flags.O_NONBLOCK);
    await disk.fsync(descriptor);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === undefined || !NO_FOLDER_SYNC.has(code)) throw error;
  } finally {
    if (descriptor !== -1) disk.close(descriptor);
  }
}

/** A folder's syncs: one that runs, and one that waits for it. */
interface Syncs {
  running: Promise<void> | undefined;
  waiting: Promise<void> | undefined;
}

/**
 * Group commit: while a folder is being synced, a caller waits for the next sync, and shares it with all that call
 * meanwhile. So many files at the same time cost two syncs, and a single file one.
 */
export class SharedFolderSync {
  readonly #syncFolder: SyncFolder;
  readonly #folders = new Map<string, Syncs>();

  constructor(sync: SyncFolder) {
    this.#syncFolder = sync;
  }

  /** {@link SyncFolder}: resolves when every entry that the folder had at the time of the call is durable. */
  readonly sync: SyncFolder = (folder) => {
    let syncs = this.#folders.get(folder);
    if (syncs === undefined) this.#folders.set(folder, syncs = { running: undefined, waiting: undefined });
    // The one that runs may have begun before the caller's entry was there.
    return syncs.waiting ??= this.#next(folder, syncs);
  };

  async #next(folder: string, syncs: Syncs): Promise<void> {
    // Whether that one fails is for those to hear who wait for it.
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
