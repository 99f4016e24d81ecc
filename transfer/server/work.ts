/**
 * What all sessions of a server do at a time, and its bounds: transfers, each with an open file and its buffers, and
 * lists of all files. At a bound the server refuses what is new, in words, and goes on with the rest. What needs the disk
 * has its turn, see `turns.ts`.
 *
 * @module
 */

import { FairSlots } from "../../base/fair_slots.ts";
import type { FileStore } from "../file_store.ts";
import { encodeMessage, type Message, RefusalReason } from "../messages.ts";
import { type Job, Turns, type TurnsOptions } from "./turns.ts";

/** What a server does at most at a time. */
export interface WorkLimits {
  /** Files on their way, in or out: so many are open. */
  readonly maxTransfers: number;
  /** The same for one source: an IPv4 address, an IPv6 /64. */
  readonly maxTransfersPerAddress: number;
  /** Lists of all files that are being sent. */
  readonly maxLists: number;
  readonly maxListsPerAddress: number;
  /** A peer that is there, and has let its transfers stand still for so long, loses them. Microseconds. */
  readonly stallTimeoutUs: number;
}

/**
 * The defaults. A client runs up to 128 transfers at once. A transfer takes 128 KiB of buffers, so that 1024 of them
 * take 128 MiB.
 */
export const DEFAULT_WORK: WorkLimits = Object.freeze({
  maxTransfers: 1024,
  maxTransfersPerAddress: 256,
  maxLists: 128,
  maxListsPerAddress: 8,
  stallTimeoutUs: 60_000_000,
});

/** A kind of work of which there is so much at a time. */
export type Work = "transfer" | "list";

/** A list is used again for so many times as long as it took to make: a flood of requests takes an eleventh of the time. */
const LIST_LIFE_FACTOR = 10;

/** The whole answer to LIST. */
export interface StoreList {
  readonly bytes: Uint8Array;
  /** Files that it names. */
  readonly count: number;
}

/** One that is used again until a time. */
interface KeptList extends StoreList {
  readonly untilUs: number;
  /** How many times files had changed when it was made. */
  readonly generation: number;
}

/** See the module's description. */
export class ServerWork {
  readonly limits: WorkLimits;
  readonly #slots: Readonly<Record<Work, FairSlots>>;
  /** By store: nobody may see the list of a folder that is not his. */
  readonly #lists = new WeakMap<FileStore, KeptList>();
  #generation = 0;
  readonly #nowUs: () => number;
  readonly #turns: Turns;

  /** Limits that are not given have their defaults; `wakeIn` is to have {@link nextTurn} called. */
  constructor(limits: Partial<WorkLimits>, turns: Omit<TurnsOptions, "isShared">) {
    this.#nowUs = turns.nowUs;
    this.#turns = new Turns({ ...turns, isShared: () => this.#slots.transfer.sourceCount > 1 });
    this.limits = { ...DEFAULT_WORK, ...limits };
    const { maxTransfers, maxTransfersPerAddress, maxLists, maxListsPerAddress } = this.limits;
    this.#slots = {
      transfer: new FairSlots({ max: maxTransfers, maxEach: maxTransfersPerAddress }),
      list: new FairSlots({ max: maxLists, maxEach: maxListsPerAddress }),
    };
  }

  /** How much is being done of a kind. */
  countOf(work: Work): number {
    return this.#slots[work].count;
  }

  /** Begins work for a source; returns why that is refused, or undefined where it has begun. */
  begin(work: Work, source: string): { readonly reason: RefusalReason; readonly message: string } | undefined {
    const slots = this.#slots[work];
    const refusal = slots.take(source);
    if (refusal === undefined) return undefined;
    const count = refusal === "all" ? slots.count : slots.countOf(source);
    const whose = refusal === "all" ? "" : " of your address";
    const what = `${count} ${work}${count === 1 ? "" : "s"}${whose}`;
    return { reason: RefusalReason.busy, message: `it is busy with ${what} already; try again later` };
  }

  /** Ends what {@link begin} began. */
  end(work: Work, source: string): void {
    this.#slots[work].release(source);
  }

  /** Does for a source what needs the disk, now or when it is its turn. */
  inTurn(source: string, job: Job): void {
    this.#turns.add(source, job);
  }

  /**
   * The same for what needs the list of a store's files. One that is out of date is made again, but not at once if it was
   * made just now: who asks waits, together with all who ask meanwhile. What `list` returns nobody may change; it throws
   * StoreError.
   */
  inTurnWithList(source: string, store: FileStore, job: (list: () => StoreList) => void): void {
    const generation = this.#generation;
    const attempt = (): void => {
      const kept = this.#lists.get(store);
      if (kept === undefined || this.#nowUs() >= kept.untilUs || kept.generation >= generation) {
        job(() => this.#listOf(store));
      } else {
        this.#turns.addAt(kept.untilUs, source, attempt);
      }
    };
    this.#turns.add(source, attempt);
  }

  /** Another turn of the event loop. */
  nextTurn(): void {
    this.#turns.next();
  }

  /** What files there are has changed. */
  forgetList(): void {
    this.#generation++;
  }

  /** For who may have the one that there is, or has waited. */
  #listOf(store: FileStore): StoreList {
    const startUs = this.#nowUs();
    const kept = this.#lists.get(store);
    if (kept !== undefined && startUs < kept.untilUs) return kept;
    const entries = store.list();
    const count = entries.length;
    const messages: Message[] = entries.map((entry) => ({ type: "entry", ...entry }));
    messages.push({ type: "end", count });
    const bytes = joined(messages.map(encodeMessage));
    const endUs = this.#nowUs();
    const untilUs = endUs + LIST_LIFE_FACTOR * (endUs - startUs);
    const list = { bytes, count, untilUs, generation: this.#generation };
    this.#lists.set(store, list);
    return list;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
