/**
 * The faults of a simulated disk, drawn from a seed, and counters of operations and faults.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import { diskError } from "../../store/disk_error.ts";

/** Every operation that is counted. */
export const DISK_OPERATIONS = [
  "open",
  "close",
  "read",
  "write",
  "fstat",
  "fchmod",
  "fsync",
  "fsync-folder",
  "stat",
  "lstat",
  "futimes",
  "rename",
  "link",
  "unlink",
  "readdir",
  "mkdir",
  "realpath",
  "lock",
  "statfs",
  "rmdir",
  "symlink",
  "readlink",
] as const;

/** An operation of a disk, which can fail. The fsync of a folder is a separate one. */
export type DiskOperation = typeof DISK_OPERATIONS[number];

/** The faults of a disk. Default: none. */
export interface DiskFaults {
  /** Capacity, in whole pages; if it is lowered during a run, the disk can be full (ENOSPC). */
  readonly capacityBytes?: number;
  /** The number of descriptors that the process may have open; listing a folder needs one (EMFILE). */
  readonly maxDescriptors?: number;
  /** The probability that an operation fails (EIO). */
  readonly errorRates?: Readonly<Partial<Record<DiskOperation, number>>>;
  /** The probability that a read or write is short. */
  readonly shortRate?: number;
  /** How long fsync, rename and link take, which wait for the device; uniformly distributed. */
  readonly delayUs?: { readonly min: number; readonly max: number };
  /** How long the other calls by a path take; uniformly distributed. */
  readonly lookupDelayUs?: { readonly min: number; readonly max: number };
  /** The unit of modification times, to which they are rounded down, as on FAT. Default: exact. */
  readonly timeUnitMs?: number;
  /** Whether the disk has no hard links (EPERM), as FAT. */
  readonly hasNoLinks?: boolean;
  /** Whether the disk has no locks (ENOLCK), as some on a network. */
  readonly hasNoLocks?: boolean;
}

/** What a {@link DiskMeter} is made with. */
export interface DiskMeterOptions {
  readonly random: Random;
  readonly faults: DiskFaults;
}

/** Draws the faults, and counts them and the operations. */
export class DiskMeter {
  /** May be replaced at any time. */
  faults: DiskFaults;
  /**
   * Called before each operation takes effect. What it throws is what the operation throws; it counts as no fault.
   */
  beforeOperation: ((operation: DiskOperation) => void) | undefined;
  /** How often each operation was started. */
  readonly operations: Readonly<Record<DiskOperation, number>>;
  /** How often each fault happened: "EIO write", "ENOSPC write", "short read", "crash". */
  readonly faultCounts: ReadonlyMap<string, number>;
  readonly #random: Random;
  /** Of its own, so that slow look-ups change no other fault. */
  readonly #lookupRandom: Random;
  readonly #operations: Record<DiskOperation, number>;
  readonly #faultCounts = new Map<string, number>();

  constructor({ random, faults }: DiskMeterOptions) {
    this.#random = random;
    this.#lookupRandom = random.fork("look-ups");
    this.faults = faults;
    const none = DISK_OPERATIONS.map((operation) => [operation, 0]);
    this.operations = this.#operations = Object.fromEntries(none) as Record<DiskOperation, number>;
    this.faultCounts = this.#faultCounts;
  }

  /** Counts an operation that is about to take effect; throws if it fails instead. */
  begin(operation: DiskOperation): void {
    this.#operations[operation]++;
    this.beforeOperation?.(operation);
    const rate = this.faults.errorRates?.[operation];
    if (rate !== undefined && this.#random.chance(rate)) throw this.fault("EIO", operation);
  }

  /** Counts a fault, and returns its error. */
  fault(code: string, operation: DiskOperation): Error {
    this.count(`${code} ${operation}`);
    return diskError(code, `${code}: a fault was drawn, ${operation}`);
  }

  /** Counts a fault. */
  count(fault: string): void {
    this.#faultCounts.set(fault, (this.#faultCounts.get(fault) ?? 0) + 1);
  }

  /** How many of `length` bytes a read or write transfers: at least one, if there is one. */
  shorten(operation: "read" | "write", length: number): number {
    if (length < 2 || !this.#random.chance(this.faults.shortRate ?? 0)) return length;
    this.count(`short ${operation}`);
    return this.#random.integer(1, length - 1);
  }

  /** Draws how long the next call that waits for the device takes. */
  drawDelayUs(): number {
    const { delayUs } = this.faults;
    return delayUs === undefined ? 0 : this.#random.integer(delayUs.min, delayUs.max);
  }

  /** Draws how long the next other call by a path takes. */
  drawLookupDelayUs(): number {
    const { lookupDelayUs } = this.faults;
    return lookupDelayUs === undefined ? 0 : this.#lookupRandom.integer(lookupDelayUs.min, lookupDelayUs.max);
  }
}

/** The time that a disk keeps, milliseconds. */
export function keptTimeMs(timeUs: number, { timeUnitMs }: Pick<DiskFaults, "timeUnitMs">): number {
  const timeMs = timeUs / 1000;
  return timeUnitMs === undefined ? timeMs : Math.floor(timeMs / timeUnitMs) * timeUnitMs;
}
