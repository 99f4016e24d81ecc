/**
 * Opens the partial file of a transfer in the folder of its target: one with a random name, or one that is found again.
 *
 * A file that is found again has a name that follows from what it is for. Participants: this process, other processes of
 * this user, which may be at the same transfer, and other users of the machine. Goals: two transfers never write to one
 * partial file; bytes that another user has, or can get at, never become a part of ours. So it is used only while its
 * lock is held (taken before its first use, given back after its last name is gone or it is left), only in a folder to
 * which no other user may write, and only if it is a regular file of this user's with this one name. Otherwise the file
 * gets a random name, and does not resume: that is slower, and never wrong.
 *
 * What it holds is not trusted: it was never synced, and a crash may have left anything. Its user compares hashes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../transfer/file_name.ts";
import type { FileAttributes } from "../transfer/file_store.ts";
import type { Disk, DiskStats, FileLock } from "./disk.ts";
import { attempt, diskErrorCode, toStoreError } from "./disk_error.ts";
import { type FileIdentity, isSameFile } from "./file_identity.ts";
import { creationMode, isWritableByOthers, PARTIAL_MODE, PERMISSION_BITS } from "./file_mode.ts";
import { removeQuietly } from "./placement.ts";

/** A partial file, open for reading and writing. */
export interface PartialFile {
  readonly path: string;
  readonly descriptor: number;
  readonly identity: FileIdentity;
  /** The mode that a new file gets in this folder: what umask and default ACLs left of {@link creationMode}. */
  readonly freshMode: number;
  /** The size of what an earlier try left; 0 for a new file. */
  readonly foundBytes: number;
  /** The space that it has already. */
  readonly allocatedBytes: number;
  /** Held until the file's end. Undefined if it has a random name, and so is never found again. */
  readonly lock: FileLock | undefined;
}

/** Options of {@link openPartialFile}. */
export interface PartialFileOptions {
  readonly disk: Disk;
  /** The mode of the file that is sent. */
  readonly mode?: number | undefined;
  /** See {@link lastingName}. Default: a random name. */
  readonly lastingName?: string | undefined;
}

/** What a partial file is for: a transfer that is the same in all of this is the same transfer. */
export interface PartialPurpose extends Pick<FileAttributes, "sizeBytes" | "modifiedUs"> {
  /** Who sends it. */
  readonly purpose: string;
  /** Its target: the path on this disk, or in a store. */
  readonly path: string;
}

const NAME_BYTES = 16;
/** The names of partial files. */
export const PARTIAL_FILE_NAME: RegExp = /^\.sluice-[0-9a-f]{32}\.part$/;
/** The unit of {@link DiskStats.blocks}. */
const BLOCK_BYTES = 512;
/** The errors of flock(2) where the disk has no locks. */
const NO_LOCKS: ReadonlySet<string | undefined> = new Set(["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL"]);

/** The name under which the partial file of a transfer is found again. It tells nothing of what it is for. */
export function lastingName({ purpose, path, sizeBytes, modifiedUs = null }: FoundBy): string {
  // JSON keeps the parts apart whatever they contain.
  const digest = createHash("sha256").update(JSON.stringify([purpose, path, sizeBytes, modifiedUs])).digest();
  return nameOf(new Uint8Array(digest).subarray(0, NAME_BYTES));
}

type FoundBy = Omit<PartialPurpose, "modifiedUs"> & { readonly modifiedUs?: number | null | undefined };

/** Whether this is the name of a partial file of ours, as this version spells it. */
export function isPartialName(name: string): boolean {
  return PARTIAL_FILE_NAME.test(name);
}

/** Whether an error of {@link Disk.tryLock} means that nobody can lock a file there. */
export function isWithoutLocks(error: unknown): boolean {
  return NO_LOCKS.has(diskErrorCode(error));
}

/** Opens the partial file in `folder`, see the module's description. Rejects with an error of the disk. */
export async function openPartialFile(folder: string, options: PartialFileOptions): Promise<PartialFile> {
  const { disk, lastingName } = options;
  if (lastingName === undefined || !disk.hasLocks || isWritableByOthers((await disk.stat(folder)).mode)) {
    return await createRandom(folder, options);
  }
  const path = join(folder, lastingName);
  const created = await createLocked(path, options);
  if (created !== undefined) return created;
  const fresh = await createRandom(folder, options);
  return await adopt(path, fresh, disk) ?? fresh;
}

function nameOf(bytes: Uint8Array): string {
  return `${TEMPORARY_PREFIX}${bytes.toHex()}.part`;
}

function createRandom(folder: string, options: PartialFileOptions): Promise<PartialFile> {
  return createPrivate(join(folder, nameOf(options.disk.randomBytes(NAME_BYTES))), options);
}

/**
 * Creates a file with the mode of a new one, which the operating system restricts, and then makes it private. Reading the
 * umask instead would require another permission, and ignore default ACLs.
 */
async function createPrivate(path: string, { disk, mode }: PartialFileOptions): Promise<PartialFile> {
  const { O_CREAT, O_EXCL, O_RDWR } = disk.flags;
  const descriptor = await disk.open(path, O_RDWR | O_CREAT | O_EXCL, creationMode(mode));
  try {
    const { mode: freshMode, dev, ino } = disk.fstat(descriptor);
    attempt(() => disk.fchmod(descriptor, PARTIAL_MODE));
    const identity = { dev, ino };
    const none = { foundBytes: 0, allocatedBytes: 0, lock: undefined };
    return { path, descriptor, identity, freshMode: freshMode & PERMISSION_BITS, ...none };
  } catch (error) {
    attempt(() => disk.close(descriptor));
    removeQuietly(disk, path);
    throw error;
  }
}

/**
 * Creates the file and locks it; undefined if there is one, or it cannot be locked. One that another transfer has locked
 * first is that transfer's.
 */
async function createLocked(path: string, options: PartialFileOptions): Promise<PartialFile | undefined> {
  const { disk } = options;
  let created: PartialFile;
  try {
    created = await createPrivate(path, options);
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return undefined;
    throw error;
  }
  try {
    const lock = await lockOpened(created, disk);
    if (lock !== undefined) return { ...created, lock };
  } catch (error) {
    // Otherwise the file stays, empty, for the next try: another transfer may have found and locked it.
    if (isWithoutLocks(error)) removeQuietly(disk, path);
    toStoreError(error, "");
  }
  attempt(() => disk.close(created.descriptor));
  return undefined;
}

/** Opens what an earlier try left at `path`, in place of the new file `fresh`; undefined if it must not be used. */
async function adopt(path: string, fresh: PartialFile, disk: Disk): Promise<PartialFile | undefined> {
  let descriptor: number | undefined;
  let lock: FileLock | undefined;
  try {
    const own = disk.fstat(fresh.descriptor);
    const look = await disk.lstat(path);
    if (look === undefined || !isOwnPartial(look, own)) return undefined;
    const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = disk.flags;
    // Does not wait for a descriptor, as this has one.
    descriptor = disk.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    const identity = { dev: look.dev, ino: look.ino };
    lock = await lockOpened({ path, descriptor, identity }, disk);
    if (lock !== undefined) {
      // Also so that it counts as touched.
      disk.fchmod(descriptor, PARTIAL_MODE);
      const stats = disk.fstat(descriptor);
      if (isOwnPartial(stats, own) && (stats.mode & ~own.mode & PERMISSION_BITS) === 0) {
        attempt(() => disk.close(fresh.descriptor));
        removeQuietly(disk, fresh.path);
        const allocatedBytes = stats.blocks * BLOCK_BYTES;
        return { path, descriptor, identity, freshMode: fresh.freshMode, foundBytes: stats.size, allocatedBytes, lock };
      }
    }
  } catch (error) {
    toStoreError(error, "");
  }
  attempt(() => lock?.release());
  if (descriptor !== undefined) closeQuietly(disk, descriptor);
  return undefined;
}

function closeQuietly(disk: Disk, descriptor: number): void {
  attempt(() => disk.close(descriptor));
}

/** Whether a file is like one of this user's that was just created: on the same disk, with one name. */
function isOwnPartial(stats: DiskStats, own: DiskStats): boolean {
  return stats.isFile() && stats.nlink === 1 && stats.uid === own.uid && stats.dev === own.dev;
}

/**
 * Locks an open file; undefined if it is locked, or no longer the one at its path: until it had the lock, another
 * transfer may have completed the file and given it its final name.
 */
async function lockOpened(
  opened: Pick<PartialFile, "path" | "descriptor" | "identity">,
  disk: Disk,
): Promise<FileLock | undefined> {
  const { path, descriptor, identity } = opened;
  const lock = await disk.tryLock(path);
  if (lock === undefined) return undefined;
  try {
    const there = await disk.lstat(path);
    const isThis = [lock, there, disk.fstat(descriptor)].every((found) => isSameFile(identity, found));
    if (isThis && there?.nlink === 1) return lock;
  } catch (error) {
    attempt(() => lock.release());
    throw error;
  }
  attempt(() => lock.release());
  return undefined;
}
