/**
 * symlink(2) and utimensat(2) of the C library, for programs that have given up a part of the disk: Deno's own calls to
 * make a symbolic link, and to set the time of the link itself, demand the permission to read and write all of it
 * (`--allow-read` and `--allow-write` without paths), wherever the link is.
 *
 * Participants: the program, which loads the functions when it starts and then gives up the permission to load libraries
 * (`--allow-ffi`); its callers, which decide where a link may lead (`transfer/link_target.ts`).
 *
 * Goal: the functions make and touch no link where the program may not read and write. Deno does not check what a library does, so
 * this module asks for the permission itself, at each call. Non-goal: Windows, where symbolic links need rights of their
 * own; there, and where no library is found, node:fs makes the links and sets
 * their times.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { diskError } from "../store/disk_error.ts";

/** Makes a symbolic link with this text; rejects like node:fs. */
export type Symlink = (target: string, linkPath: string) => Promise<void>;

/** Sets the times of what is at the path, without following a link, microseconds since 1970 UTC; rejects like node:fs. */
export type Lutimes = (linkPath: string, modifiedUs: number) => Promise<void>;

/** The names of the C library, the likeliest first: glibc, musl (Alpine and others), macOS. */
const LIBRARIES: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  linux: ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`, `ld-musl-${Deno.build.arch}.so.1`, "libc.so"],
  darwin: ["libSystem.dylib", "libSystem.B.dylib"],
};

/** `nonblocking`: in a thread of Deno's pool, since the disk may be slow. There its errno cannot be read. */
const SYMLINK = {
  symlink: { parameters: ["buffer", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;
const UTIMENSAT = {
  utimensat: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** AT_FDCWD and AT_SYMLINK_NOFOLLOW. */
const AT = Deno.build.os === "darwin" ? { cwd: -2, noFollow: 0x20 } : { cwd: -100, noFollow: 0x100 };

type NativeSymlink = Deno.DynamicLibrary<typeof SYMLINK>["symbols"]["symlink"];
type NativeUtimensat = Deno.DynamicLibrary<typeof UTIMENSAT>["symbols"]["utimensat"];

/** symlink(2), or undefined without the permission or the library. Never asks the user. */
export function loadSymlink(libraries?: readonly string[]): Symlink | undefined {
  const symbols = load(SYMLINK, libraries);
  return symbols && ((target, linkPath) => makeLink(symbols.symlink, target, path.resolve(linkPath)));
}

/** utimensat(2); undefined as {@link loadSymlink}. */
export function loadLutimes(libraries?: readonly string[]): Lutimes | undefined {
  const symbols = load(UTIMENSAT, libraries);
  return symbols && ((linkPath, modifiedUs) => setTimes(symbols.utimensat, path.resolve(linkPath), modifiedUs));
}

function load<Functions extends Deno.ForeignLibraryInterface>(
  functions: Functions,
  libraries: readonly string[] = LIBRARIES[Deno.build.os] ?? [],
): Deno.DynamicLibrary<Functions>["symbols"] | undefined {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const name of libraries) {
    try {
      return Deno.dlopen(name, functions).symbols;
    } catch {
      // Another C library has another name.
    }
  }
  return undefined;
}

async function makeLink(symlink: NativeSymlink, target: string, linkPath: string): Promise<void> {
  requirePermission(`${target}${linkPath}`, linkPath);
  if (await symlink(terminated(target), terminated(linkPath)) !== 0) throw await reasonOf(linkPath);
}

async function setTimes(utimensat: NativeUtimensat, linkPath: string, modifiedUs: number): Promise<void> {
  requirePermission(linkPath, linkPath);
  const seconds = Math.floor(modifiedUs / 1e6);
  const nanoseconds = Math.round(modifiedUs - seconds * 1e6) * 1000;
  const time = [BigInt(seconds), BigInt(nanoseconds)];
  // The time of access, and that of modification; each a struct timespec of two 64-bit numbers.
  const times = new BigInt64Array([...time, ...time]);
  if (await utimensat(AT.cwd, terminated(linkPath), times, AT.noFollow) === 0) return;
  await fs.promises.lstat(linkPath);
  throw diskError("UNKNOWN", `no new time for ${linkPath}: the operating system gave no reason`);
}

/** Throws unless the program may read and write at this path, and C can take the text. */
function requirePermission(text: string, linkPath: string): void {
  if (text.includes("\0")) throw diskError("EINVAL", "a path with a NUL character");
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.querySync({ name, path: linkPath }).state === "granted") continue;
    throw new Deno.errors.NotCapable(`Requires ${name} access to ${JSON.stringify(linkPath)}`);
  }
}

/** The text as C has it. */
function terminated(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Why no link was made, as far as that can be seen afterwards; UNKNOWN, as of libuv, otherwise. */
async function reasonOf(linkPath: string): Promise<unknown> {
  try {
    if (await exists(linkPath)) return diskError("EEXIST", `${linkPath} exists`);
    const folder = path.dirname(linkPath);
    if (!(await fs.promises.stat(folder)).isDirectory()) return diskError("ENOTDIR", `${folder} is not a folder`);
    await fs.promises.access(folder, fs.constants.W_OK);
  } catch (error) {
    return error;
  }
  return diskError("UNKNOWN", `no symbolic link ${linkPath}: the operating system gave no reason`);
}

async function exists(entry: string): Promise<boolean> {
  try {
    await fs.promises.lstat(entry);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
