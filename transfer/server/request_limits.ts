/**
 * Limits the concurrent requests of all sessions of a server: transfers, each of which has an open file and buffers,
 * and listings. At a limit the server refuses new requests, with a message, and continues those in progress.
 *
 * @module
 */

import { FairSlots } from "../../base/fair_slots.ts";
import { RefusalReason } from "../messages.ts";

/** The limits of a server. */
export interface RequestBounds {
  /** Concurrent transfers in both directions, thus open files; without pipes. */
  readonly maxTransfers: number;
  /** The same for one source: an IPv4 address or an IPv6 /64. */
  readonly maxTransfersPerAddress: number;
  /** Concurrent pipes: files of unknown size, and files that clients read in order and have paused. They may take any time. */
  readonly maxPipes: number;
  readonly maxPipesPerAddress: number;
  /** Concurrent listings. */
  readonly maxLists: number;
  readonly maxListsPerAddress: number;
  /** Transfers of a client that responds but makes no progress for this long are aborted. Microseconds. */
  readonly stallTimeoutUs: number;
}

/**
 * The defaults. A client runs up to 128 transfers at once. A transfer takes 128 KiB of buffers, so that 1024 of them
 * take 128 MiB.
 */
export const DEFAULT_REQUEST_BOUNDS: RequestBounds = Object.freeze({
  maxTransfers: 1024,
  maxTransfersPerAddress: 256,
  maxPipes: 128,
  maxPipesPerAddress: 16,
  maxLists: 128,
  maxListsPerAddress: 8,
  stallTimeoutUs: 60_000_000,
});

/** A kind of request whose concurrent number is limited. */
export type BoundedRequest = "transfer" | "pipe" | "list";

/** Why a request is refused now. */
export interface Busy {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Counts the concurrent requests of all sessions of a server. */
export class RequestLimits {
  readonly bounds: RequestBounds;
  readonly #slots: Readonly<Record<BoundedRequest, FairSlots>>;

  /** Limits that are not given have their defaults. */
  constructor(bounds: Partial<RequestBounds> = {}) {
    this.bounds = { ...DEFAULT_REQUEST_BOUNDS, ...bounds };
    const { maxTransfers, maxTransfersPerAddress, maxPipes, maxPipesPerAddress } = this.bounds;
    const { maxLists, maxListsPerAddress } = this.bounds;
    this.#slots = {
      transfer: new FairSlots({ max: maxTransfers, maxEach: maxTransfersPerAddress }),
      pipe: new FairSlots({ max: maxPipes, maxEach: maxPipesPerAddress }),
      list: new FairSlots({ max: maxLists, maxEach: maxListsPerAddress }),
    };
  }

  /** The number of requests of a kind in progress. */
  countOf(kind: BoundedRequest): number {
    return this.#slots[kind].count;
  }

  /** Begins a request of a source; returns why it is refused, or undefined where it has begun. */
  begin(kind: BoundedRequest, source: string): Busy | undefined {
    const slots = this.#slots[kind];
    const refusal = slots.take(source);
    if (refusal === undefined) return undefined;
    const count = refusal === "all" ? slots.count : slots.countOf(source);
    const whose = refusal === "all" ? "" : " of your address";
    const what = `${count} ${kind}${count === 1 ? "" : "s"}${whose}`;
    return { reason: RefusalReason.busy, message: `it is busy with ${what} already` };
  }

  /** Ends what {@link begin} began. */
  end(kind: BoundedRequest, source: string): void {
    this.#slots[kind].release(source);
  }
}
