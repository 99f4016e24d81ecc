/**
 * A file store whose calls return promises, for tests that take one step after the other.
 *
 * @module
 */

import { whenDone } from "../store/completion.ts";
import { invariant } from "../base/invariant.ts";
import {
  type CommittedFile,
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type FolderAttributes,
  type LinkOptions,
  type ListQuery,
  type MoveOptions,
  type ReadableFile,
  type RemovedEntries,
  type RemoveOptions,
  StoreError,
  type StoreListing,
  type StoreSpace,
  type WritableFile,
} from "../transfer/file_store.ts";

/** The calls of a {@link FileStore}; each rejects with StoreError. */
export interface PromisedStore {
  /** The entries of {@link listing}. */
  list(query?: Partial<ListQuery>): Promise<readonly FileInfo[]>;
  /** Default: the entries of the store's folder itself. */
  listing(query?: Partial<ListQuery>): Promise<StoreListing>;
  stat(name: string): Promise<FileInfo>;
  open(name: string): Promise<ReadableFile>;
  create(name: string, options: CreateOptions): Promise<WritableFile>;
  makeFolder(name: string, attributes?: FolderAttributes): Promise<CommittedFile>;
  makeLink(name: string, options: LinkOptions): Promise<CommittedFile>;
  remove(name: string, options?: RemoveOptions): Promise<RemovedEntries>;
  move(name: string, options: MoveOptions): Promise<CommittedFile>;
  space(): Promise<StoreSpace>;
}

/** The same store, with promises. */
export function promised(store: FileStore): PromisedStore {
  const listing = (query: Partial<ListQuery> = {}): Promise<StoreListing> =>
    whenDone((done) => store.list({ path: "", recursive: false, ...query }, done));
  return {
    list: async (query) => (await listing(query)).entries,
    listing,
    stat: (name) => whenDone((done) => store.stat(name, done)),
    open: (name) => whenDone((done) => store.open(name, done)),
    create: (name, options) => whenDone((done) => store.create(name, options, done)),
    makeFolder: (name, attributes = {}) => whenDone((done) => store.makeFolder(name, attributes, done)),
    makeLink: (name, options) => whenDone((done) => store.makeLink(name, options, done)),
    remove: (name, options = { recursive: false }) => whenDone((done) => store.remove(name, options, done)),
    move: (name, options) => whenDone((done) => store.move(name, options, done)),
    space: () => whenDone((done) => store.space(done)),
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
