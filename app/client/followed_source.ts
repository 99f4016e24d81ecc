/**
 * A file that is followed on a given machine, for as long as it is sent.
 *
 * @module
 */

import { type FollowedFile, followFile } from "../../store/followed_file.ts";
import type { Disk } from "../../store/disk.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import { pause } from "./cancellation.ts";

/** Opens the file at a path, and follows it until `use` has settled. Rejects with SluiceError if it cannot be opened. */
export async function withFollowedFile<Result>(
  path: string,
  { disk, platform, until }: { readonly disk: Disk; readonly platform: Platform; readonly until: AbortSignal },
  use: (file: FollowedFile) => Promise<Result>,
): Promise<Result> {
  const end = new AbortController();
  const ended = end.signal;
  const signals = [until, ended];
  const pauseFor = (delayMs: number) => pause(delayMs, { platform, signals });
  try {
    return await use(await open(path, { disk, until, ended, pause: pauseFor }));
  } finally {
    end.abort();
  }
}

async function open(...args: Parameters<typeof followFile>): Promise<FollowedFile> {
  try {
    return await followFile(...args);
  } catch (error) {
    if (error instanceof StoreError) throw new SluiceError("local-disk", error.message);
    throw error;
  }
}
