/**
 * Files on the user's own disk, by paths that the user chose: symbolic links are followed, and only the disk refuses
 * names. For the client; names that a peer chose go through a store.
 *
 * @module
 */

import { basename, dirname, join, sep } from "node:path";
import {
  type CreateOptions,
  type IfExists,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../transfer/file_store.ts";
import { badName, checkLocalName, receivedName } from "../transfer/file_name.ts";
import { quote, REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import type { Disk } from "./disk.ts";
import { diskErrorCode, onDisk, toStoreError } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { type SyncFolder, syncFolder } from "./folder_sync.ts";
import { OpenedFile } from "./opened_file.ts";
import { alreadyExists, placeExclusively, placeOrRefuse, placeReplacing, requireReplaceable } from "./placement.ts";
import { SharedFolderCall } from "./shared_folder_call.ts";
import { Spelling } from "./spelling.ts";
import { removeStalePartialFiles } from "./stale_partial_files.ts";
import { TemporaryFile } from "./temporary_file.ts";

/** What to create. */
export interface LocalCreateOptions extends Omit<CreateOptions, "overwrite"> {
  readonly ifExists: IfExists;
  /** Shared by files that are created concurrently. */
  readonly folders: LocalFolders;
}

/** The folders of files that are received concurrently, and their disk. */
export class LocalFolders {
  readonly disk: Disk;
  /** Makes the entries of a folder durable. */
  readonly sync: SyncFolder;
  /** {@link Disk.freeBytes}, shared. */
  readonly freeBytes: Disk["freeBytes"];
  readonly spelling: Spelling;
  readonly #cleared = new Set<string>();

  constructor(disk: Disk) {
    this.disk = disk;
    this.sync = new SharedFolderCall((folder) => syncFolder(disk, folder)).call;
    this.freeBytes = new SharedFolderCall((folder) => disk.freeBytes(folder), { beginsAtOnce: true }).call;
    this.spelling = new Spelling(disk);
  }

  /** Removes stale partial files from the folder, but only once, since a large folder takes a while. */
  async clearOnce(folder: string): Promise<void> {
    if (this.#cleared.has(folder)) return;
    this.#cleared.add(folder);
    await removeStalePartialFiles(this.disk, folder);
  }
}

/** The number of names NAME_received, NAME_received_2, ... to try. */
const MAX_RECEIVED_NAMES = 10_000;

/** Opens a file for sending. Rejects with StoreError for a folder, a device, or a file that cannot be read. */
export async function openLocalFile(filePath: string, options: { readonly disk: Disk }): Promise<ReadableFile> {
  const { disk } = options;
  requireReadablePath(filePath);
  const subject = quote(filePath);
  try {
    return await OpenedFile.open(filePath, { disk, name: basename(filePath), subject, followLinks: true });
  } catch (error) {
    const isFolder = error instanceof StoreError && error.kind === "not-a-file" &&
      await onDisk(subject, async () => (await disk.stat(filePath)).isDirectory());
    if (!isFolder) throw error;
    throw new StoreError("not-a-file", `${subject} is a folder, and folders cannot be sent yet; name its files`);
  }
}

/**
 * Creates the file at `filePath`, in a folder that exists. If the name is taken and `ifExists` is "beside", the file
 * gets the name NAME_received, NAME_received_2, ...; `commit` reports its path. Rejects with StoreError.
 */
export async function createLocalFile(filePath: string, options: LocalCreateOptions): Promise<WritableFile> {
  const subject = quote(filePath);
  const { sizeBytes, modifiedUs, mode, exactMode, ifExists, folders } = options;
  const { disk } = folders;
  requireReadablePath(filePath);
  const folder = await realFolder(disk, filePath);
  const name = basename(filePath);
  const reason = checkLocalName(name, disk.nameRules);
  if (reason !== undefined) throw badName(filePath, reason);
  const target = join(folder, name);
  await onDisk(subject, async () => {
    const isFolder = (await disk.lstat(target))?.isDirectory() ?? false;
    if (ifExists === "beside" && !isFolder) return;
    await requireReplaceable(target, { disk, overwrite: (isFolder || ifExists === "replace") && folders, subject });
  });
  await folders.clearOnce(folder);
  const shownFolder = dirname(filePath);
  const place = async (temporaryPath: string, identity: FileIdentity): Promise<string> => {
    const goal = { identity, folder, name, subject, folders };
    const placedName = await PLACE[ifExists](temporaryPath, goal);
    return placedName === name ? filePath : join(shownFolder, placedName);
  };
  const replaces = ifExists === "replace" ? { replaces: target } : {};
  const openOlder = () => OpenedFile.open(target, { disk, name, subject, followLinks: false, atOnce: true });
  const resume = options.resume && { ...options.resume, path: target, openOlder };
  const attributes = { sizeBytes, modifiedUs, mode, exactMode };
  return await TemporaryFile.create(folder, {
    disk,
    freeBytes: folders.freeBytes,
    ...attributes,
    subject,
    place,
    ...replaces,
    resume,
  });
}

/** A path with U+FFFD may name another file than the one that the user named by bytes that are not UTF-8. */
function requireReadablePath(filePath: string): void {
  if (!filePath.includes(REPLACEMENT_CHARACTER)) return;
  throw new StoreError("bad-name", `${quote(filePath)} is not valid UTF-8: rename it`);
}

/** The folder of a new file at `filePath`, without symbolic links. */
async function realFolder(disk: Disk, filePath: string): Promise<string> {
  if (filePath === "" || filePath.endsWith("/") || filePath.endsWith(sep)) {
    throw new StoreError("not-a-file", `${quote(filePath)} names no file; add the file's name`);
  }
  const folder = dirname(filePath);
  try {
    return await disk.realpath(folder);
  } catch (error) {
    if (diskErrorCode(error) !== "ENOENT") throw toStoreError(error, `the folder ${quote(folder)}`);
    throw new StoreError("not-found", `the folder ${quote(folder)} does not exist; create it first`);
  }
}

interface Target {
  readonly identity: FileIdentity;
  readonly folder: string;
  readonly name: string;
  readonly subject: string;
  readonly folders: LocalFolders;
}

/** Each gives the complete file at a temporary path a name in the folder, and resolves to it. */
const PLACE: Readonly<Record<IfExists, (temporaryPath: string, target: Target) => Promise<string>>> = {
  "beside": placeBeside,
  "refuse": refuseOrPlace,
  "replace": replace,
};

async function refuseOrPlace(temporaryPath: string, target: Target): Promise<string> {
  const { identity, folder, name, subject, folders: { disk, sync } } = target;
  await placeOrRefuse({ disk, sync, temporaryPath, identity, finalPath: join(folder, name), subject });
  return name;
}

async function replace(temporaryPath: string, target: Target): Promise<string> {
  const { identity, subject, folders: { disk, spelling, sync } } = target;
  const finalPath = join(target.folder, target.name);
  await placeReplacing({ disk, spelling, sync, temporaryPath, identity, finalPath, subject });
  return target.name;
}

/** Tries one name after the other; the disk decides each try, so that no file is ever replaced. */
async function placeBeside(temporaryPath: string, target: Target): Promise<string> {
  const { identity, folder, name, subject, folders: { disk, sync } } = target;
  for (let attempt = 0; attempt < MAX_RECEIVED_NAMES; attempt++) {
    const candidate = attempt === 0 ? name : receivedName(name, attempt);
    const finalPath = join(folder, candidate);
    if (await placeExclusively({ disk, sync, temporaryPath, identity, finalPath, subject })) return candidate;
  }
  throw alreadyExists(subject);
}
