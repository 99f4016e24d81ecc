/**
 * What all connections of a server take in memory together, and which of them must go when it is too much: none that
 * takes little, and of the others whichever asks for more first.
 *
 * Each connection has bounds of its own that suit a fast and long link, so that thousands of them could take all there
 * is. One may take as much as is left free, and in any case what it would have if all had the same: so the
 * first to go is who takes much. And none may take more than a bound of its own, however much is free.
 *
 * @module
 */

import type { ConnectionStats } from "../../protocol/mod.ts";

/** What a connection takes that does nothing, about: its objects, and the program's for it. */
const CONNECTION_BYTES = 16 * 1024;

/** What a sent packet takes until it is acknowledged, and what a range of packet numbers, about. */
const PACKET_BYTES = 256;
const RANGE_BYTES = 16;

/** Packets and ranges are looked at each so many times: a datagram adds few of them, and asking takes a little. */
const LOOK_EVERY = 8;

/** What a budget asks of a connection. */
export interface Measured {
  /** A single datagram may change this by megabytes, so it is asked for each time. */
  readonly streamMemoryBytes: number;
  readonly stats: Pick<ConnectionStats, "packetsRemembered" | "rangesRemembered">;
}

interface Account {
  bytes: number;
  /** Of those, packets, ranges and the connection itself. */
  otherBytes: number;
  untilLook: number;
}

/** See the module's description. */
export class MemoryBudget {
  readonly #maxBytes: number;
  readonly #maxEachBytes: number;
  readonly #accounts = new Map<Measured, Account>();
  #usedBytes = 0;

  /** Of all connections together, and of each. */
  constructor({ maxBytes, maxEachBytes = Infinity }: { readonly maxBytes: number; readonly maxEachBytes?: number }) {
    this.#maxBytes = maxBytes;
    this.#maxEachBytes = maxEachBytes;
  }

  /** What all connections take, as far as is known. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * To be called whenever something may have changed at a connection. Returns what it takes, in bytes, where that is
   * too much; it is to be closed then. 0 otherwise.
   */
  excessOf(connection: Measured): number {
    const account = this.#accountOf(connection);
    if (--account.untilLook <= 0) {
      account.untilLook = LOOK_EVERY;
      const { packetsRemembered, rangesRemembered } = connection.stats;
      account.otherBytes = CONNECTION_BYTES + packetsRemembered * PACKET_BYTES + rangesRemembered * RANGE_BYTES;
    }
    const bytes = account.otherBytes + connection.streamMemoryBytes;
    this.#usedBytes += bytes - account.bytes;
    account.bytes = bytes;
    const fairBytes = this.#maxBytes / this.#accounts.size;
    const allowedBytes = Math.max(fairBytes, this.#maxBytes - this.#usedBytes);
    return bytes > Math.min(this.#maxEachBytes, allowedBytes) ? bytes : 0;
  }

  /** The connection has ended. */
  forget(connection: Measured): void {
    this.#usedBytes -= this.#accounts.get(connection)?.bytes ?? 0;
    this.#accounts.delete(connection);
  }

  #accountOf(connection: Measured): Account {
    let account = this.#accounts.get(connection);
    if (account === undefined) {
      account = { bytes: 0, otherBytes: 0, untilLook: 1 };
      this.#accounts.set(connection, account);
    }
    return account;
  }
}
