/**
 * The lists of a server's files, each made once for all clients that ask for it at about the same time.
 *
 * A list is used again for some time, so that a flood of requests keeps neither disk nor processor busy. But no client
 * gets one from before a file was stored, if it asked after that: it waits until the list may be made again, together
 * with all that ask meanwhile.
 *
 * @module
 */

import { type Done, type FileInfo, type FileStore, StoreError } from "../file_store.ts";
import { encodeMessage, type Message } from "../messages.ts";

/**
 * A list is made again after so many times what it took. A flood of requests costs a third of what making lists all the
 * time would; a client that asks after a file was stored waits no longer than three lists take, also where the server is
 * so busy that each takes seconds.
 */
const LIST_LIFE_FACTOR = 2;

/** The whole answer to LIST. Not to be changed: many clients share it. */
export interface Listing {
  readonly bytes: Uint8Array;
  /** Files that it names. */
  readonly count: number;
}

/** What the cache needs of its surroundings. */
export interface ListingCacheOptions {
  /** Any steady clock, microseconds. */
  readonly nowUs: () => number;
  /** Has {@link ListingCache.wake} called once after so many microseconds; an earlier request is forgotten. */
  readonly wakeIn: (delayUs: number) => void;
}

/** A client's request for a list. */
interface Waiting {
  /** How many files had been stored when it came. */
  readonly generation: number;
  readonly done: Done<Listing>;
}

/** The list of one store. */
interface Entry {
  readonly store: FileStore;
  kept: Listing | undefined;
  /** How many files had been stored when the kept list, or the one that is being made, was begun. */
  generation: number;
  /** Before this no list is made again. */
  untilUs: number;
  isBeingMade: boolean;
  waiting: Waiting[];
}

/** See the module's description. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  /** By store: a client sees the list of its own folder alone. */
  readonly #entries = new Map<FileStore, Entry>();
  #generation = 0;

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** Gives `done` a store's list, made after this call or still current. */
  get(store: FileStore, done: Done<Listing>): void {
    let entry = this.#entries.get(store);
    if (entry === undefined) {
      entry = { store, kept: undefined, generation: 0, untilUs: -Infinity, isBeingMade: false, waiting: [] };
      this.#entries.set(store, entry);
    }
    entry.waiting.push({ generation: this.#generation, done });
    this.#serve(entry);
  }

  /** A file was stored: lists that were begun before are out of date. */
  invalidate(): void {
    this.#generation++;
  }

  /** Makes the lists that may be made again by now. */
  wake(): void {
    for (const entry of this.#entries.values()) this.#serve(entry);
  }

  #serve(entry: Entry): void {
    const { kept, untilUs } = entry;
    const nowUs = this.#options.nowUs();
    if (entry.isBeingMade) return;
    if (kept !== undefined && nowUs < untilUs) this.#answer(entry, kept);
    if (entry.waiting.length === 0) return;
    if (nowUs >= untilUs) this.#make(entry);
    else this.#options.wakeIn(this.#nextDueUs() - nowUs);
  }

  #nextDueUs(): number {
    let nextUs = Infinity;
    for (const { waiting, isBeingMade, untilUs } of this.#entries.values()) {
      if (waiting.length > 0 && !isBeingMade) nextUs = Math.min(nextUs, untilUs);
    }
    return nextUs;
  }

  #make(entry: Entry): void {
    const startUs = this.#options.nowUs();
    entry.isBeingMade = true;
    entry.generation = this.#generation;
    entry.store.list((result) => {
      const answer = result instanceof StoreError ? result : listingOf(result);
      const endUs = this.#options.nowUs();
      entry.isBeingMade = false;
      entry.kept = answer instanceof StoreError ? undefined : answer;
      entry.untilUs = endUs + LIST_LIFE_FACTOR * (endUs - startUs);
      this.#answer(entry, answer);
      this.#serve(entry);
    });
  }

  /** Answers all whose request is not newer than the answer. */
  #answer(entry: Entry, answer: Listing | StoreError): void {
    const { generation, waiting } = entry;
    entry.waiting = waiting.filter((request) => request.generation > generation);
    for (const request of waiting) if (request.generation <= generation) request.done(answer);
  }
}

function listingOf(files: readonly FileInfo[]): Listing {
  const count = files.length;
  const messages: Message[] = files.map((file) => ({ type: "entry", ...file }));
  messages.push({ type: "end", count });
  const parts = messages.map(encodeMessage);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, count };
}
