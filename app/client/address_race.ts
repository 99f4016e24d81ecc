/**
 * Tries the addresses of one host until the first of them responds: Happy Eyeballs Version 2 (RFC 8305).
 *
 * An attempt begins with a handshake, so an address at which another program listens does not win. The next address is
 * tried 250 ms after the previous one, or as soon as that has failed; attempts under way continue meanwhile.
 *
 * Deviations: both address families come from one call of the system's resolver, so there is no Resolution Delay (section
 * 3); the list begins with IPv6, whichever family the system prefers (section 4), because a network without IPv6 makes
 * that attempt fail at once; the delay is fixed, without a history of round trips (section 5).
 *
 * @module
 */

import { NetAddress } from "../../base/net_address.ts";
import type { Platform, Timer } from "../platform.ts";

/** Section 5: the recommended Connection Attempt Delay, microseconds. */
export const ATTEMPT_DELAY_US = 250_000;

/** Section 4: sorts addresses so that the families alternate, IPv6 first, each in the order in which it was given. */
export function interleaveFamilies(addresses: readonly NetAddress[]): NetAddress[] {
  const unique = [...new Map(addresses.map((address) => [address.text, address])).values()];
  const ipv6 = unique.filter(({ isIPv6 }) => isIPv6);
  const ipv4 = unique.filter(({ isIPv6 }) => !isIPv6);
  const order: NetAddress[] = [];
  for (let i = 0; i < Math.max(ipv6.length, ipv4.length); i++) {
    order.push(...ipv6.slice(i, i + 1), ...ipv4.slice(i, i + 1));
  }
  return order;
}

/** An attempt that failed. */
export interface FailedAttempt {
  readonly address: NetAddress;
  readonly error: unknown;
}

/** No address responded; `failures` are in the order in which the attempts began. */
export class AllAttemptsFailed extends Error {
  constructor(readonly failures: readonly FailedAttempt[]) {
    super("no address responded");
  }
}

/** How to try the addresses. */
export interface RaceOptions<Winner> {
  readonly platform: Pick<Platform, "defer" | "timer">;
  /** Connects to one address. When `signal` is aborted, it must release everything and reject. */
  readonly attempt: (address: NetAddress, signal: AbortSignal) => Promise<Winner>;
  /** Cancels all attempts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves to the first connection, when all other attempts have ended; rejects with {@link AllAttemptsFailed}. If `signal`
 * is aborted, no further address is tried.
 */
export function raceAddresses<Winner extends { close(): Promise<void> }>(
  addresses: readonly NetAddress[],
  options: RaceOptions<Winner>,
): Promise<Winner> {
  return new AddressRace(addresses, options).run();
}

class AddressRace<Winner extends { close(): Promise<void> }> {
  readonly #addresses: readonly NetAddress[];
  readonly #options: RaceOptions<Winner>;
  readonly #timer: Timer;
  readonly #ended: PromiseWithResolvers<void>;
  /** Cancels the attempts when one has won. */
  readonly #abort = new AbortController();
  /** By the index of the address; the winner has none. */
  readonly #failures: (FailedAttempt | undefined)[];
  #winner: Winner | undefined;
  #next = 0;
  #running = 0;

  constructor(addresses: readonly NetAddress[], options: RaceOptions<Winner>) {
    this.#addresses = addresses;
    this.#options = options;
    this.#failures = addresses.map(() => undefined);
    this.#timer = options.platform.timer(() => this.#beginNext());
    this.#ended = options.platform.defer();
  }

  async run(): Promise<Winner> {
    const { signal } = this.#options;
    const onAbort = () => this.#cancel();
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    this.#beginNext();
    if (this.#running === 0) this.#ended.resolve();
    await this.#ended.promise;
    signal?.removeEventListener("abort", onAbort);
    if (this.#winner === undefined) {
      throw new AllAttemptsFailed(this.#failures.filter((failure) => failure !== undefined));
    }
    return this.#winner;
  }

  #beginNext(): void {
    this.#timer.clear();
    if (this.#abort.signal.aborted) return;
    const index = this.#next;
    const address = this.#addresses[index];
    if (address === undefined) return;
    this.#next++;
    this.#running++;
    void this.#run(address, index);
    if (this.#next < this.#addresses.length) this.#timer.set(ATTEMPT_DELAY_US);
  }

  async #run(address: NetAddress, index: number): Promise<void> {
    try {
      const connection = await this.#options.attempt(address, this.#abort.signal);
      if (this.#abort.signal.aborted) {
        // Two responded at once, or the user cancelled.
        await connection.close();
      } else {
        this.#winner = connection;
        this.#cancel();
      }
    } catch (error) {
      this.#failures[index] = { address, error };
      this.#beginNext();
    }
    this.#running--;
    if (this.#running === 0) this.#ended.resolve();
  }

  #cancel(): void {
    this.#timer.clear();
    this.#abort.abort();
  }
}
