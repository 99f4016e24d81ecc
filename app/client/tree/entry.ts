/**
 * What a folder has in it, as the client compares and transfers it.
 *
 * @module
 */

/** What can be transferred. */
export type TreeKind = "file" | "folder" | "link";

/** One entry of a tree. */
export interface TreeEntry {
  /** From the tree's root on, components joined by "/"; "" is the root itself, which may be a file. */
  readonly path: string;
  readonly kind: TreeKind;
  /** 0 for what is no file. */
  readonly sizeBytes: number;
  /** Time of last modification, microseconds since 1970 UTC; absent if it is not known. */
  readonly modifiedUs?: number | undefined;
  /** Permission bits; absent if they are not known. */
  readonly mode?: number | undefined;
  /** Whether the mode is to be kept exactly. Default: no. */
  readonly exactMode?: boolean | undefined;
  /** The target of a link. */
  readonly target?: string | undefined;
}

/** An entry of the receiving side, which may also have what cannot be transferred: devices, sockets, FIFOs. */
export interface ExistingEntry extends Omit<TreeEntry, "kind"> {
  readonly kind: TreeKind | "other";
}

/** An entry that is not transferred. */
export interface LeftOut {
  readonly path: string;
  /** Skipped: nothing is wrong, but such entries do not travel. Failed: it should have been transferred, and is not. */
  readonly severity: "skipped" | "failed";
  /** The rest of a sentence that begins with the entry's name. */
  readonly reason: string;
}

/** Whether an entry is transferred: "within" is a folder in which only some entries may be included. */
export type Selection = "included" | "excluded" | "within";

/** Selects entries by their path. */
export type Select = (path: string, options: { readonly isFolder: boolean }) => Selection;

/** The path of an entry in a folder of a tree. */
export function childPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** The path of the folder that an entry is in; the root is in itself. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

/** The last component of a path. */
export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The number of folders that a path lies below; 0 for the root. */
export function depthOf(path: string): number {
  return path === "" ? 0 : path.split("/").length;
}
