/**
 * A cache of the listings of a server's folders: concurrent LIST requests share one listing.
 *
 * A listing is reused for a while, so that a flood of requests occupies neither the disk nor the processor. But no
 * client gets one that was begun before a file was stored, if it asked after that: its request waits until a new
 * listing may be made, and shares that one with all requests that arrive in the meantime.
 *
 * @module
 */

import { type Done, type FileStore, StoreError } from "../file_store.ts";
import { type Listing, ListingEncoder } from "./listing.ts";

/**
 * A new listing may be made after this many times the duration of the last one. So a flood of requests costs a fifth of
 * what listing without a pause would, and a client that asks after a file was stored waits at most as long as five
 * listings take, even on a server so busy that each takes seconds.
 */
const LIST_LIFE_FACTOR = 4;

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

/** The listing of one store. */
interface Entry {
  readonly store: FileStore;
  cached: Listing | undefined;
  /** The number of files that had been stored when the cached listing, or the one in progress, was begun. */
  generation: number;
  /** When the listing in progress, or the last one, was begun. */
  startUs: number;
  /** The earliest time of a new listing. */
  untilUs: number;
  state: "idle" | "reading" | "encoding";
  /** While encoding. */
  encoder: ListingEncoder | undefined;
  waiting: Waiting[];
}

/** See the module's description. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  /** By store: a client sees only the listing of its own folder. */
  readonly #entries = new Map<FileStore, Entry>();
  #generation = 0;

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** Calls `done` with the store's listing, made after this call or still current. */
  get(store: FileStore, done: Done<Listing>): void {
    const entry = this.#entryOf(store);
    entry.waiting.push({ generation: this.#generation, done });
    this.#serve(entry);
  }

  /** A file was stored: listings that were begun earlier are out of date. */
  invalidate(): void {
    this.#generation++;
  }

  /** Continues the listings in progress, and begins those that are due. */
  wake(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === "encoding") this.#encode(entry);
      else this.#serve(entry);
    }
  }

  #entryOf(store: FileStore): Entry {
    let entry = this.#entries.get(store);
    if (entry === undefined) {
      entry = {
        store,
        cached: undefined,
        generation: 0,
        startUs: -Infinity,
        untilUs: -Infinity,
        state: "idle",
        encoder: undefined,
        waiting: [],
      };
      this.#entries.set(store, entry);
    }
    return entry;
  }

  #serve(entry: Entry): void {
    if (entry.state !== "idle") return;
    const { cached, untilUs } = entry;
    const nowUs = this.#options.nowUs();
    if (cached !== undefined && nowUs < untilUs) this.#answer(entry, cached);
    if (entry.waiting.length === 0) return;
    if (nowUs >= untilUs) this.#begin(entry);
    else this.#wakeWhenDue();
  }

  #wakeWhenDue(): void {
    const nowUs = this.#options.nowUs();
    let nextUs = Infinity;
    for (const { waiting, state, untilUs } of this.#entries.values()) {
      if (state === "encoding") nextUs = nowUs;
      else if (state === "idle" && waiting.length > 0) nextUs = Math.min(nextUs, untilUs);
    }
    this.#options.wakeIn(Math.max(0, nextUs - nowUs));
  }

  #begin(entry: Entry): void {
    entry.state = "reading";
    entry.startUs = this.#options.nowUs();
    entry.generation = this.#generation;
    entry.store.list({ path: "", recursive: false }, (result) => {
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
    this.#answer(entry, result);
    this.#serve(entry);
  }

  /** Answers all requests that are not newer than the result. */
  #answer(entry: Entry, result: Listing | StoreError): void {
    const { generation, waiting } = entry;
    entry.waiting = waiting.filter((request) => request.generation > generation);
    for (const request of waiting) if (request.generation <= generation) request.done(result);
  }
}
