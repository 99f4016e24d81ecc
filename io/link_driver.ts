/**
 * Runs a link of `netem/` on the program's clock: datagrams go in, and come out when they arrive. The fault injector
 * and the relay of `perf/` use it; the simulator has a clock and an event loop of its own.
 *
 * Accuracy: `setTimeout` fires at least 1 to 2 ms after it was set, so what arrives within `pollBelowUs` is polled for
 * instead. That occupies a processor, which only a program that does nothing else can afford.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Random } from "../base/random.ts";
import type { Delivery } from "../netem/delivery.ts";
import { EventHeap } from "../netem/event_heap.ts";
import { Link, type LinkOptions, type LinkStats } from "../netem/link.ts";
import { nowUs } from "./clock.ts";

/** What a driver is made with. */
export interface LinkDriverOptions<Route> {
  readonly link: LinkOptions;
  readonly random: Random;
  /** Takes a datagram that arrives. The delivery is valid until the call, or the promise that it returns, has ended. */
  readonly deliver: (delivery: Delivery<Route>) => void | Promise<void>;
  /** Default: 0, never polls. */
  readonly pollBelowUs?: number;
}

/** See the module's description. `Route` is what the caller of {@link send} attaches to a datagram. */
export class LinkDriver<Route> {
  readonly #link: Link<Route>;
  readonly #deliver: LinkDriverOptions<Route>["deliver"];
  readonly #pollBelowUs: number;
  readonly #inTransit = new EventHeap<Delivery<Route>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedUs = Infinity;
  #isPolling = false;

  constructor({ link, random, deliver, pollBelowUs = 0 }: LinkDriverOptions<Route>) {
    this.#link = new Link(link, { random });
    this.#deliver = deliver;
    this.#pollBelowUs = pollBelowUs;
  }

  /** Counters of the link; live. */
  get stats(): LinkStats {
    return this.#link.stats;
  }

  /** Datagrams in transit. */
  get inTransit(): number {
    return this.#inTransit.size;
  }

  /** The memory that datagrams in transit take. */
  get inTransitBytes(): number {
    return this.#link.pool.inUseBytes;
  }

  /** Sends a copy of a datagram. What arrives without delay is delivered before this returns. */
  send(datagram: Uint8Array, route: Route): void {
    for (const delivery of this.#link.transmit(nowUs(), datagram)) {
      delivery.route = route;
      this.#inTransit.schedule(delivery, delivery.arrivalUs);
    }
    this.#deliverDue();
  }

  /** Drops what is in transit, and stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#armedUs = Infinity;
    for (let one = this.#inTransit.popUntil(Infinity); one !== undefined; one = this.#inTransit.popUntil(Infinity)) {
      this.#link.pool.release(one);
    }
  }

  #deliverDue(): void {
    const untilUs = nowUs();
    try {
      for (let due = this.#inTransit.popUntil(untilUs); due !== undefined; due = this.#inTransit.popUntil(untilUs)) {
        const delivery = due;
        const delivered = this.#deliver(delivery);
        if (delivered === undefined) this.#link.pool.release(delivery);
        else void delivered.finally(() => this.#link.pool.release(delivery));
      }
    } finally {
      this.#arm();
    }
  }

  #arm(): void {
    const dueUs = this.#inTransit.nextUs;
    if (this.#isPolling || dueUs >= this.#armedUs) return;
    const waitUs = dueUs - nowUs();
    if (waitUs < this.#pollBelowUs) {
      this.#isPolling = true;
      setImmediate(() => {
        this.#isPolling = false;
        this.#deliverDue();
      });
      return;
    }
    clearTimeout(this.#timer);
    this.#armedUs = dueUs;
    this.#timer = setTimeout(() => {
      this.#armedUs = Infinity;
      this.#deliverDue();
    }, Math.max(0, Math.ceil((waitUs - this.#pollBelowUs) / 1000)));
  }
}
