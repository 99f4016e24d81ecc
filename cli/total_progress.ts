/**
 * All transfers of a command as one: one bar that shows the whole, and what came of all of them in the end.
 *
 * @module
 */

import type { Progress, TransferReport } from "../app/client/api.ts";
import type { ProgressTask } from "./console.ts";

/** One of the transfers. */
export interface PartProgress {
  update(progress: Progress): void;
  /** It is over; without a report it failed, or there was nothing to do. Later calls change nothing. */
  end(report?: Pick<TransferReport, "sizeBytes">): void;
  /** It is to begin anew later. Later calls change nothing. */
  postpone(): void;
}

/** What is known of a transfer that has not ended, bytes. */
interface Part {
  transferredBytes: number;
  /** 0 until it is known. */
  totalBytes: number;
}

/** Adds up transfers for one bar. */
export class TotalProgress {
  readonly #count: number;
  readonly #task: ProgressTask;
  /** Sums over those that run, which are too many to be added up for each that changes. */
  readonly #running = new Set<Part>();
  #runningTransferredBytes = 0;
  /** Of those that have not ended, and whose size is known: how many they are, and their bytes. */
  #knownCount = 0;
  #knownBytes = 0;
  #endedCount = 0;
  /** The bytes of those that have ended, however. */
  #endedBytes = 0;

  /** Transfers of these sizes, bytes, as far as they are known, shown by `task`. */
  constructor(sizes: readonly (number | undefined)[], task: ProgressTask) {
    this.#count = sizes.length;
    this.#task = task;
    for (const sizeBytes of sizes) if (sizeBytes !== undefined) this.#know(sizeBytes);
  }

  /** A transfer begins, of the size that the constructor was told. */
  begin(sizeBytes?: number): PartProgress {
    const part: Part = { transferredBytes: 0, totalBytes: sizeBytes ?? 0 };
    let isKnown = sizeBytes !== undefined;
    this.#running.add(part);
    const set = ({ totalBytes, transferredBytes }: Part) => {
      if (totalBytes > 0 && !isKnown) {
        this.#know(0);
        isKnown = true;
      }
      if (isKnown) this.#knownBytes += totalBytes - part.totalBytes;
      this.#runningTransferredBytes += transferredBytes - part.transferredBytes;
      part.transferredBytes = transferredBytes;
      part.totalBytes = totalBytes;
    };
    return {
      update: (progress) => {
        if (!this.#running.has(part)) return;
        // A transfer that is asked for anew does not know its size yet.
        set({ transferredBytes: progress.transferredBytes, totalBytes: progress.totalBytes || part.totalBytes });
        this.#show(progress);
      },
      end: (report) => {
        if (!this.#running.delete(part)) return;
        const totalBytes = report?.sizeBytes ?? part.totalBytes;
        set({ transferredBytes: 0, totalBytes });
        if (isKnown) this.#know(-totalBytes, -1);
        this.#endedCount++;
        this.#endedBytes += totalBytes;
        this.#show();
      },
      postpone: () => {
        if (!this.#running.delete(part)) return;
        set({ transferredBytes: 0, totalBytes: sizeBytes ?? 0 });
        if (isKnown && sizeBytes === undefined) this.#know(0, -1);
      },
    };
  }

  /** Takes the bar away. */
  finish(): void {
    this.#task.finish();
  }

  #know(bytes: number, count = 1): void {
    this.#knownBytes += bytes;
    this.#knownCount += count;
  }

  #show(progress?: Progress): void {
    if (this.#count === 1 && progress !== undefined) return this.#task.update(progress);
    if (this.#count === 1) return;
    const transferredBytes = this.#endedBytes + this.#runningTransferredBytes;
    const totalBytes = Math.max(transferredBytes, this.#expectedBytes);
    const isAllThere = totalBytes > 0 && transferredBytes === totalBytes && this.#endedCount < this.#count;
    // All transfers share a connection.
    const isConnecting = progress?.phase === "connecting";
    this.#task.update({
      name: `${this.#endedCount}/${this.#count} files`,
      transferredBytes,
      totalBytes,
      phase: isConnecting ? "connecting" : isAllThere ? "verifying" : "transferring",
    });
  }

  /** Files of unknown size are expected to be as large as the others. */
  get #expectedBytes(): number {
    const sizedBytes = this.#endedBytes + this.#knownBytes;
    const sizedCount = this.#endedCount + this.#knownCount;
    return sizedCount === 0 ? 0 : Math.round(sizedBytes / sizedCount * this.#count);
  }
}
