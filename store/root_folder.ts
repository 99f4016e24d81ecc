/**
 * The folder of a store: its path, whether it is still the folder that was opened, and which other users may write to
 * it.
 *
 * Participants: the store, which checks the folder before and after each call; other users of the machine, who may
 * rename folders above it and replace them by links or other folders.
 *
 * Non-goal: to close the race between a check of the folder and the following call. That requires openat(2), which
 * node:fs does not have; the workaround by /proc/self/fd on Linux needs all of Deno's permissions. So a user with write
 * access to a folder *above* can win that race, and `exposures` warns of it.
 *
 * @module
 */

import { dirname } from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { attemptAsync, diskErrorCode, onDisk } from "./disk_error.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";
import { isWritableByOthers } from "./file_mode.ts";

/** The mode of a new store's folder: private until its owner changes it. */
export const ROOT_MODE = 0o700;

const OTHERS_WRITE = 0o002;
/** In such a folder, users with write access may not rename the files of others. */
const STICKY = 0o1000;

/** See the module's description. */
export class RootFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** It was missing, and was created. */
  readonly isNew: boolean;
  readonly #disk: Disk;
  readonly #identity: FileIdentity;
  #stats: DiskStats;

  private constructor(path: string, options: { disk: Disk; stats: DiskStats; isNew: boolean }) {
    const { disk, stats, isNew } = options;
    this.path = path;
    this.isNew = isNew;
    this.#disk = disk;
    this.#identity = { dev: stats.dev, ino: stats.ino };
    this.#stats = stats;
  }

  /**
   * Opens the folder; with `create`, creates it if it is missing, but no folder above it: that would hide that a disk is
   * not mounted. Rejects with StoreError.
   */
  static open(path: string, options: { readonly disk: Disk; readonly create: boolean }): Promise<RootFolder> {
    const { disk, create } = options;
    const shown = sanitizeForDisplay(path);
    return onDisk(`the folder "${shown}"`, async () => {
      const isNew = create && await createFolder(disk, path);
      const realPath = await disk.realpath(path);
      const stats = await disk.stat(realPath);
      if (!stats.isDirectory()) throw new StoreError("not-a-file", `"${shown}" is not a folder`);
      return new RootFolder(realPath, { disk, stats, isNew });
    });
  }

  /** As of the last {@link require}. */
  get stats(): DiskStats {
    return this.#stats;
  }

  /** Whether other users may write to it, as of the last {@link require}. */
  get isShared(): boolean {
    return this.#disk.hasModes && isWritableByOthers(this.#stats.mode);
  }

  /** Rejects with StoreError unless the folder at the path is the one that was opened. */
  async require(): Promise<void> {
    const stats = await this.#disk.lstat(this.path);
    if (!stats?.isDirectory()) {
      throw new StoreError("io", "the server's folder has gone; put it back, or start the server again");
    }
    if (!isSameFile(this.#identity, stats)) {
      const advice = "put the first one back, or start the server again";
      throw new StoreError("io", `the server's folder has gone, another one is in its place; ${advice}`);
    }
    this.#stats = stats;
  }

  /** A sentence for each way in which other users can change the folder's files, or replace the folder. */
  async exposures(): Promise<string[]> {
    const found: string[] = [];
    await this.require();
    const shown = sanitizeForDisplay(this.path);
    if (this.isShared) {
      found.push(
        `${shown} is writable by other users, who can read, replace and remove its files; run \`chmod go-w ${shown}\``,
      );
    }
    for (let folder = dirname(this.path), last = this.path; folder !== last; folder = dirname(folder)) {
      last = folder;
      await attemptAsync(async () => {
        if (!this.#isOpenToAll(await this.#disk.lstat(folder))) return;
        found.push(
          `${
            sanitizeForDisplay(folder)
          } is writable by all users, who can put another folder in the place of ${shown}; ` +
            `run \`chmod o-w ${sanitizeForDisplay(folder)}\``,
        );
      });
    }
    return found;
  }

  #isOpenToAll(stats: DiskStats | undefined): boolean {
    return this.#disk.hasModes && stats !== undefined && (stats.mode & (OTHERS_WRITE | STICKY)) === OTHERS_WRITE;
  }
}

/** Creates a folder unless there is something of that name; returns whether it did. */
async function createFolder(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.mkdir(path, ROOT_MODE);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    if (diskErrorCode(error) !== "ENOENT") throw error;
    const shown = sanitizeForDisplay(dirname(path));
    throw new StoreError("not-found", `the folder "${shown}" does not exist; mount its disk, or create it`);
  }
}
