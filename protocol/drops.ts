/**
 * Why datagrams are dropped, in a small fixed set of reasons, and how many were dropped for each: nothing that arrives from
 * the network can add a reason, or make the counts take memory.
 *
 * A packet damaged on the way cannot be told from one forged by an attacker without keys: both fail the same check.
 *
 * @module
 */

/** The reasons. */
export const DROP_REASONS = [
  /** Not a packet: cut short, too long, or of no known type. */
  "malformed",
  /** Its tag or its handshake message is not authentic: damaged on the way, or forged. */
  "damaged",
  /** Its packet number was received before, or it would begin a connection again that has ended. */
  "repeated",
  /** For a connection that does not exist, or not any more. It may be answered with a Reset. */
  "unknown connection",
  /** Of a version that this side does not speak. It may be answered with a VersionNegotiation. */
  "unknown version",
  /** The token does not validate the client's address: not issued here for it, or too old. */
  "bad token",
  /** Beyond the limits of admission control, for unvalidated addresses or for one source. */
  "too many handshakes",
  /** Perhaps genuine, but not expected in this state. */
  "out of place",
  /** For a connection that is closing: every one leaves some. */
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
