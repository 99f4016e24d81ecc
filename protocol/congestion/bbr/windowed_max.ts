/**
 * The maximum over a sliding window in two halves: the current and the previous one. Constant memory, no
 * allocation; the window covers between one and two halves.
 *
 * @module
 */

/** A windowed maximum: a value counts until {@link WindowedMax.advance} has been called twice after it. */
export class WindowedMax {
  #current = 0;
  #previous = 0;

  /** The maximum; 0 if the window is empty. */
  get value(): number {
    return Math.max(this.#current, this.#previous);
  }

  /** Adds a value, at least 0. */
  update(value: number): void {
    if (value > this.#current) this.#current = value;
  }

  /** Begins a new half and drops the older one; does nothing while the current half has no value. */
  advance(): void {
    if (this.#current === 0) return;
    this.#previous = this.#current;
    this.#current = 0;
  }
}
