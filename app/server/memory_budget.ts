/**
 * Limits the memory of all connections of a server together, by closing connections that use much of it.
 *
 * Each connection has limits that suit a fast and long link, so thousands of connections could exhaust the memory. A
 * connection may use as much as is still free, and in any case an equal share of the total; so a connection that uses
 * much is closed before one that uses little. And none may use more than a limit for each, however much is free.
 *
 * @module
 */

import type { ConnectionStats } from "../../protocol/mod.ts";

/** The approximate size of an idle connection: its objects, and the program's objects for it. */
const CONNECTION_BYTES = 16 * 1024;

/** The approximate size of the record of a packet that is not acknowledged, and of a range of packet numbers. */
const PACKET_BYTES = 256;
const RANGE_BYTES = 16;

/** Packets and ranges are counted at every so many calls: a datagram adds few of them, and counting takes time. */
const LOOK_EVERY = 8;

/** The part of a connection that a budget needs. */
export interface Measured {
  /** A single datagram may change this by megabytes, so it is read at every call. */
  readonly streamMemoryBytes: number;
  readonly stats: Pick<ConnectionStats, "packetsRemembered" | "rangesRemembered">;
}

interface Account {
  bytes: number;
  /** The part of them for packets, ranges and the connection itself. */
  otherBytes: number;
  untilLook: number;
}

/** See the module's description. */
export class MemoryBudget {
  readonly #maxBytes: number;
  readonly #maxEachBytes: number;
  readonly #accounts = new Map<Measured, Account>();
  #usedBytes = 0;

  /** The limits of all connections together, and of each. */
  constructor({ maxBytes, maxEachBytes = Infinity }: { readonly maxBytes: number; readonly maxEachBytes?: number }) {
    this.#maxBytes = maxBytes;
    this.#maxEachBytes = maxEachBytes;
  }

  /** The memory of all connections, as of their last calls. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * To be called whenever a connection may have changed. Returns the bytes that it uses if those are too many, and the
   * connection must be closed; otherwise 0.
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
