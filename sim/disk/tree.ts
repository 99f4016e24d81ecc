/**
 * The folders of a simulated disk, and the way from a path to what lies there. Paths are absolute; others begin at the
 * root as well. There are no symbolic links, so "." and ".." are a matter of spelling.
 *
 * @module
 */

import { sep } from "node:path";
import type { Random } from "../../base/random.ts";
import { diskError } from "../../store/disk_error.ts";
import { FolderInode, type Inode } from "./inode.ts";

/** An entry of a folder, whether or not something is there. */
export interface Place {
  readonly folder: FolderInode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/** How a {@link DiskTree} tells names apart. */
export interface DiskTreeOptions {
  /** Two names that this makes equal are one entry, spelled as it was first. Default: every name is its own. */
  readonly foldName?: (name: string) => string;
}

const FOLDER_MODE = 0o755;
/** As on most disks, in UTF-8. */
const MAX_NAME_BYTES = 255;
/** The name under which the root is kept, which no path can spell. */
const ROOT = "";
/** As on most disks. All further inodes have higher numbers. */
export const ROOT_NUMBER = 2;

const utf8 = new TextEncoder();

/** See the module's description. */
export class DiskTree {
  /** A folder with one entry, the root, which so has a place like everything else. */
  readonly #above: FolderInode;

  readonly #foldName: DiskTreeOptions["foldName"];

  constructor(options: DiskTreeOptions, above?: FolderInode) {
    this.#foldName = options.foldName;
    this.#above = above ?? newFolder(0);
    if (above === undefined) this.#above.settle(ROOT, newFolder(ROOT_NUMBER));
  }

  /** The entry that a path names. Throws ENOENT where a folder on the way is missing, ENOTDIR where it is none. */
  find(path: string): Place {
    const place = this.#locate(segmentsOf(path), path);
    if (place === undefined) throw pathError("ENOENT", path);
    return place;
  }

  /** What lies at a path, undefined for nothing. Throws ENOTDIR. */
  inodeAt(path: string): Inode | undefined {
    return this.#locate(segmentsOf(path), path)?.inode;
  }

  /** What lies at a path. Throws ENOENT or ENOTDIR. */
  require(path: string): Inode {
    const inode = this.inodeAt(path);
    if (inode === undefined) throw pathError("ENOENT", path);
    return inode;
  }

  /** Has `make` make each folder of the path that is missing. Throws EEXIST or ENOTDIR where one cannot be. */
  makeFolders(path: string, make: (place: Place) => void): void {
    const segments = segmentsOf(path);
    for (let count = 0; count <= segments.length; count++) {
      const place = this.#locate(segments.slice(0, count), path)!;
      if (place.inode === undefined) make(place);
      else if (!(place.inode instanceof FolderInode)) {
        throw pathError(count === segments.length ? "EEXIST" : "ENOTDIR", path);
      }
    }
  }

  /** The absolute path of what lies there. Throws ENOENT or ENOTDIR. */
  realpath(path: string): string {
    this.require(path);
    return sep + segmentsOf(path).join(sep);
  }

  /** Every entry, folders before what is in them. */
  *walk(folder: FolderInode = this.#above): Generator<{ readonly name: string; readonly inode: Inode }> {
    for (const [name, inode] of folder.entries) {
      yield { name, inode };
      if (inode instanceof FolderInode) yield* this.walk(inode);
    }
  }

  /** What is left after a power failure. */
  survivor(random: Random): DiskTree {
    const options = this.#foldName === undefined ? {} : { foldName: this.#foldName };
    return new DiskTree(options, this.#above.survivor(random));
  }

  #locate(segments: readonly string[], path: string): Place | undefined {
    let place: Place = { folder: this.#above, name: ROOT, inode: this.#above.entries.get(ROOT) };
    for (const spelled of segments) {
      const folder = place.inode;
      if (folder === undefined) return undefined;
      if (!(folder instanceof FolderInode)) throw pathError("ENOTDIR", path);
      if (utf8.encode(spelled).length > MAX_NAME_BYTES) throw pathError("ENAMETOOLONG", path);
      const name = this.#nameIn(folder, spelled);
      place = { folder, name, inode: folder.entries.get(name) };
    }
    return place;
  }

  /** How a folder spells a name that it has; as it came where it has none. */
  #nameIn(folder: FolderInode, spelled: string): string {
    const fold = this.#foldName;
    if (fold === undefined || folder.entries.has(spelled)) return spelled;
    return folder.entries.keys().find((name) => fold(name) === fold(spelled)) ?? spelled;
  }
}

function newFolder(number: number): FolderInode {
  return new FolderInode({ number, mode: FOLDER_MODE, nowMs: 0 });
}

/** An error of the operating system's about a path. */
export function pathError(code: string, path: string): Error {
  return diskError(code, `${code}: '${path}'`);
}

function segmentsOf(path: string): string[] {
  const segments: string[] = [];
  for (const part of path.split(sep === "/" ? "/" : /[/\\]/)) {
    if (part === "..") segments.pop();
    else if (part !== "" && part !== ".") segments.push(part);
  }
  return segments;
}
