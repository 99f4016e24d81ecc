/**
 * The folders of a simulated disk, and the lookup of paths. All paths are relative to the root. Symbolic links are
 * entries that no path leads through (ENOTDIR), so "." and ".." are resolved by text.
 *
 * @module
 */

import { sep } from "node:path";
import { diskError } from "../../store/disk_error.ts";
import { FileInode, FolderInode, type Inode, LinkInode } from "./inode.ts";
import type { Losses } from "./losses.ts";

/** An entry of a folder, existing or not. */
export interface Place {
  readonly folder: FolderInode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

/** How a {@link DiskTree} compares names. */
export interface DiskTreeOptions {
  /** Names for which this returns the same are one entry, spelled as it was created. Default: names are exact. */
  readonly foldName?: (name: string) => string;
}

const FOLDER_MODE = 0o755;
/** As on most disks, in UTF-8. */
const MAX_NAME_BYTES = 255;
/** The name of the root's entry, which no path can contain. */
const ROOT = "";
/** As on most disks. All other inodes have higher numbers. */
export const ROOT_NUMBER = 2;

const utf8 = new TextEncoder();

/** See the module's description. */
export class DiskTree {
  /** A folder with one entry, the root, so that the root has a place as well. */
  readonly #above: FolderInode;

  readonly #foldName: DiskTreeOptions["foldName"];

  constructor(options: DiskTreeOptions, above?: FolderInode) {
    this.#foldName = options.foldName;
    this.#above = above ?? newFolder(0);
    if (above === undefined) this.#above.settle(ROOT, newFolder(ROOT_NUMBER));
  }

  /** The entry that a path names. Throws ENOENT if a folder of the path is missing, ENOTDIR if one is a file. */
  find(path: string): Place {
    const place = this.#locate(segmentsOf(path), path);
    if (place === undefined) throw pathError("ENOENT", path);
    return place;
  }

  /** The entry of an empty folder. Throws ENOENT, ENOTDIR or ENOTEMPTY. */
  findEmptyFolder(path: string): Place {
    const place = this.find(path);
    if (place.inode === undefined) throw pathError("ENOENT", path);
    if (!(place.inode instanceof FolderInode)) throw pathError("ENOTDIR", path);
    if (place.inode.entries.size > 0) throw pathError("ENOTEMPTY", path);
    return place;
  }

  /** The inode at a path, undefined for none. Throws ENOTDIR. */
  inodeAt(path: string): Inode | undefined {
    return this.#locate(segmentsOf(path), path)?.inode;
  }

  /** The inode at a path. Throws ENOENT or ENOTDIR. */
  require(path: string): Inode {
    const inode = this.inodeAt(path);
    if (inode === undefined) throw pathError("ENOENT", path);
    return inode;
  }

  /** Calls `make` for each missing folder of the path. Throws EEXIST or ENOTDIR if one cannot exist. */
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

  /** The canonical path of what exists there. Throws ENOENT or ENOTDIR. */
  realpath(path: string): string {
    this.require(path);
    return sep + segmentsOf(path).join(sep);
  }

  /** Every entry, folders before their content. */
  *walk(folder: FolderInode = this.#above): Generator<{ readonly name: string; readonly inode: Inode }> {
    for (const [name, inode] of folder.entries) {
      yield { name, inode };
      if (inode instanceof FolderInode) yield* this.walk(inode);
    }
  }

  /** The names in a folder, sorted; none if it is missing. */
  namesIn(path: string): string[] {
    const folder = this.inodeAt(path);
    return folder instanceof FolderInode ? [...folder.entries.keys()].sort() : [];
  }

  /** Everything below a folder, sorted: folders end with "/", links with "@" and their target. */
  describe(path: string): string[] {
    return this.namesIn(path).flatMap((name) => {
      const inode = this.inodeAt(`${path}/${name}`);
      if (inode instanceof LinkInode) return [`${name}@${inode.target}`];
      if (inode instanceof FileInode) return [name];
      return [`${name}/`, ...this.describe(`${path}/${name}`).map((below) => `${name}/${below}`)];
    });
  }

  /** Throws unless rename(2) can give an inode this place. */
  requireReplaceable(inode: Inode, { folder, inode: replaced }: Place, newPath: string): void {
    if (inode instanceof FolderInode && this.#contains(inode, folder)) throw pathError("EINVAL", newPath);
    if (replaced === undefined) return;
    const isFolder = replaced instanceof FolderInode;
    if (isFolder && !(inode instanceof FolderInode)) throw pathError("EISDIR", newPath);
    if (!isFolder && inode instanceof FolderInode) throw pathError("ENOTDIR", newPath);
    if (isFolder && replaced.entries.size > 0) throw pathError("ENOTEMPTY", newPath);
  }

  /** Whether a folder is this one, or lies below it. */
  #contains(above: FolderInode, folder: FolderInode): boolean {
    return above === folder || this.walk(above).some(({ inode }) => inode === folder);
  }

  /** The state after a power failure. */
  survivor(losses: Losses): DiskTree {
    const options = this.#foldName === undefined ? {} : { foldName: this.#foldName };
    const renames = new Set<number>();
    for (const { inode } of this.walk()) {
      if (inode instanceof FolderInode) { for (const sequence of inode.unsyncedRenames) renames.add(sequence); }
    }
    const lastRename = renames.size === 0 ? 0 : losses.pick([0, ...renames].sort((a, b) => a - b));
    return new DiskTree(options, this.#above.survivor(losses, { known: new Map(), lastRename }));
  }

  /** The sizes of all entries whose names match, 0 for folders and links. */
  sizesOf(pattern: RegExp): number[] {
    const found = [...this.walk()].filter(({ name }) => pattern.test(name));
    return found.map(({ inode }) => inode instanceof FileInode ? inode.sizeBytes : 0);
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

  /** The spelling of an existing entry; the given one if there is none. */
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
