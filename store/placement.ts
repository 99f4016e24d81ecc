/**
 * Gives a complete temporary file its final name, so that a crash at any moment leaves the old state or the new one,
 * and of two writers of one name only one succeeds.
 *
 * @module
 */

import { dirname } from "node:path";
import { StoreError } from "../transfer/file_store.ts";
import type { Disk } from "./disk.ts";
import { attemptAsync, diskError, diskErrorCode, toStoreError } from "./disk_error.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";
import type { SyncFolder } from "./folder_sync.ts";
import { describeRegularFile } from "./opened_file.ts";
import type { Spelling } from "./spelling.ts";

/** The errors of link(2) if the disk or platform has no hard links (FAT, some network file systems). */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL", "EISDIR", "UNKNOWN"]);

/** The mode of the empty file that claims a name: the default of node:fs, less the process's umask. */
const CLAIM_MODE = 0o666;

/** A file to be placed. */
export interface Placement {
  readonly disk: Disk;
  /** Makes the entries of the folder durable. */
  readonly sync: SyncFolder;
  readonly temporaryPath: string;
  /** The identity of the file that was written. Another file that has taken its name is not placed. */
  readonly identity: FileIdentity;
  readonly finalPath: string;
  /** The file in messages. */
  readonly subject: string;
}

/**
 * Gives the file at `temporaryPath` the name `finalPath` if it is free, and makes that durable. Resolves to false, and
 * changes nothing, if the name is taken. Rejects with StoreError if the file at `temporaryPath` has been replaced.
 */
export async function placeExclusively(placement: Placement): Promise<boolean> {
  const { disk, sync, temporaryPath, identity, finalPath } = placement;
  await requireOwn(placement);
  try {
    // link(2) fails if the name is taken; rename(2) would replace the file.
    await disk.link(temporaryPath, finalPath);
    removeQuietly(disk, temporaryPath);
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    if (!hasNoHardLinks(error)) throw error;
    if (!await claimAndRename(placement)) return false;
  }
  try {
    await sync(dirname(finalPath));
  } catch (error) {
    // Another request may have replaced the file in the meantime, and have reported success.
    await attemptAsync(async () => {
      if (isSameFile(identity, await disk.lstat(finalPath))) disk.unlink(finalPath);
    });
    throw error;
  }
  return true;
}

/**
 * As {@link placeExclusively}, and rejects with StoreError (exists) if the name is taken, once what has it is durable: see
 * {@link ReplaceableOptions.sync}.
 */
export async function placeOrRefuse(placement: Placement): Promise<void> {
  if (await placeExclusively(placement)) return;
  await placement.sync(dirname(placement.finalPath));
  throw alreadyExists(placement.subject);
}

/** Whether this error of link(2) means that the disk has no hard links, or not here. */
export function hasNoHardLinks(error: unknown): boolean {
  const code = diskErrorCode(error);
  return code !== undefined && NO_HARD_LINKS.has(code);
}

/** The tries of {@link placeReplacing}, each lost to another program that creates or removes the file. */
const MAX_REPLACING_TRIES = 100;

/**
 * Gives the file at `temporaryPath` the name `finalPath`, replacing a file that has it, and makes that durable. Rejects
 * like {@link placeExclusively}, and if the name is taken by something else, or by a file with another spelling of it.
 */
export async function placeReplacing(placement: Placement & { readonly spelling: Spelling }): Promise<void> {
  const { disk, spelling, sync, temporaryPath, finalPath, subject } = placement;
  for (let tries = 0; tries < MAX_REPLACING_TRIES; tries++) {
    if (await requireReplaceable(finalPath, { disk, overwrite: { spelling }, subject }) === "taken") {
      await requireOwn(placement);
      await disk.rename(temporaryPath, finalPath);
      await sync(dirname(finalPath));
      return;
    }
    // Not by rename: in the meantime, a file may have got a name that the disk takes for this one.
    if (await placeExclusively(placement)) return;
  }
  throw alreadyExists(subject);
}

/**
 * Throws unless the file that was written is still at `temporaryPath`: another user with write access to the folder may
 * have replaced it by a link or a file of theirs. node:fs cannot name the file of a descriptor, so a moment remains
 * between this check and the following call; what they place in that moment they could as well place afterwards.
 */
async function requireOwn({ disk, identity, temporaryPath, subject }: Placement): Promise<void> {
  const stats = await disk.lstat(temporaryPath);
  if (stats === undefined) {
    throw new StoreError("io", `${subject} was removed before it was complete, or its folder was; try again`);
  }
  if (stats.isFile() && isSameFile(identity, stats)) return;
  throw new StoreError(
    "changed",
    `${subject} was not stored: another program replaced its partial file; try again`,
  );
}

/** Options of {@link requireReplaceable}. */
export interface ReplaceableOptions {
  readonly disk: Disk;
  /** Whether a file may be replaced, and what then tells its name from other spellings of it. */
  readonly overwrite: false | { readonly spelling: Spelling };
  /** The file in messages. */
  readonly subject: string;
  /**
   * Makes the entry durable because of which a name is refused: a server that was killed may have placed it and no more,
   * and its client takes it for stored if it has the same bytes. Default: that does not matter.
   */
  readonly sync?: SyncFolder;
}

/**
 * Rejects with StoreError unless a file may take the name `finalPath`: it is free, or with `overwrite` it is that of a
 * regular file.
 */
export async function requireReplaceable(finalPath: string, options: ReplaceableOptions): Promise<"free" | "taken"> {
  const { disk, overwrite, subject, sync } = options;
  const existing = await disk.lstat(finalPath);
  if (existing === undefined) return "free";
  if (!overwrite) {
    await sync?.(dirname(finalPath));
    throw alreadyExists(subject);
  }
  describeRegularFile(existing, { name: "", subject });
  await overwrite.spelling.require(finalPath, subject);
  return "taken";
}

/** The refusal of a name that is taken. */
export function alreadyExists(subject: string): StoreError {
  return toStoreError(diskError("EEXIST"), subject);
}

/** Removes a file if it exists and can be removed. */
export function removeQuietly(disk: Disk, filePath: string): void {
  try {
    disk.unlink(filePath);
  } catch (error) {
    if (diskErrorCode(error) === undefined) throw error;
  }
}

/**
 * For disks without hard links: an empty file claims the name, exclusively, and is replaced in the same turn. Only a
 * crash between the two calls leaves the empty file.
 */
export async function claimAndRename(
  { disk, temporaryPath, finalPath }: Pick<Placement, "disk" | "temporaryPath" | "finalPath">,
): Promise<boolean> {
  const { O_CREAT, O_EXCL, O_WRONLY } = disk.flags;
  let descriptor: number;
  try {
    descriptor = disk.openSync(finalPath, O_WRONLY | O_CREAT | O_EXCL, CLAIM_MODE);
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    throw error;
  }
  let claim: FileIdentity | undefined;
  try {
    try {
      claim = disk.fstat(descriptor);
    } finally {
      disk.close(descriptor);
    }
    disk.renameSync(temporaryPath, finalPath);
  } catch (error) {
    await attemptAsync(async () => {
      const found = await disk.lstat(finalPath);
      // A file that another process put there in the meantime may even have the inode number of the replaced one.
      if (found?.size === 0 && (claim === undefined || isSameFile(claim, found))) disk.unlink(finalPath);
    });
    throw error;
  }
  return true;
}
