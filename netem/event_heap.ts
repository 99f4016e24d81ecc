/**
 * What is to happen when, in virtual time: a binary heap of events, earliest first, ties in the order of scheduling.
 *
 * Hot. The events are the caller's own objects, which it pools or keeps, and each knows its place in the heap: so
 * scheduling, moving and cancelling allocate nothing and search for nothing.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";

/** The place of an event that is not scheduled. */
const NOWHERE = -1;

/** What can be scheduled; extend it. The queue alone writes its fields. */
export class ScheduledEvent {
  /** When it happens; says nothing while it is not scheduled. */
  timeUs = 0;
  /** Orders events of the same time. */
  sequence = 0;
  /** Index in the heap, or -1. */
  heapIndex = NOWHERE;

  /** Whether it waits in a queue. */
  get isScheduled(): boolean {
    return this.heapIndex !== NOWHERE;
  }
}

/** See the module's description. */
export class EventQueue<Event extends ScheduledEvent> {
  /** A slot from `#size` on is free and holds undefined; the array never shrinks. */
  readonly #heap: (Event | undefined)[] = [];
  #size = 0;
  #sequence = 0;

  /** Events that wait. */
  get size(): number {
    return this.#size;
  }

  /** When the earliest event happens; Infinity where none waits. */
  get nextUs(): number {
    return this.#size === 0 ? Infinity : this.#heap[0]!.timeUs;
  }

  /** Puts `event` in at `timeUs`, behind all others of that time; if it already waits, it is moved. */
  schedule(event: Event, timeUs: number): void {
    invariant(Number.isSafeInteger(timeUs), "an event is scheduled at an integer time");
    event.timeUs = timeUs;
    event.sequence = this.#sequence++;
    if (event.heapIndex === NOWHERE) {
      this.#rise(event, this.#size++);
    } else {
      invariant(this.#heap[event.heapIndex] === event, "an event waits in one queue at a time");
      this.#settle(event, event.heapIndex);
    }
  }

  /** Takes `event` out; nothing happens where it does not wait. */
  cancel(event: Event): void {
    if (event.heapIndex === NOWHERE) return;
    invariant(this.#heap[event.heapIndex] === event, "an event waits in one queue at a time");
    this.#removeAt(event.heapIndex);
  }

  /** Takes out the earliest event if it happens by `untilUs`. */
  popUntil(untilUs: number): Event | undefined {
    if (this.#size === 0) return undefined;
    const first = this.#heap[0]!;
    if (first.timeUs > untilUs) return undefined;
    this.#removeAt(0);
    return first;
  }

  #removeAt(index: number): void {
    const heap = this.#heap;
    const removed = heap[index]!;
    const last = heap[--this.#size]!;
    heap[this.#size] = undefined;
    removed.heapIndex = NOWHERE;
    if (last !== removed) this.#settle(last, index);
  }

  /** Puts `event` where it belongs, given that all but the place at `index` are in order. */
  #settle(event: Event, index: number): void {
    const parent = (index - 1) >> 1;
    if (index > 0 && isBefore(event, this.#heap[parent]!)) this.#rise(event, index);
    else this.#sink(event, index);
  }

  #rise(event: Event, index: number): void {
    const heap = this.#heap;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (!isBefore(event, parent)) break;
      heap[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    heap[index] = event;
    event.heapIndex = index;
  }

  #sink(event: Event, index: number): void {
    const heap = this.#heap;
    const size = this.#size;
    for (let childIndex = 2 * index + 1; childIndex < size; childIndex = 2 * index + 1) {
      let child = heap[childIndex]!;
      if (childIndex + 1 < size && isBefore(heap[childIndex + 1]!, child)) child = heap[++childIndex]!;
      if (!isBefore(child, event)) break;
      heap[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    heap[index] = event;
    event.heapIndex = index;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.sequence < b.sequence);
}
