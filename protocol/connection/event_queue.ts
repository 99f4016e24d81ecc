/**
 * What the application has yet to hear, in order.
 *
 * @module
 */

/** A queue that gives its memory back whenever it has been emptied. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #readCount = 0;

  push(event: Event): void {
    this.#events.push(event);
  }

  /** Takes the oldest event; undefined if there is none. */
  take(): Event | undefined {
    const event = this.#events[this.#readCount];
    if (event !== undefined && ++this.#readCount === this.#events.length) {
      this.#events.length = 0;
      this.#readCount = 0;
    }
    return event;
  }
}
