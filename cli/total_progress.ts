/**
 * Many transfers as one: one bar that shows the whole, and what came of all of them in the end.
 *
 * @module
 */

import type { Progress, TransferReport } from "../app/client/api.ts";
import type { ProgressTask } from "./console.ts";

/** One of many transfers. */
export interface PartProgress {
  update(progress: Progress): void;
  /** It is over; without a report it failed. Later calls change nothing. */
  end(report?: Pick<TransferReport, "sizeBytes">): void;
  /** It is to begin anew later. Later calls change nothing. */
  postpone(): void;
}

/** Adds up transfers for one bar. */
export class TotalProgress {
  readonly #count: number;
  readonly #task: ProgressTask;
  readonly #knownBytes: number | undefined;
  readonly #running = new Set<{ transferredBytes: number; totalBytes: number }>();
  #endedCount = 0;
  #doneCount = 0;
  #doneBytes = 0;

  /** `count` transfers in all, shown by `task`; their bytes, if the sizes are known from the start. */
  constructor(count: number, task: ProgressTask, totalBytes?: number) {
    this.#count = count;
    this.#task = task;
    this.#knownBytes = totalBytes;
  }

  /** Transfers that ended well. */
  get doneCount(): number {
    return this.#doneCount;
  }

  /** Bytes of the files of those. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** A transfer begins. */
  begin(): PartProgress {
    const part = { transferredBytes: 0, totalBytes: 0 };
    this.#running.add(part);
    return {
      update: ({ transferredBytes, totalBytes }) => {
        part.transferredBytes = transferredBytes;
        part.totalBytes = totalBytes;
        this.#show();
      },
      end: (report) => {
        if (!this.#running.delete(part)) return;
        this.#endedCount++;
        if (report !== undefined) {
          this.#doneCount++;
          this.#doneBytes += report.sizeBytes;
        }
        this.#show();
      },
      postpone: () => {
        this.#running.delete(part);
      },
    };
  }

  /** Takes the bar away. */
  finish(): void {
    this.#task.finish();
  }

  #show(): void {
    let transferredBytes = this.#doneBytes;
    let knownBytes = this.#doneBytes;
    let knownCount = this.#doneCount;
    for (const part of this.#running) {
      transferredBytes += part.transferredBytes;
      knownBytes += part.totalBytes;
      if (part.totalBytes > 0) knownCount++;
    }
    // Files of which nothing is known yet are expected to be as large as the others; those that failed no longer count.
    const remainingCount = this.#count - (this.#endedCount - this.#doneCount);
    const expectedBytes = knownCount === 0 ? 0 : Math.round(knownBytes / knownCount * remainingCount);
    const totalBytes = this.#knownBytes ?? expectedBytes;
    this.#task.update({
      name: `${this.#endedCount} of ${this.#count} files`,
      transferredBytes: Math.min(transferredBytes, totalBytes),
      totalBytes,
      phase: "transferring",
    });
  }
}
