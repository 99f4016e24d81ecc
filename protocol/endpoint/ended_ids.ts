/**
 * Connection IDs of connections that have ended, remembered for the lifetime of tokens (`docs/PROTOCOL.md`, section 6.2): a
 * replayed ClientFinish would begin such a connection again, with the same keys and the same packet numbers.
 *
 * None is forgotten before its time, however many there are: where the memory is full, its owner begins no connection until
 * the oldest may go. More than the bound are remembered only of connections that were there when it was reached.
 *
 * @module
 */

import { TOKEN_LIFETIME_US } from "../limits.ts";

/** See the module's description. Times are microseconds. */
export class EndedIds {
  readonly #maxCount: number;
  /** When each may be forgotten; oldest first. */
  readonly #untilUs = new Map<number, number>();

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** IDs in memory. */
  get size(): number {
    return this.#untilUs.size;
  }

  /** Remembers an ID whose connection ends now. */
  add(nowUs: number, id: number): void {
    this.#forgetExpired(nowUs);
    this.#untilUs.set(id, nowUs + TOKEN_LIFETIME_US);
  }

  /** Whether a connection with this ID ended within the lifetime of tokens. */
  has(nowUs: number, id: number): boolean {
    return (this.#untilUs.get(id) ?? -Infinity) >= nowUs;
  }

  /** Whether no further connection may begin, whose ID would have to be remembered as well. */
  isFull(nowUs: number): boolean {
    if (this.#untilUs.size >= this.#maxCount) this.#forgetExpired(nowUs);
    return this.#untilUs.size >= this.#maxCount;
  }

  #forgetExpired(nowUs: number): void {
    for (const [id, untilUs] of this.#untilUs) {
      if (untilUs >= nowUs) return;
      this.#untilUs.delete(id);
    }
  }
}
