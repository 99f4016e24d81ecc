/**
 * What the client prints about entries on a server: tables for people, tab-separated lines for programs. Names are
 * escaped.
 *
 * @module
 */

import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes } from "../base/units.ts";
import type { StatResult } from "../app/client/api.ts";
import type { FileInfo, StoreSpace } from "../transfer/file_store.ts";
import type { UnlistedFiles } from "../transfer/messages.ts";
import { counted, formatSize, formatTime, isoTime } from "./format.ts";
import type { EntryRecord } from "./records.ts";
import type { SortKey } from "./management_arguments.ts";
import { pad } from "./width.ts";

/** What a table is for. */
export interface ListingOptions {
  readonly forTerminal: boolean;
}

/** Entries in another order: the largest, or the latest first. */
export function sortListing(entries: readonly FileInfo[], key: SortKey): readonly FileInfo[] {
  if (key === "name") return entries;
  const valueOf = (entry: FileInfo) => key === "size" ? entry.sizeBytes : entry.modifiedUs ?? -Infinity;
  return entries.toSorted((a, b) => valueOf(a) === valueOf(b) ? 0 : valueOf(a) < valueOf(b) ? 1 : -1);
}

/**
 * The lines of a listing: a table for people, tab-separated name, size in bytes and time for programs. The name of a folder
 * ends with "/", that of a link shows what it leads to. The table has the name last, so that a long one lengthens no line but its own.
 */
export function listingLines(entries: readonly FileInfo[], { forTerminal }: ListingOptions): string[] {
  if (!forTerminal) return entries.map((entry) => [nameOf(entry), sizeOf(entry), timeOf(entry)].join("\t"));
  const rows = entries.map((entry) => [sizeOf(entry), timeOf(entry), nameOf(entry)]);
  return table(entries, [["BYTES", "MODIFIED (UTC)", "NAME"], ...rows]);
}

/** The same with the kind of each entry; for programs the fourth field, after the bare name, and a link's target the fifth. */
export function longListingLines(entries: readonly FileInfo[], { forTerminal }: ListingOptions): string[] {
  if (!forTerminal) {
    return entries.map((entry) =>
      [
        sanitizeForDisplay(entry.name),
        sizeOf(entry),
        timeOf(entry),
        entry.kind,
        sanitizeForDisplay(entry.target ?? ""),
      ].join("\t")
    );
  }
  const rows = entries.map((entry) => [sizeOf(entry), timeOf(entry), entry.kind, nameOf(entry)]);
  return table(entries, [["BYTES", "MODIFIED (UTC)", "KIND", "NAME"], ...rows]);
}

function table(entries: readonly FileInfo[], rows: readonly (readonly string[])[]): string[] {
  if (entries.length === 0) return ["There are no files."];
  const last = rows[0]!.length - 1;
  const columns = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => {
      if (column === last) return cell;
      return column === 0 ? pad(cell, columns[column]!, { align: "right" }) : pad(cell, columns[column]!);
    }).join("  ")
  );
  return [...lines, summary(entries)];
}

/** "3 files, 1 folder, 1.2 MB". */
function summary(entries: readonly FileInfo[]): string {
  const folderCount = entries.filter(({ kind }) => kind === "folder").length;
  const folders = folderCount === 0 ? "" : `${counted(folderCount, "folder")}, `;
  const sizeBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  return `${counted(entries.length - folderCount, "file")}, ${folders}${formatBytes(sizeBytes)}`;
}

function nameOf({ kind, name, target = "?" }: FileInfo): string {
  return sanitizeForDisplay(`${name}${{ file: "", folder: "/", link: ` -> ${target}` }[kind]}`);
}

function sizeOf({ sizeBytes }: FileInfo): string {
  return String(sizeBytes);
}

function timeOf({ modifiedUs }: FileInfo): string {
  return formatTime(modifiedUs);
}

/** The files that a list lacks, for a warning. */
export function unlistedLine({ count, examples }: UnlistedFiles): string {
  const files = count === 1 ? "1 more file on the server has a name" : `${count} more files on the server have names`;
  return `${files} that cannot be sent: ${sanitizeForDisplay(examples)}`;
}

/** Columns of a label, as in the report of a transfer. */
const LABEL_COLUMNS = 15;

function row(label: string, value: string): string {
  return pad(`${label}:`, LABEL_COLUMNS) + value;
}

/** All that is known of an entry. */
export function statLines(entry: StatResult): string[] {
  const { name, kind, sizeBytes, modifiedUs, mode, target, sha256 } = entry;
  return [
    row("name", sanitizeForDisplay(name)),
    row("kind", kind),
    ...(kind === "file" ? [row("size", formatSize(sizeBytes))] : []),
    row("modified", formatTime(modifiedUs)),
    ...(mode === undefined ? [] : [row("mode", octal(mode))]),
    ...(kind === "link" ? [row("leads to", sanitizeForDisplay(target ?? "outside the server's folder"))] : []),
    ...(sha256 === undefined ? [] : [row("sha256", sha256)]),
  ];
}

/** The record of an entry. */
export function entryRecord(entry: StatResult): EntryRecord {
  const { name, kind, sizeBytes, modifiedUs, mode, target, sha256 } = entry;
  const modified = modifiedUs === undefined ? undefined : isoTime(modifiedUs);
  return {
    type: "entry",
    name,
    kind,
    sizeBytes,
    modified,
    mode: mode === undefined ? undefined : octal(mode),
    target,
    sha256,
  };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, "0");
}

/** How much can be stored. */
export function spaceLines({ freeBytes, usedBytes, quotaBytes }: StoreSpace): string[] {
  const known = [["free", freeBytes], ["used", usedBytes], ["quota", quotaBytes]] as const;
  const lines = known.flatMap(([label, bytes]) => bytes === undefined ? [] : [row(label, formatSize(bytes))]);
  return lines.length > 0 ? lines : ["The server does not know how much can be stored."];
}
