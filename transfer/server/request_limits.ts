/**
 * What all sessions of a server do at a time, and its bounds: transfers, each with an open file and its buffers, and
 * lists of all files. At a bound the server refuses what is new, in words, and goes on with the rest.
 *
 * @module
 */

import { FairSlots } from "../../base/fair_slots.ts";
import { RefusalReason } from "../messages.ts";

/** What a server does at most at a time. */
export interface RequestBounds {
  /** Transfers at once, in both directions: so many files are open. */
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
export const DEFAULT_REQUEST_BOUNDS: RequestBounds = Object.freeze({
  maxTransfers: 1024,
  maxTransfersPerAddress: 256,
  maxLists: 128,
  maxListsPerAddress: 8,
  stallTimeoutUs: 60_000_000,
});

/** A kind of request of which there is a bounded number at a time. */
export type BoundedRequest = "transfer" | "list";

/** Why a request cannot be carried out now. */
export interface Busy {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Counts the requests of all sessions of a server. */
export class RequestLimits {
  readonly bounds: RequestBounds;
  readonly #slots: Readonly<Record<BoundedRequest, FairSlots>>;

  /** Bounds that are not given have their defaults. */
  constructor(bounds: Partial<RequestBounds> = {}) {
    this.bounds = { ...DEFAULT_REQUEST_BOUNDS, ...bounds };
    const { maxTransfers, maxTransfersPerAddress, maxLists, maxListsPerAddress } = this.bounds;
    this.#slots = {
      transfer: new FairSlots({ max: maxTransfers, maxEach: maxTransfersPerAddress }),
      list: new FairSlots({ max: maxLists, maxEach: maxListsPerAddress }),
    };
  }

  /** How many of a kind are under way. */
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
    return { reason: RefusalReason.busy, message: `it is busy with ${what} already; try again later` };
  }

  /** Ends what {@link begin} began. */
  end(kind: BoundedRequest, source: string): void {
    this.#slots[kind].release(source);
  }
}
