/**
 * Reads a folder of this machine with everything in it. Links are not followed, so a walk ends.
 *
 * @module
 */

import { join } from "node:path";
import { quote, REPLACEMENT_CHARACTER } from "../../../base/display_text.ts";
import type { Disk, DiskStats } from "../../../store/disk.ts";
import { toStoreError } from "../../../store/disk_error.ts";
import { PERMISSION_BITS } from "../../../store/file_mode.ts";
import { modifiedUsOf } from "../../../store/opened_file.ts";
import { isPartialName } from "../../../store/partial_file.ts";
import { childPath, type ExistingEntry, type LeftOut, nameIn, type Select } from "./entry.ts";

/** The calls of a disk that a walk makes. */
export type WalkDisk = Pick<Disk, "hasModes" | "lstat" | "readdir" | "readlink" | "stat">;

/** What a walk finds: an entry, or one that cannot be read. A folder comes before what is in it. */
export type Found = ExistingEntry | LeftOut;

/** So many entries of a folder are looked at together. */
const BATCH = 64;

/** Whether the walk could not read what it found. */
export function isLeftOut(found: Found): found is LeftOut {
  return "severity" in found;
}

/** How to walk. */
export interface WalkOptions {
  readonly disk: WalkDisk;
  readonly select: Select;
  /** Hears of entries that are excluded; not of what is in them. */
  readonly onExcluded?: (path: string) => void;
}

/**
 * What is at `root`, which may itself be a link to it, and all below. Excluded entries are not found, nor are those that
 * vanish meanwhile, nor partial files. Rejects with StoreError if there is nothing, or it cannot be accessed.
 */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<Found> {
  const { disk, select, onExcluded } = options;
  const stats = await disk.stat(root).catch((error) => {
    throw toStoreError(error, quote(root));
  });
  yield describe("", stats, disk);
  const folders = stats.isDirectory() ? [""] : [];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let names: string[];
    try {
      names = await disk.readdir(join(root, folder));
    } catch (error) {
      yield { path: folder, severity: "failed", reason: reasonOf(error) };
      continue;
    }
    names = names.filter((name) => !isPartialName(name)).sort();
    const found: string[] = [];
    for (let at = 0; at < names.length; at += BATCH) {
      const paths = names.slice(at, at + BATCH).map((name) => childPath(folder, name));
      for (const entry of await Promise.all(paths.map((path) => look(root, path, disk)))) {
        if (entry === undefined) continue;
        const isFolder = "kind" in entry && entry.kind === "folder";
        if (select(entry.path, { isFolder }) === "excluded") {
          onExcluded?.(entry.path);
          continue;
        }
        yield entry;
        if (isFolder) found.push(entry.path);
      }
    }
    folders.push(...found.reverse());
  }
}

/** The entry at a path; undefined if it is gone. */
async function look(root: string, path: string, disk: WalkDisk): Promise<Found | undefined> {
  // The system put this character in the place of other bytes: the path leads nowhere, or to another file.
  if (nameIn(path).includes(REPLACEMENT_CHARACTER)) {
    return { path, severity: "failed", reason: "has a name that is not valid UTF-8: rename it" };
  }
  try {
    const stats = await disk.lstat(join(root, path));
    if (stats === undefined) return undefined;
    const entry = describe(path, stats, disk);
    return entry.kind === "link" ? { ...entry, target: await disk.readlink(join(root, path)) } : entry;
  } catch (error) {
    return { path, severity: "failed", reason: reasonOf(error) };
  }
}

function describe(path: string, stats: DiskStats, { hasModes }: WalkDisk): ExistingEntry {
  const kind = stats.isDirectory() ? "folder" : stats.isSymbolicLink() ? "link" : stats.isFile() ? "file" : "other";
  const mode = hasModes && kind !== "link" ? { mode: stats.mode & PERMISSION_BITS } : {};
  return { path, kind, sizeBytes: kind === "file" ? stats.size : 0, modifiedUs: modifiedUsOf(stats), ...mode };
}

/** The reason without a name before it. */
function reasonOf(error: unknown): string {
  return toStoreError(error, "").message.trimStart();
}
