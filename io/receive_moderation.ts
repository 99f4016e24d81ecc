/**
 * Decides when a socket fetches what has come at intervals instead of at each arrival, as a network card moderates its
 * interrupts. Waking a program costs several times as much as a datagram; at 100 Mbit/s one comes every 0.1 ms, and would
 * wake it each time. At higher rates the program is late by itself, so that a wake-up finds many.
 *
 * Goal: the few wake-ups of requests and their responses, of acknowledgements, and of slow links are not delayed. Where the
 * intervals bring next to nothing, they are tried more and more seldom.
 *
 * @module
 */

/** The interval, microseconds: a small part of the round trip of any path on which the rate is so low. */
export const INTERVAL_US = 1_000;

/** A wake-up that comes sooner than this after the one before, with no more datagrams than these, is one of many. */
const DENSE_US = 500;
const DENSE_DATAGRAMS = 4;

/** After so many of them in a row the interval is tried, and after up to so many if it did not pay. */
const FIRST_TRIAL = 8;
const LAST_TRIAL = 4_096;

/** The interval pays if it brings so many datagrams. */
const WORTH_DATAGRAMS = 3;

/** See the module's description. One of each socket. */
export class ReceiveModeration {
  #denseWakes = 0;
  #trialWakes = FIRST_TRIAL;
  #isModerated = false;

  /** Whether to let an interval pass, instead of waiting for a datagram. */
  get isModerated(): boolean {
    return this.#isModerated;
  }

  /** A datagram was waited for; so many came after so long, and until they had been handled. */
  onWake(waitedUs: number, datagrams: number): void {
    const isDense = waitedUs < DENSE_US && datagrams <= DENSE_DATAGRAMS;
    this.#denseWakes = isDense ? this.#denseWakes + 1 : 0;
    if (this.#denseWakes < this.#trialWakes) return;
    this.#denseWakes = 0;
    this.#isModerated = true;
  }

  /** An interval has passed, and brought so many datagrams. */
  onInterval(datagrams: number): void {
    if (datagrams >= WORTH_DATAGRAMS) {
      this.#trialWakes = FIRST_TRIAL;
    } else {
      this.#isModerated = false;
      this.#trialWakes = Math.min(2 * this.#trialWakes, LAST_TRIAL);
    }
  }
}
