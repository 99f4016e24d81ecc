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
import { pad, widthOf } from "./width.ts";

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
  /** Of the terminal: where the cells of a table have no room, they are set close together. */
  readonly columns: number;
}

/** Of a name, as of a progress bar's, which moves the rest of its line if it is longer; of size, time and rate. */
const COLUMNS = [24, "1000.0 MB".length, "59 min 59 s".length, "1000.0 MB/s".length] as const;

/** A smaller share of retransmitted bytes is nothing to tell. */
const MIN_RETRANSMITTED_SHARE = 0.01;

/** A file that is done, in one line: its name, size, time and speed. */
export function reportLines(report: TransferReport, direction: Direction, options: ReportOptions): string[] {
  const { elapsedMs, localSha256, retransmittedBytes, reusedBytes, sentBytes, sizeBytes } = report;
  const cells = [
    shownName(report),
    formatBytes(sizeBytes),
    formatDuration(elapsedMs),
    formatRate(sizeBytes, elapsedMs),
  ];
  const notes: string[] = [];
  if (reusedBytes > 0) notes.push(`${formatShare(reusedBytes, sizeBytes)} reused`);
  // For a received file only the server knows what it retransmitted; its log tells.
  const isTold = direction === "send" && options.isAlone && retransmittedBytes >= sentBytes * MIN_RETRANSMITTED_SHARE;
  if (isTold && retransmittedBytes > 0) notes.push(`${formatShare(retransmittedBytes, sentBytes)} retransmitted`);
  const table = [...cells.map((cell, at) => pad(cell, COLUMNS[at]!, { align: at === 0 ? "left" : "right" })), ...notes];
  const line = table.join("  ");
  const shown = widthOf(line) < options.columns ? line : [...cells, ...notes].join(" ");
  return [shown, ...(options.verbose ? [`  sha256 ${localSha256}`] : [])];
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
