/**
 * symlink(2) of the C library, for programs that have given up a part of the disk: Deno's own call demands the permission
 * to read and write all of it (`--allow-read` and `--allow-write` without paths), wherever the link is made.
 *
 * Participants: the program, which loads the function when it starts and then gives up the permission to load libraries
 * (`--allow-ffi`); its callers, which decide where a link may lead (`transfer/link_target.ts`).
 *
 * Goal: the function makes no link where the program may not read and write. Deno does not check what a library does, so
 * this module asks for the permission itself, at each call. Non-goal: Windows, where symbolic links need rights of their
 * own; there, and where no library is found, node:fs makes the links.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { diskError } from "../store/disk_error.ts";

/** Makes a symbolic link with this text; rejects like node:fs. */
export type Symlink = (target: string, linkPath: string) => Promise<void>;

/** The names of the C library, the likeliest first: glibc, musl (Alpine and others), macOS. */
const LIBRARIES: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  linux: ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`, `ld-musl-${Deno.build.arch}.so.1`, "libc.so"],
  darwin: ["libSystem.dylib", "libSystem.B.dylib"],
};

/** `nonblocking`: in a thread of Deno's pool, since the disk may be slow. There its errno cannot be read. */
const FUNCTIONS = {
  symlink: { parameters: ["buffer", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

type NativeSymlink = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"]["symlink"];

/** The function, or undefined without the permission or the library. Never asks the user. */
export function loadSymlink(libraries = LIBRARIES[Deno.build.os] ?? []): Symlink | undefined {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const name of libraries) {
    try {
      const { symbols } = Deno.dlopen(name, FUNCTIONS);
      return (target, linkPath) => makeLink(symbols.symlink, target, path.resolve(linkPath));
    } catch {
      // Another C library has another name.
    }
  }
  return undefined;
}

async function makeLink(symlink: NativeSymlink, target: string, linkPath: string): Promise<void> {
  if (`${target}${linkPath}`.includes("\0")) throw diskError("EINVAL", "a path with a NUL character");
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.querySync({ name, path: linkPath }).state === "granted") continue;
    throw new Deno.errors.NotCapable(`Requires ${name} access to ${JSON.stringify(linkPath)}`);
  }
  if (await symlink(terminated(target), terminated(linkPath)) !== 0) throw await reasonOf(linkPath);
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
