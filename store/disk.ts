/**
 * The disk as the stores see it: the calls of POSIX that they make, under the names and with the errors of node:fs,
 * and the two things of the machine around it, its wall clock and its randomness. `io/node_disk.ts` is the real one,
 * `sim/disk/disk.ts` one that can lose its power.
 *
 * What fails throws, or rejects with, an Error whose `code` is the operating system's ("ENOENT", "ENOSPC", "EIO").
 * Where Deno itself denies the call, the error's name is "NotCapable".
 *
 * Calls by a path return a promise: the disk may be slow, or at the other end of a network, and holds up nothing else.
 * Calls on an open descriptor return at once, from the page cache, but for fsync. `unlink`, and the two calls that must
 * have nothing in between, {@link Disk.openSync} and {@link Disk.renameSync}, are synchronous as well.
 *
 * @module
 */

/** Numbers that are added up for {@link Disk.open}; 0 where the platform knows no such thing. */
export interface OpenFlags {
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  readonly O_CREAT: number;
  readonly O_EXCL: number;
  /** A symbolic link is an error (ELOOP). */
  readonly O_NOFOLLOW: number;
  /** A FIFO does not hold up the program. */
  readonly O_NONBLOCK: number;
}

/** What a look at an entry says of it; a part of node's `fs.Stats`. Times are milliseconds since 1970 UTC. */
export interface DiskStats {
  /** The disk that it is on. */
  readonly dev: number;
  /** The same for all names of one file, and for no other file of that disk as long as it is there. */
  readonly ino: number;
  /** How many names it has. */
  readonly nlink: number;
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** See the module's description. */
export interface Disk {
  readonly flags: OpenFlags;

  /** Opens a file, or to read a folder (for {@link fsync}), and returns its descriptor. `mode` is for a new file. */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** As {@link open}, in the same turn. */
  openSync(path: string, flags: number, mode?: number): number;
  /** The descriptor is gone, also when this throws. */
  close(descriptor: number): void;
  /** Reads at most `length` bytes at `position` into `buffer` at `offset`; fewer is no error, 0 is the file's end. */
  read(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes at most `length` bytes of `buffer` from `offset` at `position`; returns how many, at least one. */
  write(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  fstat(descriptor: number): DiskStats;
  fchmod(descriptor: number, mode: number): void;
  /** Sets the times of access and of modification. */
  futimes(descriptor: number, modifiedMs: number): void;
  /** Makes durable what a file holds, or the entries of a folder, at the time of the call. */
  fsync(descriptor: number): Promise<void>;

  /** Follows symbolic links. */
  stat(path: string): Promise<DiskStats>;
  /** Of the entry itself; undefined where there is none. */
  lstat(path: string): Promise<DiskStats | undefined>;
  /** Replaces whatever file bears the new name. */
  rename(oldPath: string, newPath: string): Promise<void>;
  /** As {@link rename}, in the same turn. */
  renameSync(oldPath: string, newPath: string): void;
  /** A second name for a file; EEXIST where the name is taken. */
  link(existingPath: string, newPath: string): Promise<void>;
  unlink(path: string): void;

  /** The names in a folder, in any order. */
  readdir(folder: string): Promise<string[]>;
  /** Makes a folder, and those above it, where they are not there; `mode` is for each that it makes. */
  mkdir(folder: string, mode: number): Promise<void>;
  /** The absolute path, without symbolic links. */
  realpath(path: string): Promise<string>;
  /** Bytes available to this user on the disk that holds `folder`, or undefined where that is not known. */
  freeBytes(folder: string): Promise<number | undefined>;

  /** Bytes that nobody can guess. */
  randomBytes(count: number): Uint8Array;
  /** The wall clock: milliseconds since 1970 UTC. */
  nowMs(): number;
}
