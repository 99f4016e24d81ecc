/**
 * How the disk spells the names in a folder.
 *
 * Some disks find an entry under names that differ from its own in case (NTFS, APFS, FAT, ext4 with `casefold`) or in
 * Unicode normalization (APFS, ZFS). There a file that replaces "A.txt" would replace "a.txt", which nobody named. What a
 * disk folds is its own affair and not to be had from it, but a folder's entries are listed as they are spelled.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import type { Disk } from "./disk.ts";
import { toStoreError } from "./disk_error.ts";
import { SharedFolderCall } from "./shared_folder_call.ts";

/** ASCII without "~" of short names, and without K, ";" and "`", to which other characters are normalized. */
const UNNORMALIZED = /^[ -:<-JL-_a-}]+$/;

/** Tells the name of an entry from other names for it. Concurrent calls share the reading of a folder. */
export class Spelling {
  readonly #disk: Pick<Disk, "lstat" | "readdir">;
  readonly #namesIn: SharedFolderCall<ReadonlySet<string>>;

  constructor(disk: Pick<Disk, "lstat" | "readdir">) {
    this.#disk = disk;
    this.#namesIn = new SharedFolderCall(async (folder) => new Set(await disk.readdir(folder)));
  }

  /**
   * Rejects with StoreError (bad-name) if the disk finds an entry at `path` that has another name. `subject` is the file
   * in messages.
   */
  async require(path: string, subject: string): Promise<void> {
    const name = basename(path);
    if (await this.#isFoundByNoOther(path)) return;
    const names = await this.#tryNamesIn(dirname(path));
    if (names === undefined || names.has(name)) return;
    const folded = foldName(name);
    const other = names.values().find((candidate) => foldName(candidate) === folded);
    // Disks may fold in more ways than foldName, so look again: only an entry that has gone meanwhile is not found.
    if (other === undefined && await this.#disk.lstat(path) === undefined) return;
    const existing = other === undefined ? "a file that exists" : `"${sanitizeForDisplay(other)}", which exists`;
    throw new StoreError("bad-name", `${subject} is to this disk another spelling of ${existing}`);
  }

  /**
   * Whether a single look tells that the name of an existing entry is its own, so that a large folder need not be read
   * for each file that is replaced: no normalization changes the name, and the disk does not fold its case.
   */
  async #isFoundByNoOther(path: string): Promise<boolean> {
    const name = basename(path);
    if (!UNNORMALIZED.test(name)) return false;
    const swapped = name.replace(/[a-z]/gi, (letter) => letter < "a" ? letter.toLowerCase() : letter.toUpperCase());
    return swapped === name || await this.#disk.lstat(join(dirname(path), swapped)) === undefined;
  }

  /** Undefined for a folder in which files may be created, but not listed: it cannot be checked. */
  async #tryNamesIn(folder: string): Promise<ReadonlySet<string> | undefined> {
    try {
      return await this.#namesIn.call(folder);
    } catch (error) {
      if (toStoreError(error, "the folder").kind !== "denied") throw error;
      return undefined;
    }
  }
}

/** The same for names that differ only in case, normalization or invisible characters. */
export function foldName(name: string): string {
  const visible = name.normalize("NFD").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  // Three times, for letters that have no simple pair: the capital sharp s, the long s, the final sigma.
  return visible.toLowerCase().toUpperCase().toLowerCase().normalize("NFD");
}
