/**
 * A file store in memory, for tests of sessions and handlers: it behaves like `store/directory_store.ts` (both pass the
 * same compliance suite), its disk can be full or slow, and its counters reveal leaked handles.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import {
  copyFrom,
  type FinishedFile,
  type Held,
  type MemoryDisk,
  MemoryReadableFile,
  MemoryWritableFile,
  type StoredFile,
} from "./memory_file.ts";
import { Glob } from "../base/glob.ts";
import type { MeasurableStore } from "../store/quota_store.ts";
import type { TreeUsage } from "../store/tree_listing.ts";
import { usedBytes } from "../store/used_bytes.ts";
import {
  type CommittedFile,
  type CreateOptions,
  type Done,
  type FileInfo,
  type FolderAttributes,
  type LinkOptions,
  type ListQuery,
  type MoveOptions,
  type ReadableFile,
  type RemovedEntries,
  type RemoveOptions,
  StoreError,
  type StoreListing,
  type StoreSpace,
  type WritableFile,
} from "../transfer/file_store.ts";
import { badName, pathError } from "../transfer/file_name.ts";
import { checkLinkTarget } from "../transfer/link_target.ts";

/** Options of a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** The capacity of the disk, on which partial files count with their full size. Default: unlimited. */
  readonly capacityBytes?: number;
  /** Whether it accepts no files. Default: false. */
  readonly readOnly?: boolean;
  /** Runs the completion of a commit when the simulated disk has finished. Default: at once. */
  readonly schedule?: (run: () => void) => void;
  /** The same for the completion of `list`, `stat`, `open` and `create`. Default: at once. */
  readonly lookUp?: (run: () => void) => void;
  /** Microseconds since 1970 of the simulated wall clock, for files without a modification time. Default: 0. */
  readonly nowUs?: () => number;
}

/** Options of {@link MemoryStore.put}. */
export interface PutOptions {
  readonly modifiedUs?: number;
  readonly mode?: number;
  /** The file repeats the given bytes up to this size, without using memory. Default: it contains them once. */
  readonly sizeBytes?: number;
}

/** A folder or link. */
interface OtherEntry {
  readonly kind: "folder" | "link";
  readonly target?: string;
  modifiedUs: number;
  mode: number | undefined;
}

type Entry = StoredFile | OtherEntry;

/** See the module's description. */
export class MemoryStore implements MeasurableStore {
  /** The capacity of the disk; lower it during a test to make the disk full. */
  capacityBytes: number;
  /** Whether it accepts no files. */
  readOnly: boolean;
  /** Names of further files, which it does not have. */
  unlisted: readonly string[] = [];
  /** By path; folders as well as what is in them. */
  readonly #entries = new Map<string, Entry>();
  /** What was left of files that resume, by what they are for; those that are being written are not here. */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #resuming = new Set<string>();
  readonly #nowUs: () => number;
  readonly #lookUp: (run: () => void) => void;
  readonly #disk: MemoryDisk;
  #openHandles = 0;
  #partialFiles = 0;
  #reservedBytes = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.readOnly = options.readOnly ?? false;
    this.#nowUs = options.nowUs ?? (() => 0);
    this.#lookUp = options.lookUp ?? ((run) => run());
    const schedule = options.schedule ?? ((run) => run());
    this.#disk = {
      isFull: () => this.usedBytes > this.capacityBytes,
      addHandle: (count) => {
        this.#openHandles += count;
      },
      addPartial: (count, reservedBytes) => {
        this.#partialFiles += count;
        this.#reservedBytes += reservedBytes;
      },
      place: (name, file) => this.#place(name, file),
      endResuming: (key, kept) => {
        this.#resuming.delete(key);
        if (kept !== undefined) this.#kept.set(key, kept);
      },
      complete: schedule,
    };
  }

  /** The number of open files, for reading or writing. */
  get openHandles(): number {
    return this.#openHandles;
  }

  /** The number of partial files: created, and neither aborted nor committed. */
  get partialFiles(): number {
    return this.#partialFiles;
  }

  /** The number of partial files that were left for the next try. */
  get keptFiles(): number {
    return this.#kept.size;
  }

  /** Bytes of stored files, of partial files at their full size, and of what was left of others. */
  get usedBytes(): number {
    let usedBytes = this.#reservedBytes;
    for (const kept of this.#kept.values()) usedBytes += kept.length;
    for (const entry of this.#entries.values()) usedBytes += sizeOf(entry);
    return usedBytes;
  }

  /** Puts a file there like another program: at once, and visible to its present readers. */
  put(name: string, bytes: Uint8Array, options: PutOptions = {}): void {
    requireGoodName(name);
    const { modifiedUs = this.#nowUs(), mode, sizeBytes = bytes.length } = options;
    invariant(bytes.length > 0 || sizeBytes === 0, "a file of some size holds some bytes");
    const stored: StoredFile = { kind: "file", bytes: bytes.slice(), sizeBytes, modifiedUs, mode };
    this.#makeFoldersAbove(name);
    const entry = this.#entries.get(name);
    if (entry === undefined) this.#entries.set(name, stored);
    else Object.assign(entry, stored);
  }

  /** A file's bytes, or undefined if there is none. */
  contents(name: string): Uint8Array | undefined {
    const file = this.#entries.get(name);
    if (file?.kind !== "file") return undefined;
    if (file.bytes.length === file.sizeBytes) return file.bytes;
    const bytes = new Uint8Array(file.sizeBytes);
    copyFrom(file, 0, bytes);
    return bytes;
  }

  list({ path, pattern, recursive }: ListQuery, done: Done<StoreListing>): void {
    this.#answer(done, () => {
      if (path !== "") requireGoodName(path);
      if (path !== "") this.#requireFolder(path);
      const glob = pattern === undefined ? undefined : new Glob(pattern);
      const isListed = (name: string) => {
        if (path !== "" && !name.startsWith(`${path}/`)) return false;
        const below = path === "" ? name : name.slice(path.length + 1);
        const isDeep = below.includes("/");
        if (glob?.hasFolders) return glob.matches(below);
        return (recursive || !isDeep) && (glob?.matches(below.slice(below.lastIndexOf("/") + 1)) ?? true);
      };
      // Unlike localeCompare, the default order is the one by code units.
      const names = [...this.#entries.keys()].filter(isListed).sort();
      const entries = names.map((name) => describe(name, this.#entries.get(name)!));
      return { entries, unlisted: this.unlisted, gaps: [] };
    });
  }

  stat(name: string, done: Done<FileInfo>): void {
    this.#answer(done, () => {
      requireGoodName(name);
      return describe(name, this.#require(name));
    });
  }

  open(name: string, done: Done<ReadableFile>): void {
    this.#answer(done, () => {
      requireGoodName(name);
      return new MemoryReadableFile(this.#disk, { name, file: this.#requireFile(name) });
    });
  }

  makeFolder(name: string, { modifiedUs, mode }: FolderAttributes, done: Done<CommittedFile>): void {
    this.#answer(done, () => {
      this.#requireWritable(name);
      this.#makeFoldersAbove(name);
      const existing = this.#entries.get(name);
      if (existing !== undefined && existing.kind !== "folder") throw exists(name);
      const entry = existing ?? this.#newFolder();
      if (modifiedUs !== undefined) entry.modifiedUs = modifiedUs;
      if (mode !== undefined) entry.mode = existing === undefined ? mode : mode & (entry.mode ?? mode);
      this.#entries.set(name, entry);
      return { location: name, notKept: [] };
    });
  }

  makeLink(
    name: string,
    { target, overwrite, modifiedUs = this.#nowUs() }: LinkOptions,
    done: Done<CommittedFile>,
  ): void {
    this.#answer(done, () => {
      this.#requireWritable(name);
      const reason = checkLinkTarget(name, target);
      if (reason !== undefined) throw badName(name, reason);
      this.#makeFoldersAbove(name);
      const existing = this.#entries.get(name);
      const isSame = existing?.kind === "link" && existing.target === target;
      if (existing !== undefined && !isSame) this.#requireReplaceable(name, overwrite);
      if (!isSame) this.#entries.set(name, { kind: "link", target, modifiedUs, mode: undefined });
      return { location: name, notKept: [] };
    });
  }

  remove(name: string, { recursive }: RemoveOptions, done: Done<RemovedEntries>): void {
    this.#answer(done, () => {
      this.#requireWritable(name);
      this.#require(name);
      const doomed = [...this.#entries.keys()].filter((path) => path === name || path.startsWith(`${name}/`));
      if (doomed.length > 1 && !recursive) throw new StoreError("exists", `"${name}" is a folder that is not empty`);
      let freedBytes = 0;
      for (const path of doomed) freedBytes += usedBytes(sizeOf(this.#entries.get(path)!));
      for (const path of doomed) this.#entries.delete(path);
      return { count: doomed.length, usedBytes: freedBytes };
    });
  }

  move(name: string, { newName, overwrite }: MoveOptions, done: Done<CommittedFile>): void {
    this.#answer(done, () => {
      this.#requireWritable(name);
      requireGoodName(newName);
      const entry = this.#require(name);
      const reason = entry.kind === "link" ? checkLinkTarget(newName, entry.target!) : undefined;
      if (name === newName || newName.startsWith(`${name}/`) || reason !== undefined) {
        throw badName(newName, "it cannot be moved there");
      }
      this.#makeFoldersAbove(newName);
      if (this.#entries.has(newName)) {
        this.#requireReplaceable(newName, overwrite);
        if (entry.kind === "folder") throw new StoreError("not-a-file", `"${newName}" is no folder`);
      }
      for (const [path, moved] of [...this.#entries]) {
        if (path !== name && !path.startsWith(`${name}/`)) continue;
        this.#entries.delete(path);
        this.#entries.set(newName + path.slice(name.length), moved);
      }
      return { location: newName, notKept: [] };
    });
  }

  space(done: Done<StoreSpace>): void {
    const freeBytes = this.capacityBytes - this.usedBytes;
    this.#answer(done, () => freeBytes === Infinity ? {} : { freeBytes });
  }

  measure(done: Done<TreeUsage>): void {
    this.#answer(done, () => {
      const used = [...this.#entries.values()].reduce((sum, entry) => sum + usedBytes(sizeOf(entry)), 0);
      return {
        usedBytes: used,
        partialBytes: new Map([...this.#kept].map(([key, { length }]) => [key, usedBytes(length)])),
      };
    });
  }

  create(name: string, options: CreateOptions, done: Done<WritableFile>): void {
    this.#answer(done, () => this.#create(name, options));
  }

  #create(name: string, options: CreateOptions): WritableFile {
    this.#requireWritable(name);
    this.#makeFoldersAbove(name);
    this.#requireFreeForFile(name, options);
    const held = this.#takeHeld(name, options);
    if (this.usedBytes + options.sizeBytes > this.capacityBytes) {
      if (held.key !== undefined) this.#disk.endResuming(held.key, held.kept);
      held.older?.close();
      throw new StoreError("no-space", `no space left for "${name}" (${options.sizeBytes} bytes)`);
    }
    return new MemoryWritableFile(this.#disk, { name, options, held });
  }

  /** Takes what was kept for this file, unless another one is using it. */
  #takeHeld(name: string, { resume, sizeBytes, modifiedUs }: CreateOptions): Held {
    if (resume === undefined) return {};
    const file = resume.reusesOld ? this.#entries.get(name) : undefined;
    const older = file?.kind === "file" ? new MemoryReadableFile(this.#disk, { name, file }) : undefined;
    const key = JSON.stringify([resume.purpose, name, sizeBytes, modifiedUs]);
    if (this.#resuming.has(key)) return { older };
    this.#resuming.add(key);
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return { key, kept, older };
  }

  #answer<Result>(done: Done<Result>, call: () => Result): void {
    this.#lookUp(() => {
      let result: Result | StoreError;
      try {
        result = call();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        result = error;
      }
      done(result);
    });
  }

  #requireWritable(name: string): void {
    requireGoodName(name);
    if (this.readOnly) throw new StoreError("read-only", `"${name}" cannot be stored: this server only gives files`);
  }

  #newFolder(): OtherEntry {
    return { kind: "folder", modifiedUs: this.#nowUs(), mode: undefined };
  }

  #makeFoldersAbove(name: string): void {
    for (let end = name.indexOf("/"); end > 0; end = name.indexOf("/", end + 1)) {
      const path = name.slice(0, end);
      if (this.#entries.has(path)) this.#requireFolder(path);
      else this.#entries.set(path, this.#newFolder());
    }
  }

  #require(name: string): Entry {
    const above = name.slice(0, Math.max(0, name.lastIndexOf("/")));
    if (above !== "") this.#requireFolder(above);
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new StoreError("not-found", `there is no "${name}"`);
    return entry;
  }

  #requireFolder(name: string): void {
    if (this.#require(name).kind !== "folder") throw new StoreError("not-a-file", `"${name}" is no folder`);
  }

  #requireFile(name: string): StoredFile {
    const entry = this.#require(name);
    if (entry.kind !== "file") throw new StoreError("not-a-file", `"${name}" is a ${entry.kind}, not a file`);
    return entry;
  }

  #requireFreeForFile(name: string, { overwrite }: { readonly overwrite: boolean }): void {
    if (!this.#entries.has(name)) return;
    if (!overwrite) throw exists(name);
    this.#requireFile(name);
  }

  #requireReplaceable(name: string, overwrite: boolean): void {
    if (!overwrite) throw exists(name);
    if (this.#require(name).kind === "folder") throw new StoreError("not-a-file", `"${name}" is a folder`);
  }

  #place(name: string, file: FinishedFile): void {
    const above = name.slice(0, Math.max(0, name.lastIndexOf("/")));
    if (above !== "" && !this.#entries.has(above)) {
      throw new StoreError("changed", `the folder "${above}" was removed; try again`);
    }
    this.#requireFreeForFile(name, file);
    const { bytes, modifiedUs = this.#nowUs(), mode } = file;
    this.#entries.set(name, { kind: "file", bytes, sizeBytes: bytes.length, modifiedUs, mode });
  }
}

function exists(name: string): StoreError {
  return new StoreError("exists", `"${name}" exists already`);
}

function sizeOf(entry: Entry): number {
  return entry.kind === "file" ? entry.sizeBytes : 0;
}

function requireGoodName(name: string): void {
  const error = pathError(name);
  if (error !== undefined) throw error;
}

function describe(name: string, entry: Entry): FileInfo {
  const { kind, modifiedUs } = entry;
  const info = { name, kind, sizeBytes: sizeOf(entry), modifiedUs };
  if (entry.kind === "link") return { ...info, target: entry.target };
  return entry.kind === "folder" && entry.mode !== undefined ? { ...info, mode: entry.mode } : info;
}
