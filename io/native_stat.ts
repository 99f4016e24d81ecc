/**
 * The attributes of an open file by statx(2) of Linux: node:fs makes an object with eighteen numbers and four dates of
 * them, which takes ten times as long as the call, and of each small file they are read twice at either end.
 *
 * The numbers are those of node:fs, also where those are less exact: times in whole milliseconds, that of the last change in
 * whole seconds. Deno's descriptors are those of the system since 2.9 at the latest; before that, nothing is loaded. All the
 * same, the first answer is compared with that of node:fs.
 *
 * Hot: called for every small file.
 *
 * @module
 */

import fs from "node:fs";
import type { DiskStats } from "../store/disk.ts";
import { type LibC, systemLibC } from "./libc.ts";

/** `struct statx`, of the same layout on all processors: where its members are, in words of 32 bits. */
const STRUCT_BYTES = 256;
const NLINK = 4;
const UID = 5;
const GID = 6;
/** The lower half of a word. */
const MODE = 7;
const INO = 8;
const SIZE = 10;
const BLOCKS = 12;
const BIRTH_TIME = 20;
const CHANGE_TIME = 24;
const MODIFICATION_TIME = 28;
const DEV_MAJOR = 34;
const DEV_MINOR = 35;

/** statx is to look at the descriptor itself: the path is empty. */
const AT_EMPTY_PATH = 0x1000;
/** All that stat(2) has, and when the file was made. */
const STATX_BASIC_AND_BIRTH = 0xfff;

const TWO_32 = 2 ** 32;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** What both ways must agree in. */
const COMPARED = [
  ..."dev,ino,nlink,size,blocks,mode,uid,gid,mtimeMs,ctimeMs,birthtimeMs".split(","),
] as (keyof DiskStats)[];

/** Reads the attributes of an open file; undefined if that fails, or is not to be relied on. */
export type NativeStat = (descriptor: number) => DiskStats | undefined;

/** The call, where the system and this version of Deno have it. */
export function loadNativeStat(
  { libc = systemLibC, version = Deno.version.deno }: { readonly libc?: LibC | string; readonly version?: string } = {},
): NativeStat | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (typeof libc === "string" || libc.statx === null || major < 2 || (major === 2 && minor < 9)) return undefined;
  const { statx } = libc;
  const emptyPath = new Uint8Array(new ArrayBuffer(1));
  const words = new Uint32Array(new ArrayBuffer(STRUCT_BYTES));
  let isReliable: boolean | undefined;
  return (descriptor) => {
    if (isReliable === false || statx(descriptor, emptyPath, AT_EMPTY_PATH, STATX_BASIC_AND_BIRTH, words) !== 0) {
      return undefined;
    }
    const stats = new NativeStats(words);
    isReliable ??= agrees(stats, descriptor);
    return isReliable ? stats : undefined;
  };
}

/** See the module's description. */
class NativeStats implements DiskStats {
  readonly dev: number;
  readonly ino: number;
  readonly nlink: number;
  readonly size: number;
  readonly blocks: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor(words: Uint32Array) {
    this.dev = deviceNumber(words[DEV_MAJOR]!, words[DEV_MINOR]!);
    this.ino = wide(words, INO);
    this.nlink = words[NLINK]!;
    this.size = wide(words, SIZE);
    this.blocks = wide(words, BLOCKS);
    this.mode = words[MODE]! & 0xffff;
    this.uid = words[UID]!;
    this.gid = words[GID]!;
    this.mtimeMs = timeMs(words, MODIFICATION_TIME);
    this.ctimeMs = seconds(words, CHANGE_TIME) * 1000;
    this.birthtimeMs = timeMs(words, BIRTH_TIME);
  }

  isFile(): boolean {
    return (this.mode & S_IFMT) === S_IFREG;
  }

  isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  isSymbolicLink(): boolean {
    return (this.mode & S_IFMT) === S_IFLNK;
  }
}

/** As stat(2) puts it together, see `makedev(3)`. */
function deviceNumber(major: number, minor: number): number {
  return Math.floor(major / 0x1000) * 0x1000 * TWO_32 + Math.floor(minor / 0x100) * 0x10_0000 +
    (major & 0xfff) * 0x100 + (minor & 0xff);
}

/** A number of 64 bits. */
function wide(words: Uint32Array, at: number): number {
  return words[at + 1]! * TWO_32 + words[at]!;
}

/** Of 64 bits, with a sign. */
function seconds(words: Uint32Array, at: number): number {
  return (words[at + 1]! | 0) * TWO_32 + words[at]!;
}

function timeMs(words: Uint32Array, at: number): number {
  return seconds(words, at) * 1000 + Math.floor(words[at + 2]! / 1_000_000);
}

function agrees(stats: DiskStats, descriptor: number): boolean {
  const theirs: DiskStats = fs.fstatSync(descriptor);
  return COMPARED.every((name) => stats[name] === theirs[name]);
}
