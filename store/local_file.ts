/**
 * Files on the user's own disk, by paths that the user chose: symbolic links are followed, and no name is refused
 * but by the disk. The client's side; names that a peer chose go through a store.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { type CreateOptions, type ReadableFile, StoreError, type WritableFile } from "../transfer/file_store.ts";
import { receivedName, sanitizeForDisplay } from "../transfer/file_name.ts";
import { diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import { SharedFolderSync } from "./folder_sync.ts";
import { OpenedFile } from "./opened_file.ts";
import { alreadyExists, placeExclusively, placeReplacing, requireReplaceable } from "./placement.ts";
import { type FreeBytes, removeLeftovers, TemporaryFile } from "./temporary_file.ts";

/** What to create. */
export interface LocalCreateOptions extends CreateOptions {
  /** Asked before anything is written. Default: the operating system. */
  readonly freeBytes?: FreeBytes;
  /** Shared by files that are created at the same time. Default: this file is alone. */
  readonly folders?: LocalFolders;
}

/** What files that come in together share of the folders they go to. */
export class LocalFolders {
  readonly #cleared = new Set<string>();
  readonly #shared = new SharedFolderSync();
  /** Makes the entries of a folder durable. */
  readonly sync = this.#shared.sync;

  /** Removes what killed runs left in the folder, the first time that it is asked: a large folder takes a while. */
  clearOnce(folder: string): void {
    if (this.#cleared.has(folder)) return;
    this.#cleared.add(folder);
    removeLeftovers(folder, { nowMs: Date.now() });
  }
}

/** Where so many files named NAME_received_2, _3, ... stand already, something has gone wrong. */
const MAX_RECEIVED_NAMES = 10_000;

/** Opens a file for sending. Throws StoreError for a folder, a device, or what cannot be read. */
export function openLocalFile(filePath: string): ReadableFile {
  return OpenedFile.open(filePath, { name: path.basename(filePath), subject: quote(filePath), followLinks: true });
}

/**
 * Creates the file at `filePath`, in a folder that exists. Where the name is taken when the file is complete and
 * `overwrite` is false, it becomes NAME_received, NAME_received_2, ...; `commit` reports the path it got. Throws
 * StoreError.
 */
export function createLocalFile(filePath: string, options: LocalCreateOptions): WritableFile {
  const subject = quote(filePath);
  const folder = realFolder(filePath);
  const name = path.basename(filePath);
  const { sizeBytes, modifiedMs, overwrite, folders = new LocalFolders() } = options;
  onDisk(subject, () => {
    const target = path.join(folder, name);
    const isFolder = fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (overwrite || isFolder) requireReplaceable(target, { overwrite: true, subject });
  });
  folders.clearOnce(folder);
  const shownFolder = path.dirname(filePath);
  const place = async (temporaryPath: string): Promise<string> => {
    const placedName = overwrite
      ? await replace(temporaryPath, { folder, name, subject, folders })
      : await placeBeside(temporaryPath, { folder, name, subject, folders });
    return placedName === name ? filePath : path.join(shownFolder, placedName);
  };
  const freeBytes = options.freeBytes === undefined ? {} : { freeBytes: options.freeBytes };
  return new TemporaryFile(folder, { sizeBytes, modifiedMs, subject, place, ...freeBytes });
}

/** The folder that a new file at `filePath` goes to, without symbolic links. */
function realFolder(filePath: string): string {
  if (filePath === "" || filePath.endsWith("/") || filePath.endsWith(path.sep)) {
    throw new StoreError("not-a-file", `${quote(filePath)} names no file; add the file's name`);
  }
  const folder = path.dirname(filePath);
  try {
    return fs.realpathSync(folder);
  } catch (error) {
    if (diskErrorCode(error) !== "ENOENT") throw toStoreError(error, `the folder ${quote(folder)}`);
    throw new StoreError("not-found", `the folder ${quote(folder)} does not exist; make it first`);
  }
}

interface Target {
  readonly folder: string;
  readonly name: string;
  readonly subject: string;
  readonly folders: LocalFolders;
}

async function replace(temporaryPath: string, target: Target): Promise<string> {
  const finalPath = path.join(target.folder, target.name);
  requireReplaceable(finalPath, { overwrite: true, subject: target.subject });
  await placeReplacing(temporaryPath, finalPath, target.folders);
  return target.name;
}

/** Tries one name after the other; each try is decided by the disk, so no file is ever replaced. */
async function placeBeside(temporaryPath: string, target: Target): Promise<string> {
  const { folder, name, subject, folders } = target;
  for (let attempt = 0; attempt < MAX_RECEIVED_NAMES; attempt++) {
    const candidate = attempt === 0 ? name : receivedName(name, attempt);
    if (await placeExclusively(temporaryPath, path.join(folder, candidate), folders)) return candidate;
  }
  throw alreadyExists(subject);
}

function quote(filePath: string): string {
  return `"${sanitizeForDisplay(filePath)}"`;
}
