/**
 * What all sessions of a server do at a time, and its bounds: transfers, each with an open file and its buffers, and
 * lists of all files. At a bound the server refuses what is new, in words, and goes on with the rest.
 *
 * @module
 */

import { Slots } from "../protocol/mod.ts";
import type { FileStore } from "./file_store.ts";
import { encodeMessage, type Message, RefusalReason } from "./messages.ts";

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

/** The whole answer to LIST, which is used again until a time. */
interface KeptList {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly untilUs: number;
}

/** See the module's description. */
export class ServerWork {
  readonly limits: WorkLimits;
  readonly #slots: Readonly<Record<Work, Slots>>;
  /** By store: nobody may see the list of a folder that is not his. */
  #lists = new WeakMap<FileStore, KeptList>();

  /** Limits that are not given have their defaults. */
  constructor(limits: Partial<WorkLimits> = {}) {
    this.limits = { ...DEFAULT_WORK, ...limits };
    const { maxTransfers, maxTransfersPerAddress, maxLists, maxListsPerAddress } = this.limits;
    this.#slots = {
      transfer: new Slots({ max: maxTransfers, maxEach: maxTransfersPerAddress }),
      list: new Slots({ max: maxLists, maxEach: maxListsPerAddress }),
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

  /**
   * The whole answer to LIST, and how many files it names. Whoever asks at about the same time gets the same bytes,
   * which nobody may change. Throws StoreError.
   */
  list(store: FileStore, nowUs: () => number): { readonly bytes: Uint8Array; readonly count: number } {
    const startUs = nowUs();
    const kept = this.#lists.get(store);
    if (kept !== undefined && startUs < kept.untilUs) return kept;
    const entries = store.list();
    const count = entries.length;
    const messages: Message[] = entries.map((entry) => ({ type: "entry", ...entry }));
    messages.push({ type: "end", count });
    const bytes = joined(messages.map(encodeMessage));
    const endUs = nowUs();
    const list = { bytes, count, untilUs: endUs + LIST_LIFE_FACTOR * (endUs - startUs) };
    this.#lists.set(store, list);
    return list;
  }

  /** What files there are has changed. */
  forgetList(): void {
    this.#lists = new WeakMap();
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
