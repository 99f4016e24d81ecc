/**
 * How a finished temporary file gets its name, so that a crash at any moment leaves the old state or the new one, and
 * two writers of one name cannot both win.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import { diskErrorCode, toStoreError } from "./disk_error.ts";
import { type SyncFolder, syncFolder } from "./folder_sync.ts";
import { describeRegularFile } from "./opened_file.ts";

/** Makes a hard link; as `fs.promises.link`. */
export type Link = (existingPath: string, newPath: string) => Promise<void>;

/** What a link call reports where the disk or platform has no hard links (FAT, some network file systems). */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL", "EISDIR", "UNKNOWN"]);

/** How a file is placed. */
export interface PlaceOptions {
  /** Default: the operating system. */
  readonly link?: Link;
  /** Default: a sync for this file alone. */
  readonly sync?: SyncFolder;
}

/**
 * Gives the file at `temporaryPath` the name `finalPath` if nothing has it, and makes that durable. Resolves to
 * whether it did: false leaves everything as it was.
 */
export async function placeExclusively(
  temporaryPath: string,
  finalPath: string,
  options: PlaceOptions = {},
): Promise<boolean> {
  const { link = fs.promises.link, sync = syncFolder } = options;
  try {
    // link(2) fails where the name is taken; rename(2) would replace it.
    await link(temporaryPath, finalPath);
    removeQuietly(temporaryPath);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === "EEXIST") return false;
    if (code === undefined || !NO_HARD_LINKS.has(code)) throw error;
    if (!claimAndRename(temporaryPath, finalPath)) return false;
  }
  try {
    await sync(path.dirname(finalPath));
  } catch (error) {
    removeQuietly(finalPath);
    throw error;
  }
  return true;
}

/** Gives the file at `temporaryPath` the name `finalPath`, whatever file has it, and makes that durable. */
export async function placeReplacing(
  temporaryPath: string,
  finalPath: string,
  options: { readonly sync?: SyncFolder } = {},
): Promise<void> {
  const { sync = syncFolder } = options;
  await fs.promises.rename(temporaryPath, finalPath);
  await sync(path.dirname(finalPath));
}

/**
 * Throws StoreError unless a file may take the name `finalPath`: nothing has it, or, to `overwrite`, a regular file.
 */
export function requireReplaceable(finalPath: string, options: { overwrite: boolean; subject: string }): void {
  const { overwrite, subject } = options;
  const existing = fs.lstatSync(finalPath, { throwIfNoEntry: false });
  if (existing === undefined) return;
  if (overwrite) describeRegularFile(existing, { name: "", subject });
  else throw alreadyExists(subject);
}

/** The refusal of a name that is taken. */
export function alreadyExists(subject: string): StoreError {
  return toStoreError(Object.assign(new Error("exists"), { code: "EEXIST" }), subject);
}

/** Removes a file if it is there and can be removed. */
export function removeQuietly(filePath: string): void {
  try {
    fs.unlinkSync(filePath);
  } catch (error) {
    if (diskErrorCode(error) === undefined) throw error;
  }
}

/**
 * Without hard links: an empty file claims the name, exclusively, and is replaced in the same turn. Only a crash
 * between the two calls leaves the empty file behind.
 */
function claimAndRename(temporaryPath: string, finalPath: string): boolean {
  try {
    fs.closeSync(fs.openSync(finalPath, "wx"));
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    fs.renameSync(temporaryPath, finalPath);
  } catch (error) {
    removeQuietly(finalPath);
    throw error;
  }
  return true;
}
