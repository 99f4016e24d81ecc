/**
 * A file store whose calls return promises, for tests that take one step after the other.
 *
 * @module
 */

import { whenDone } from "../store/completion.ts";
import { invariant } from "../base/invariant.ts";
import {
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type StoreListing,
  type WritableFile,
} from "../transfer/file_store.ts";

/** The calls of a {@link FileStore}; each rejects with StoreError. */
export interface PromisedStore {
  /** The entries of {@link listing}. */
  list(): Promise<readonly FileInfo[]>;
  listing(): Promise<StoreListing>;
  stat(name: string): Promise<FileInfo>;
  open(name: string): Promise<ReadableFile>;
  create(name: string, options: CreateOptions): Promise<WritableFile>;
}

/** The same store, with promises. */
export function promised(store: FileStore): PromisedStore {
  return {
    list: async () => (await whenDone<StoreListing>((done) => store.list(done))).entries,
    listing: () => whenDone((done) => store.list(done)),
    stat: (name) => whenDone((done) => store.stat(name, done)),
    open: (name) => whenDone((done) => store.open(name, done)),
    create: (name, options) => whenDone((done) => store.create(name, options, done)),
  };
}

/** What a store gives at once, as the one in memory does; throws where that is a StoreError. */
export function atOnce<Result>(call: (done: Done<Result>) => void): Result {
  const results: (Result | StoreError)[] = [];
  call((result) => results.push(result));
  invariant(results.length === 1, "this store answers at once");
  const [result] = results;
  if (result instanceof StoreError) throw result;
  return result as Result;
}
