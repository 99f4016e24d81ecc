/**
 * A cache of the listings of a server's folders: concurrent LIST requests share one listing.
 *
 * A listing is reused for a while, so that a flood of requests occupies neither the disk nor the processor. But no
 * client gets one that was begun before a file was stored, if it asked after that: its request waits until a new
 * listing may be made, and shares that one with all requests that arrive in the meantime.
 *
 * Requests for the same folder, recursion and pattern share a listing; different ones are made a few at a time, and those
 * that nobody may reuse any more are forgotten.
 *
 * @module
 */

import { type Done, type FileStore, type ListQuery, StoreError } from "../file_store.ts";
import { type Listing, ListingEncoder } from "./listing.ts";

/**
 * A new listing may be made after this many times the duration of the last one. So a flood of requests costs a fifth of
 * what listing without a pause would, and a client that asks after a file was stored waits at most as long as five
 * listings take, even on a server so busy that each takes seconds.
 */
const LIST_LIFE_FACTOR = 4;

/** Listings that are made concurrently; the others wait. More would only take the disk from each other. */
const MAX_RUNNING = 4;

/** Listings that may be reused take at most so much memory, bytes; above it, all but the latest are forgotten. */
export const MAX_CACHED_BYTES = 32 * 1024 * 1024;

/** What the cache needs from its owner. */
export interface ListingCacheOptions {
  /** Any monotonic clock, microseconds. */
  readonly nowUs: () => number;
  /** Schedules one call of {@link ListingCache.wake} after this many microseconds; replaces an earlier request. */
  readonly wakeIn: (delayUs: number) => void;
}

/** A client's request for a listing. */
interface Waiting {
  /** The number of files that had been stored when the request arrived. */
  readonly generation: number;
  readonly done: Done<Listing>;
}

/** One listing of one store. */
interface Entry {
  readonly store: FileStore;
  readonly query: ListQuery;
  cached: Listing | undefined;
  /** The number of files that had been stored when the cached listing, or the one in progress, was begun. */
  generation: number;
  /** When the listing in progress, or the last one, was begun. */
  startUs: number;
  /** The earliest time of a new listing. */
  untilUs: number;
  /** Queued: it is due, and waits until fewer others are made. */
  state: "idle" | "queued" | "reading" | "encoding";
  /** While encoding. */
  encoder: ListingEncoder | undefined;
  waiting: Waiting[];
}

/** See the module's description. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  /** By store, since a client sees only its own folder, and by query. */
  readonly #entries = new Map<FileStore, Map<string, Entry>>();
  readonly #queued: Entry[] = [];
  #runningCount = 0;
  #generation = 0;

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** Calls `done` with the listing of a store, made after this call or still current. */
  get({ store, query }: { readonly store: FileStore; readonly query: ListQuery }, done: Done<Listing>): void {
    this.#forgetOld();
    const entry = this.#entryOf(store, query);
    entry.waiting.push({ generation: this.#generation, done });
    this.#serve(entry);
  }

  /** What the stores have was changed: listings that were begun earlier are out of date. */
  invalidate(): void {
    this.#generation++;
  }

  /** Continues the listings in progress, and begins those that are due. */
  wake(): void {
    this.#forgetOld();
    for (const entry of [...this.#all()]) {
      if (entry.state === "encoding") this.#encode(entry);
      else this.#serve(entry);
    }
  }

  *#all(): Generator<Entry> {
    for (const entries of this.#entries.values()) yield* entries.values();
  }

  #entryOf(store: FileStore, query: ListQuery): Entry {
    const key = JSON.stringify([query.path, query.recursive, query.pattern]);
    const entries = this.#entries.get(store) ?? new Map<string, Entry>();
    this.#entries.set(store, entries);
    const entry: Entry = entries.get(key) ?? {
      store,
      query,
      cached: undefined,
      generation: 0,
      startUs: -Infinity,
      untilUs: -Infinity,
      state: "idle",
      encoder: undefined,
      waiting: [],
    };
    entries.set(key, entry);
    return entry;
  }

  #forgetOld(): void {
    const nowUs = this.#options.nowUs();
    for (const [store, entries] of this.#entries) {
      for (const [key, entry] of entries) {
        if (entry.state === "idle" && entry.waiting.length === 0 && nowUs >= entry.untilUs) entries.delete(key);
      }
      if (entries.size === 0) this.#entries.delete(store);
    }
  }

  #serve(entry: Entry): void {
    if (entry.state !== "idle") return;
    const { cached, untilUs } = entry;
    const nowUs = this.#options.nowUs();
    if (cached !== undefined && nowUs < untilUs) this.#answer(entry, cached);
    if (entry.waiting.length === 0) return;
    if (nowUs < untilUs) return this.#wakeWhenDue();
    entry.state = "queued";
    this.#queued.push(entry);
    this.#beginQueued();
  }

  #wakeWhenDue(): void {
    const nowUs = this.#options.nowUs();
    let nextUs = Infinity;
    for (const { waiting, state, untilUs } of this.#all()) {
      if (state === "encoding") nextUs = nowUs;
      else if (state === "idle" && waiting.length > 0) nextUs = Math.min(nextUs, untilUs);
    }
    this.#options.wakeIn(Math.max(0, nextUs - nowUs));
  }

  #beginQueued(): void {
    while (this.#runningCount < MAX_RUNNING && this.#queued.length > 0) this.#begin(this.#queued.shift()!);
  }

  #begin(entry: Entry): void {
    this.#runningCount++;
    entry.state = "reading";
    entry.startUs = this.#options.nowUs();
    entry.generation = this.#generation;
    entry.store.list(entry.query, (result) => {
      if (result instanceof StoreError) return this.#finish(entry, result);
      entry.state = "encoding";
      entry.encoder = new ListingEncoder(result);
      this.#encode(entry);
    });
  }

  /** Encodes the next piece; whatever else the event loop has to do comes between two pieces. */
  #encode(entry: Entry): void {
    const listing = entry.encoder!.encodeNext();
    if (listing === undefined) this.#wakeWhenDue();
    else this.#finish(entry, listing);
  }

  #finish(entry: Entry, result: Listing | StoreError): void {
    const endUs = this.#options.nowUs();
    entry.state = "idle";
    entry.encoder = undefined;
    entry.cached = result instanceof StoreError ? undefined : result;
    entry.untilUs = endUs + LIST_LIFE_FACTOR * (endUs - entry.startUs);
    this.#limitMemory(entry);
    this.#answer(entry, result);
    this.#runningCount--;
    this.#serve(entry);
    this.#beginQueued();
  }

  #limitMemory(latest: Entry): void {
    const cached = [...this.#all()].filter((entry) => entry.cached !== undefined);
    const bytes = cached.reduce((sum, entry) => sum + entry.cached!.bytes.length, 0);
    if (bytes <= MAX_CACHED_BYTES) return;
    for (const entry of cached) if (entry !== latest) entry.cached = undefined;
  }

  /** Answers all requests that are not newer than the result. */
  #answer(entry: Entry, result: Listing | StoreError): void {
    const { generation, waiting } = entry;
    entry.waiting = waiting.filter((request) => request.generation > generation);
    for (const request of waiting) if (request.generation <= generation) request.done(result);
  }
}
