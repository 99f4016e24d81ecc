/**
 * When BBR probes for bandwidth next: after 2 to 3 seconds, or after so many rounds as Reno would need to grow by
 * what the probe adds, whichever is first (draft-ietf-ccwg-bbr-04, section 5.3.3.5). The random part keeps flows
 * that share a bottleneck from probing together.
 *
 * @module
 */

/** Section 5.3.3.5: wall-clock time between probes is at least this, and up to a second more. */
const PROBE_WAIT_US = 2_000_000;
/** The random part of the wait between probes. */
const PROBE_WAIT_RANDOM_US = 1_000_000;
/** Section 5.3.3.5: and at most so many rounds. */
const PROBE_WAIT_ROUNDS = 63;

/** Times the cycle of ProbeBW. */
export class ProbeTimer {
  #random: number;
  #startUs = 0;
  #waitUs = PROBE_WAIT_US;
  #rounds = 0;

  /** Every seed gives its own sequence of waits. */
  constructor(seed: number) {
    this.#random = (seed ^ 0x9e3779b9) >>> 0 || 1;
  }

  /** Begins to wait anew: BBRPickProbeWait. */
  restart(nowUs: number): void {
    this.#startUs = nowUs;
    this.#rounds = this.#nextRandom() < 0.5 ? 0 : 1;
    this.#waitUs = PROBE_WAIT_US + Math.floor(this.#nextRandom() * PROBE_WAIT_RANDOM_US);
  }

  /** A round went by. */
  onRound(): void {
    this.#rounds++;
  }

  /** BBRIsTimeToProbeBW, for a flow that wants so many datagrams in flight. */
  isDue(nowUs: number, targetDatagrams: number): boolean {
    return nowUs > this.#startUs + this.#waitUs || this.#rounds >= Math.min(targetDatagrams, PROBE_WAIT_ROUNDS);
  }

  /** A number in [0, 1): xorshift32 (Marsaglia, "Xorshift RNGs", 2003). */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random / 2 ** 32;
  }
}
