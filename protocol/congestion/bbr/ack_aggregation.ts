/**
 * Estimates ACK aggregation: how many more bytes are acknowledged at once than the rate explains. Radio links, offloads and
 * receivers with delayed ACKs send acknowledgements in bursts, and the window must cover the pauses between them
 * (draft-ietf-ccwg-bbr-04, section 5.5.9, BBRUpdateACKAggregation).
 *
 * @module
 */

import { WindowedMax } from "./windowed_max.ts";

/** BBRExtraAckedFilterLen, in rounds. */
const EXTRA_ACKED_ROUNDS = 10;

/** Estimates BBR.extra_acked. */
export class AckAggregation {
  readonly #extra = new WindowedMax();
  #roundsInHalf = 0;
  #startUs = -1;
  #ackedBytes = 0;

  /** Bytes to add to the window. */
  get extraBytes(): number {
    return this.#extra.value;
  }

  /** Begins a new interval, after a pause of acknowledgements because nothing was sent. */
  restart(nowUs: number): void {
    this.#startUs = nowUs;
    this.#ackedBytes = 0;
  }

  /** A round has ended. `short`: use a filter of one round, as in Startup. */
  onRound(short: boolean): void {
    // The filter's length is 10 rounds: two halves of 5.
    if (++this.#roundsInHalf < (short ? 1 : EXTRA_ACKED_ROUNDS / 2)) return;
    this.#roundsInHalf = 0;
    this.#extra.advance();
  }

  /** Processes an ACK, given the estimated `bandwidth` in bytes per second; a sample is at most `capBytes`. */
  onAck(nowUs: number, ackedBytes: number, bandwidth: number, capBytes: number): void {
    let expectedBytes = this.#startUs < 0 ? 0 : bandwidth * (nowUs - this.#startUs) / 1_000_000;
    if (this.#ackedBytes <= expectedBytes) {
      this.restart(nowUs);
      expectedBytes = 0;
    }
    this.#ackedBytes += ackedBytes;
    this.#extra.update(Math.min(this.#ackedBytes - expectedBytes, capBytes));
  }
}
