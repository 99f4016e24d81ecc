/**
 * What a destination has: folders of this machine, which are walked, and the server's list, which is checked, since a
 * server may say anything.
 *
 * @module
 */

import { checkPath } from "../../../transfer/file_name.ts";
import type { FileInfo } from "../../../transfer/file_store.ts";
import { quote } from "../../../base/display_text.ts";
import { SluiceError } from "../../api.ts";
import { type ExistingEntry, parentPath, type Select } from "./entry.ts";
import { type Found, isLeftOut } from "./walk.ts";

/** What there is, and which paths are not to be touched: excluded ones, and those that cannot be told apart by name. */
export interface ExistingTree {
  readonly existing: readonly ExistingEntry[];
  readonly untouchable: readonly string[];
}

/** Nothing. */
export const NOTHING: ExistingTree = { existing: [], untouchable: [] };

/**
 * The tree of what was found; `excluded` are the paths that were not looked into. In `found`, a folder comes before what
 * is in it.
 */
export function existingTree(
  found: readonly Found[],
  options: { readonly select: Select; readonly excluded: readonly string[] },
): ExistingTree {
  const { select, excluded } = options;
  const existing: ExistingEntry[] = [];
  const untouchable: string[] = [...excluded];
  for (const entry of found) {
    const { path } = entry;
    const isFolder = !isLeftOut(entry) && entry.kind === "folder";
    const selection = path === "" ? "included" : select(path, { isFolder });
    const isNamed = path === "" || checkPath(path) === undefined;
    if (isLeftOut(entry) || selection !== "included" || !isNamed) untouchable.push(path);
    if (!isLeftOut(entry) && selection !== "excluded" && isNamed) existing.push(entry);
  }
  return { existing, untouchable };
}

/**
 * The entries that a server lists at and below `root`, "" for the whole store, by paths from there on. Throws SluiceError
 * (failed) if the list is not that of a tree.
 */
export function entriesOfListing(listed: readonly FileInfo[], root: string): ExistingEntry[] {
  const kinds = new Map<string, FileInfo["kind"]>([["", "folder"]]);
  const prefix = root === "" ? "" : `${root}/`;
  return listed.toSorted((a, b) => a.name < b.name ? -1 : 1).map(({ name, kind, ...attributes }) => {
    const path = name.slice(prefix.length);
    const isGood = name.startsWith(prefix) && checkPath(path) === undefined && !kinds.has(path) &&
      kinds.get(parentPath(path)) === "folder";
    if (!isGood) throw badListing(name, root);
    kinds.set(path, kind);
    return { ...attributes, path, kind, sizeBytes: kind === "file" ? attributes.sizeBytes : 0 };
  });
}

function badListing(name: string, root: string): SluiceError {
  const what = root === "" ? "its files" : quote(root);
  return new SluiceError("failed", `the server's list of ${what} has ${quote(name)}, which cannot be there`);
}
