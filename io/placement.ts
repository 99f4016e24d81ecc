/**
 * How a finished temporary file gets its name, so that a crash at any moment leaves the old state or the new one, and
 * two writers of one name cannot both win.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { StoreError } from "../transfer/file_store.ts";
import { diskErrorCode, toStoreError } from "./disk_error.ts";
import { describeRegularFile } from "./opened_file.ts";

/** Makes a hard link; as `fs.promises.link`. */
export type Link = (existingPath: string, newPath: string) => Promise<void>;

/** What a link call reports where the disk or platform has no hard links (FAT, some network file systems). */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL", "EISDIR", "UNKNOWN"]);

/** What opening or syncing a folder reports where the platform cannot do that (Windows, some network file systems). */
const NO_FOLDER_SYNC = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR", "EPERM", "EACCES", "EBADF"]);

const syncDescriptor = promisify(fs.fsync);

/**
 * Gives the file at `temporaryPath` the name `finalPath` if nothing has it, and makes that durable. Resolves to
 * whether it did: false leaves everything as it was.
 */
export async function placeExclusively(
  temporaryPath: string,
  finalPath: string,
  options: { readonly link?: Link } = {},
): Promise<boolean> {
  const link = options.link ?? fs.promises.link;
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
    await syncFolder(path.dirname(finalPath));
  } catch (error) {
    removeQuietly(finalPath);
    throw error;
  }
  return true;
}

/** Gives the file at `temporaryPath` the name `finalPath`, whatever file has it, and makes that durable. */
export async function placeReplacing(temporaryPath: string, finalPath: string): Promise<void> {
  await fs.promises.rename(temporaryPath, finalPath);
  await syncFolder(path.dirname(finalPath));
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

/** Makes a new name in the folder survive a power failure, where the platform can. */
async function syncFolder(folder: string): Promise<void> {
  let descriptor = -1;
  try {
    descriptor = fs.openSync(folder, "r");
    await syncDescriptor(descriptor);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === undefined || !NO_FOLDER_SYNC.has(code)) throw error;
  } finally {
    if (descriptor !== -1) fs.closeSync(descriptor);
  }
}
