/**
 * The part of the relay that decides: what becomes of a datagram, and when what is left of it is due. It has neither
 * clock nor socket, and its link is the simulator's, so that a relayed transfer and a simulated one meet the same.
 *
 * Hot: one call in and one out for each datagram.
 *
 * @module
 */

import { Random } from "../base/random.ts";
import type { Delivery, Route } from "../netem/delivery.ts";
import { EventQueue } from "../netem/event_heap.ts";
import { Link, type LinkOptions, type LinkStats } from "../netem/link.ts";

/** How well the relay kept its times: what it sent later than it was due, by whole microseconds. */
export interface Lateness {
  readonly meanUs: number;
  readonly maxUs: number;
}

/** One direction of the relay. Times are microseconds that do not go back from call to call. */
export class RelayQueue {
  readonly #link: Link;
  readonly #waiting = new EventQueue<Delivery>();
  #released = 0;
  #lateUs = 0;
  #maxLateUs = 0;

  /** The seed determines what is lost, scattered and so on. */
  constructor(options: LinkOptions, seed: number) {
    this.#link = new Link(options, { random: new Random(seed) });
  }

  /** What the link did so far. */
  get linkStats(): LinkStats {
    return this.#link.stats;
  }

  get lateness(): Lateness {
    return { meanUs: this.#released === 0 ? 0 : this.#lateUs / this.#released, maxUs: this.#maxLateUs };
  }

  /** When the next datagram is due; Infinity where none waits. */
  get nextUs(): number {
    return this.#waiting.nextUs;
  }

  /** Takes a copy of a datagram that arrived at `nowUs` and goes along `route`. */
  accept(nowUs: number, datagram: Uint8Array, route: Route): void {
    for (const delivery of this.#link.transmit(nowUs, datagram)) {
      delivery.route = route;
      this.#waiting.schedule(delivery, delivery.arrivalUs);
    }
  }

  /** The next datagram that is due by `nowUs`; undefined where none is. To be given back to {@link free}. */
  takeDue(nowUs: number): Delivery | undefined {
    const delivery = this.#waiting.popUntil(nowUs);
    if (delivery === undefined) return undefined;
    const lateUs = nowUs - delivery.arrivalUs;
    this.#released++;
    this.#lateUs += lateUs;
    if (lateUs > this.#maxLateUs) this.#maxLateUs = lateUs;
    return delivery;
  }

  /** The datagram has been sent: its bytes are no longer needed. */
  free(delivery: Delivery): void {
    this.#link.pool.release(delivery);
  }
}
