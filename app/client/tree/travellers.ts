/**
 * Decides which entries of a source travel: a policy for names, links and special files, the same in both directions.
 *
 * @module
 */

import type { NameRules } from "../../../transfer/file_name.ts";
import { checkLinkTarget } from "../../../transfer/link_target.ts";
import { depthOf, type LeftOut, parentPath, type Select, type TreeEntry } from "./entry.ts";
import { type Found, isLeftOut } from "./walk.ts";

/** What is known of the transfer. */
export interface TravelOptions {
  readonly select: Select;
  /** The destination's rules for names, by which a link must stay in the tree. */
  readonly nameRules: NameRules;
  /** Why the destination cannot have an entry at this path, as a clause; undefined if it can. */
  readonly whyUnstorable: (path: string) => string | undefined;
}

/** What of a source travels, and what does not; each in the order of the source. */
export interface Travellers {
  readonly entries: readonly TreeEntry[];
  readonly leftOut: readonly LeftOut[];
}

/** See the module's description. In `found`, a folder comes before what is in it. */
export function findTravellers(found: Iterable<Found>, options: TravelOptions): Travellers {
  const entries: TreeEntry[] = [];
  const leftOut: LeftOut[] = [];
  const staying = new Set<string>();
  for (const entry of found) {
    if (entry.path !== "" && staying.has(parentPath(entry.path))) {
      staying.add(entry.path);
      continue;
    }
    const reason = isLeftOut(entry) ? entry : whyStays(entry, options);
    if (reason === undefined) {
      entries.push(entry as TreeEntry);
    } else {
      leftOut.push({ ...reason, path: entry.path });
      // A folder that cannot be read has been an entry before: it travels, but without what it has.
      staying.add(entry.path);
    }
  }
  return { entries: withoutEmptyPassages(entries, options.select), leftOut };
}

function whyStays(entry: Exclude<Found, LeftOut>, options: TravelOptions): Omit<LeftOut, "path"> | undefined {
  const { path, kind, target } = entry;
  const reason = options.whyUnstorable(path);
  if (reason !== undefined) return { severity: "failed", reason: `cannot be stored: ${reason}` };
  if (kind === "other") {
    return { severity: "skipped", reason: "is a device, FIFO or socket, which is not transferred in a folder" };
  }
  if (kind !== "link") return undefined;
  // A server tells no target that leads out.
  const refusal = target === undefined
    ? "its target lies outside the server's folder"
    : checkLinkTarget(path, target, options);
  if (refusal === undefined) return undefined;
  return { severity: "skipped", reason: `is a symbolic link that is not transferred: ${refusal}` };
}

/** Leaves out folders that were entered to look for included entries, and had none. */
function withoutEmptyPassages(entries: readonly TreeEntry[], select: Select): TreeEntry[] {
  const needed = new Set<string>([""]);
  const kept = entries.toSorted((a, b) => depthOf(b.path) - depthOf(a.path)).filter(({ path, kind }) => {
    const isFolder = kind === "folder";
    if (isFolder && !needed.has(path) && select(path, { isFolder }) === "within") return false;
    needed.add(parentPath(path));
    return true;
  });
  const left = new Set(kept);
  return entries.filter((entry) => left.has(entry));
}
