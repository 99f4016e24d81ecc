/**
 * What a server's RESULT means for a file that was sent.
 *
 * @module
 */

import type { TransferFailure } from "../failure.ts";
import { type ResultMessage, ResultStatus } from "../messages.ts";
import type { TransferOutcome } from "./request.ts";

/** The outcome of a put; `localSha256` is this side's, hex, and empty if the file was not read to its end. */
export function outcomeOfPut(
  { status, sha256, savedName }: ResultMessage,
  { localSha256, isKept, ...sizes }: {
    readonly localSha256: string;
    readonly sizeBytes: number;
    readonly reusedBytes: number;
    /** Whether the server keeps what does not agree, and compares it with the next try. */
    readonly isKept: boolean;
  },
): TransferOutcome | TransferFailure {
  const serverSha256 = sha256.toHex();
  if (status === ResultStatus.verified && localSha256 === serverSha256) {
    return { kind: "done", file: { savedAs: savedName, ...sizes, serverSha256, localSha256, notKept: [] } };
  }
  const isMismatch = status === ResultStatus.checksumMismatch;
  const advice = !isMismatch
    ? "what the server stored is not what was sent: check it, and send it again with --force"
    : !isKept
    ? "send it again"
    : "send it again; what the server kept of it is compared, and only what differs is sent";
  const message = `the checksums differ (here ${localSha256}, on the server ${serverSha256}); ${advice}`;
  // Damaged on its way, perhaps.
  return { kind: "failed", message, ...(isMismatch ? { retry: "once" } : {}) };
}
