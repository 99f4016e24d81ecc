/**
 * Events by their time: a binary heap, earliest first, ties in the order of scheduling.
 *
 * Hot. The events are the caller's own objects, which it pools or keeps, and each knows its index in the heap, so that
 * scheduling, moving and cancelling neither allocate nor search.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";

/** The index of an event that is not scheduled. */
const NOT_SCHEDULED = -1;

/** Base class of what can be scheduled. Only the heap writes its fields. */
export class ScheduledEvent {
  /** When it is due; meaningless while it is not scheduled. */
  timeUs = 0;
  /** Orders events of the same time. */
  sequence = 0;
  /** Index in the heap, or -1. */
  heapIndex = NOT_SCHEDULED;

  /** Whether it is in a heap. */
  get isScheduled(): boolean {
    return this.heapIndex !== NOT_SCHEDULED;
  }
}

/** See the module's description. */
export class EventHeap<Event extends ScheduledEvent> {
  /** Slots from `#size` on hold undefined; the array never shrinks. */
  readonly #heap: (Event | undefined)[] = [];
  #size = 0;
  #sequence = 0;

  /** Events scheduled. */
  get size(): number {
    return this.#size;
  }

  /** When the earliest event is due; Infinity if there is none. */
  get nextUs(): number {
    return this.#size === 0 ? Infinity : this.#heap[0]!.timeUs;
  }

  /** Schedules `event` at `timeUs`, after all others of that time; if it is scheduled already, it is moved. */
  schedule(event: Event, timeUs: number): void {
    invariant(Number.isSafeInteger(timeUs), "an event is scheduled at an integer time");
    event.timeUs = timeUs;
    event.sequence = this.#sequence++;
    if (event.heapIndex === NOT_SCHEDULED) {
      this.#rise(event, this.#size++);
    } else {
      invariant(this.#heap[event.heapIndex] === event, "an event is in one heap at a time");
      this.#settle(event, event.heapIndex);
    }
  }

  /** Removes `event`; does nothing if it is not scheduled. */
  cancel(event: Event): void {
    if (event.heapIndex === NOT_SCHEDULED) return;
    invariant(this.#heap[event.heapIndex] === event, "an event is in one heap at a time");
    this.#removeAt(event.heapIndex);
  }

  /** Removes and returns the earliest event if it is due by `untilUs`. */
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
    removed.heapIndex = NOT_SCHEDULED;
    if (last !== removed) this.#settle(last, index);
  }

  /** Moves `event` to its place, given that all but the slot at `index` are in order. */
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
