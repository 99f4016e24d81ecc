/**
 * What goes wrong on a simulated disk, drawn from a seed, and counts of what was asked of it and of what went wrong.
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
] as const;

/** What can be asked of a disk, and can fail. The sync of a folder is an operation of its own. */
export type DiskOperation = typeof DISK_OPERATIONS[number];

/** What goes wrong. Default: nothing. */
export interface DiskFaults {
  /** Bytes that the disk holds, in whole pages; lower it in the middle of a run, and the disk is full (ENOSPC). */
  readonly capacityBytes?: number;
  /** How probable it is that an operation fails (EIO). */
  readonly errorRates?: Readonly<Partial<Record<DiskOperation, number>>>;
  /** How probable it is that a read, or a write, does a part of what it was asked. */
  readonly shortRate?: number;
  /** How long a call takes that waits for the device; drawn evenly. */
  readonly delayUs?: { readonly min: number; readonly max: number };
  /** Whether the disk cannot give a file a second name (EPERM), as FAT. */
  readonly hasNoLinks?: boolean;
}

/** What a {@link DiskMeter} draws from, and what. */
export interface DiskMeterOptions {
  readonly random: Random;
  readonly faults: DiskFaults;
}

/** Draws the faults, and counts. */
export class DiskMeter {
  /** May be replaced at any time. */
  faults: DiskFaults;
  /**
   * Called before each operation takes effect. What it throws is what the operation throws; it counts as no fault.
   */
  beforeOperation: ((operation: DiskOperation) => void) | undefined;
  /** How often each operation was begun. */
  readonly operations: Readonly<Record<DiskOperation, number>>;
  /** How often something went wrong, by what it was: "EIO write", "ENOSPC write", "short read", "crash". */
  readonly faultCounts: ReadonlyMap<string, number>;
  readonly #random: Random;
  readonly #operations: Record<DiskOperation, number>;
  readonly #faultCounts = new Map<string, number>();

  constructor({ random, faults }: DiskMeterOptions) {
    this.#random = random;
    this.faults = faults;
    const none = DISK_OPERATIONS.map((operation) => [operation, 0]);
    this.operations = this.#operations = Object.fromEntries(none) as Record<DiskOperation, number>;
    this.faultCounts = this.#faultCounts;
  }

  /** Counts an operation that is about to take effect; throws where it fails instead. */
  begin(operation: DiskOperation): void {
    this.#operations[operation]++;
    this.beforeOperation?.(operation);
    const rate = this.faults.errorRates?.[operation];
    if (rate !== undefined && this.#random.chance(rate)) throw this.fault("EIO", operation);
  }

  /** Counts a fault, and returns the error that tells of it. */
  fault(code: string, operation: DiskOperation): Error {
    this.count(`${code} ${operation}`);
    return diskError(code, `${code}: a fault was drawn, ${operation}`);
  }

  /** Counts something that went wrong. */
  count(fault: string): void {
    this.#faultCounts.set(fault, (this.#faultCounts.get(fault) ?? 0) + 1);
  }

  /** How much of `length` bytes a read or write does: at least one, if there is one. */
  shorten(operation: "read" | "write", length: number): number {
    if (length < 2 || !this.#random.chance(this.faults.shortRate ?? 0)) return length;
    this.count(`short ${operation}`);
    return this.#random.integer(1, length - 1);
  }

  /** How long the next call takes that waits for the device. */
  drawDelayUs(): number {
    const { delayUs } = this.faults;
    return delayUs === undefined ? 0 : this.#random.integer(delayUs.min, delayUs.max);
  }
}
