/**
 * What the operations of a client reject with.
 *
 * @module
 */

import { quote } from "../../base/display_text.ts";
import type { TransferFailure } from "../../transfer/failure.ts";
import { checkPath } from "../../transfer/file_name.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { SluiceError } from "../api.ts";

/** Why a cancelled transfer failed. */
export const INTERRUPTED: TransferFailure = {
  kind: "interrupted",
  message: "interrupted; run the same command again to resume",
};

/** What a cancelled operation rejects with. */
export function interrupted(): SluiceError {
  return new SluiceError(INTERRUPTED.kind, INTERRUPTED.message);
}

/** What an operation that failed rejects with. */
export function errorOf(failure: TransferFailure): SluiceError {
  return new SluiceError(failure.kind, failure.message, failure);
}

/** Throws SluiceError (usage) for what cannot be a name on a server. */
export function requirePath(name: string): void {
  const reason = checkPath(name);
  if (reason === undefined) return;
  throw new SluiceError("usage", `${quote(name)} cannot be a file's name on a server: ${reason}`);
}

/** Runs what may reject with StoreError, and rejects with SluiceError instead. */
export async function onDisk<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof StoreError) {
      throw new SluiceError("local-disk", error.message);
    }
    throw error;
  }
}
