/**
 * Why datagrams are dropped, in a fixed small set of words, and how many were for each: nothing that comes from the
 * network can make a reason of its own, or a count take memory.
 *
 * What was changed on the way cannot be told from what somebody forged, who has no keys either: both fail the same check.
 *
 * @module
 */

/** The reasons. */
export const DROP_REASONS = [
  /** No packet at all: cut short, too long, or of no known type. */
  "malformed",
  /** Its checksum, its tag or its message of the handshake is not right: changed on the way, or forged. */
  "damaged",
  /** Its packet number was there before, or it would begin a connection anew that has ended. */
  "repeated",
  /** For a connection that is not, or no more. It may be answered with a Reset. */
  "unknown connection",
  /** Of a version that is not spoken here. It may be answered with those that are. */
  "unknown version",
  /** The token that is to prove the client's address is not one of ours for it, or too old. */
  "bad token",
  /** Beyond what may be done for strangers, or for one address. */
  "too many handshakes",
  /** Genuine, perhaps, but not what is waited for. */
  "out of place",
  /** For a connection that is just ending: every one leaves some. */
  "late",
] as const;

/** One of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/** How many were dropped, by reason. Reasons that did not occur are not in it. */
export type DropCounts = ReadonlyMap<DropReason, number>;

/** Counts. */
export class DropCounter {
  readonly #counts = new Map<DropReason, number>();

  /** How many since the start, or since {@link take}. */
  get counts(): DropCounts {
    return this.#counts;
  }

  /** Counts one. */
  add(reason: DropReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** What was counted, in the order of {@link DROP_REASONS}; the next count begins. */
  take(): DropCounts {
    const taken = new Map<DropReason, number>();
    for (const reason of DROP_REASONS) {
      const count = this.#counts.get(reason);
      if (count !== undefined) taken.set(reason, count);
    }
    this.#counts.clear();
    return taken;
  }
}
