/**
 * Between the callbacks of the store's port, which the pure parts call, and the promises of the disk.
 *
 * @module
 */

import { type Done, StoreError } from "../transfer/file_store.ts";

/** Calls `done` once with what the promise settles to. A rejection that is no StoreError is a bug, and stays one. */
export function settle<Result>(promise: Promise<Result>, done: Done<Result>): void {
  // Two handlers of one `then`: what `done` itself throws must not call it again.
  promise.then(done, (error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    done(error);
  });
}

/** Calls what takes a callback; rejects with the StoreError that it is given. */
export function whenDone<Result>(call: (done: Done<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((result) => result instanceof StoreError ? reject(result) : resolve(result));
  });
}
