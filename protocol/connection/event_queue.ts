/**
 * Events that the application has not polled yet, in order.
 *
 * @module
 */

/** A queue that releases its memory whenever it becomes empty. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #readCount = 0;

  push(event: Event): void {
    this.#events.push(event);
  }

  /** Removes and returns the oldest event; undefined if there is none. */
  take(): Event | undefined {
    const event = this.#events[this.#readCount];
    if (event !== undefined && ++this.#readCount === this.#events.length) {
      this.#events.length = 0;
      this.#readCount = 0;
    }
    return event;
  }
}
