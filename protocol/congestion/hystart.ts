/**
 * HyStart++ (RFC 9406): exits the first slow start when the RTT increases, before the queue overflows. An increase of the
 * RTT leads to Conservative Slow Start (CSS), a quarter as fast; if the RTT decreases again, the increase was jitter and
 * slow start resumes; if it does not within five rounds, slow start ends.
 *
 * Differences from RFC 9406:
 * - A round ends when a packet sent after its start is acknowledged: packets have send times, bytes have no sequence
 *   numbers.
 * - L, the limit on growth per acknowledgement, is infinite, as section 4.3 specifies for a sender that paces.
 * - There is one RTT sample per ACK frame, as in RFC 9002, section 5.1. If the receiver sends fewer than eight ACK frames
 *   per round trip, slow start ends only by loss.
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

/** Monitors the RTT during one slow start. */
export class HyStart {
  /** Packets sent from this time on belong to the next round; -1 before the first acknowledgement. */
  #roundStartUs = -1;
  #lastRoundMinRttUs = Infinity;
  #currentRoundMinRttUs = Infinity;
  #rttSampleCount = 0;
  /** The minimum RTT of the round in which CSS began; Infinity outside CSS. */
  #cssBaselineMinRttUs = Infinity;
  #cssRounds = 0;

  /** The current divisor for the growth of slow start. */
  get growthDivisor(): number {
    return this.#isInCss ? CSS_GROWTH_DIVISOR : 1;
  }

  /** Whether slow start has ended, because the RTT stayed high. */
  get isDone(): boolean {
    return this.#cssRounds >= CSS_ROUNDS;
  }

  /** Processes one ACK frame (section 4.2). Call it for every ACK frame during the first slow start. */
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
    // The round in which CSS began counts, although it is a partial one.
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

  /** In CSS: an RTT below that at which CSS began shows that there was no queue. */
  #reconsider(): void {
    if (this.#currentRoundMinRttUs < this.#cssBaselineMinRttUs) this.#cssBaselineMinRttUs = Infinity;
  }
}
