/**
 * The folders of a simulated disk, and the way from a path to what lies there. Paths are absolute; others begin at the
 * root as well. There are no symbolic links, so "." and ".." are a matter of spelling.
 *
 * @module
 */

import { sep } from "node:path";
import type { Random } from "../protocol/random.ts";
import { diskError } from "../store/disk_error.ts";
import { FolderInode, type Inode } from "./disk_inode.ts";

/** An entry of a folder, whether or not something is there. */
export interface Place {
  readonly folder: FolderInode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

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

  constructor(above?: FolderInode) {
    this.#above = above ?? new FolderInode({ number: 0, nowMs: 0 });
    if (above === undefined) this.#above.settle(ROOT, new FolderInode({ number: ROOT_NUMBER, nowMs: 0 }));
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
    return new DiskTree(this.#above.survivor(random));
  }

  #locate(segments: readonly string[], path: string): Place | undefined {
    let place: Place = { folder: this.#above, name: ROOT, inode: this.#above.entries.get(ROOT) };
    for (const name of segments) {
      const folder = place.inode;
      if (folder === undefined) return undefined;
      if (!(folder instanceof FolderInode)) throw pathError("ENOTDIR", path);
      if (utf8.encode(name).length > MAX_NAME_BYTES) throw pathError("ENAMETOOLONG", path);
      place = { folder, name, inode: folder.entries.get(name) };
    }
    return place;
  }
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
