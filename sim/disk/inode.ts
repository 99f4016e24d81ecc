/**
 * The inodes of a simulated disk: files as pages, folders as entries, and links, each with its present content and the
 * part of it that would survive a power failure. Paths, descriptors and faults are the matter of `disk.ts`.
 *
 * Every change has a sequence number, which grows from change to change. When an fsync ends, the changes up to the number
 * at which it was called are durable; later ones are not, as in POSIX.
 *
 * Simplification: a page that is written during an fsync of its file counts as not synced as a whole, and its file may
 * lose what that fsync covered. A real disk keeps that.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { invariant } from "../../base/invariant.ts";
import type { DiskStats } from "../../store/disk.ts";
import type { Losses } from "./losses.ts";

/** The unit of atomic writes: after a power failure a page is there as a whole or not at all. */
export const PAGE_BYTES = 4096;

/** A range of bytes to be read or written: its part of a buffer, and its position in a file. */
export interface Stretch {
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly position: number;
}

/** The attributes of a new inode. Times are milliseconds since 1970 UTC. */
interface Metadata {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly mode: number;
}

/** A page that was written since it was last durable. */
interface DirtyPage {
  /** Its durable content; undefined for the initial content of the file. */
  readonly old: Slab | undefined;
  sequence: number;
}

/** Contiguous memory for the new pages of one write, so that it and later reads need a single copy. */
class Slab {
  readonly #bytes: Uint8Array;
  readonly #position: number;

  /** For `pageCount` pages of the file from page `firstIndex`, all zeros. */
  constructor(firstIndex: number, pageCount: number) {
    this.#bytes = new Uint8Array(pageCount * PAGE_BYTES);
    this.#position = firstIndex * PAGE_BYTES;
  }

  /** A view of so many bytes of the file from `position`, to be read or written. */
  at(position: number, length: number): Uint8Array {
    const at = position - this.#position;
    return this.#bytes.subarray(at, at + length);
  }

  /** A view of one page. */
  copyOf(index: number): Slab {
    const copy = new Slab(index, 1);
    copy.#bytes.set(this.at(index * PAGE_BYTES, PAGE_BYTES));
    return copy;
  }
}

/** A file's inode. A page that is not dirty is never written again but replaced, so that copies can share it. */
export class FileInode {
  /** Unique on its disk. */
  readonly number: number;
  readonly bornMs: number;
  mode: number;
  modifiedMs: number;
  /** Time of the last change of any kind. */
  changedMs: number;
  /** Entries and descriptors that refer to it; its space is free when there are none. */
  references = 0;
  /** Entries that refer to it. */
  links = 0;
  #sizeBytes = 0;
  /** The memory of each page. */
  #pages = new Map<number, Slab>();
  #dirty = new Map<number, DirtyPage>();
  /** The initial content of the file: these bytes, repeated up to this size. */
  #begin = { bytes: new Uint8Array(0), sizeBytes: 0 };
  #pagesBeyondBegin = 0;
  #durable: Metadata;

  constructor(options: { readonly number: number; readonly mode: number; readonly nowMs: number }) {
    this.number = options.number;
    this.mode = options.mode;
    this.bornMs = this.changedMs = this.modifiedMs = options.nowMs;
    this.#durable = this.#metadata();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Its space on the disk: whole pages, and none for those that were never written. */
  get allocatedBytes(): number {
    return (this.#beginPages + this.#pagesBeyondBegin) * PAGE_BYTES;
  }

  /** Makes `bytes`, repeated up to `sizeBytes`, the content of the file: durable at once, without cost. */
  replace(bytes: Uint8Array, options: { readonly sizeBytes: number; readonly modifiedMs: number }): void {
    const { sizeBytes, modifiedMs } = options;
    invariant(bytes.length > 0 || sizeBytes === 0, "a file of some size holds some bytes");
    this.#pages.clear();
    this.#pagesBeyondBegin = 0;
    this.#dirty.clear();
    this.#begin = { bytes: bytes.slice(), sizeBytes };
    this.#sizeBytes = sizeBytes;
    this.modifiedMs = modifiedMs;
    this.#durable = this.#metadata();
  }

  /** Fills the range up to the end of the file; returns the number of bytes read. */
  read({ buffer, offset, length, position }: Stretch): number {
    const count = Math.max(0, Math.min(length, this.#sizeBytes - position));
    for (let done = 0; done < count;) {
      const slab = this.#pages.get(Math.floor((position + done) / PAGE_BYTES));
      const part = this.#lengthIn(slab, position + done, count - done);
      const at = offset + done;
      if (slab === undefined) this.#copyBegin(position + done, buffer.subarray(at, at + part));
      else buffer.set(slab.at(position + done, part), at);
      done += part;
    }
    return count;
  }

  /** Whether the file is `content`, repeated up to its size. */
  repeats(content: Uint8Array): boolean {
    invariant(content.length > 0 || this.#sizeBytes === 0, "a file of some size holds some bytes");
    const buffer = new Uint8Array(content.length);
    for (let position = 0; position < this.#sizeBytes; position += content.length) {
      const count = this.read({ buffer, offset: 0, length: buffer.length, position });
      if (Buffer.compare(buffer.subarray(0, count), content.subarray(0, count)) !== 0) return false;
    }
    return true;
  }

  /** Writes the whole range. */
  write({ buffer, offset, length, position }: Stretch, sequence: number): void {
    this.#makeWritable(position, length, sequence);
    for (let done = 0; done < length;) {
      const slab = this.#pages.get(Math.floor((position + done) / PAGE_BYTES))!;
      const part = this.#lengthIn(slab, position + done, length - done);
      slab.at(position + done, part).set(buffer.subarray(offset + done, offset + done + part));
      done += part;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, position + length);
  }

  /** Cuts the file, or extends it by zeros. What is cut off is durably gone: a simplification. */
  truncate(sizeBytes: number): void {
    const isCut = sizeBytes < this.#sizeBytes;
    this.#sizeBytes = sizeBytes;
    if (!isCut) return;
    this.#cutAtSize();
    for (const index of this.#dirty.keys()) if (!this.#pages.has(index)) this.#dirty.delete(index);
    this.#durable = this.#metadata();
  }

  /** How many bytes of a write have room if so many pages are free. */
  writableBytes({ length, position }: Stretch, freePages: number): number {
    const end = position + length;
    let neededPages = 0;
    for (let index = Math.floor(position / PAGE_BYTES); index * PAGE_BYTES < end; index++) {
      if (!this.#isAllocated(index)) neededPages++;
      if (neededPages > freePages) return Math.max(0, index * PAGE_BYTES - position);
    }
    return length;
  }

  /** Begins an fsync; the function that it returns ends it. */
  sync(sequence: number): () => void {
    const metadata = this.#metadata();
    return () => {
      this.#durable = metadata;
      for (const [index, page] of this.#dirty) if (page.sequence <= sequence) this.#dirty.delete(index);
    };
  }

  /**
   * What is left after a power failure: of unsynced pages any, in their old state, their new one or as zeros, and of
   * size, times and mode the old or the new.
   */
  survivor(losses: Losses): FileInode {
    const copy = new FileInode({ number: this.number, mode: this.mode, nowMs: this.bornMs });
    const { sizeBytes, modifiedMs, mode } = losses.chance(0.5) ? this.#durable : this.#metadata();
    copy.#sizeBytes = sizeBytes;
    copy.modifiedMs = modifiedMs;
    copy.mode = mode;
    copy.changedMs = this.changedMs;
    copy.#begin = this.#begin;
    copy.#pages = new Map(this.#pages);
    // All, none, or some of them: if each page were drawn independently, the first two would hardly ever occur.
    const keep = losses.pick([0, 0.5, 1]);
    const zeros = losses.pick([0, 0.5]);
    for (const [index, { old }] of this.#dirty) {
      if (losses.chance(keep)) copy.#pages.set(index, this.#pages.get(index)!.copyOf(index));
      else if (losses.chance(zeros)) copy.#pages.set(index, new Slab(index, 1));
      else if (old !== undefined) copy.#pages.set(index, old);
      else copy.#pages.delete(index);
    }
    copy.#cutAtSize();
    copy.#durable = copy.#metadata();
    return copy;
  }

  get #beginPages(): number {
    return Math.ceil(this.#begin.sizeBytes / PAGE_BYTES);
  }

  #isAllocated(index: number): boolean {
    return index < this.#beginPages || this.#pages.has(index);
  }

  #metadata(): Metadata {
    return { sizeBytes: this.#sizeBytes, modifiedMs: this.modifiedMs, mode: this.mode };
  }

  /** How many of `length` bytes from `position` are in the slab of the first, or, like it, in none. */
  #lengthIn(slab: Slab | undefined, position: number, length: number): number {
    let index = Math.floor(position / PAGE_BYTES) + 1;
    while (index * PAGE_BYTES < position + length && this.#pages.get(index) === slab) index++;
    return Math.min(length, index * PAGE_BYTES - position);
  }

  /** Makes pages dirty, with the content that will not be overwritten. */
  #makeWritable(position: number, length: number, sequence: number): void {
    const end = position + length;
    let fresh: Slab | undefined;
    for (let index = Math.floor(position / PAGE_BYTES); index * PAGE_BYTES < end; index++) {
      const dirty = this.#dirty.get(index);
      const old = this.#pages.get(index);
      if (old !== undefined && dirty !== undefined) {
        dirty.sequence = sequence;
        continue;
      }
      fresh ??= new Slab(index, Math.ceil(end / PAGE_BYTES) - index);
      const at = index * PAGE_BYTES;
      const isWhole = at >= position && at + PAGE_BYTES <= end;
      if (old === undefined && index >= this.#beginPages) this.#pagesBeyondBegin++;
      else if (!isWhole && old === undefined) this.#copyBegin(at, fresh.at(at, PAGE_BYTES));
      else if (!isWhole) fresh.at(at, PAGE_BYTES).set(old!.at(at, PAGE_BYTES));
      this.#pages.set(index, fresh);
      this.#dirty.set(index, { old, sequence });
    }
  }

  /** Fills `into` with the initial content from `position`, and with zeros beyond it. */
  #copyBegin(position: number, into: Uint8Array): void {
    const { bytes, sizeBytes } = this.#begin;
    const count = Math.max(0, Math.min(into.length, sizeBytes - position));
    for (let copied = 0; copied < count;) {
      const at = (position + copied) % bytes.length;
      const part = bytes.subarray(at, at + count - copied);
      into.set(part, copied);
      copied += part.length;
    }
    into.fill(0, count);
  }

  /** Clears what is beyond the size, so that a file that grows again has zeros there. */
  #cutAtSize(): void {
    const last = Math.floor(this.#sizeBytes / PAGE_BYTES);
    const { bytes, sizeBytes } = this.#begin;
    this.#begin = { bytes, sizeBytes: Math.min(sizeBytes, this.#sizeBytes) };
    this.#pagesBeyondBegin = 0;
    for (const [index, page] of this.#pages) {
      if (index * PAGE_BYTES >= this.#sizeBytes) this.#pages.delete(index);
      else if (index === last) {
        const cut = page.copyOf(index);
        cut.at(this.#sizeBytes, (last + 1) * PAGE_BYTES - this.#sizeBytes).fill(0);
        this.#pages.set(index, cut);
      }
      if (this.#pages.has(index) && index >= this.#beginPages) this.#pagesBeyondBegin++;
    }
  }
}

/** One change of a folder, which is atomic under power failures. */
interface FolderChange {
  readonly sequence: number;
  /** The inode of each name afterwards, undefined for none. */
  readonly entries: readonly (readonly [name: string, inode: Inode | undefined])[];
  /** The other folder of a rename from one to another; its change has the same number. */
  readonly partner?: FolderInode;
}

/** A file, a folder or a symbolic link. */
export type Inode = FileInode | FolderInode | LinkInode;

/** What is common to all parts of a disk that survives a power failure. */
export interface Survival {
  /** From inodes to their survivors. */
  readonly known: Map<Inode, Inode>;
  /** Renames between two folders survive up to this number: they are atomic, and in order. */
  readonly lastRename: number;
}

/** A symbolic link's inode, which never changes. */
export class LinkInode {
  /** Unique on its disk. */
  readonly number: number;
  readonly bornMs: number;
  readonly target: string;
  modifiedMs: number;
  /** Entries that refer to it. */
  links = 0;

  constructor(options: { readonly number: number; readonly target: string; readonly nowMs: number }) {
    this.number = options.number;
    this.target = options.target;
    this.bornMs = options.nowMs;
    this.modifiedMs = options.nowMs;
  }

  /** A copy with the same text. */
  survivor(): LinkInode {
    const copy = new LinkInode({ number: this.number, target: this.target, nowMs: this.bornMs });
    copy.modifiedMs = this.modifiedMs;
    return copy;
  }
}

/** A folder's inode. */
export class FolderInode {
  /** Unique on its disk. */
  readonly number: number;
  readonly bornMs: number;
  mode: number;
  modifiedMs: number;
  readonly entries = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  #durableMetadata: Pick<Metadata, "mode" | "modifiedMs">;
  #unsynced: FolderChange[] = [];

  constructor(options: { readonly number: number; readonly mode: number; readonly nowMs: number }) {
    this.number = options.number;
    this.mode = options.mode;
    this.bornMs = this.modifiedMs = options.nowMs;
    this.#durableMetadata = { mode: this.mode, modifiedMs: this.modifiedMs };
  }

  /** The numbers of renames to or from another folder that are not durable. */
  get unsyncedRenames(): number[] {
    return this.#unsynced.filter(({ partner }) => partner !== undefined).map(({ sequence }) => sequence);
  }

  /** Changes entries; after a power failure, all or none of them are changed. */
  change(sequence: number, ...entries: FolderChange["entries"]): void {
    for (const [name] of entries) countReference(this.entries.get(name), -1);
    for (const [name, inode] of entries) {
      countReference(inode, 1);
      apply(this.entries, name, inode);
    }
    this.#unsynced.push({ sequence, entries });
  }

  /** Moves the inode of `name` to another folder: after a power failure, it is in one of the two. */
  moveTo(target: FolderInode, change: { sequence: number; name: string; newName: string; inode: Inode }): void {
    const { sequence, name, newName, inode } = change;
    countReference(target.entries.get(newName), -1);
    apply(this.entries, name, undefined);
    apply(target.entries, newName, inode);
    this.#unsynced.push({ sequence, entries: [[name, undefined]], partner: target });
    target.#unsynced.push({ sequence, entries: [[newName, inode]], partner: this });
  }

  /** Changes an entry, durable at once. */
  settle(name: string, inode: Inode | undefined): void {
    countReference(this.entries.get(name), -1);
    countReference(inode, 1);
    apply(this.entries, name, inode);
    apply(this.#durable, name, inode);
    this.#unsynced = this.#unsynced.map((change) => ({
      ...change,
      entries: change.entries.filter(([other]) => other !== name),
    }));
  }

  /** Begins an fsync; the function that it returns ends it. */
  sync(sequence: number): () => void {
    const { mode, modifiedMs } = this;
    return () => {
      this.#durableMetadata = { mode, modifiedMs };
      this.#settleUpTo(sequence);
    };
  }

  /** Makes changes durable; of the other folder of a rename those before it as well, as a journal is written in order. */
  #settleUpTo(sequence: number): void {
    const changes = this.#unsynced.filter((change) => change.sequence <= sequence);
    this.#unsynced = this.#unsynced.filter((change) => change.sequence > sequence);
    for (const change of changes) {
      for (const [name, inode] of change.entries) apply(this.#durable, name, inode);
      if (change.partner !== undefined) change.partner.#settleUpTo(change.sequence);
    }
  }

  /** The state after a power failure, with any subset of the unsynced changes but renames to or from other folders. */
  survivor(losses: Losses, survival: Survival): FolderInode {
    const { known, lastRename } = survival;
    const copy = new FolderInode({ number: this.number, mode: this.mode, nowMs: this.bornMs });
    const { mode, modifiedMs } = this.#durableMetadata;
    copy.modifiedMs = this.modifiedMs;
    const isChanged = mode !== this.mode || modifiedMs !== this.modifiedMs;
    if (isChanged && losses.chance(0.5)) Object.assign(copy, this.#durableMetadata);
    copy.#durableMetadata = { mode: copy.mode, modifiedMs: copy.modifiedMs };
    known.set(this, copy);
    const survivors = new Map(this.#durable);
    const keep = losses.pick([0, 0.5, 1]);
    for (const { entries, partner, sequence } of this.#unsynced) {
      const isKept = partner === undefined ? losses.chance(keep) : sequence <= lastRename;
      if (isKept) { for (const [name, inode] of entries) apply(survivors, name, inode); }
    }
    for (const [name, inode] of survivors) {
      const survivor = known.get(inode) ?? inode.survivor(losses, survival);
      known.set(inode, survivor);
      copy.settle(name, survivor);
    }
    return copy;
  }
}

function apply(entries: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) entries.delete(name);
  else entries.set(name, inode);
}

function countReference(inode: Inode | undefined, count: number): void {
  if (inode instanceof LinkInode) inode.links += count;
  if (!(inode instanceof FileInode)) return;
  inode.references += count;
  inode.links += count;
}

/** The attributes of an inode. */
export function statsOf(inode: Inode): DiskStats {
  const isFile = inode instanceof FileInode;
  const isLink = inode instanceof LinkInode;
  return {
    dev: DEVICE,
    ino: inode.number,
    nlink: inode instanceof FolderInode ? 1 : inode.links,
    size: isFile ? inode.sizeBytes : isLink ? inode.target.length : PAGE_BYTES,
    blocks: isLink ? 0 : (isFile ? inode.allocatedBytes : PAGE_BYTES) / BLOCK_BYTES,
    mode: isLink ? LINK_MODE : (isFile ? FILE_TYPE : FOLDER_TYPE) | inode.mode,
    uid: OWNER,
    gid: OWNER,
    mtimeMs: inode.modifiedMs,
    ctimeMs: isFile ? inode.changedMs : inode.bornMs,
    birthtimeMs: inode.bornMs,
    isFile: () => isFile,
    isDirectory: () => !isFile && !isLink,
    isSymbolicLink: () => isLink,
  };
}

/** The unit of stat(2). */
const BLOCK_BYTES = 512;
/** From `<sys/stat.h>`. */
const FILE_TYPE = 0o100000;
const FOLDER_TYPE = 0o040000;
const LINK_MODE = 0o120777;
/** There is one user. */
const OWNER = 1000;
/** There is one disk. */
const DEVICE = 1;

/** Sets the time of the last change, of a file. */
export function touch(inode: Inode | undefined, nowMs: number): void {
  if (inode instanceof FileInode) inode.changedMs = nowMs;
}

/** The space that an inode uses. */
export function spaceOf(inode: Inode | undefined): number {
  return inode instanceof FileInode && inode.references > 0 ? inode.allocatedBytes : 0;
}
