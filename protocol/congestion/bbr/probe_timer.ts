/**
 * When BBR probes for bandwidth next: after 2 to 3 s, or after as many rounds as Reno needs to grow by the amount of the
 * probe, whichever is first (draft-ietf-ccwg-bbr-04, section 5.3.3.5). The random part prevents flows that share a
 * bottleneck from probing at the same time.
 *
 * Addition to the draft: after a probe that found nothing, the wait is twice as long. Each such probe costs packets, and
 * CUBIC flows that share the bottleneck a part of their windows, which at 50 Mbit/s and 50 ms takes six seconds to grow
 * back; with the draft's interval they would end up with an eighth of the link.
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

/** Ours: the wait after a fruitless probe, as a multiple of the usual. */
const FRUITLESS_FACTOR = 2;

/** Schedules the bandwidth probes of ProbeBW. */
export class ProbeTimer {
  readonly #random: Random;
  #startUs = 0;
  #waitUs = PROBE_WAIT_US;
  #rounds = 0;
  #factor = 1;

  /** Every seed yields a different sequence of intervals. */
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** A probe has ended; `isFruitless`: with congestion, and without having found more bandwidth. */
  onProbeEnd(isFruitless: boolean): void {
    this.#factor = isFruitless ? FRUITLESS_FACTOR : 1;
  }

  /** Starts a new interval: BBRPickProbeWait. */
  restart(nowUs: number): void {
    this.#startUs = nowUs;
    this.#rounds = this.#random.integer(0, 1);
    this.#waitUs = this.#factor * (PROBE_WAIT_US + this.#random.integer(0, PROBE_WAIT_RANDOM_US));
  }

  /** A round has ended. */
  onRound(): void {
    this.#rounds++;
  }

  /** BBRIsTimeToProbeBW, for a flow with a target of `targetDatagrams` in flight. */
  isDue(nowUs: number, targetDatagrams: number): boolean {
    if (nowUs > this.#startUs + this.#waitUs) return true;
    return this.#rounds >= this.#factor * Math.min(targetDatagrams, PROBE_WAIT_ROUNDS);
  }
}
