/**
 * Datagrams under way, pooled. Hot: a run delivers hundreds of thousands a second, and once the pool holds as many as
 * are under way at most, no further one is allocated.
 *
 * @module
 */

import { ScheduledEvent } from "./event_heap.ts";
import { invariant } from "../base/invariant.ts";

/** Buffer sizes that are pooled; the last one holds the largest UDP payload. */
const CLASS_BYTES = [256, 2048, 16_384, 65_536] as const;

/** The addresses between which a datagram goes, as the network sees them. */
export interface Route {
  readonly from: string;
  readonly to: string;
  /** Stands for both addresses in a digest. */
  readonly hash: number;
}

/** A datagram on its way: its own copy of the bytes, and when it arrives. */
export class Delivery extends ScheduledEvent {
  /** When it arrives. */
  arrivalUs = 0;
  /** Whose way it goes; set by the network. */
  route: Route | undefined;
  /** Which of the pool's sizes its buffer has. */
  readonly sizeClass: number;
  readonly #buffer: Uint8Array;
  #bytes: Uint8Array;

  constructor(sizeClass: number) {
    super();
    this.sizeClass = sizeClass;
    this.#buffer = new Uint8Array(CLASS_BYTES[sizeClass]!);
    this.#bytes = this.#buffer;
  }

  /** The datagram; valid until the delivery is released. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Copies `datagram` in. */
  load(datagram: Uint8Array): void {
    // Most datagrams are as long as the one before: then the view stays.
    if (this.#bytes.length !== datagram.length) this.#bytes = this.#buffer.subarray(0, datagram.length);
    this.#bytes.set(datagram);
  }
}

/** Deliveries for reuse. */
export class DeliveryPool {
  readonly #free: Delivery[][] = CLASS_BYTES.map(() => []);
  #inUse = 0;
  #allocated = 0;

  /** Deliveries taken and not yet released. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Deliveries ever made. */
  get allocated(): number {
    return this.#allocated;
  }

  /** A delivery that holds a copy of `datagram`, which is at most 65,536 bytes long. */
  take(datagram: Uint8Array): Delivery {
    let sizeClass = 0;
    while (sizeClass < CLASS_BYTES.length && CLASS_BYTES[sizeClass]! < datagram.length) sizeClass++;
    invariant(sizeClass < CLASS_BYTES.length, "a datagram is at most 65,536 bytes long");
    let delivery = this.#free[sizeClass]!.pop();
    if (delivery === undefined) {
      delivery = new Delivery(sizeClass);
      this.#allocated++;
    }
    this.#inUse++;
    delivery.load(datagram);
    return delivery;
  }

  /** Gives a delivery back; its bytes are no longer valid. */
  release(delivery: Delivery): void {
    invariant(!delivery.isScheduled, "a delivery is released after it arrived");
    this.#inUse--;
    delivery.route = undefined;
    this.#free[delivery.sizeClass]!.push(delivery);
  }
}
