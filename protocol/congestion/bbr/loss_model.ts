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
 * Non-goal: where many flows overflow one short queue, the loss is the same whatever a single one of them does, so
 * none can see that it is theirs. The bounds on the base loss keep them from driving each other up without end.
 *
 * @module
 */

/** LossThresh: loss beyond this, on top of what the path loses anyway, ends probing. */
const LOSS_THRESHOLD = 0.02;

/** A round's smallest round trip above this factor of the minimum, and ... */
const QUEUE_RTT_FACTOR = 1.125;
/** ... by this much more, in microseconds, is a standing queue. */
const QUEUE_RTT_EXTRA_US = 1_000;
/** Without a queue loss beyond the base has to be so much more plain to count as congestion. */
const LOSS_THRESHOLD_WITHOUT_QUEUE = 0.05;
/** Loss beyond the base by this much is answered even without a queue. */
const HEAVY_LOSS = 0.35;
/** Standard deviations, and mean deviations between rounds, by which chance must not explain it. */
const SIGNIFICANCE = 3;
/** Even a path taken as free of loss is granted the chance deviations of this loss. */
const MIN_CHANCE_LOSS = 0.01;
/** The base loss remembers about so many datagrams. */
const BASE_MEMORY_DATAGRAMS = 64;
/**
 * Base loss beyond this is not believed, so that what is sent is at most 1.43 times what arrives. With the pacing gain
 * of ProbeBW_UP that still finds the bandwidth of a path that loses 40 %.
 */
const MAX_BASE_LOSS = 0.3;
/** What is believed of loss measured beside a standing queue: it may be the others' congestion. */
const MAX_BASE_LOSS_WITH_QUEUE = 0.1;
/** Loss that fell with the rate is expected to fall by so many times as much again with still less rate. */
const SELF_INFLICTED_FACTOR = 2;
/** Smoothing of the deviation between rounds, and the most that it may excuse. */
const DEVIATION_GAIN = 1 / 8;
const MAX_DEVIATION = 0.15;

/**
 * A program that receives pauses for some milliseconds now and then, and what comes meanwhile overruns the buffer of its
 * socket. On a path with a shorter round trip than this, in microseconds, a slow phase may be one such pause, so that ...
 */
const PAUSE_US = 10_000;
/** ... only what so many slow phases in a row have lost is believed. */
const SLOW_PHASES = 4;

/** Counts losses round by round, and holds the estimate of the base loss. Bytes all through. */
export class LossModel {
  // The running round, and the last full one.
  #roundAckedBytes = 0;
  #roundLostBytes = 0;
  #roundMinRttUs = Infinity;
  #lastBytes = 0;
  #lastLostBytes = 0;
  #lastMinRttUs = 0;
  #queueing = false;

  #baseLoss = 0;
  #baseBytes = 0;
  #startupBytes = 0;
  /** Smoothed absolute deviation of a round's loss from the base: large where losses come in bursts. */
  #deviation = 0;

  // Rounds at full rate since the last slow phase.
  #fastBytes = 0;
  #fastLostBytes = 0;
  // The slow phase being measured, by sending time; -1 for none or not ended.
  #slowFromUs = -1;
  #slowUntilUs = -1;
  #slowAckedBytes = 0;
  #slowLostBytes = 0;
  /** What the latest slow phases lost, as a ring. */
  readonly #slowLosses = new Float64Array(SLOW_PHASES);
  #slowPhases = 0;

  /** The share of bytes that the path loses whatever is sent, 0 to 0.3. */
  get baseLoss(): number {
    return this.#baseLoss;
  }

  /** A standing queue was seen in the last full round that measured a round trip. */
  get queueing(): boolean {
    return this.#queueing;
  }

  /** The smallest round trip of the last full round that measured one, 0 before the first. */
  get lastMinRttUs(): number {
    return this.#lastMinRttUs;
  }

  /** Share of bytes lost in the last full round. */
  get lastLoss(): number {
    return this.#lastBytes > 0 ? this.#lastLostBytes / this.#lastBytes : 0;
  }

  /** Bytes lost in the last full round. */
  get lastLostBytes(): number {
    return this.#lastLostBytes;
  }

  /** Bytes lost and acknowledged in the last full round. */
  get lastBytes(): number {
    return this.#lastBytes;
  }

  /** The last round lost so much that it is to be answered even without a queue. */
  get isHeavy(): boolean {
    return this.lastLoss - this.#baseLoss > HEAVY_LOSS;
  }

  /** There is loss of which a slow phase would show whether the path has it anyway. */
  get isWorthTesting(): boolean {
    return Math.max(this.#baseLoss, this.#fastLoss(), this.lastLoss) > MIN_CHANCE_LOSS;
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
    this.#lastBytes = 0;
    this.#lastLostBytes = 0;
    this.#slowFromUs = -1;
    this.#slowUntilUs = -1;
  }

  /** A round trip went by: what it showed becomes the last full round. */
  onRound(minRttUs: number): void {
    this.#lastBytes = this.#roundAckedBytes + this.#roundLostBytes;
    this.#lastLostBytes = this.#roundLostBytes;
    if (this.#roundMinRttUs < Infinity) {
      this.#lastMinRttUs = this.#roundMinRttUs;
      this.#queueing = this.#roundMinRttUs > minRttUs * QUEUE_RTT_FACTOR + QUEUE_RTT_EXTRA_US;
    }
    this.#roundAckedBytes = 0;
    this.#roundLostBytes = 0;
    this.#roundMinRttUs = Infinity;
  }

  /** The last round was one of steady sending, at the estimated rate or just below: learns how much rounds differ. */
  noteSteadyRound(): void {
    if (this.#queueing || this.#lastBytes === 0) return;
    const deviation = Math.abs(this.lastLoss - this.#baseLoss);
    this.#deviation = Math.min(this.#deviation + (deviation - this.#deviation) * DEVIATION_GAIN, MAX_DEVIATION);
  }

  /** The last round was one at the estimated rate or above: the slow phase is compared with it. */
  noteFastRound(): void {
    this.#fastBytes += this.#lastBytes;
    this.#fastLostBytes += this.#lastLostBytes;
  }

  /**
   * Learns the base loss from the last full round, if it had no queue: for Startup, which has no slow phase yet. What
   * the path loses anyway it has lost from the beginning: from one round to the next, each faster than the one before,
   * the loss is believed to grow by no more than chance explains.
   */
  learnFromRound(maxDatagramBytes: number): void {
    if (this.#queueing) return;
    const samples = this.#startupBytes / maxDatagramBytes;
    const variance = Math.max(this.#baseLoss, MIN_CHANCE_LOSS) * (1 - this.#baseLoss);
    const most = samples === 0 ? 1 : this.#baseLoss + SIGNIFICANCE * Math.sqrt(variance / samples);
    this.#startupBytes += this.#lastBytes;
    this.#learn(Math.min(this.lastLoss, most), this.#lastBytes, maxDatagramBytes);
  }

  /** From now on packets are sent more slowly than the path is thought to deliver; one slow phase may be two states. */
  beginSlowPhase(nowUs: number): void {
    if (this.#slowFromUs >= 0 && this.#slowUntilUs < 0) return;
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
   * it was acknowledged.
   */
  settleSlowPhase(ackedSentUs: number, minRttUs: number, maxDatagramBytes: number): void {
    if (this.#slowUntilUs < 0 || ackedSentUs <= this.#slowUntilUs + minRttUs / 2) return;
    this.#slowFromUs = -1;
    this.#slowUntilUs = -1;
    const bytes = this.#slowAckedBytes + this.#slowLostBytes;
    if (bytes === 0) return;
    let loss = this.#slowLostBytes / bytes;
    const fallen = this.#fastLoss() - loss;
    const inverse = maxDatagramBytes * (1 / bytes + 1 / Math.max(this.#fastBytes, 1));
    const chance = Math.sqrt(Math.max(loss, MIN_CHANCE_LOSS) * inverse);
    // Loss that went down with the rate is the sender's own, and more of it than this one step has shown.
    if (fallen > 2 * (chance + this.#deviation)) loss = Math.max(0, loss - SELF_INFLICTED_FACTOR * fallen);
    this.#slowLosses[this.#slowPhases++ % SLOW_PHASES] = loss;
    if (minRttUs < PAUSE_US) loss = Math.min(...this.#slowLosses);
    if (this.#queueing) loss = Math.min(loss, Math.max(this.#baseLoss, MAX_BASE_LOSS_WITH_QUEUE));
    this.#learn(loss, bytes, maxDatagramBytes);
    this.#fastBytes = 0;
    this.#fastLostBytes = 0;
  }

  /**
   * Whether losing `loss` of `bytes` means that too much is sent: the threshold beyond the base loss, and beyond what
   * chance explains. Chance is the larger of the binomial deviation of so few datagrams and the deviation seen
   * between rounds.
   */
  isCongestion(loss: number, bytes: number, maxDatagramBytes: number): boolean {
    const base = this.#baseLoss;
    const threshold = this.#queueing ? LOSS_THRESHOLD : LOSS_THRESHOLD_WITHOUT_QUEUE;
    const samples = Math.max(bytes / maxDatagramBytes, 1);
    const baseSamples = Math.max(this.#baseBytes / maxDatagramBytes, 1);
    const variance = Math.max(base, MIN_CHANCE_LOSS) * (1 - base);
    const binomial = Math.sqrt(variance * (1 / samples + (base > 0 ? 1 / baseSamples : 0)));
    return (loss - base) / (1 - base) > threshold + SIGNIFICANCE * Math.max(binomial, this.#deviation);
  }

  #fastLoss(): number {
    return this.#fastBytes > 0 ? this.#fastLostBytes / this.#fastBytes : 0;
  }

  #isInSlowPhase(sentUs: number): boolean {
    return this.#slowFromUs >= 0 && sentUs >= this.#slowFromUs &&
      (this.#slowUntilUs < 0 || sentUs < this.#slowUntilUs);
  }

  #learn(loss: number, bytes: number, maxDatagramBytes: number): void {
    if (bytes === 0) return;
    const bufferedBytes = Math.min(this.#baseBytes, BASE_MEMORY_DATAGRAMS * maxDatagramBytes);
    this.#baseBytes = bufferedBytes + bytes;
    this.#baseLoss = Math.min(this.#baseLoss + (loss - this.#baseLoss) * bytes / this.#baseBytes, MAX_BASE_LOSS);
  }
}
