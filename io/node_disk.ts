/**
 * The {@link Disk} of this machine. Hot: `read` and `write` are called for every stretch of data.
 *
 * node:fs and not `Deno.FsFile`: positional reads and writes in one call, at equal speed for 16 KiB and 1 MiB.
 *
 * @module
 */

import fs from "node:fs";
import { constants } from "node:os";
import { setImmediate } from "node:timers";
import { promisify } from "node:util";
import type { Disk, FileLock } from "../store/disk.ts";
import { diskErrorCode } from "../store/disk_error.ts";
import { PromisedSpace } from "../store/promised_space.ts";
import { nowUs, randomBytes } from "./clock.ts";
import { loadLutimes, loadSymlink } from "./native_links.ts";
import { loadNativeStat } from "./native_stat.ts";
import { ShortCalls } from "./short_calls.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
// Windows has neither of the two.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);
const open = promisify(fs.open);

/** Loaded with this module: once a program has given up permissions, it can load nothing. */
const symlink = loadSymlink() ?? fs.promises.symlink;
const lutimes = loadLutimes() ??
  ((path, modifiedUs) => fs.promises.lutimes(path, nodeTime(modifiedUs), nodeTime(modifiedUs)));

const nativeStat = loadNativeStat();

const shortCallsOptions = { nowUs, inNextTurn: (action: () => void) => void setImmediate(action) };
const shortCalls = new ShortCalls(shortCallsOptions);
/** Apart: a disk that is slow to sync may be quick to everything else. Files that are synced together share what follows. */
const shortSyncs = new ShortCalls({ ...shortCallsOptions, beginsLater: true });

const HALF_MICROSECOND_S = 0.000_000_5;

/** See the module's description. */
export const nodeDisk: Disk = {
  flags: { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK },
  hasModes: Deno.build.os !== "windows",
  nameRules: Deno.build.os === "windows" ? "windows" : "posix",

  open: (path, flags, mode) => short(() => fs.openSync(path, flags, mode), () => open(path, flags, mode)),
  openSync: (path, flags, mode) => coded(() => fs.openSync(path, flags, mode)),
  close: (descriptor) => coded(() => fs.closeSync(descriptor)),
  read(descriptor, buffer, offset, length, position) {
    try {
      return fs.readSync(descriptor, buffer, offset, length, position);
    } catch (error) {
      throw withCode(error);
    }
  },
  write(descriptor, buffer, offset, length, position) {
    try {
      return fs.writeSync(descriptor, buffer, offset, length, position);
    } catch (error) {
      throw withCode(error);
    }
  },
  fstat: (descriptor) => nativeStat?.(descriptor) ?? coded(() => fs.fstatSync(descriptor)),
  fchmod: (descriptor, mode) => coded(() => fs.fchmodSync(descriptor, mode)),
  futimes(descriptor, modifiedUs) {
    const time = nodeTime(modifiedUs);
    coded(() => fs.futimesSync(descriptor, time, time));
  },
  fsync(descriptor, isSmall = false) {
    const inPool = () => fsync(descriptor).catch(rethrow);
    return isSmall ? shortSyncs.run(() => coded(() => fs.fsyncSync(descriptor)), inPool) : inPool();
  },

  stat: (path) => short(() => fs.statSync(path), () => fs.promises.stat(path)),
  lstat: (path) => shortCalls.run(() => lstatSync(path), () => fs.promises.lstat(path).catch(undefinedWhereMissing)),
  rename: (oldPath, newPath) =>
    short(() => fs.renameSync(oldPath, newPath), () => fs.promises.rename(oldPath, newPath)),
  renameSync: (oldPath, newPath) => coded(() => fs.renameSync(oldPath, newPath)),
  link: (existingPath, newPath) =>
    short(() => fs.linkSync(existingPath, newPath), () => fs.promises.link(existingPath, newPath)),
  unlink: (path) => coded(() => fs.unlinkSync(path)),
  removeFile: (path) => fs.promises.unlink(path).catch(rethrow),
  truncate: (descriptor, sizeBytes) => ftruncate(descriptor, sizeBytes).catch(rethrow),

  readdir: (folder) => fs.promises.readdir(folder).catch(rethrow),
  mkdir: (folder, mode) => fs.promises.mkdir(folder, { mode }).then(() => {}, rethrow),
  rmdir: (folder) => fs.promises.rmdir(folder).catch(rethrow),
  symlink: (target, path) => symlink(target, path).catch(rethrow),
  lutimes: (path, modifiedUs) => lutimes(path, modifiedUs).catch(rethrow),
  readlink: (path) => fs.promises.readlink(path).catch(rethrow),
  realpath: (path) => short(() => fs.realpathSync(path), () => fs.promises.realpath(path)),
  hasLocks: Deno.build.os !== "windows" && "tryLock" in Deno.FsFile.prototype,
  tryLock,
  freeBytes,
  promisedSpace: new PromisedSpace(),

  randomBytes,
  nowMs: () => Date.now(),
};

/**
 * The time as node:fs takes it. Deno takes a negative number for the present time, and refuses a fraction of a second
 * before 1970: such a time is rounded down.
 *
 * A fraction as a number of seconds is a little more or less than the time meant, and Deno cuts it; it is increased by
 * so little, in the far future by a unit of the number's precision, that it is never less.
 */
function nodeTime(timeUs: number): number | Date {
  const seconds = timeUs / 1e6;
  if (seconds < 0 || Number.isInteger(seconds)) return new Date(Math.floor(seconds) * 1000);
  return seconds + Math.max(HALF_MICROSECOND_S, seconds * Number.EPSILON);
}

/** Deno before 2.9 does not have the method. */
interface Lockable {
  tryLock?(exclusive: boolean): Promise<boolean>;
}

/** By a descriptor of its own: node:fs has no locks. */
async function tryLock(path: string): Promise<FileLock | undefined> {
  const file: Deno.FsFile & Lockable = await Deno.open(path, { read: true, write: true }).catch(rethrow);
  try {
    const { dev, ino } = await file.stat();
    if (await file.tryLock?.(true)) return { dev, ino: ino ?? 0, release: () => file.close() };
  } catch (error) {
    file.close();
    rethrow(error);
  }
  file.close();
  return undefined;
}

/** What the operating system says of free space; undefined without permission (--allow-sys=statfs) or answer. */
async function freeBytes(folder: string): Promise<number | undefined> {
  // Asked first: on a terminal, Deno would stop and ask the user.
  if (Deno.permissions.querySync({ name: "sys", kind: "statfs" }).state !== "granted") return undefined;
  try {
    const { bavail, bsize } = await short(() => fs.statfsSync(folder), () => fs.promises.statfs(folder));
    return bavail * bsize;
  } catch (error) {
    if (diskErrorCode(withCode(error)) === undefined) throw error;
    return undefined;
  }
}

/** A call by path, in both ways of node:fs. */
function short<Result>(here: () => Result, inPool: () => Promise<Result>): Promise<Result> {
  return shortCalls.run(() => coded(here), () => inPool().catch(rethrow));
}

function lstatSync(path: string): fs.Stats | undefined {
  try {
    // Without an error for what is missing, which takes longer to make than the call.
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return undefinedWhereMissing(error);
  }
}

function coded<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw withCode(error);
  }
}

function rethrow(error: unknown): never {
  throw withCode(error);
}

function undefinedWhereMissing(error: unknown): undefined {
  if (diskErrorCode(withCode(error)) !== "ENOENT") rethrow(error);
  return undefined;
}

/**
 * The same error, with the `code` of the operating system's error that it stands for. Deno gives the rarer ones none
 * (EFBIG, EDQUOT): their number stands at the end of the message.
 */
export function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || "code" in error && typeof error.code === "string") return error;
  const number = /\(os error (\d+)\)$/.exec(error.message)?.[1];
  return number === undefined ? error : Object.assign(error, { code: codeOfNumber(Number(number)) });
}

/** Windows counts its errors in its own way. */
function codeOfNumber(number: number): string {
  const errno = Deno.build.os === "windows" ? [] : Object.entries(constants.errno);
  return errno.find(([, value]) => value === number)?.[0] ?? `OS${number}`;
}
