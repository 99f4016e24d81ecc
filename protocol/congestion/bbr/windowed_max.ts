/**
 * The maximum over a sliding window kept in two halves: the running one and the one before. Constant memory, no
 * allocation; the window covers between one and two halves.
 *
 * @module
 */

/** A maximum that forgets: a value counts until {@link WindowedMax.advance} has been called twice after it. */
export class WindowedMax {
  #current = 0;
  #previous = 0;

  /** The maximum; 0 with nothing in the window. */
  get value(): number {
    return Math.max(this.#current, this.#previous);
  }

  /** Takes in one value, at least 0. */
  update(value: number): void {
    if (value > this.#current) this.#current = value;
  }

  /** Begins a new half and forgets the one before the last; does nothing while the running half has no value. */
  advance(): void {
    if (this.#current === 0) return;
    this.#previous = this.#current;
    this.#current = 0;
  }
}
