/**
 * The objects that the client prints as results with `--json`. docs/JSON.md describes them.
 *
 * @module
 */

import type { EntryKind } from "../transfer/file_store.ts";

/** Which way a file goes. */
export type Direction = "send" | "get";

/** What limits transfers. */
export type LimitCause =
  | "link"
  | "loss"
  | "rate"
  | "rate-limit"
  | "server"
  | "server-disk"
  | "local-disk"
  | "this-machine"
  | "processor"
  | "source"
  | "output"
  | "link-or-server";

/** A result. Absent properties are unknown. */
export type ResultRecord =
  | FileRecord
  | PlanRecord
  | SummaryRecord
  /** An entry of a folder that does not travel, or that differs and is left alone. */
  | { readonly type: "skipped" | "differs"; readonly path: string; readonly reason: string }
  | EntryRecord
  | { readonly type: "removed"; readonly name: string; readonly count: number }
  | { readonly type: "moved"; readonly name: string; readonly newName: string }
  | { readonly type: "made"; readonly name: string }
  | {
    readonly type: "space";
    readonly freeBytes?: number | undefined;
    readonly usedBytes?: number | undefined;
    readonly quotaBytes?: number | undefined;
  }
  | { readonly type: "key"; readonly key: string }
  /** A known server. */
  | { readonly type: "host"; readonly address: string; readonly key: string };

/** What became of a file: verified and stored, or found to be the same on both sides. */
export type FileRecord =
  | {
    readonly type: "file";
    readonly action: Direction;
    readonly status: "done";
    /** The file as the user named it, and where it is now. */
    readonly name: string;
    readonly savedAs: string;
    readonly sizeBytes: number;
    /** What the receiver had already. */
    readonly reusedBytes: number;
    readonly sha256: string;
    readonly elapsedMs: number;
  }
  | { readonly type: "file"; readonly action: Direction; readonly status: "unchanged"; readonly name: string };

/** What `--dry-run` would do with an entry. */
export interface PlanRecord {
  readonly type: "plan";
  readonly action: Direction | "replace" | "remove" | "make-folder" | "make-link";
  readonly path: string;
  /** Of a link. */
  readonly target?: string | undefined;
}

/** All transfers of a command. */
export interface SummaryRecord {
  readonly type: "summary";
  readonly action: Direction;
  readonly isDryRun: boolean;
  readonly filesDone: number;
  readonly filesUnchanged: number;
  readonly bytesDone: number;
  readonly failed: number;
  /** Of folders only. */
  readonly foldersAndLinksMade?: number;
  readonly removed?: number;
  readonly differing?: number;
  readonly skipped?: number;
  readonly elapsedMs?: number;
  /** What limited the transfers, if they were slow. */
  readonly limitedBy?: LimitCause;
}

/** An entry on the server. */
export interface EntryRecord {
  readonly type: "entry";
  readonly name: string;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** ISO 8601, to the millisecond. */
  readonly modified?: string | undefined;
  /** The permission bits, such as "644". */
  readonly mode?: string | undefined;
  /** What a link leads to. */
  readonly target?: string | undefined;
  readonly sha256?: string | undefined;
}
