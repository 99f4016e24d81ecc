/**
 * How a simulated disk behaves.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import type { NameRules } from "../../transfer/file_name.ts";
import type { DiskFaults } from "./faults.ts";

/** How a `SimulatedDisk` behaves. */
export interface SimulatedDiskOptions {
  /** Draws faults and temporary names. Default: seed 0. */
  readonly random?: Random;
  /** Default: none. */
  readonly faults?: DiskFaults;
  /** Milliseconds since 1970 of the simulated wall clock. Default: 0. */
  readonly nowMs?: () => number;
  /** The process's umask. Default: 0o022. */
  readonly umask?: number;
  /** Schedules the end of a call that waits for the device. Default: at once. */
  readonly schedule?: (run: () => void, delayUs: number) => void;
  /** Called when such a call has ended: its caller continues in the next microtask. */
  readonly onSettled?: () => void;
  /**
   * Names for which this returns the same are one entry, spelled as it was created: a disk that folds case, or Unicode.
   * Default: names are exact.
   */
  readonly foldName?: (name: string) => string;
  /** Whether the platform has locks. Default: true. */
  readonly hasLocks?: boolean;
  /** The rules for names that the disk claims to have; it enforces none. Default: "posix". */
  readonly nameRules?: NameRules;
}
