/**
 * Names that some disks take for one.
 *
 * @module
 */

import { foldName } from "../../../store/spelling.ts";
import { nameIn, parentPath } from "./entry.ts";

/** Two paths in one folder whose names differ only in case or Unicode normalization. */
export interface Collision {
  readonly first: string;
  readonly second: string;
}

/**
 * The collisions among the paths of a source, and between those and the ones that exist at the destination, where a disk
 * that folds names would find the existing entry under the new name. In the order of `sources`.
 */
export function findCollisions(sources: Iterable<string>, existing: Iterable<string>): Collision[] {
  const spelled = new Map<string, string>();
  const folded = (path: string) => `${parentPath(path)}/${foldName(nameIn(path))}`;
  const same = new Set<string>();
  for (const path of existing) {
    spelled.set(folded(path), path);
    same.add(path);
  }
  const found: Collision[] = [];
  const sent = new Map<string, string>();
  for (const path of sources) {
    const key = folded(path);
    // Where the disk has just this name, it has told it apart from the other one.
    const other = sent.get(key) ?? (same.has(path) ? undefined : spelled.get(key));
    if (other !== undefined && other !== path) found.push({ first: other, second: path });
    if (!sent.has(key)) sent.set(key, path);
  }
  return found;
}
