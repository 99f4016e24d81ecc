/**
 * What the client prints about a transfer of folders: what it would do, and what it did.
 *
 * @module
 */

import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes } from "../base/units.ts";
import type { ExistingEntry } from "../app/client/tree/entry.ts";
import type { Plan } from "../app/client/tree/plan.ts";
import type { TreeSide } from "../app/client/tree/side.ts";
import { counted } from "./format.ts";
import { type Direction, totalLine } from "./report.ts";

/** What became of the entries of a transfer. */
export interface TreeTotal {
  readonly doneCount: number;
  readonly doneBytes: number;
  /** Undefined for what would be done. */
  readonly elapsedMs: number | undefined;
  /** Folders and links. */
  readonly madeCount: number;
  readonly unchangedCount: number;
  readonly differingCount: number;
  readonly removedCount: number;
  readonly failedCount: number;
  readonly skippedCount: number;
}

/** A transfer in one line. */
export function treeTotalLine(total: TreeTotal, direction: Direction): string {
  const { doneCount, doneBytes, elapsedMs } = total;
  const isDry = elapsedMs === undefined;
  const files = isDry
    ? `would ${direction} ${counted(doneCount, "file")}, ${formatBytes(doneBytes)}`
    : doneCount === 0
    ? `no file ${direction === "send" ? "sent" : "received"}`
    : totalLine({ count: doneCount, doneCount, doneBytes, elapsedMs }, direction);
  const others = [
    [total.madeCount, `${counted(total.madeCount, "folder or link", "folders and links")} made`],
    [total.removedCount, `${total.removedCount} removed`],
    [total.unchangedCount, `${total.unchangedCount} unchanged`],
    [total.differingCount, `${total.differingCount} differ${total.differingCount === 1 ? "s" : ""}`],
    [total.skippedCount, `${total.skippedCount} skipped`],
    [total.failedCount, `${total.failedCount} failed`],
  ] as const;
  const told = others.filter(([count]) => count > 0).map(([, text]) => text);
  return told.length === 0 ? files : `${files}; ${told.join(", ")}`;
}

/** What a plan would do, a line for each entry; what is unchanged or differs is told otherwise. */
export function dryRunLines(plan: Plan, to: TreeSide, direction: Direction): string[] {
  return [
    ...plan.inTheWay.map((entry) => removalLine(entry, to)),
    ...plan.folders.map(({ path }) => line("folder", `${to.locationOf(path)}/`)),
    ...plan.files.map(({ entry, replaces }) => line(replaces ? "replace" : direction, to.locationOf(entry.path))),
    ...plan.links.map(({ entry }) => line("link", `${to.locationOf(entry.path)} -> ${entry.target}`)),
    ...plan.removals.map((entry) => removalLine(entry, to)),
  ];
}

/** What would be removed. */
export function removalLine({ path, kind }: ExistingEntry, to: TreeSide): string {
  return line("remove", `${to.locationOf(path)}${kind === "folder" ? "/" : ""}`);
}

function line(word: string, what: string): string {
  return `${word.padEnd(7)} ${sanitizeForDisplay(what)}`;
}
