/**
 * The processor of a simulated machine that has other work as well: at random moments, which its seed determines, the
 * program loses it for some time. Meanwhile no timer fires, and datagrams wait in the socket's receive buffer, which drops
 * what it cannot hold. Back on the processor, the program handles the timers that are due before what it received, as
 * Deno's event loop does.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import type { Random } from "../base/random.ts";

/** Bounds of a duration in microseconds; its logarithm is drawn uniformly. */
export interface DurationBounds {
  readonly min: number;
  readonly max: number;
}

/** How often a program loses the processor, and for how long. */
export interface ProcessorOptions {
  /** How long it keeps the processor. */
  readonly runUs: DurationBounds;
  /** How long it is without. */
  readonly awayUs: DurationBounds;
  /** Capacity of the receive buffer as the kernel counts, see {@link bufferCost}. Default: 208 KiB, Linux's default. */
  readonly receiveBufferBytes?: number;
}

/** net.core.rmem_default. */
const RECEIVE_BUFFER_BYTES = 212_992;

/** What Linux counts for a packet of up to 512 bytes with its headers, for a larger one, and the payload of the largest. */
const SMALL_COST_BYTES = 768;
const PACKET_COST_BYTES = 2304;
const SMALL_PACKET_BYTES = 400;
const PACKET_BYTES = 1472;

/** What a datagram of `length` bytes takes up in Linux's receive buffer (`skb->truesize`), with its fragments. */
export function bufferCost(length: number): number {
  return length <= SMALL_PACKET_BYTES ? SMALL_COST_BYTES : PACKET_COST_BYTES * Math.ceil(length / PACKET_BYTES);
}

/** A datagram in the receive buffer. */
interface Waiting {
  readonly datagram: Uint8Array;
  readonly from: string;
}

/** See the module's description. */
export class Processor {
  readonly #options: ProcessorOptions;
  readonly #random: Random;
  /** The current time without the processor, or the next one. */
  #awayUs: number;
  #backUs: number;
  readonly #waiting: Waiting[] = [];
  /** When the program can receive what waits. */
  #receivableUs = 0;
  #waitingBytes = 0;
  #dropped = 0;

  constructor(options: ProcessorOptions, random: Random) {
    for (const { min, max } of [options.runUs, options.awayUs]) {
      invariant(min > 0 && max >= min, "a duration has bounds");
    }
    this.#options = options;
    this.#random = random;
    this.#awayUs = this.#draw(options.runUs);
    this.#backUs = this.#awayUs + this.#draw(options.awayUs);
  }

  /** Datagrams that the receive buffer dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The first instant, `nowUs` or later, at which the program has the processor. `nowUs` never decreases. */
  availableUs(nowUs: number): number {
    while (nowUs >= this.#backUs) {
      this.#awayUs = this.#backUs + this.#draw(this.#options.runUs);
      this.#backUs = this.#awayUs + this.#draw(this.#options.awayUs);
    }
    return nowUs < this.#awayUs ? nowUs : this.#backUs;
  }

  /** When the program runs next if its first timer is due at `dueUs`, as far as is known. */
  nextUs(dueUs: number): number {
    if (this.hasWaiting) return this.#receivableUs;
    return dueUs >= this.#awayUs && dueUs < this.#backUs ? this.#backUs : dueUs;
  }

  /** Whether datagrams wait in the receive buffer. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** A datagram has arrived while the program was away, or while others wait. It is copied, or dropped. */
  keep(datagram: Uint8Array, from: string): void {
    const costBytes = bufferCost(datagram.length);
    const { receiveBufferBytes = RECEIVE_BUFFER_BYTES } = this.#options;
    if (this.#waitingBytes + costBytes > receiveBufferBytes) {
      this.#dropped++;
      return;
    }
    if (!this.hasWaiting) this.#receivableUs = this.#backUs;
    this.#waitingBytes += costBytes;
    this.#waiting.push({ datagram: datagram.slice(), from });
  }

  /** Takes the datagram that has waited longest out of the receive buffer; undefined if none waits. */
  takeWaiting(): Waiting | undefined {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) this.#waitingBytes -= bufferCost(waiting.datagram.length);
    return waiting;
  }

  /** Empties the receive buffer. */
  clear(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  #draw({ min, max }: DurationBounds): number {
    return Math.round(min * (max / min) ** this.#random.float());
  }
}
