/**
 * A disk in memory, on which the programs' store runs in simulations: it can lose power, fill up, fail, be slow, and do
 * short reads and writes, all from a seed. Participants: the store, through {@link Disk}; a test or the simulator,
 * through the other methods.
 *
 * Only what POSIX guarantees is durable: a file's bytes after its fsync, a folder's entries after the folder's fsync.
 * Calls that wait for the device take effect when they end, and `schedule` decides when that is.
 *
 * Renaming from one folder to another is atomic, as on disks with a journal: after a power failure the entry is in one of
 * the two. POSIX does not promise that.
 *
 * Non-goal: following symbolic links, which are entries and no more.
 *
 * @module
 */

import { basename } from "node:path";
import { Random } from "../../base/random.ts";
import type { Disk, DiskStats, FileLock } from "../../store/disk.ts";
import { PromisedSpace } from "../../store/promised_space.ts";
import { diskError } from "../../store/disk_error.ts";
import type { NameRules } from "../../transfer/file_name.ts";
import { Descriptors, FLAGS } from "./descriptors.ts";
import { DiskMeter, type DiskOperation, keptTimeMs } from "./faults.ts";
import {
  FileInode,
  FolderInode,
  type Inode,
  LinkInode,
  PAGE_BYTES,
  spaceOf,
  statsOf,
  type Stretch,
  touch,
} from "./inode.ts";
import type { Losses } from "./losses.ts";
import type { SimulatedDiskOptions } from "./options.ts";
import { DiskTree, pathError, type Place, ROOT_NUMBER } from "./tree.ts";

/** How {@link SimulatedDisk.put} makes a file. */
export interface PutOptions {
  /** Default: now. */
  readonly modifiedMs?: number;
  /** The file consists of the given bytes, repeated up to this size, without cost. Default: their length. */
  readonly sizeBytes?: number;
}

const DEFAULT_MODE = 0o666;
const DEFAULT_FOLDER_MODE = 0o777;
const UMASK = 0o022;
const TEMPORARY_NAME = /^\.sluice-.*\.part$/;

/** See the module's description. */
export class SimulatedDisk implements Disk {
  readonly flags = FLAGS;
  readonly hasModes = true;
  readonly hasLocks: boolean;
  readonly nameRules: NameRules;
  /** Draws faults, and counts them and the operations. */
  readonly meter: DiskMeter;
  readonly #options: SimulatedDiskOptions;
  readonly #names: Random;
  #tree: DiskTree;
  readonly #descriptors = new Descriptors();
  readonly #locked = new Set<Inode>();
  /** Number of processes that have ended. */
  #epoch = 0;
  /** Number of the last change. */
  #sequence = 0;
  #lastInode = ROOT_NUMBER;
  #usedBytes = 0;
  /** Of the process that uses the disk now. */
  promisedSpace = new PromisedSpace();

  constructor(options: SimulatedDiskOptions = {}) {
    const { random = new Random(0), faults = {}, nameRules = "posix" } = options;
    this.nameRules = nameRules;
    this.hasLocks = options.hasLocks ?? true;
    this.#options = options;
    this.#tree = new DiskTree(options);
    this.#names = random.fork("temporary names");
    this.meter = new DiskMeter({ random: random.fork("faults"), faults });
  }

  // --- for tests and the simulator ---

  /** Descriptors open now. */
  get openDescriptors(): number {
    return this.#descriptors.size;
  }

  /** Used space, in whole pages; files without a name count while they are open. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Entries named like the store's partial files. */
  get temporaryFiles(): number {
    return this.temporarySizes().length;
  }

  /** Their sizes, 0 for folders. */
  readonly temporarySizes = (): number[] => this.#tree.sizesOf(TEMPORARY_NAME);

  /** Puts a file there, as another program would: at once, durable, and visible to its present readers. */
  put(path: string, bytes: Uint8Array, options: PutOptions = {}): void {
    const { sizeBytes = bytes.length, modifiedMs = this.nowMs() } = options;
    this.#tree.makeFolders(`${path}/..`, ({ folder, name }) => folder.settle(name, this.#newFolder()));
    const { folder, name, inode } = this.#tree.find(path);
    const file = inode ?? this.#newFile(DEFAULT_MODE);
    if (!(file instanceof FileInode)) throw pathError("EISDIR", path);
    this.#account(file, () => {
      file.replace(bytes, { sizeBytes, modifiedMs });
      file.changedMs = this.nowMs();
      if (inode === undefined) folder.settle(name, file);
    });
  }

  /** The file at a path, or undefined if there is none. */
  fileAt(path: string): FileInode | undefined {
    const inode = this.#tree.inodeAt(path);
    return inode instanceof FileInode ? inode : undefined;
  }

  /** A file's bytes, or undefined if there is none. */
  contents(path: string): Uint8Array | undefined {
    const inode = this.fileAt(path);
    if (inode === undefined) return undefined;
    const buffer = new Uint8Array(inode.sizeBytes);
    inode.read({ buffer, offset: 0, length: buffer.length, position: 0 });
    return buffer;
  }

  /** The names in a folder, sorted, not counted as an operation; none if it is missing. */
  names(path: string): string[] {
    return this.#tree.namesIn(path);
  }

  /** Puts a symbolic link there, as another program would. */
  putLink(path: string, target: string): void {
    this.#tree.find(path).folder.settle(
      basename(path),
      new LinkInode({ number: ++this.#lastInode, target, nowMs: this.nowMs() }),
    );
  }

  /** Makes a folder and those above it that are missing, as another program would. */
  putFolder(path: string): void {
    this.#tree.makeFolders(path, ({ folder, name }) => folder.settle(name, this.#newFolder()));
  }

  /** Everything below a folder, sorted: folders end with "/", links with "@" and their target. */
  tree(path: string): string[] {
    return this.#tree.describe(path);
  }

  /** Removes a file, or a folder with its content, as another program would. */
  remove(path: string): void {
    const { folder, name, inode } = this.#tree.find(path);
    for (const child of this.names(path)) this.remove(`${path}/${child}`);
    if (inode instanceof FileInode) inode.changedMs = this.nowMs();
    this.#account(inode, () => folder.settle(name, undefined));
  }

  /** The process was killed: its descriptors are closed, and its pending calls never end. */
  killProcess(): void {
    this.meter.count("kill");
    this.#endProcess();
  }

  /** A power failure: like {@link killProcess}, and an arbitrary part of what was not synced is lost. */
  crash(random: Random): void {
    this.meter.count("crash");
    this.#endProcess();
    this.#tree = this.#tree.survivor(random);
    this.#usedBytes = this.#sumUsed();
  }

  /** A disk without faults, in the state that a power failure with these losses would leave; this one is not changed. */
  crashed(losses: Losses): SimulatedDisk {
    const { nowMs = () => 0, foldName } = this.#options;
    const folding = foldName === undefined ? {} : { foldName };
    const { nameRules } = this;
    const copy = new SimulatedDisk({ random: this.#names.fork("copy"), nowMs, nameRules, ...folding });
    copy.#tree = this.#tree.survivor(losses);
    copy.#lastInode = this.#lastInode;
    copy.#usedBytes = copy.#sumUsed();
    return copy;
  }

  // --- Disk: descriptors ---

  open(path: string, flags: number, mode = DEFAULT_MODE): Promise<number> {
    return this.#lookUp("open", () => this.#open(path, { flags, mode }));
  }

  openSync(path: string, flags: number, mode = DEFAULT_MODE): number {
    this.meter.begin("open");
    return this.#open(path, { flags, mode });
  }

  #open(path: string, { flags, mode }: { flags: number; mode: number }): number {
    this.#requireDescriptor("open");
    const place = this.#tree.find(path);
    let { inode } = place;
    if (inode === undefined) {
      if ((flags & FLAGS.O_CREAT) === 0) throw pathError("ENOENT", path);
      if (this.#freePages() < 1) throw this.meter.fault("ENOSPC", "open");
      inode = this.#newFile(mode);
      place.folder.change(++this.#sequence, [place.name, inode]);
    } else if ((flags & FLAGS.O_CREAT) !== 0 && (flags & FLAGS.O_EXCL) !== 0) throw pathError("EEXIST", path);
    return this.#descriptors.open(inode, flags);
  }

  close(descriptor: number): void {
    this.#account(this.#descriptors.get(descriptor), () => this.#descriptors.close(descriptor));
    // Last, as the descriptor is closed even if close fails.
    this.meter.begin("close");
  }

  read(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.meter.begin("read");
    const file = this.#descriptors.file(descriptor, "read");
    return file.read({ buffer, offset, length: this.meter.shorten("read", length), position });
  }

  write(descriptor: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.meter.begin("write");
    const file = this.#descriptors.file(descriptor, "write");
    const asked = { buffer, offset, length: this.meter.shorten("write", length), position };
    const stretch = this.#cutToRoom(file, asked);
    this.#account(file, () => file.write(stretch, ++this.#sequence));
    file.modifiedMs = file.changedMs = this.nowMs();
    return stretch.length;
  }

  fstat(descriptor: number): DiskStats {
    this.meter.begin("fstat");
    return statsOf(this.#descriptors.get(descriptor));
  }

  fchmod(descriptor: number, mode: number): void {
    this.meter.begin("fchmod");
    const inode = this.#descriptors.get(descriptor);
    if (inode instanceof LinkInode) return;
    inode.mode = mode;
    if (inode instanceof FileInode) inode.changedMs = this.nowMs();
  }

  futimes(descriptor: number, modifiedUs: number): void {
    this.meter.begin("futimes");
    this.#setTime(this.#descriptors.get(descriptor), modifiedUs);
  }

  #setTime(inode: Inode, modifiedUs: number): void {
    inode.modifiedMs = keptTimeMs(modifiedUs, this.meter.faults);
    if (inode instanceof FileInode) inode.changedMs = this.nowMs();
  }

  fsync(descriptor: number): Promise<void> {
    const inode = this.#descriptors.get(descriptor);
    if (inode instanceof LinkInode) throw diskError("EBADF", `EBADF: descriptor ${descriptor}`);
    const end = inode.sync(this.#sequence);
    return this.#later(inode instanceof FolderInode ? "fsync-folder" : "fsync", end);
  }

  // --- Disk: names ---

  stat(path: string): Promise<DiskStats> {
    return this.#lookUp("stat", () => statsOf(this.#tree.require(path)));
  }

  lstat(path: string): Promise<DiskStats | undefined> {
    return this.#lookUp("lstat", () => {
      const inode = this.#tree.inodeAt(path);
      return inode === undefined ? undefined : statsOf(inode);
    });
  }

  rename(oldPath: string, newPath: string): Promise<void> {
    return this.#later("rename", () => this.#rename(oldPath, newPath));
  }

  renameSync(oldPath: string, newPath: string): void {
    this.meter.begin("rename");
    this.#rename(oldPath, newPath);
  }

  link(existingPath: string, newPath: string): Promise<void> {
    return this.#later("link", () => this.#link(existingPath, newPath));
  }

  unlink(path: string): void {
    this.meter.begin("unlink");
    this.#unlink(path);
  }

  removeFile(path: string): Promise<void> {
    return this.#lookUp("unlink", () => this.#unlink(path));
  }

  /** Counts as a write. */
  truncate(descriptor: number, sizeBytes: number): Promise<void> {
    const file = this.#descriptors.file(descriptor, "write");
    return this.#lookUp("write", () => {
      this.#account(file, () => file.truncate(sizeBytes));
      file.modifiedMs = file.changedMs = this.nowMs();
    });
  }

  // --- Disk: folders, and the machine ---

  readdir(folder: string): Promise<string[]> {
    return this.#lookUp("readdir", () => {
      this.#requireDescriptor("readdir");
      const inode = this.#tree.require(folder);
      if (!(inode instanceof FolderInode)) throw pathError("ENOTDIR", folder);
      return [...inode.entries.keys()];
    });
  }

  mkdir(folder: string, mode: number): Promise<void> {
    return this.#lookUp("mkdir", () => {
      const place = this.#tree.find(folder);
      if (place.inode !== undefined) throw pathError("EEXIST", folder);
      place.folder.change(++this.#sequence, [place.name, this.#newFolder(mode)]);
    });
  }

  rmdir(folder: string): Promise<void> {
    return this.#lookUp("rmdir", () => {
      const place = this.#tree.findEmptyFolder(folder);
      place.folder.change(++this.#sequence, [place.name, undefined]);
    });
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#lookUp("symlink", () => {
      const place = this.#tree.find(path);
      if (place.inode !== undefined) throw pathError("EEXIST", path);
      const inode = new LinkInode({ number: ++this.#lastInode, target, nowMs: this.nowMs() });
      place.folder.change(++this.#sequence, [place.name, inode]);
    });
  }

  lutimes(path: string, modifiedUs: number): Promise<void> {
    return this.#lookUp("futimes", () => this.#setTime(this.#tree.require(path), modifiedUs));
  }

  readlink(path: string): Promise<string> {
    return this.#lookUp("readlink", () => {
      const inode = this.#tree.require(path);
      if (!(inode instanceof LinkInode)) throw pathError("EINVAL", path);
      return inode.target;
    });
  }

  realpath(path: string): Promise<string> {
    return this.#lookUp("realpath", () => this.#tree.realpath(path));
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.#lookUp("lock", () => {
      this.#requireDescriptor("lock");
      const inode = this.#tree.require(path);
      const descriptor = this.#descriptors.open(inode, FLAGS.O_RDWR);
      if (this.meter.faults.hasNoLocks ?? false) {
        this.#descriptors.close(descriptor);
        throw this.meter.fault("ENOLCK", "lock");
      }
      if (this.#locked.has(inode)) {
        this.#descriptors.close(descriptor);
        return undefined;
      }
      this.#locked.add(inode);
      const { dev, ino } = statsOf(inode);
      return { dev, ino, release: () => this.#release(inode, descriptor) };
    });
  }

  #release(inode: Inode, descriptor: number): void {
    this.#locked.delete(inode);
    this.close(descriptor);
  }

  freeBytes(_folder: string): Promise<number | undefined> {
    return this.#lookUp("statfs", () => {
      const { capacityBytes } = this.meter.faults;
      return capacityBytes === undefined ? undefined : Math.max(0, capacityBytes - this.#usedBytes);
    });
  }

  randomBytes(count: number): Uint8Array {
    return this.#names.bytes(count);
  }

  nowMs(): number {
    return this.#options.nowMs?.() ?? 0;
  }

  // --- parts ---

  #requireDescriptor(operation: DiskOperation): void {
    const { maxDescriptors = Infinity } = this.meter.faults;
    if (this.openDescriptors >= maxDescriptors) throw this.meter.fault("EMFILE", operation);
  }

  /** A call that waits for the device, and takes effect at its end. */
  #later<Result>(operation: DiskOperation, effect: () => Result): Promise<Result> {
    return this.#endIn(this.meter.drawDelayUs(), operation, effect);
  }

  /** The same for a call that is mostly answered from memory. */
  #lookUp<Result>(operation: DiskOperation, effect: () => Result): Promise<Result> {
    return this.#endIn(this.meter.drawLookupDelayUs(), operation, effect);
  }

  #endIn<Result>(delayUs: number, operation: DiskOperation, effect: () => Result): Promise<Result> {
    const epoch = this.#epoch;
    const { schedule = (run: () => void) => run(), onSettled } = this.#options;
    return new Promise((resolve, reject) => {
      schedule(() => {
        // The calling process has ended.
        if (epoch !== this.#epoch) return;
        try {
          this.meter.begin(operation);
          resolve(effect());
        } catch (error) {
          reject(error);
        }
        onSettled?.();
      }, delayUs);
    });
  }

  #unlink(path: string): void {
    const { folder, name, inode } = this.#findFile(path);
    touch(inode, this.nowMs());
    this.#account(inode, () => folder.change(++this.#sequence, [name, undefined]));
  }

  #rename(oldPath: string, newPath: string): void {
    const { folder, name, inode } = this.#tree.find(oldPath);
    if (inode === undefined) throw pathError("ENOENT", oldPath);
    const target = this.#tree.find(newPath);
    // POSIX: renaming to another name of the same file does nothing; on disks that fold names, it changes the spelling.
    const isRespelled = target.inode === inode && target.folder === folder && target.name === name;
    if (target.inode === inode && !isRespelled) return;
    const newName = isRespelled ? basename(newPath) : target.name;
    if (!isRespelled) this.#tree.requireReplaceable(inode, target, newPath);
    for (const touched of [inode, target.inode]) touch(touched, this.nowMs());
    const sequence = ++this.#sequence;
    this.#account(isRespelled ? undefined : target.inode, () => {
      if (target.folder === folder) folder.change(sequence, [name, undefined], [newName, inode]);
      else folder.moveTo(target.folder, { sequence, name, newName, inode });
    });
  }

  #link(existingPath: string, newPath: string): void {
    if (this.meter.faults.hasNoLinks ?? false) throw this.meter.fault("EPERM", "link");
    const { inode } = this.#findFile(existingPath);
    const target = this.#tree.find(newPath);
    if (target.inode !== undefined) throw pathError("EEXIST", newPath);
    touch(inode, this.nowMs());
    target.folder.change(++this.#sequence, [target.name, inode]);
  }

  #newFile(mode: number): FileInode {
    const { umask = UMASK } = this.#options;
    return new FileInode({ number: ++this.#lastInode, mode: mode & ~umask, nowMs: this.nowMs() });
  }

  #newFolder(mode = DEFAULT_FOLDER_MODE): FolderInode {
    return new FolderInode({ number: ++this.#lastInode, mode: mode & ~UMASK, nowMs: this.nowMs() });
  }

  #findFile(path: string): Place & { readonly inode: FileInode | LinkInode } {
    const { folder, name, inode } = this.#tree.find(path);
    if (inode === undefined) throw pathError("ENOENT", path);
    if (inode instanceof FolderInode) throw pathError("EISDIR", path);
    return { folder, name, inode };
  }

  #freePages(): number {
    const { capacityBytes = Infinity } = this.meter.faults;
    return Math.floor((capacityBytes - this.#usedBytes) / PAGE_BYTES);
  }

  /** The part of a write for which there is room. Throws ENOSPC if there is none. */
  #cutToRoom(file: FileInode, stretch: Stretch): Stretch {
    const freePages = this.#freePages();
    if (freePages === Infinity || stretch.length === 0) return stretch;
    const length = file.writableBytes(stretch, freePages);
    if (length === 0) throw this.meter.fault("ENOSPC", "write");
    return { ...stretch, length };
  }

  /** Runs a change of a file's size or references, and accounts for its space. */
  #account(inode: Inode | undefined, change: () => void): void {
    const before = spaceOf(inode);
    change();
    this.#usedBytes += spaceOf(inode) - before;
  }

  #endProcess(): void {
    this.promisedSpace = new PromisedSpace();
    this.#locked.clear();
    this.#epoch++;
    for (const descriptor of this.#descriptors.all()) {
      this.#account(this.#descriptors.get(descriptor), () => this.#descriptors.close(descriptor));
    }
  }

  #sumUsed(): number {
    let usedBytes = 0;
    const files = new Set<Inode>();
    for (const { inode } of this.#tree.walk()) files.add(inode);
    for (const file of files) usedBytes += spaceOf(file);
    return usedBytes;
  }
}
