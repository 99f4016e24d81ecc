/**
 * Tells a client that is there and does not go on from one that goes on slowly, or cannot be heard.
 *
 * Time without progress counts, but of a silence only its beginning: a link that is dead for half a minute costs some
 * seconds, not half a minute. It is the connection that has to go on, with any of its transfers: on a slow link many
 * transfers take turns, and the last of them waits long for its own.
 *
 * @module
 */

/** Looks within the timeout; progress is noticed at a look. */
const LOOKS = 16;

/**
 * The part of a silence that counts, as a share of the timeout, and at least so much: a peer that has a stream open is
 * heard every two seconds (`transferKeepAliveUs`), and is not silent between.
 */
const SILENCE_SHARE = 1 / 8;
const MIN_SILENCE_US = 2_500_000;

/**
 * Least bytes that all transfers of a connection move together within the timeout: of 60 s, 2.2 kbit/s. Less is not a
 * slow link, but a client that sends a byte at times to keep its place.
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
  readonly #timeoutUs: number;
  readonly #countedSilenceUs: number;
  #dueUs = -Infinity;
  /** Time without progress that counts, up to when the peer was heard last. */
  #stalledUs = 0;
  #heardAtUs = 0;
  #heardCount = 0;
  #movedBytes = 0;

  constructor(timeoutUs: number) {
    this.#timeoutUs = timeoutUs;
    this.#countedSilenceUs = Math.max(timeoutUs * SILENCE_SHARE, MIN_SILENCE_US);
  }

  /** When {@link isStalled} has something to judge. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** The time begins anew: the connection has just got something to move. */
  restart(nowUs: number): void {
    this.#stalledUs = 0;
    this.#heardAtUs = nowUs;
    this.#dueUs = nowUs + this.#timeoutUs / LOOKS;
  }

  /** Whether the connection has stood still for the timeout; to be called when that is due. It begins anew afterwards. */
  isStalled(nowUs: number, { isWaiting, movedBytes, heardCount }: Progress): boolean {
    if (heardCount > this.#heardCount) {
      this.#heardCount = heardCount;
      this.#stalledUs += this.#silenceUs(nowUs);
      this.#heardAtUs = nowUs;
    }
    if (!isWaiting || movedBytes - this.#movedBytes >= MIN_MOVED_BYTES) {
      this.#movedBytes = movedBytes;
      this.restart(nowUs);
      return false;
    }
    const leftUs = this.#timeoutUs - this.#stalledUs - this.#silenceUs(nowUs);
    this.#dueUs = nowUs + Math.min(Math.max(leftUs, 1), this.#timeoutUs / LOOKS);
    if (leftUs > 0) return false;
    this.restart(nowUs);
    return true;
  }

  /** Of the time since the peer was heard, what counts. */
  #silenceUs(nowUs: number): number {
    return Math.min(nowUs - this.#heardAtUs, this.#countedSilenceUs);
  }
}
