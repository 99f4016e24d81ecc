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
import { totalLine } from "./report.ts";
import type { Direction, LimitCause, PlanRecord, SummaryRecord } from "./records.ts";

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
  /** What limited it, if it was slow, and that in words. */
  readonly limitedBy?: LimitCause;
  readonly limitText?: string;
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
  const told = others.filter(([count]) => count > 0).map(([, text]) => text).join(", ");
  return [files, told, total.limitText ?? ""].filter((part) => part !== "").join("; ");
}

/** The record of a transfer, done or, without a time, planned. */
export function treeSummary(total: TreeTotal, action: Direction): SummaryRecord {
  return {
    type: "summary",
    action,
    isDryRun: total.elapsedMs === undefined,
    filesDone: total.doneCount,
    filesUnchanged: total.unchangedCount,
    bytesDone: total.doneBytes,
    failed: total.failedCount,
    foldersAndLinksMade: total.madeCount,
    removed: total.removedCount,
    differing: total.differingCount,
    skipped: total.skippedCount,
    ...(total.elapsedMs === undefined ? {} : { elapsedMs: Math.round(total.elapsedMs) }),
    ...(total.limitedBy === undefined ? {} : { limitedBy: total.limitedBy }),
  };
}

/** What a plan would do, a record for each entry; what is unchanged or differs is told otherwise. */
export function planRecords(plan: Plan, to: TreeSide, direction: Direction): PlanRecord[] {
  const record = (action: PlanRecord["action"], path: string): PlanRecord => ({ type: "plan", action, path });
  return [
    ...plan.inTheWay.map((entry) => removal(entry, to)),
    ...plan.folders.map(({ path }) => record("make-folder", `${to.locationOf(path)}/`)),
    ...plan.files.map(({ entry, replaces }) => record(replaces ? "replace" : direction, to.locationOf(entry.path))),
    ...plan.links.map(({ entry: { path, target } }) => ({ ...record("make-link", to.locationOf(path)), target })),
    ...plan.removals.map((entry) => removal(entry, to)),
  ];
}

/** What would be removed. */
export function removal({ path, kind }: ExistingEntry, to: TreeSide): PlanRecord {
  return { type: "plan", action: "remove", path: `${to.locationOf(path)}${kind === "folder" ? "/" : ""}` };
}

/** A record as a line for people. */
export function planLine({ action, path, target }: PlanRecord): string {
  const word = action === "make-folder" ? "folder" : action === "make-link" ? "link" : action;
  return `${word.padEnd(7)} ${sanitizeForDisplay(target === undefined ? path : `${path} -> ${target}`)}`;
}
