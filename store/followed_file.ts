/**
 * A file on the user's own disk that is read as it grows, such as a log.
 *
 * It is looked at several times a second. It ends when it is asked to, or when its name leads elsewhere: to nothing, or to
 * another file, as after a log is rotated. Then it is looked at once more after a while, since its writer may not have
 * noticed yet.
 *
 * Non-goals: what is overwritten within the file after it was read; a file that was cut and has grown beyond its former
 * size between two looks.
 *
 * @module
 */

import { basename } from "node:path";
import { quote } from "../base/display_text.ts";
import { type FileInfo, StoreError } from "../transfer/file_store.ts";
import type { Disk, DiskStats } from "./disk.ts";
import { diskErrorCode, toStoreError } from "./disk_error.ts";
import { isSameFile } from "./file_identity.ts";
import { OpenedFile } from "./opened_file.ts";

/** The time between two looks, milliseconds. */
const LOOK_EVERY_MS = 250;

/** What is read at a time. */
const PIECE_BYTES: number = 64 * 1024;

/** How to follow. */
export interface FollowOptions {
  readonly disk: Disk;
  /** Ends the file as it is then. */
  readonly until: AbortSignal;
  /** Nobody wants the rest. */
  readonly ended: AbortSignal;
  /** Waits for so many milliseconds, or until one of the signals is aborted. */
  readonly pause: (delayMs: number) => Promise<void>;
}

/** A file that is followed. */
export interface FollowedFile {
  /** As of when it was opened. */
  readonly info: FileInfo;
  /** Its bytes from the beginning on, each piece valid until the next is asked for. Throws StoreError. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Opens a file to follow it. Rejects with StoreError, also for what is no regular file. */
export async function followFile(path: string, options: FollowOptions): Promise<FollowedFile> {
  const { disk } = options;
  const subject = quote(path);
  const file = await OpenedFile.open(path, { disk, name: basename(path), subject, followLinks: true });
  return { info: file.info, bytes: follow(path, { ...options, file, subject }) };
}

async function* follow(
  path: string,
  options: FollowOptions & { readonly file: OpenedFile; readonly subject: string },
): AsyncGenerator<Uint8Array> {
  const { disk, until, ended, pause, file, subject } = options;
  const piece = new Uint8Array(PIECE_BYTES);
  let offset = 0;
  try {
    for (let isElsewhere = false; !ended.aborted;) {
      const isLast = until.aborted || isElsewhere;
      const stats = file.stats();
      if (stats.size < offset) {
        const message =
          `${subject} was cut to ${stats.size} bytes while it was followed, after ${offset} had been sent`;
        throw new StoreError("changed", `${message}; nothing was stored: follow the new one`);
      }
      while (offset < stats.size) {
        const count = file.read(offset, piece.subarray(0, Math.min(PIECE_BYTES, stats.size - offset)));
        // It is cut at this moment.
        if (count === 0) break;
        offset += count;
        yield piece.subarray(0, count);
      }
      if (isLast) return;
      isElsewhere = !await isStillAt(path, { disk, stats, subject });
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    file.close();
  }
}

/** Whether the path still leads to the file. */
async function isStillAt(
  path: string,
  { disk, stats, subject }: { readonly disk: Disk; readonly stats: DiskStats; readonly subject: string },
): Promise<boolean> {
  try {
    return isSameFile(stats, await disk.stat(path));
  } catch (error) {
    if (diskErrorCode(error) === "ENOENT") return false;
    throw toStoreError(error, subject);
  }
}
