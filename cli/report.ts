/**
 * What the client prints about finished transfers.
 *
 * @module
 */

import { basename } from "node:path";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes, formatDuration } from "../base/units.ts";
import type { TransferReport } from "../app/client/api.ts";
import type { FragileAttribute } from "../transfer/file_store.ts";
import { counted, formatRate, formatShare } from "./format.ts";
import type { Direction, FileRecord } from "./records.ts";
import { pad } from "./width.ts";

/** Whether both sides computed the same checksum. The connection has checked it, too. */
export function checksumsMatch(report: TransferReport): boolean {
  return report.serverSha256 !== "" && report.serverSha256 === report.localSha256;
}

/** How to print a report. */
export interface ReportOptions {
  /** With the checksum, in a line of its own. */
  readonly verbose: boolean;
  /** No other transfer ran on the connection, so that its counters are those of this one. */
  readonly isAlone: boolean;
}

/** Columns of a name, as of a progress bar's; a longer one moves the rest of its line. */
const NAME_COLUMNS = 24;
/** Columns of "1000.0 MB", "59 min 59 s" and "1000.0 MB/s". */
const SIZE_COLUMNS = 9;
const TIME_COLUMNS = 11;
const RATE_COLUMNS = 11;

/** A smaller share of retransmitted bytes is nothing to tell. */
const MIN_RETRANSMITTED_SHARE = 0.01;

/** A file that is done, in one line: its name, size, time and speed. */
export function reportLines(report: TransferReport, direction: Direction, options: ReportOptions): string[] {
  const { elapsedMs, localSha256, retransmittedBytes, reusedBytes, sentBytes, sizeBytes } = report;
  const cells = [
    pad(shownName(report), NAME_COLUMNS),
    pad(formatBytes(sizeBytes), SIZE_COLUMNS, { align: "right" }),
    pad(formatDuration(elapsedMs), TIME_COLUMNS, { align: "right" }),
    pad(formatRate(sizeBytes, elapsedMs), RATE_COLUMNS, { align: "right" }),
  ];
  if (reusedBytes > 0) cells.push(`${formatShare(reusedBytes, sizeBytes)} reused`);
  // For a received file only the server knows what it retransmitted; its log tells.
  const isTold = direction === "send" && options.isAlone && retransmittedBytes >= sentBytes * MIN_RETRANSMITTED_SHARE;
  if (isTold && retransmittedBytes > 0) cells.push(`${formatShare(retransmittedBytes, sentBytes)} retransmitted`);
  return [cells.join("  "), ...(options.verbose ? [`  sha256 ${localSha256}`] : [])];
}

/** Where the file is now, and what it was called before if that is another name. */
function shownName({ name, savedAs }: TransferReport): string {
  const shown = basename(name) === basename(savedAs) ? savedAs : `${name} -> ${savedAs}`;
  return sanitizeForDisplay(shown);
}

/** The record of a file that is done. */
export function fileRecord(report: TransferReport, action: Direction): FileRecord {
  const { elapsedMs, localSha256: sha256, name, reusedBytes, savedAs, sizeBytes } = report;
  return {
    type: "file",
    action,
    status: "done",
    name,
    savedAs,
    sizeBytes,
    reusedBytes,
    sha256,
    elapsedMs: Math.round(elapsedMs),
  };
}

/** What the disk did not keep of a stored file's attributes, at least one. */
export function describeNotKept(notKept: readonly FragileAttribute[]): string {
  return `the disk did not keep its ${notKept.join(" and ")} exactly`;
}

/** The result of many transfers. */
export interface Total {
  readonly count: number;
  /** How many succeeded, and the bytes of their files. */
  readonly doneCount: number;
  readonly doneBytes: number;
  readonly elapsedMs: number;
}

/** Many transfers in one line. */
export function totalLine(total: Total, direction: Direction): string {
  const { count, doneCount, doneBytes, elapsedMs } = total;
  const files = doneCount === count ? counted(count, "file") : `${doneCount} of ${counted(count, "file")}`;
  const verb = direction === "send" ? "sent" : "received";
  return `${files} ${verb} and verified, ${formatBytes(doneBytes)} in ${formatDuration(elapsedMs)}, ` +
    formatRate(doneBytes, elapsedMs);
}
