/**
 * Gives up what a program does not need any more of what Deno lets it do: from then on a mistake in it, or in a library,
 * reaches no further.
 *
 * Who is to go on with some folders must have been given the disk as a list of folders (`--allow-read=/`), for Deno takes
 * single entries from a list, and makes one of whatever is asked for (denoland/deno, pull request 12159). It cannot take
 * a part from everything (`--allow-read`), so that such a program goes on with everything.
 *
 * Nor can it do without any permission for files in /dev, /proc and /sys (/dev/shm is a folder that people use): Deno opens
 * them only for a program that has all. Such a program gives up none.
 *
 * The network is given up as a whole or not at all. Deno asks for the same permission to send a datagram to an address and
 * to open a connection there, a server answers any address, and a list of networks can name neither those of IPv6 nor what
 * a client may be told to resolve. A socket of our own calls (`batch_socket.ts`) needs no permission of Deno, so that only
 * looking up host names does, which a client does again before each attempt to connect.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";

/** The whole disk as the tasks and executables name it, in a list from which the rest can be revoked. */
const WHOLE_DISK = "/";

/** What a program needs from now on. */
export interface Needs {
  /** Files, or folders with everything in them. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Whether it looks up host names, or has a socket of Deno's. */
  readonly network: boolean;
}

/** Never needed once a program has started; the first not before either. */
const NEVER_NEEDED = ["run", "ffi", "env", "import"] as const;

/** What `--allow-all` gives. */
const ALL = ["read", "write", "net", "sys", ...NEVER_NEEDED] as const;

/** Folders in which Deno opens files only for a program with all permissions. */
const SYSTEM_FOLDER = /^\/(?:dev|proc|sys)(?:\/|$)/;

/**
 * Gives up the permission to load libraries, which is of use only while the modules are loaded (`native_links.ts`). A
 * program with all permissions keeps it for now: it may need all of them, which {@link confine} finds out.
 */
export function revokeLibraries(): void {
  if (!hasAll()) revoke({ name: "ffi" });
}

/**
 * Gives up all permissions but those to read and write these files, to ask for free space on a disk, and to use the network
 * if it needs that. Grants nothing that was not granted before. Returns false if a file requires all
 * permissions, and none was given up.
 */
export function confine(needs: Needs): boolean {
  const paths = [...needs.read, ...needs.write].flatMap(withRealPath);
  const requiresAll = paths.some((path) => path === WHOLE_DISK || SYSTEM_FOLDER.test(path));
  if (requiresAll && hasAll()) return false;
  narrow("read", needs.read);
  narrow("write", needs.write);
  if (!needs.network) revoke({ name: "net" });
  for (const name of NEVER_NEEDED) revoke({ name } as Deno.PermissionDescriptor);
  return true;
}

function narrow(name: "read" | "write", paths: readonly string[]): void {
  // A part of everything cannot be given up, nor all of it where something is needed.
  if (isGranted({ name }) && paths.length > 0) return;
  if (paths.length === 0) return revoke({ name });
  const kept = paths.flatMap(withRealPath).filter((path) => isGranted({ name, path }));
  if (kept.includes(WHOLE_DISK) || !isGranted({ name, path: WHOLE_DISK })) return;
  // Asked for what it has, Deno makes it an entry of its own, which stays when the whole is taken away.
  for (const path of kept) Deno.permissions.requestSync({ name, path });
  revoke({ name, path: WHOLE_DISK });
  const lost = kept.find((path) => !isGranted({ name, path }));
  if (lost !== undefined) throw new SluiceError("failed", `Deno took back more ${name} permission than it was told to`);
}

/** Deno compares paths as they are spelled, and the programs use both spellings. */
function withRealPath(path: string): string[] {
  if (path === "") return [];
  try {
    return [path, Deno.realPathSync(path)];
  } catch {
    return [path];
  }
}

function hasAll(): boolean {
  return ALL.every((name) => isGranted({ name } as Deno.PermissionDescriptor));
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** Takes a permission away, and looks that it is gone: a program that believes itself confined must be so. */
function revoke(descriptor: Deno.PermissionDescriptor): void {
  Deno.permissions.revokeSync(descriptor);
  if (isGranted(descriptor)) throw new SluiceError("failed", `Deno did not take back ${descriptor.name} permission`);
}
