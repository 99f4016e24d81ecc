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

/** What is known of a running transfer, bytes. */
interface Part {
  transferredBytes: number;
  totalBytes: number;
}

/** Adds up transfers for one bar. */
export class TotalProgress {
  readonly #count: number;
  readonly #task: ProgressTask;
  readonly #knownBytes: number | undefined;
  /** Those that run, and the sums of what is known of them, which are too many to be added up for each that changes. */
  readonly #running = new Set<Part>();
  #runningTransferredBytes = 0;
  #runningTotalBytes = 0;
  #runningKnownCount = 0;
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
    const part: Part = { transferredBytes: 0, totalBytes: 0 };
    this.#running.add(part);
    return {
      update: (progress) => {
        if (this.#running.has(part)) this.#set(part, progress);
        this.#show();
      },
      end: (report) => {
        if (!this.#remove(part)) return;
        this.#endedCount++;
        if (report !== undefined) {
          this.#doneCount++;
          this.#doneBytes += report.sizeBytes;
        }
        this.#show();
      },
      postpone: () => {
        this.#remove(part);
      },
    };
  }

  /** Takes the bar away. */
  finish(): void {
    this.#task.finish();
  }

  #remove(part: Part): boolean {
    if (!this.#running.delete(part)) return false;
    this.#set(part, { transferredBytes: 0, totalBytes: 0 });
    return true;
  }

  #set(part: Part, { transferredBytes, totalBytes }: Part): void {
    this.#runningTransferredBytes += transferredBytes - part.transferredBytes;
    this.#runningTotalBytes += totalBytes - part.totalBytes;
    this.#runningKnownCount += Number(totalBytes > 0) - Number(part.totalBytes > 0);
    part.transferredBytes = transferredBytes;
    part.totalBytes = totalBytes;
  }

  #show(): void {
    const transferredBytes = this.#doneBytes + this.#runningTransferredBytes;
    const knownBytes = this.#doneBytes + this.#runningTotalBytes;
    const knownCount = this.#doneCount + this.#runningKnownCount;
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
