/**
 * What the client prints about a finished transfer.
 *
 * @module
 */

import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes, formatDuration } from "../base/units.ts";
import type { TransferReport } from "../app/client/api.ts";
import type { FragileAttribute } from "../transfer/file_store.ts";
import { counted, formatRate, formatShare, formatSize } from "./format.ts";
import { pad } from "./width.ts";

/** Which way a file went. */
export type Direction = "send" | "get";

/** Whether both sides computed the same checksum. The connection has checked it, too. */
export function checksumsMatch(report: TransferReport): boolean {
  return report.serverSha256 !== "" && report.serverSha256 === report.localSha256;
}

/** The lines of a report. */
export function reportLines(report: TransferReport, direction: Direction): string[] {
  const name = sanitizeForDisplay(report.name);
  const place = sanitizeForDisplay(report.savedAs);
  const lines = [
    row("file", name),
    row("size", formatSize(report.sizeBytes)),
    row("server sha256", report.serverSha256),
    row("local sha256", report.localSha256),
    row("match", checksumsMatch(report) ? "yes" : "no"),
    row(direction === "send" ? "stored as" : "saved as", place),
    row("time", `${formatDuration(report.elapsedMs)}, ${formatRate(report.sizeBytes, report.elapsedMs)}`),
  ];
  if (report.reusedBytes > 0) lines.push(row("reused", formatPart(report.reusedBytes, report.sizeBytes)));
  // For a received file only the server knows the retransmissions; its log reports them.
  if (direction === "send" && report.retransmittedBytes > 0) {
    const share = formatShare(report.retransmittedBytes, report.sentBytes);
    lines.push(row("retransmitted", `${share} (${formatBytes(report.retransmittedBytes)})`));
  }
  return lines;
}

/** What the receiver had already. */
function formatPart(bytes: number, ofBytes: number): string {
  return `${formatBytes(bytes)} of ${formatBytes(ofBytes)} (${formatShare(bytes, ofBytes)})`;
}

/** Columns of a label: with a checksum the line fits a terminal of 80, even one that wraps at the last column. */
const LABEL_COLUMNS = 15;

function row(label: string, value: string): string {
  return pad(`${label}:`, LABEL_COLUMNS) + value;
}

/** A report in one line, as `sha256sum` writes it and `sha256sum --check` reads it: the checksum, and where the file is. */
export function reportLine(report: TransferReport): string {
  return `${report.localSha256}  ${sanitizeForDisplay(report.savedAs)}`;
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
