/**
 * Converts between the callbacks of the store's port, which the pure parts use, and the promises of the disk.
 *
 * @module
 */

import { type Done, StoreError } from "../transfer/file_store.ts";

/** Calls `done` once with the promise's result or StoreError. Any other rejection is a bug, and stays unhandled. */
export function settle<Result>(promise: Promise<Result>, done: Done<Result>): void {
  // Two handlers of one `then`, so that an error thrown by `done` does not call it again.
  promise.then(done, (error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    done(error);
  });
}

/** Calls a function that takes a callback; rejects if the callback is given a StoreError. */
export function whenDone<Result>(call: (done: Done<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((result) => result instanceof StoreError ? reject(result) : resolve(result));
  });
}
