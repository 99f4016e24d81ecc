/**
 * Injects faults into a socket's traffic, for testing: `--simulate drop=10%,corrupt=1%,delay=50ms`.
 *
 * Each direction is a link of `netem/` of its own: a delay of 50 ms on one side adds 100 ms to a round trip. Delay and
 * jitter keep the order of datagrams; only `reorder` changes it. Timers are up to 2 ms late, and with them the delay.
 *
 * @module
 */

import type { FaultOptions } from "../app/api.ts";
import { Random } from "../base/random.ts";
import type { LinkOptions } from "../netem/link.ts";
import { LinkDriver } from "./link_driver.ts";

/** One fault that was injected. Delay and jitter, which all datagrams have, are not reported. */
export interface InjectedFault {
  /** `overflow`: dropped because too many datagrams were in transit. */
  readonly fault: "drop" | "corrupt" | "duplicate" | "reorder" | "overflow";
  readonly direction: "outgoing" | "incoming";
  /** Size of the datagram. */
  readonly bytes: number;
  /** Number of the datagram in its direction, from 1. */
  readonly packet: number;
}

/** How a {@link FaultInjector} is made. */
export interface FaultInjectorOptions {
  readonly faults: FaultOptions;
  /** Called for each fault. */
  readonly onFault?: (fault: InjectedFault) => void;
}

/** Passes a datagram on. The bytes are valid until the call, or the promise that it returns, has ended. */
export type Deliver = (datagram: Uint8Array) => void | Promise<void>;

/** What is added to the delay of a reordered datagram. */
const REORDER_EXTRA_US = 5_000;

/** Memory for the datagrams in transit in one direction; more are dropped, as by a router with a full queue. */
const MAX_IN_TRANSIT_BYTES = 64 * 1024 * 1024;

/** The link's counter for each fault. */
const COUNTERS = { drop: "lost", corrupt: "corrupted", duplicate: "duplicated", reorder: "reordered" } as const;
const COUNTED = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];

const PAST_TENSE = {
  drop: "dropped",
  corrupt: "corrupted",
  duplicate: "duplicated",
  reorder: "held back",
  overflow: "dropped (too much delayed already)",
} as const;

/** One line for a log: `simulated fault: dropped outgoing datagram 17 (1200 bytes)`. */
export function describeFault({ fault, direction, bytes, packet }: InjectedFault): string {
  return `simulated fault: ${PAST_TENSE[fault]} ${direction} datagram ${packet} (${bytes} bytes)`;
}

/** Injects faults into both directions of one socket's traffic. */
export class FaultInjector {
  /** Replays the same decisions; drawn if the options name none. */
  readonly seed: number;
  readonly #outgoing: Direction;
  readonly #incoming: Direction;
  #isClosed = false;

  constructor(options: FaultInjectorOptions) {
    this.seed = options.faults.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    const random = new Random(this.seed);
    this.#outgoing = new Direction("outgoing", random.fork("outgoing"), options);
    this.#incoming = new Direction("incoming", random.fork("incoming"), options);
  }

  /** Datagrams in transit, in both directions. */
  get inTransit(): number {
    return this.#outgoing.link.inTransit + this.#incoming.link.inTransit;
  }

  /** Datagrams in transit that have yet to be sent. */
  get outgoingInTransit(): number {
    return this.#outgoing.link.inTransit;
  }

  /** Takes a copy of a datagram to be sent; `deliver` sends it zero, one or two times, now or later. */
  outgoing(datagram: Uint8Array, deliver: Deliver): void {
    if (!this.#isClosed) this.#outgoing.send(datagram, deliver);
  }

  /** Takes a copy of a datagram that was received; `deliver` handles it zero, one or two times, now or later. */
  incoming(datagram: Uint8Array, deliver: Deliver): void {
    if (!this.#isClosed) this.#incoming.send(datagram, deliver);
  }

  /** Drops what is in transit; nothing is delivered from now on. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#outgoing.link.close();
    this.#incoming.link.close();
  }
}

/** The link of one direction, and the reports of its faults. */
class Direction {
  readonly link: LinkDriver<Deliver>;
  readonly #name: InjectedFault["direction"];
  readonly #onFault: FaultInjectorOptions["onFault"];
  readonly #reported = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0 };
  #count = 0;

  constructor(name: InjectedFault["direction"], random: Random, { faults, onFault }: FaultInjectorOptions) {
    this.#name = name;
    this.#onFault = onFault;
    this.link = new LinkDriver({ link: linkOf(faults), random, deliver: ({ route, bytes }) => route!(bytes) });
  }

  send(datagram: Uint8Array, deliver: Deliver): void {
    this.#count++;
    if (this.link.inTransitBytes + datagram.length > MAX_IN_TRANSIT_BYTES) {
      return this.#report("overflow", datagram.length);
    }
    this.link.send(datagram, deliver);
    for (const fault of COUNTED) {
      for (; this.#reported[fault] < this.link.stats[COUNTERS[fault]]; this.#reported[fault]++) {
        this.#report(fault, datagram.length);
      }
    }
  }

  #report(fault: InjectedFault["fault"], bytes: number): void {
    this.#onFault?.({ fault, direction: this.#name, bytes, packet: this.#count });
  }
}

function linkOf({ drop, corrupt, duplicate, reorder, delayUs, jitterUs }: FaultOptions): LinkOptions {
  return {
    loss: drop,
    corrupt,
    duplicate,
    reorder: { probability: reorder, extraDelayUs: REORDER_EXTRA_US },
    delayUs,
    randomWalkUs: jitterUs,
  };
}
