/**
 * When BBR probes for bandwidth next: after 2 to 3 seconds, or after so many rounds as Reno would need to grow by
 * what the probe adds, whichever is first (draft-ietf-ccwg-bbr-04, section 5.3.3.5). The random part keeps flows
 * that share a bottleneck from probing together.
 *
 * @module
 */

import { Random } from "../../../base/random.ts";

/** Section 5.3.3.5: wall-clock time between probes is at least this, and up to a second more. */
const PROBE_WAIT_US = 2_000_000;
/** The random part of the wait between probes. */
const PROBE_WAIT_RANDOM_US = 1_000_000;
/** Section 5.3.3.5: and at most so many rounds. */
const PROBE_WAIT_ROUNDS = 63;

/** Times the cycle of ProbeBW. */
export class ProbeTimer {
  readonly #random: Random;
  #startUs = 0;
  #waitUs = PROBE_WAIT_US;
  #rounds = 0;

  /** Every seed gives its own sequence of waits. */
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Begins to wait anew: BBRPickProbeWait. */
  restart(nowUs: number): void {
    this.#startUs = nowUs;
    this.#rounds = this.#random.integer(0, 1);
    this.#waitUs = PROBE_WAIT_US + this.#random.integer(0, PROBE_WAIT_RANDOM_US);
  }

  /** A round went by. */
  onRound(): void {
    this.#rounds++;
  }

  /** BBRIsTimeToProbeBW, for a flow that wants so many datagrams in flight. */
  isDue(nowUs: number, targetDatagrams: number): boolean {
    return nowUs > this.#startUs + this.#waitUs || this.#rounds >= Math.min(targetDatagrams, PROBE_WAIT_ROUNDS);
  }
}
