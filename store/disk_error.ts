/**
 * Converts the operating system's errors of a disk to messages that help the user.
 *
 * A message contains no path that the caller did not choose: it may be sent to peers, which must not learn the server's
 * folders.
 *
 * @module
 */

import { StoreError, type StoreErrorKind } from "../transfer/file_store.ts";

/** Error codes of the operating system (errno) and the kinds of StoreError for them. */
const KINDS: Readonly<Record<string, StoreErrorKind>> = {
  EEXIST: "exists",
  ENOENT: "not-found",
  ENAMETOOLONG: "bad-name",
  EILSEQ: "bad-name",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EFBIG: "no-space",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied",
  EISDIR: "not-a-file",
  ENOTDIR: "not-a-file",
  ELOOP: "not-a-file",
  ENXIO: "not-a-file",
  EMFILE: "busy",
  ENFILE: "busy",
};

/** The error and what to do about it; the subject precedes it. */
const ADVICE: Readonly<Record<string, string>> = {
  EEXIST: "already exists",
  ENOENT: "does not exist",
  ENAMETOOLONG: "cannot be stored: the name is too long for this disk",
  EILSEQ: "cannot be stored: this disk cannot spell the name",
  ENOSPC: "cannot be written: the disk is full; free some space and try again",
  EDQUOT: "cannot be written: the disk quota is used up; free some space and try again",
  EFBIG: "cannot be written: it is larger than this disk or the process's limit allows",
  EROFS: "cannot be written: the disk is mounted read-only",
  EACCES: "cannot be accessed: permission denied; check its owner and mode, and those of its folder",
  EPERM: "cannot be accessed: the operating system does not permit it; check its owner and attributes",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "lies below something that is not a folder",
  ENOTEMPTY: "cannot be removed: it is not empty",
  ELOOP: "is a symbolic link that leads to no file",
  ENXIO: "is a device or socket, not a file",
  EMFILE: "cannot be opened: too many files are open (see ulimit -n)",
  ENFILE: "cannot be opened: too many files are open on this machine",
  UNKNOWN: "cannot be accessed: the operating system gives no reason; the disk may be full, or may not support it",
  EIO: "cannot be read or written: the disk reports an input/output error; check the disk",
};

/** The operating system's code ("ENOSPC") of an error that a `Disk` threw; undefined for any other error. */
export function diskErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  // Codes of the operating system have no "_"; those of node:* for wrong arguments (ERR_...) do.
  return /^[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** Makes an error like those that a `Disk` throws. */
export function diskError(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

/**
 * Converts an error of a call to the disk to a StoreError. `subject` is what the call was about, for the user (a quoted
 * name). An error that no disk throws, which is a bug, is thrown again.
 */
export function toStoreError(error: unknown, subject: string): StoreError {
  if (error instanceof StoreError) return error;
  // Deno's sandbox. Its own message would contain the path.
  if (error instanceof Error && error.name === "NotCapable") {
    return new StoreError(
      "denied",
      `${subject} cannot be accessed: Deno was not given the permission (--allow-read and --allow-write; ` +
        `to make symbolic links, --allow-ffi as well; for what lies in /dev, /proc or /sys, --allow-all)`,
    );
  }
  // Deno's word for a path that it found, as of the current folder or behind a link, and cannot put into a string.
  if (error instanceof Error && error.name === "InvalidData") {
    return new StoreError("io", `${subject} cannot be accessed: its path is not valid UTF-8; rename its folder`);
  }
  const code = diskErrorCode(error);
  if (code === undefined) throw error;
  return new StoreError(
    KINDS[code] ?? "io",
    `${subject} ${ADVICE[code] ?? `cannot be accessed: the disk reports ${code}`}`,
  );
}

/** Runs calls to the disk; converts their errors to a StoreError about `subject`. */
export async function onDisk<Result>(subject: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw toStoreError(error, subject);
  }
}

/** Runs a call to the disk and ignores its errors. A bug (not an error of the disk) is still thrown. */
export function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    toStoreError(error, "");
  }
}

/** Like {@link attempt}, for an asynchronous call. */
export async function attemptAsync(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    toStoreError(error, "");
  }
}
