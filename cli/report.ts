/**
 * What the client says of a finished transfer and of the server's files.
 *
 * @module
 */

import { sanitizeForDisplay } from "../transfer/file_name.ts";
import type { TransferReport } from "../app/client/api.ts";
import type { FileInfo } from "../transfer/file_store.ts";
import { formatBytes, formatDuration, formatRate, formatShare, formatSize, formatTime } from "./format.ts";

/** Which way a file went. */
export type Direction = "send" | "get";

/** Whether both sides computed the same checksum. The engine has checked it too. */
export function checksumsMatch(report: TransferReport): boolean {
  return report.serverSha256 !== "" && report.serverSha256 === report.localSha256;
}

/** The lines of a report. */
export function reportLines(report: TransferReport, direction: Direction): string[] {
  const name = sanitizeForDisplay(report.name);
  const place = sanitizeForDisplay(report.savedAs);
  const lines = [
    `file:            ${name}`,
    `size:            ${formatSize(report.sizeBytes)}`,
    `server checksum: ${report.serverSha256}`,
    `local checksum:  ${report.localSha256}`,
    `match:           ${checksumsMatch(report) ? "yes" : "no"}`,
    `${direction === "send" ? "stored as:       " : "saved as:        "}${place}`,
    `time:            ${formatDuration(report.elapsedMs)}, ${formatRate(report.sizeBytes, report.elapsedMs)}`,
  ];
  // Of a file that came in, only the server knows what was sent again; its log says it.
  if (direction === "send" && report.retransmittedBytes > 0) {
    const share = formatShare(report.retransmittedBytes, report.sentBytes);
    lines.push(`retransmitted:   ${share} of what was sent (${formatBytes(report.retransmittedBytes)})`);
  }
  return lines;
}

/** A report in one line, as `sha256sum` writes it and `sha256sum --check` reads it: the checksum, and where the file is. */
export function reportLine(report: TransferReport): string {
  return `${report.localSha256}  ${sanitizeForDisplay(report.savedAs)}`;
}

/** What came of many transfers. */
export interface Total {
  readonly count: number;
  /** How many of them were done, and the bytes of their files. */
  readonly doneCount: number;
  readonly doneBytes: number;
  readonly elapsedMs: number;
}

/** Many transfers in one line. */
export function totalLine(total: Total, direction: Direction): string {
  const { count, doneCount, doneBytes, elapsedMs } = total;
  const files = doneCount === count ? `${count} files` : `${doneCount} of ${count} files`;
  const verb = direction === "send" ? "sent" : "received";
  return `${files} ${verb} and verified, ${formatBytes(doneBytes)} in ${formatDuration(elapsedMs)}, ` +
    formatRate(doneBytes, elapsedMs);
}

/** The lines of a listing: a table for a person, tab-separated name, size in bytes and time for a program. */
export async function listingLines(
  files: readonly FileInfo[],
  options: { forTerminal: boolean },
): Promise<string[]> {
  if (!options.forTerminal) return files.map((file) => cells(file).join("\t"));
  if (files.length === 0) return ["The server has no files."];
  // Loaded here, as it takes longer than most of what a client is asked for.
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    head: ["name", "bytes", "modified (UTC)"],
    colAligns: ["left", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const file of files) table.push(cells(file));
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return [
    ...table.toString().split("\n"),
    `${files.length} ${files.length === 1 ? "file" : "files"}, ${formatBytes(sizeBytes)}`,
  ];
}

function cells(file: FileInfo): [string, string, string] {
  return [sanitizeForDisplay(file.name), String(file.sizeBytes), formatTime(file.modifiedMs)];
}
