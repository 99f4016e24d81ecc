/**
 * Datagrams in transit, pooled. Hot: a simulation delivers hundreds of thousands a second, and once the pool holds as
 * many as are in transit at the peak, no more are allocated.
 *
 * @module
 */

import { ScheduledEvent } from "./event_heap.ts";
import { invariant } from "../base/invariant.ts";

/** Buffer sizes that are pooled; the last one holds the largest UDP payload. */
const CLASS_BYTES = [256, 2048, 16_384, 65_536] as const;

/** A datagram in transit: its own copy of the bytes, and when it arrives. */
export class Delivery<Route = unknown> extends ScheduledEvent {
  arrivalUs = 0;
  /** Where it goes, in the terms of the link's user, who sets it. */
  route: Route | undefined;
  /** Index of its buffer's size among those that are pooled. */
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
    // Most datagrams are as long as the previous one: then the view is reused.
    if (this.#bytes.length !== datagram.length) this.#bytes = this.#buffer.subarray(0, datagram.length);
    this.#bytes.set(datagram);
  }
}

/** Deliveries for reuse. */
export class DeliveryPool<Route = unknown> {
  readonly #free: Delivery<Route>[][] = CLASS_BYTES.map(() => []);
  #inUse = 0;
  #inUseBytes = 0;
  #allocated = 0;

  /** Deliveries taken and not yet released. */
  get inUse(): number {
    return this.#inUse;
  }

  /** The memory of their buffers. */
  get inUseBytes(): number {
    return this.#inUseBytes;
  }

  /** Deliveries ever allocated. */
  get allocated(): number {
    return this.#allocated;
  }

  /** A delivery that holds a copy of `datagram`, which is at most 65,536 bytes long. */
  take(datagram: Uint8Array): Delivery<Route> {
    let sizeClass = 0;
    while (sizeClass < CLASS_BYTES.length && CLASS_BYTES[sizeClass]! < datagram.length) sizeClass++;
    invariant(sizeClass < CLASS_BYTES.length, "a datagram is at most 65,536 bytes long");
    let delivery = this.#free[sizeClass]!.pop();
    if (delivery === undefined) {
      delivery = new Delivery(sizeClass);
      this.#allocated++;
    }
    this.#inUse++;
    this.#inUseBytes += CLASS_BYTES[sizeClass]!;
    delivery.load(datagram);
    return delivery;
  }

  /** Returns a delivery to the pool; its bytes are no longer valid. */
  release(delivery: Delivery<Route>): void {
    invariant(!delivery.isScheduled, "a delivery is released after it arrived");
    this.#inUse--;
    this.#inUseBytes -= CLASS_BYTES[delivery.sizeClass]!;
    delivery.route = undefined;
    this.#free[delivery.sizeClass]!.push(delivery);
  }
}
