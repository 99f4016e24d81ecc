/**
 * Tells a peer that is there and does not go on from one that goes on slowly, or cannot be heard.
 *
 * Time counts in steps, and a step counts only where something was heard in it: a link that is dead for half a minute
 * costs a step, not half a minute. It is the connection that has to go on, with any of its transfers: on a slow link
 * many transfers take turns, and the last of them waits long for its own.
 *
 * @module
 */

/** Steps of the timeout. */
const STEPS = 8;

/**
 * Least bytes that all transfers of a connection move together within the timeout: of 60 s, 2.2 kbit/s. Less is not a
 * slow link, but somebody who sends a byte at times to keep his place.
 */
export const MIN_MOVED_BYTES: number = 16 * 1024;

/** How a connection stands. */
export interface Progress {
  /** Something is to be moved that waits for the peer. */
  readonly isWaiting: boolean;
  /** Bytes of transfers moved so far, those of ended ones included. */
  readonly movedBytes: number;
  /** Datagrams that came from the peer so far. */
  readonly heardCount: number;
}

/** Of one connection. */
export class StallWatch {
  readonly #stepUs: number;
  #stepEndUs = -Infinity;
  #quietSteps = 0;
  #heardCount = 0;
  #movedBytes = 0;

  constructor(timeoutUs: number) {
    this.#stepUs = timeoutUs / STEPS;
  }

  /** When {@link isStalled} has something to judge. */
  get dueUs(): number {
    return this.#stepEndUs;
  }

  /** Whether the connection stands still; to be called when that is due. It begins anew afterwards. */
  isStalled(nowUs: number, { isWaiting, movedBytes, heardCount }: Progress): boolean {
    this.#stepEndUs = nowUs + this.#stepUs;
    const wasHeard = heardCount > this.#heardCount;
    this.#heardCount = heardCount;
    if (!isWaiting || movedBytes - this.#movedBytes >= MIN_MOVED_BYTES) {
      this.#movedBytes = movedBytes;
      this.#quietSteps = 0;
      return false;
    }
    if (wasHeard) this.#quietSteps++;
    if (this.#quietSteps <= STEPS) return false;
    this.#quietSteps = 0;
    return true;
  }
}
