/**
 * Detects a client that responds but makes no progress, as opposed to one that is slow, or on a link with an outage.
 *
 * Time without progress counts, but only the beginning of a period in which nothing arrives: an outage of half a minute
 * counts for a few seconds. Progress of any transfer counts for the whole connection: on a slow link many transfers
 * take turns, and some of them wait for a long time.
 *
 * @module
 */

/** Checks per timeout; progress is noticed at a check. */
const LOOKS = 16;

/**
 * The part of a silence that counts, as a share of the timeout, and its minimum: a peer with an open stream sends at
 * least every two seconds (`transferKeepAliveUs`), and is not silent in between.
 */
const SILENCE_SHARE = 1 / 8;
const MIN_SILENCE_US = 2_500_000;

/**
 * The minimum that all transfers of a connection together must move within the timeout: in 60 s, 2.2 kbit/s. Less is
 * not a slow link, but a client that sends a byte now and then to keep its transfers.
 */
export const MIN_MOVED_BYTES: number = 16 * 1024;

/** The progress of a connection. */
export interface Progress {
  /** Whether a transfer waits for the peer. */
  readonly isWaiting: boolean;
  /** Bytes that transfers have moved so far, including those that have ended. */
  readonly movedBytes: number;
  /** Datagrams received from the peer so far. */
  readonly heardCount: number;
}

/** See the module's description. One for each connection. */
export class StallWatch {
  readonly #timeoutUs: number;
  readonly #countedSilenceUs: number;
  #dueUs = -Infinity;
  /** The time without progress that counts, up to the last datagram from the peer. */
  #stalledUs = 0;
  #heardAtUs = 0;
  #heardCount = 0;
  #movedBytes = 0;

  constructor(timeoutUs: number) {
    this.#timeoutUs = timeoutUs;
    this.#countedSilenceUs = Math.max(timeoutUs * SILENCE_SHARE, MIN_SILENCE_US);
  }

  /** When {@link isStalled} is to be called. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** Restarts the timeout: the connection has just begun a transfer. */
  restart(nowUs: number): void {
    this.#stalledUs = 0;
    this.#heardAtUs = nowUs;
    this.#dueUs = nowUs + this.#timeoutUs / LOOKS;
  }

  /** Whether the connection made no progress within the timeout, which then restarts. Call it at {@link dueUs}. */
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

  /** The part of the time since the last datagram from the peer that counts. */
  #silenceUs(nowUs: number): number {
    return Math.min(nowUs - this.#heardAtUs, this.#countedSilenceUs);
  }
}
