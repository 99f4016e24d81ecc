/**
 * The interface of a disk: the POSIX calls that the stores make, with the names and errors of node:fs, and the
 * machine's wall clock and randomness. `io/node_disk.ts` is the real disk, `sim/disk/disk.ts` a simulated one, which
 * can lose power.
 *
 * Calls that fail throw, or reject with, an Error whose `code` is that of the operating system ("ENOENT", "ENOSPC",
 * "EIO"). If Deno itself denies the call, the error's name is "NotCapable".
 *
 * Calls by path return a promise: the disk may be slow, or on a network, and must block nothing else. Calls on an open
 * descriptor return at once, from the page cache, but for fsync and {@link Disk.truncate}. `unlink`, and the two calls
 * that must have nothing in between, {@link Disk.openSync} and {@link Disk.renameSync}, are synchronous as well.
 *
 * @module
 */

import type { FileIdentity } from "./file_identity.ts";
import type { PromisedSpace } from "./promised_space.ts";
import type { NameRules } from "../transfer/file_name.ts";

/** Flags that are combined for {@link Disk.open}; 0 if the platform does not support one. */
export interface OpenFlags {
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  readonly O_CREAT: number;
  readonly O_EXCL: number;
  /** A symbolic link is an error (ELOOP). */
  readonly O_NOFOLLOW: number;
  /** Opening a FIFO does not block. */
  readonly O_NONBLOCK: number;
}

/**
 * The attributes of an entry; a part of node's `fs.Stats`. Times are milliseconds since 1970 UTC, perhaps with a fraction.
 */
export interface DiskStats {
  /** The disk that it is on. */
  readonly dev: number;
  /** The inode number: the same for all names of a file, and unique on its disk while the file exists. */
  readonly ino: number;
  /** The number of its names. */
  readonly nlink: number;
  readonly size: number;
  /** The space that it takes, in units of 512 bytes: less than its size where it has holes. */
  readonly blocks: number;
  readonly mode: number;
  /** Owner and group; 0 if the platform has none. */
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** The identity of a file that this process has locked; see {@link Disk.tryLock}. */
export interface FileLock extends FileIdentity {
  /** Ends the lock, and closes its descriptor. It is released even if this throws. */
  release(): void;
}

/** See the module's description. */
export interface Disk {
  readonly flags: OpenFlags;
  /** Whether the platform has modes: permission bits for owner, group and others. */
  readonly hasModes: boolean;
  /** The rules that its names follow. */
  readonly nameRules: NameRules;

  /** Opens a file, or to read a folder (for {@link fsync}), and returns its descriptor. `mode` is for a new file. */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** As {@link open}, in the same turn. */
  openSync(path: string, flags: number, mode?: number): number;
  /** The descriptor is closed even if this throws. */
  close(descriptor: number): void;
  /** Reads at most `length` bytes at `position` into `buffer` at `offset`; fewer is no error, 0 is the file's end. */
  read(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes at most `length` bytes of `buffer` from `offset` at `position`; returns how many, at least one. */
  write(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  fstat(descriptor: number): DiskStats;
  fchmod(descriptor: number, mode: number): void;
  /** Sets the times of access and of modification, microseconds since 1970 UTC; a disk may keep them less exactly. */
  futimes(descriptor: number, modifiedUs: number): void;
  /**
   * Makes durable the content that a file, or the entries that a folder, has at the time of the call. `isSmall` says that
   * this is little: a small file that was written as a whole, or a folder. Default: it may be much.
   */
  fsync(descriptor: number, isSmall?: boolean): Promise<void>;

  /** Follows symbolic links. */
  stat(path: string): Promise<DiskStats>;
  /** Does not follow symbolic links; undefined if there is no such entry. */
  lstat(path: string): Promise<DiskStats | undefined>;
  /** Replaces a file that has the new name. */
  rename(oldPath: string, newPath: string): Promise<void>;
  /** As {@link rename}, in the same turn. */
  renameSync(oldPath: string, newPath: string): void;
  /** Gives a file, or a symbolic link itself, a second name; EEXIST if the name is taken. */
  link(existingPath: string, newPath: string): Promise<void>;
  unlink(path: string): void;
  /** As {@link unlink}, without blocking: it may take long to free the space of a large file. */
  removeFile(path: string): Promise<void>;
  /** Cuts a file, which takes long if it frees much space, or extends it by zeros, which take no space. */
  truncate(descriptor: number, sizeBytes: number): Promise<void>;

  /** The names in a folder, in any order. */
  readdir(folder: string): Promise<string[]>;
  /** Creates a folder; EEXIST if the name is taken, ENOENT if the folder above is missing. */
  mkdir(folder: string, mode: number): Promise<void>;
  /** Removes an empty folder; ENOTEMPTY (or EEXIST) if it is not empty. */
  rmdir(folder: string): Promise<void>;
  /** Creates a symbolic link with this text; EEXIST if the name is taken. */
  symlink(target: string, path: string): Promise<void>;
  /** As {@link futimes}, for what is at a path: of a symbolic link its own times. */
  lutimes(path: string, modifiedUs: number): Promise<void>;
  /** The text of a symbolic link; EINVAL if it is none. */
  readlink(path: string): Promise<string>;
  /** The absolute path, without symbolic links. */
  realpath(path: string): Promise<string>;
  /**
   * Whether {@link tryLock} works here: Deno can try since 2.9, and where the lock of one descriptor keeps out all
   * others (Windows), it is of no use. A disk may have no locks all the same.
   */
  readonly hasLocks: boolean;
  /**
   * Locks the file at `path` for this caller alone; undefined if it is locked, by another process or this one. Follows
   * symbolic links and opens the file for reading and writing, so only for a path at which a regular file was just seen.
   * The lock ends with {@link FileLock.release} or the process, hinders nobody who does not ask for it, and takes a
   * descriptor, for which this never waits.
   */
  tryLock(path: string): Promise<FileLock | undefined>;
  /** Bytes available to this user on the disk of `folder`; undefined if that is unknown. */
  freeBytes(folder: string): Promise<number | undefined>;

  /** What this process has promised to files under way. */
  readonly promisedSpace: PromisedSpace;

  /** Unpredictable bytes. */
  randomBytes(count: number): Uint8Array;
  /** The wall clock: milliseconds since 1970 UTC. */
  nowMs(): number;
}
