/**
 * HyStart++ (RFC 9406): leaves the first slow start when the round trip grows, before the queue overflows. A rise of
 * the round trip leads to Conservative Slow Start (CSS), a quarter as fast; if it falls again the rise was jitter, and
 * slow start goes on; if it does not within five rounds, slow start is over.
 *
 * Done otherwise than in RFC 9406:
 * - A round ends when a packet sent after its start is acknowledged: packets have times here, bytes have no numbers.
 * - L, the limit on growth by one acknowledgement, is infinite, as section 4.3 has it for a sender that paces.
 * - One sample is taken of each ACK frame, as RFC 9002, section 5.1, takes them. A receiver that sends fewer than eight
 *   of them in a round trip leaves slow start to end by loss.
 *
 * @module
 */

import type { AckEvent } from "./controller.ts";

// RFC 9406, section 4.3.
const MIN_RTT_THRESH_US = 4_000;
const MAX_RTT_THRESH_US = 16_000;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

/** Watches the round trips of one slow start. */
export class HyStart {
  /** Packets sent from then on belong to the next round; -1 before the first acknowledgement. */
  #roundStartUs = -1;
  #lastRoundMinRttUs = Infinity;
  #currentRoundMinRttUs = Infinity;
  #rttSampleCount = 0;
  /** The round trip at which CSS began; Infinity outside of it. */
  #cssBaselineMinRttUs = Infinity;
  #cssRounds = 0;

  /** What to divide the growth of slow start by now. */
  get growthDivisor(): number {
    return this.#isInCss ? CSS_GROWTH_DIVISOR : 1;
  }

  /** Slow start is over: the round trip stayed high. */
  get isDone(): boolean {
    return this.#cssRounds >= CSS_ROUNDS;
  }

  /** Takes in one ACK frame (section 4.2). To be called for every one while in the first slow start. */
  onAck(event: AckEvent): void {
    if (this.#roundStartUs < 0) this.#roundStartUs = event.nowUs;
    else if (event.largestAckedSentUs >= this.#roundStartUs) this.#beginRound(event.nowUs);
    if (event.rttUs <= 0) return;
    this.#currentRoundMinRttUs = Math.min(this.#currentRoundMinRttUs, event.rttUs);
    this.#rttSampleCount++;
    if (this.#rttSampleCount < N_RTT_SAMPLE) return;
    if (this.#isInCss) this.#reconsider();
    else this.#checkRise();
  }

  get #isInCss(): boolean {
    return this.#cssBaselineMinRttUs < Infinity;
  }

  #beginRound(nowUs: number): void {
    this.#roundStartUs = nowUs;
    this.#lastRoundMinRttUs = this.#currentRoundMinRttUs;
    this.#currentRoundMinRttUs = Infinity;
    this.#rttSampleCount = 0;
    // The round in which CSS began counts, partial as it is.
    if (this.#isInCss) this.#cssRounds++;
  }

  #checkRise(): void {
    if (this.#lastRoundMinRttUs === Infinity) return;
    const share = Math.min(this.#lastRoundMinRttUs / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US);
    const threshold = Math.max(MIN_RTT_THRESH_US, share);
    if (this.#currentRoundMinRttUs < this.#lastRoundMinRttUs + threshold) return;
    this.#cssBaselineMinRttUs = this.#currentRoundMinRttUs;
    this.#cssRounds = 0;
  }

  /** In CSS: a round trip shorter than that which began it shows that it was no queue. */
  #reconsider(): void {
    if (this.#currentRoundMinRttUs < this.#cssBaselineMinRttUs) this.#cssBaselineMinRttUs = Infinity;
  }
}
