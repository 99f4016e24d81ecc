/**
 * Tells the loss that a path has anyway from the loss that sending too fast causes. Not in any draft: BBRv3 takes
 * every round with more than 2 % of loss as congestion, which on a path that loses 10 % at random means never to
 * use it.
 *
 * Two observations tell them apart:
 * - A queue. Drops from a full queue come with a round trip clearly above the minimum, random ones do not. The
 *   smallest round trip of a round is looked at, so that jitter is not taken for a queue.
 * - The loss while sending slower. Loss that stays when the sender slows down is the path's: that is the base loss.
 *   Loss that goes away with less speed (a policer, a tiny buffer, a socket buffer overrun) is the sender's own.
 *
 * Base loss is not answered by slowing down, but by sending so much more that the path stays full. Loss beyond it is
 * judged by {@link LossModel.isCongestion}.
 *
 * @module
 */

import { LOSS_THRESHOLD } from "./bbr_params.ts";

/** A round's smallest round trip above this factor of the minimum, and ... */
const env = (k: string, d: number) => Number(Deno.env.get(k) ?? d);
const QUEUE_RTT_FACTOR = env("QF", 1.125);
/** ... by this much more, in microseconds, is a standing queue. */
const QUEUE_RTT_EXTRA_US = env("QE", 1_000);
/** Without a queue loss beyond the base has to be so much more plain to count as congestion. */
const LOSS_THRESHOLD_WITHOUT_QUEUE = 0.05;
/** Loss from which a round counts as congested whatever the round trip and the history say. */
const HEAVY_LOSS = 0.35;
/** Standard deviations by which chance must not explain it. */
const SIGNIFICANCE = 3;
/** The base loss remembers about so many datagrams: a second or so at moderate rates. */
const BASE_MEMORY_DATAGRAMS = 64;
/** Base loss beyond this is not believed, so that what is sent is at most 2.5 times what arrives. */
const MAX_BASE_LOSS = env("MB", 0.3);
const MAX_Q = env("MQ", 0.1);
const EX = env("EX", 2);
const DS = env("DS", 2), DG = env("DG", 0.125), DM = env("DM", 0.15), DK = env("DK", 3), AL = env("AL", 0.5);

/** Counts losses round by round, and holds the estimate of the base loss. Bytes all through. */
export class LossModel {
  #roundAckedBytes = 0;
  #roundLostBytes = 0;
  #roundMinRttUs = Infinity;
  #lastAckedBytes = 0;
  #lastLostBytes = 0;
  #queueing = false;

  #baseLoss = 0;
  #baseBytes = 0;

  // The slow phase being measured, by sending time; -1 for none or not ended.
  #slowFromUs = -1;
  #slowUntilUs = -1;
  #slowAckedBytes = 0;
  #slowLostBytes = 0;

  /** The share of bytes that the path loses whatever is sent, 0 to 0.6. */
  get baseLoss(): number {
    return this.#baseLoss;
  }

  /** A standing queue was seen in the last full round. */
  get queueing(): boolean {
    return this.#queueing;
  }

  /** Share of bytes lost in the last full round. */
  get lastLoss(): number {
    const bytes = this.#lastAckedBytes + this.#lastLostBytes;
    return bytes > 0 ? this.#lastLostBytes / bytes : 0;
  }

  /** Bytes lost in the last full round. */
  get lastLostBytes(): number {
    return this.#lastLostBytes;
  }

  /** Bytes lost and acknowledged in the last full round. */
  get lastBytes(): number {
    return this.#lastAckedBytes + this.#lastLostBytes;
  }

  /** Takes in an ACK; `sentUs` is when the newest of its packets was sent, `rttUs` 0 where it gave no round trip. */
  onAck(ackedBytes: number, sentUs: number, rttUs: number): void {
    this.#roundAckedBytes += ackedBytes;
    if (this.#isInSlowPhase(sentUs)) this.#slowAckedBytes += ackedBytes;
    if (rttUs > 0 && rttUs < this.#roundMinRttUs) this.#roundMinRttUs = rttUs;
  }

  /** Takes in losses; `sentUs` is when the newest of the packets was sent. */
  onLost(lostBytes: number, sentUs: number): void {
    this.#roundLostBytes += lostBytes;
    if (this.#isInSlowPhase(sentUs)) this.#slowLostBytes += lostBytes;
  }

  /** Bytes counted as lost in this round were not. */
  onSpurious(bytes: number): void {
    this.#roundLostBytes = Math.max(0, this.#roundLostBytes - bytes);
  }

  /** The losses so far in this round say nothing: the path was down altogether. */
  forgetRound(): void {
    this.#roundAckedBytes = 0;
    this.#roundLostBytes = 0;
    this.#lastAckedBytes = 0;
    this.#lastLostBytes = 0;
    this.#slowFromUs = -1;
  }

  /** A round trip went by; the last round's figures are about the one that ends here. */
  onRound(minRttUs: number): void {
    this.#lastAckedBytes = this.#roundAckedBytes;
    this.#lastLostBytes = this.#roundLostBytes;
    // A round without a round trip measured says nothing new of the queue.
    if (this.#roundMinRttUs < Infinity) {
      this.#queueing = this.#roundMinRttUs > minRttUs * QUEUE_RTT_FACTOR + QUEUE_RTT_EXTRA_US;
    }
    this.#roundAckedBytes = 0;
    this.#roundLostBytes = 0;
    this.#roundMinRttUs = Infinity;
  }

  /** Learns the base loss from the last full round, if it had no queue: for Startup, which has no slow phase yet. */
  learnFromRound(maxDatagramBytes: number): void {
    if (!this.#queueing) this.#learn(this.lastBytes, this.#lastLostBytes, maxDatagramBytes);
  }

  /** From now on packets are sent more slowly than the path is thought to deliver. */
  beginSlowPhase(nowUs: number): void {
    this.#slowFromUs = nowUs;
    this.#slowUntilUs = -1;
    this.#slowAckedBytes = 0;
    this.#slowLostBytes = 0;
  }

  /** And from now on no more. */
  endSlowPhase(nowUs: number): void {
    if (this.#slowFromUs >= 0 && this.#slowUntilUs < 0) this.#slowUntilUs = nowUs;
  }

  /**
   * Learns the base loss from the slow phase once its losses must be known: when a packet sent half a round trip after
   * it was acknowledged. True when that was now.
   */
  settleSlowPhase(ackedSentUs: number, minRttUs: number, maxDatagramBytes: number): boolean {
    if (this.#slowUntilUs < 0 || ackedSentUs <= this.#slowUntilUs + minRttUs / 2) return false;
    const bytes = this.#slowAckedBytes + this.#slowLostBytes;
    let loss = bytes > 0 ? this.#slowLostBytes / bytes : 0;
    // Loss that went down with the rate is the sender's own, and more of it than this one step has shown.
    const fallen = this.#fastLoss() - loss;
    const chance = Math.sqrt(
      Math.max(loss, 0.01) * maxDatagramBytes * (1 / Math.max(bytes, 1) + 1 / Math.max(this.#fastBytes, 1)),
    );
    if (fallen > 2 * chance + DS * this.#deviation) loss = Math.max(0, loss - EX * fallen);
    // With a queue still standing, loss may be others' congestion
    if (this.#queueing) loss = Math.min(loss, Math.max(MAX_Q, this.#baseLoss));
    this.#learn(bytes, bytes * loss, maxDatagramBytes);
    this.#fastBytes = 0;
    this.#fastLost = 0;
    this.#slowFromUs = -1;
    this.#slowUntilUs = -1;
    return true;
  }

  /**
   * Whether losing `loss` of `bytes` means that too much is sent. With a queue, the draft's threshold on top of the
   * base loss; without, only what is far beyond it.
   */
  isCongestion(loss: number, bytes: number, maxDatagramBytes: number): boolean {
    const base = this.#baseLoss;
    const threshold = this.#queueing ? LOSS_THRESHOLD : LOSS_THRESHOLD_WITHOUT_QUEUE;
    // Even a path taken as free of loss is granted a percent's chance deviations.
    const variance = Math.max(base, 0.01);
    const samples = Math.max(bytes, maxDatagramBytes);
    const inverse = maxDatagramBytes / samples + (base > 0 ? maxDatagramBytes / this.#baseBytes : 0);
    const chance = SIGNIFICANCE * Math.sqrt(variance * (1 - base) * inverse);
    return (loss - base) / (1 - base) > threshold + Math.max(chance, DK * this.#deviation);
  }

  /** Whether the last round lost so much that it is to be answered even without a queue. */
  get heavyLoss(): boolean {
    return this.lastLoss - this.#baseLoss > HEAVY_LOSS;
  }

  #isInSlowPhase(sentUs: number): boolean {
    return this.#slowFromUs >= 0 && sentUs >= this.#slowFromUs &&
      (this.#slowUntilUs < 0 || sentUs < this.#slowUntilUs);
  }

  #fastBytes = 0;
  #fastLost = 0;
  #deviation = 0;
  noteSteadyRound(): void {
    if (this.#queueing || this.lastBytes === 0) return;
    this.#deviation = Math.min(DM, this.#deviation + (Math.abs(this.lastLoss - this.#baseLoss) - this.#deviation) * DG);
  }
  #fastLoss(): number {
    return this.#fastBytes > 0 ? this.#fastLost / this.#fastBytes : 0;
  }
  /** Rounds at full speed. */
  noteFastRound(): void {
    this.#fastBytes += this.lastBytes;
    this.#fastLost += this.#lastLostBytes;
  }

  #learn(bytes: number, lostBytes: number, maxDatagramBytes: number): void {
    if (bytes === 0) return;
    const memoryBytes = BASE_MEMORY_DATAGRAMS * maxDatagramBytes;
    const heldBytes = Math.min(this.#baseBytes, memoryBytes);
    const gain = this.#baseBytes === 0 ? 1 : Math.min(AL, bytes / (heldBytes + bytes));
    this.#baseLoss = Math.min(this.#baseLoss + (lostBytes / bytes - this.#baseLoss) * gain, MAX_BASE_LOSS);
    this.#baseBytes = heldBytes + bytes;
  }
}
