/**
 * Compares a tree with what its destination has, and plans what to do. Pure: the same in both directions.
 *
 * What is the same is left; what differs is left alone and named, unless the plan is to replace it. Two files are the same
 * if they have one size and one modification time, as far as disks keep it, or, where content was compared, if it
 * is the same. A folder keeps what else it has, unless the plan is a mirror.
 *
 * @module
 */

import { depthOf, type ExistingEntry, parentPath, type TreeEntry } from "./entry.ts";

/**
 * Times that differ by less are the same: what is received keeps its time to the millisecond. rsync's modify-window
 * is 0 instead, as it keeps nanoseconds.
 */
export const DEFAULT_TIME_WINDOW_US = 1_000;

/** Disks keep a time before 1970 to the second only. */
const EARLY_TIME_WINDOW_US = 1_000_000;

/** What to do with an entry that is different at the destination. */
export type IfDifferent = "leave" | "update" | "replace";

/** How to plan. */
export interface PlanOptions {
  /** Update: replace what the source has with a later time. */
  readonly ifDifferent: IfDifferent;
  /** Remove what the source does not have; with "replace" also what is in the way of an entry of another kind. */
  readonly mirror: boolean;
  /** Folders that exist get exactly the mode of their source. */
  readonly modes: boolean;
  /** Whether the content of two files of one size is the same; undefined to compare their times. */
  readonly hasSameContent?: ((path: string) => boolean) | undefined;
  /** Times are the same if they differ by less, microseconds. */
  readonly timeWindowUs: number;
  /** Paths that the source has, although they do not travel: neither they nor what is below them is removed. */
  readonly spared: readonly string[];
}

/** An entry that is left alone, although the source has another one. */
export interface Difference {
  readonly entry: TreeEntry;
  /** The rest of a sentence that begins with the entry's name. */
  readonly reason: string;
}

/** A file or link to transfer. */
export interface Step {
  readonly entry: TreeEntry;
  /** There is one already, which is to be replaced. */
  readonly replaces: boolean;
}

/** What to do. Folders come before what is in them, what is removed after it. */
export interface Plan {
  /** To remove before everything else: they are in the way. */
  readonly inTheWay: readonly ExistingEntry[];
  readonly folders: readonly TreeEntry[];
  readonly files: readonly Step[];
  readonly links: readonly Step[];
  /** To remove last. */
  readonly removals: readonly ExistingEntry[];
  /**
   * Folders that exist, whose attributes are to be set at last: the time differs, or changes with what they get, or the
   * mode differs and is to be the same.
   */
  readonly touched: readonly TreeEntry[];
  /** Files and links that are the same. */
  readonly unchanged: readonly TreeEntry[];
  readonly differing: readonly Difference[];
}

/**
 * The paths of files whose content tells whether they are the same: those that both sides have, of one size.
 */
export function pathsToCompare(source: readonly TreeEntry[], existing: readonly ExistingEntry[]): string[] {
  const sizeAt = new Map(existing.filter(isFile).map(({ path, sizeBytes }) => [path, sizeBytes]));
  return source.filter((entry) => isFile(entry) && sizeAt.get(entry.path) === entry.sizeBytes).map(({ path }) => path);
}

/** The two trees. In each, a folder comes before what is in it, and no path comes twice. */
export interface Trees {
  readonly source: readonly TreeEntry[];
  readonly existing: readonly ExistingEntry[];
  /** Paths at the destination that are not to be touched, excluded ones for example: what is above them stays, too. */
  readonly untouchable: readonly string[];
}

/** Makes the plan. */
export function makePlan(trees: Trees, options: PlanOptions): Plan {
  return new Planner(trees, options).plan(trees.source);
}

class Planner {
  readonly #options: PlanOptions;
  readonly #existing: readonly ExistingEntry[];
  readonly #at: ReadonlyMap<string, ExistingEntry>;
  readonly #folders: TreeEntry[] = [];
  readonly #files: Step[] = [];
  readonly #links: Step[] = [];
  readonly #unchanged: TreeEntry[] = [];
  readonly #differing: Difference[] = [];
  readonly #kept = new Map<string, TreeEntry>();
  /** Paths at which something of another kind is in the way of the source. */
  readonly #blocked = new Set<string>();
  readonly #cleared = new Set<string>();
  readonly #changedFolders = new Set<string>();
  /** What must stay, as it is untouchable or above something that is. */
  readonly #anchored: ReadonlySet<string>;

  constructor({ existing, untouchable }: Trees, options: PlanOptions) {
    this.#existing = existing;
    this.#options = options;
    this.#at = new Map(existing.map((entry) => [entry.path, entry]));
    this.#anchored = new Set(untouchable.flatMap(withParents));
  }

  plan(source: readonly TreeEntry[]): Plan {
    for (const entry of source) this.#place(entry);
    const wanted = new Set(source.map(({ path }) => path));
    const inTheWay = this.#existing.filter(({ path }) => isAtOrBelow(path, this.#cleared));
    const removals = this.#options.mirror ? this.#removals(wanted) : [];
    for (const { path } of [...inTheWay, ...removals]) this.#changedFolders.add(parentPath(path));
    return {
      inTheWay: inTheWay.toReversed(),
      folders: this.#folders,
      files: this.#files,
      links: this.#links,
      removals,
      touched: [...this.#kept.values()].filter((entry) => this.#isTouched(entry)),
      unchanged: this.#unchanged,
      differing: this.#differing,
    };
  }

  #place(entry: TreeEntry): void {
    const { path } = entry;
    if (path !== "" && this.#blocked.has(parentPath(path))) {
      this.#blocked.add(path);
      return;
    }
    const isCleared = isAtOrBelow(path, this.#cleared);
    const other = isCleared ? undefined : this.#at.get(path);
    if (other === undefined) return this.#transfer(entry, false);
    if (other.kind !== entry.kind) return this.#placeAgainst(entry, other);
    if (entry.kind === "folder") {
      this.#kept.set(path, entry);
    } else if (this.#isSame(entry, other)) {
      this.#unchanged.push(entry);
    } else if (this.#mayReplace(entry, other)) {
      this.#transfer(entry, true);
    } else {
      this.#differing.push({ entry, reason: this.#describeDifference(entry, other) });
    }
  }

  #placeAgainst(entry: TreeEntry, other: ExistingEntry): void {
    const { ifDifferent, mirror } = this.#options;
    const mayClear = other.kind !== "other" && entry.path !== "" && !this.#anchored.has(entry.path);
    if (ifDifferent === "replace" && mirror && mayClear) {
      this.#cleared.add(entry.path);
      return this.#transfer(entry, false);
    }
    this.#blocked.add(entry.path);
    const reason = `is ${WHAT[entry.kind]} here, but ${WHAT[other.kind]} at the destination`;
    this.#differing.push({ entry, reason });
  }

  #transfer(entry: TreeEntry, replaces: boolean): void {
    if (entry.path !== "") this.#changedFolders.add(parentPath(entry.path));
    if (entry.kind === "folder") this.#folders.push(entry);
    else (entry.kind === "file" ? this.#files : this.#links).push({ entry, replaces });
  }

  #isSame(entry: TreeEntry, other: ExistingEntry): boolean {
    if (entry.kind === "link") return entry.target === other.target;
    if (entry.sizeBytes !== other.sizeBytes) return false;
    return this.#options.hasSameContent?.(entry.path) ?? this.#compareTimes(entry, other) === "same";
  }

  #mayReplace(entry: TreeEntry, other: ExistingEntry): boolean {
    const { ifDifferent } = this.#options;
    return ifDifferent === "replace" || (ifDifferent === "update" && this.#compareTimes(entry, other) === "later");
  }

  #describeDifference(entry: TreeEntry, other: ExistingEntry): string {
    if (entry.kind === "link") return "is a link to something else at the destination";
    const time = this.#compareTimes(entry, other);
    const age = time === "same" || time === "unknown"
      ? ""
      : `${time === "later" ? "older" : "newer"} at the destination`;
    if (entry.sizeBytes === other.sizeBytes) return age === "" ? "differs at the destination" : `is ${age}`;
    const size = `has ${other.sizeBytes} bytes at the destination, not ${entry.sizeBytes}`;
    return age === "" ? size : `${size}, and is ${age.split(" ", 1)[0]} there`;
  }

  /** The time of `entry`, compared with that of `other`. */
  #compareTimes(entry: TreeEntry, other: ExistingEntry): "same" | "later" | "earlier" | "unknown" {
    const { modifiedUs: ours } = entry;
    const { modifiedUs: theirs } = other;
    if (ours === undefined || theirs === undefined) return "unknown";
    const windowUs = Math.max(this.#options.timeWindowUs, Math.min(ours, theirs) < 0 ? EARLY_TIME_WINDOW_US : 0);
    if (Math.abs(ours - theirs) < windowUs || ours === theirs) return "same";
    return ours > theirs ? "later" : "earlier";
  }

  /** What the source does not have, from the deepest on, without folders in which something stays. */
  #removals(wanted: ReadonlySet<string>): ExistingEntry[] {
    const spared = new Set(this.#options.spared);
    const staying = new Set(this.#anchored);
    return this.#existing.toSorted((a, b) => depthOf(b.path) - depthOf(a.path)).filter(({ path }) => {
      if (isAtOrBelow(path, this.#cleared)) return false;
      const stays = path === "" || staying.has(path) || wanted.has(path) || isAtOrBelow(path, spared) ||
        isAtOrBelow(path, this.#blocked);
      if (stays) staying.add(parentPath(path));
      return !stays;
    });
  }

  #isTouched(entry: TreeEntry): boolean {
    const other = this.#at.get(entry.path)!;
    const hasModes = entry.mode !== undefined && other.mode !== undefined;
    if (this.#options.modes && hasModes && entry.mode !== other.mode) return true;
    if (entry.modifiedUs === undefined) return false;
    return this.#changedFolders.has(entry.path) || this.#compareTimes(entry, other) !== "same";
  }
}

const WHAT: Readonly<Record<ExistingEntry["kind"], string>> = {
  file: "a file",
  folder: "a folder",
  link: "a symbolic link",
  other: "a device, FIFO or socket",
};

function isFile({ kind }: Pick<ExistingEntry, "kind">): boolean {
  return kind === "file";
}

/** A path and those of the folders that it lies in. */
function withParents(path: string): string[] {
  const paths = [path];
  for (let at = path; at !== "";) paths.push(at = parentPath(at));
  return paths;
}

/** Whether a path, or a folder that it lies in, is one of `paths`. */
function isAtOrBelow(path: string, paths: ReadonlySet<string>): boolean {
  if (paths.size === 0) return false;
  for (let at = path;; at = parentPath(at)) {
    if (paths.has(at)) return true;
    if (at === "") return false;
  }
}
