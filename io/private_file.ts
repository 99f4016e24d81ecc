/**
 * Files that only their owner may read or write: keys, tokens and lists of keys.
 *
 * @module
 */

import fs from "node:fs";
import { SluiceError } from "../app/api.ts";

const GROUP_OR_OTHERS = 0o077;
const GROUP_OR_OTHERS_WRITE = 0o022;

/** What other users must not be able to do with a file, and why, as the end of a sentence. */
export interface PrivateFile {
  /** "read" includes writing. */
  readonly against: "read" | "write";
  /** "which holds a token". */
  readonly what: string;
}

/** Throws SluiceError if other users can read or write a file (by its mode; not on Windows), and the system's error if it is gone. */
export function requirePrivate(path: string, { against, what }: PrivateFile): void {
  if (Deno.build.os === "windows") return;
  const { mode } = fs.statSync(path);
  if (against === "read" && (mode & GROUP_OR_OTHERS) !== 0) {
    throw new SluiceError("local-disk", `${path}, ${what}, is readable by other users; run \`chmod 600 ${path}\``);
  }
  if ((mode & GROUP_OR_OTHERS_WRITE) !== 0) {
    throw new SluiceError("local-disk", `${path}, ${what}, is writable by other users; run \`chmod go-w ${path}\``);
  }
}

/** The code of the operating system's error ("ENOENT"); undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

/** Errors of the operating system in words, as the end of a sentence about a file. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "there is something else of that name",
  EISDIR: "it is a folder",
  ELOOP: "it is a link that leads nowhere",
  ENOENT: "it does not exist",
  ENOSPC: "the disk is full",
  ENOTDIR: "its path leads through something that is not a folder",
  EPERM: "the operating system does not permit it",
  EROFS: "the disk is mounted read-only",
};

/** Why a file cannot be read or written, in words. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code !== undefined) return REASONS[code] ?? `the operating system reports ${code}`;
  return error instanceof Error ? error.message : String(error);
}
