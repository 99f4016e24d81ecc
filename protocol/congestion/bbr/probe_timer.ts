/**
 * When BBR probes for bandwidth next: after 2 to 3 s, or after as many rounds as Reno needs to grow by the amount of the
 * probe, whichever is first (draft-ietf-ccwg-bbr-04, section 5.3.3.5). The random part prevents flows that share a
 * bottleneck from probing at the same time.
 *
 * @module
 */

import { Random } from "../../../base/random.ts";

/** Section 5.3.3.5: minimum wall-clock time between probes, without the random part. */
const PROBE_WAIT_US = 2_000_000;
/** Maximum of the random part of the time between probes. */
const PROBE_WAIT_RANDOM_US = 1_000_000;
/** Section 5.3.3.5: maximum number of rounds between probes. */
const PROBE_WAIT_ROUNDS = 63;

/** Schedules the bandwidth probes of ProbeBW. */
export class ProbeTimer {
  readonly #random: Random;
  #startUs = 0;
  #waitUs = PROBE_WAIT_US;
  #rounds = 0;

  /** Every seed yields a different sequence of intervals. */
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Starts a new interval: BBRPickProbeWait. */
  restart(nowUs: number): void {
    this.#startUs = nowUs;
    this.#rounds = this.#random.integer(0, 1);
    this.#waitUs = PROBE_WAIT_US + this.#random.integer(0, PROBE_WAIT_RANDOM_US);
  }

  /** A round has ended. */
  onRound(): void {
    this.#rounds++;
  }

  /** BBRIsTimeToProbeBW, for a flow with a target of `targetDatagrams` in flight. */
  isDue(nowUs: number, targetDatagrams: number): boolean {
    return nowUs > this.#startUs + this.#waitUs || this.#rounds >= Math.min(targetDatagrams, PROBE_WAIT_ROUNDS);
  }
}
