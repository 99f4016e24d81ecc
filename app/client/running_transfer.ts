/**
 * A transfer under way.
 *
 * @module
 */

import type { TransferFailure } from "../../transfer/failure.ts";
import type { Progress } from "./api.ts";

/** How far a transfer is, and what gives it up. */
export interface RunningTransfer {
  readonly sizeBytes: number;
  readonly transferredBytes: number;
  /** Ends it with this failure. The server may carry out a small one all the same, if it has been sent. */
  cancel(failure: TransferFailure): void;
}

/** What a user is told of it; `name` is the file as the user named it. */
export function progressOf(name: string, transfer: RunningTransfer): Progress {
  const { sizeBytes: totalBytes, transferredBytes } = transfer;
  const phase = totalBytes > 0 && transferredBytes === totalBytes ? "verifying" : "transferring";
  return { name, transferredBytes, totalBytes, phase };
}
