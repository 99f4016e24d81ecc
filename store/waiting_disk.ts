/**
 * A disk on which opening a file waits while the process, or the machine, has no free descriptor (EMFILE, ENFILE). So
 * fewer files are open at a time, instead of transfers failing.
 *
 * Calls wait in the order in which they came. The first one is repeated when this disk has closed a descriptor, and every
 * second, because other parts of the process and other processes close some as well. If that is of no use for 30 seconds,
 * the waiting calls fail.
 *
 * Nothing may hold a descriptor while it waits here, or all could wait for each other: a file is closed before its folder
 * is opened to be synced, and what needs several files at a time opens the others by `openSync`, which does not wait.
 * Only a lock is held meanwhile: it was taken while a second descriptor was free, which its holder has closed.
 *
 * Hot: `read` and `write` are called for every range of data.
 *
 * @module
 */

import type { Disk, DiskStats, FileLock, OpenFlags } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";

/** What the disk needs of its machine, see `app/platform.ts`. */
export interface WaitingDiskMachine {
  readonly disk: Disk;
  nowUs(): number;
  timer(action: () => void): { set(delayUs: number): void; clear(): void };
  defer<Value>(): PromiseWithResolvers<Value>;
}

/** Microseconds after which a call is repeated though nothing was closed here. */
const RETRY_INTERVAL_US = 1_000_000;

/** Calls fail when none has succeeded, and no descriptor was closed, for so long, microseconds. */
export const MAX_WAIT_US = 30_000_000;

const SHORTAGES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE"]);

/** A call that waits; `turn` resolves when it is to be repeated. */
interface Waiting {
  readonly number: number;
  readonly turn: PromiseWithResolvers<void>;
}

/** See the module's description. */
export class WaitingDisk implements Disk {
  readonly flags: OpenFlags;
  readonly hasModes: boolean;
  readonly hasLocks: boolean;
  readonly nameRules: Disk["nameRules"];
  readonly #machine: WaitingDiskMachine;
  readonly #disk: Disk;
  readonly #timer: ReturnType<WaitingDiskMachine["timer"]>;
  /** Waiting calls, in the order in which they were made. */
  readonly #waiting: Waiting[] = [];
  #callCount = 0;
  /** How often a descriptor became free. */
  #freedCount = 0;
  /** When a call last succeeded, or a descriptor was closed. */
  #progressUs = -Infinity;

  constructor(machine: WaitingDiskMachine) {
    this.#machine = machine;
    this.#disk = machine.disk;
    this.flags = machine.disk.flags;
    this.hasModes = machine.disk.hasModes;
    this.hasLocks = machine.disk.hasLocks;
    this.nameRules = machine.disk.nameRules;
    this.#timer = machine.timer(() => this.#callNext());
  }

  open(path: string, flags: number, mode?: number): Promise<number> {
    return this.#withDescriptor(() => this.#disk.open(path, flags, mode));
  }

  async readdir(folder: string): Promise<string[]> {
    const names = await this.#withDescriptor(() => this.#disk.readdir(folder));
    this.#onFreed();
    return names;
  }

  close(descriptor: number): void {
    try {
      this.#disk.close(descriptor);
    } finally {
      this.#onFreed();
    }
  }

  /** Never waits: its caller has the file open. */
  async tryLock(path: string): Promise<FileLock | undefined> {
    const lock = await this.#disk.tryLock(path);
    if (lock === undefined) {
      this.#onFreed();
      return undefined;
    }
    const release = (): void => {
      try {
        lock.release();
      } finally {
        this.#onFreed();
      }
    };
    return { dev: lock.dev, ino: lock.ino, release };
  }

  #onFreed(): void {
    this.#freedCount++;
    this.#onProgress();
  }

  /** Makes a call that needs a descriptor, after the earlier calls that wait for one. */
  async #withDescriptor<Result>(call: () => Promise<Result>): Promise<Result> {
    const calledUs = this.#machine.nowUs();
    const number = this.#callCount++;
    if (this.#waiting.length > 0) await this.#turn(number);
    for (;;) {
      const freedCount = this.#freedCount;
      try {
        const result = await call();
        this.#onProgress();
        return result;
      } catch (error) {
        const waitedUs = this.#machine.nowUs() - Math.max(calledUs, this.#progressUs);
        if (!SHORTAGES.has(diskErrorCode(error)) || waitedUs >= MAX_WAIT_US) {
          this.#callNext();
          throw error;
        }
      }
      // Otherwise a descriptor became free during the call, and perhaps too late for it.
      if (this.#freedCount === freedCount) await this.#turn(number);
    }
  }

  /** Waits for the turn of a call. */
  #turn(number: number): Promise<void> {
    const turn = this.#machine.defer<void>();
    if (this.#waiting.length === 0) this.#timer.set(RETRY_INTERVAL_US);
    const later = this.#waiting.findIndex((other) => other.number > number);
    this.#waiting.splice(later < 0 ? this.#waiting.length : later, 0, { number, turn });
    return turn.promise;
  }

  #onProgress(): void {
    this.#progressUs = this.#machine.nowUs();
    this.#callNext();
  }

  #callNext(): void {
    const next = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#timer.clear();
    else this.#timer.set(RETRY_INTERVAL_US);
    next?.turn.resolve();
  }

  // --- passed on ---

  get promisedSpace(): Disk["promisedSpace"] {
    return this.#disk.promisedSpace;
  }

  openSync(path: string, flags: number, mode?: number): number {
    return this.#disk.openSync(path, flags, mode);
  }

  read(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#disk.read(descriptor, buffer, offset, length, position);
  }

  write(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#disk.write(descriptor, buffer, offset, length, position);
  }

  fstat(descriptor: number): DiskStats {
    return this.#disk.fstat(descriptor);
  }

  fchmod(descriptor: number, mode: number): void {
    this.#disk.fchmod(descriptor, mode);
  }

  futimes(descriptor: number, modifiedUs: number): void {
    this.#disk.futimes(descriptor, modifiedUs);
  }

  fsync(descriptor: number, isSmall?: boolean): Promise<void> {
    return this.#disk.fsync(descriptor, isSmall);
  }

  stat(path: string): Promise<DiskStats> {
    return this.#disk.stat(path);
  }

  lstat(path: string): Promise<DiskStats | undefined> {
    return this.#disk.lstat(path);
  }

  rename(oldPath: string, newPath: string): Promise<void> {
    return this.#disk.rename(oldPath, newPath);
  }

  renameSync(oldPath: string, newPath: string): void {
    this.#disk.renameSync(oldPath, newPath);
  }

  link(existingPath: string, newPath: string): Promise<void> {
    return this.#disk.link(existingPath, newPath);
  }

  unlink(path: string): void {
    this.#disk.unlink(path);
  }

  removeFile(path: string): Promise<void> {
    return this.#disk.removeFile(path);
  }

  truncate(descriptor: number, sizeBytes: number): Promise<void> {
    return this.#disk.truncate(descriptor, sizeBytes);
  }

  mkdir(folder: string, mode: number): Promise<void> {
    return this.#disk.mkdir(folder, mode);
  }

  rmdir(folder: string): Promise<void> {
    return this.#disk.rmdir(folder);
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#disk.symlink(target, path);
  }

  lutimes(path: string, modifiedUs: number): Promise<void> {
    return this.#disk.lutimes(path, modifiedUs);
  }

  readlink(path: string): Promise<string> {
    return this.#disk.readlink(path);
  }

  realpath(path: string): Promise<string> {
    return this.#disk.realpath(path);
  }

  freeBytes(folder: string): Promise<number | undefined> {
    return this.#disk.freeBytes(folder);
  }

  randomBytes(count: number): Uint8Array {
    return this.#disk.randomBytes(count);
  }

  nowMs(): number {
    return this.#disk.nowMs();
  }
}
