/**
 * Distinguishes the random loss of a path from loss caused by sending too fast. Not in any draft: BBRv3 treats every round
 * with more than 2 % of loss as congestion, and so can never use a path with 10 % of random loss.
 *
 * Two observations distinguish them:
 * - A queue. When a full queue drops packets, the RTT is clearly above the minimum; with random loss it is not. The model
 *   uses the minimum RTT of a round, so that jitter is not mistaken for a queue.
 * - The loss at a lower rate. Loss that persists when the sender slows down is the path's own: this is the base loss. Loss
 *   that disappears at a lower rate (a policer, a tiny buffer, a socket buffer overrun) is caused by the sender.
 *
 * The response to base loss is not to slow down, but to send enough more to keep the path full. Whether loss beyond it is
 * congestion is decided by {@link LossModel.isCongestion}.
 *
 * Non-goal: if many flows overflow one short queue, the loss does not depend on the rate of any single flow, so none can
 * detect that the flows cause it. The bounds on the base loss prevent them from raising each other's rates without limit.
 *
 * @module
 */

/** LossThresh: loss beyond this, in addition to the base loss, ends probing. */
const LOSS_THRESHOLD = 0.02;

/** A standing queue: a round's minimum RTT above this multiple of the path's minimum, and ... */
const QUEUE_RTT_FACTOR = 1.125;
/** ... above that by this much, in microseconds. */
const QUEUE_RTT_EXTRA_US = 1_000;
/** LossThresh without a queue: a higher threshold, because the loss is more likely random. */
const LOSS_THRESHOLD_WITHOUT_QUEUE = 0.05;
/** Loss beyond the base loss by this much gets a response even without a queue. */
const HEAVY_LOSS = 0.35;
/** Significance level for excess loss, in standard deviations or in mean deviations between rounds. */
const SIGNIFICANCE = 3;
/** Lower bound of the loss from which chance deviations are computed, also for a path that counts as loss-free. */
const MIN_CHANCE_LOSS = 0.01;
/** The memory of the base loss estimate, in datagrams. */
const BASE_MEMORY_DATAGRAMS = 64;
/**
 * Upper bound of the base loss: the sending rate is at most 1.43 times the delivery rate. With the pacing gain of
 * ProbeBW_UP this still finds the bandwidth of a path that loses 40 %.
 */
const MAX_BASE_LOSS = 0.3;
/** Upper bound of base loss measured with a standing queue: other flows may have caused the loss. */
const MAX_BASE_LOSS_WITH_QUEUE = 0.1;
/** If loss decreased at the lower rate, the self-inflicted loss is assumed to be this multiple of the decrease. */
const SELF_INFLICTED_FACTOR = 2;
/** Smoothing of the deviation between rounds, and its upper bound. */
const DEVIATION_GAIN = 1 / 8;
const MAX_DEVIATION = 0.15;

/**
 * A receiving program pauses for some milliseconds now and then, and packets that arrive in the meantime overrun its
 * socket buffer. With an RTT shorter than this, in microseconds, a slow phase may coincide with one such pause, so ...
 */
const PAUSE_US = 10_000;
/** ... the minimum of the loss over this many consecutive slow phases is used. */
const SLOW_PHASES = 4;

/** Counts losses per round, and estimates the base loss. All counts are in bytes. */
export class LossModel {
  // The current round, and the last full one.
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
  /** Smoothed absolute deviation of a round's loss from the base loss: large if losses are bursty. */
  #deviation = 0;

  // Rounds at full rate since the last slow phase.
  #fastBytes = 0;
  #fastLostBytes = 0;
  // The slow phase being measured, by send times; -1 for none or not ended.
  #slowFromUs = -1;
  #slowUntilUs = -1;
  #slowAckedBytes = 0;
  #slowLostBytes = 0;
  /** Loss of the latest slow phases, a ring. */
  readonly #slowLosses = new Float64Array(SLOW_PHASES);
  #slowPhases = 0;

  /** The share of bytes that the path loses at any rate, 0 to 0.3. */
  get baseLoss(): number {
    return this.#baseLoss;
  }

  /** Whether the last full round with an RTT sample had a standing queue. */
  get queueing(): boolean {
    return this.#queueing;
  }

  /** The minimum RTT of the last full round with an RTT sample, 0 before the first. */
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

  /** Whether the last round lost so much that it requires a response even without a queue. */
  get isHeavy(): boolean {
    return this.lastLoss - this.#baseLoss > HEAVY_LOSS;
  }

  /** Whether there is loss for which a slow phase would show whether it is base loss. */
  get isWorthTesting(): boolean {
    return Math.max(this.#baseLoss, this.#fastLoss(), this.lastLoss) > MIN_CHANCE_LOSS;
  }

  /** Processes an ACK; `sentUs` is when the newest of its packets was sent, `rttUs` is 0 if it yielded no RTT sample. */
  onAck(ackedBytes: number, sentUs: number, rttUs: number): void {
    this.#roundAckedBytes += ackedBytes;
    if (this.#isInSlowPhase(sentUs)) this.#slowAckedBytes += ackedBytes;
    if (rttUs > 0 && rttUs < this.#roundMinRttUs) this.#roundMinRttUs = rttUs;
  }

  /** Processes losses; `sentUs` is when the newest of the packets was sent. */
  onLost(lostBytes: number, sentUs: number): void {
    this.#roundLostBytes += lostBytes;
    if (this.#isInSlowPhase(sentUs)) this.#slowLostBytes += lostBytes;
  }

  /**
   * Bytes counted as lost, sent at `sentUs`, proved not to be lost: in this round and slow phase, or in an earlier round, from
   * which the base loss was learned.
   */
  onSpurious(bytes: number, sentUs: number): void {
    if (this.#isInSlowPhase(sentUs)) this.#slowLostBytes = Math.max(0, this.#slowLostBytes - bytes);
    if (this.#roundLostBytes > 0) this.#roundLostBytes = Math.max(0, this.#roundLostBytes - bytes);
    else if (this.#baseBytes > 0) this.#baseLoss = Math.max(0, this.#baseLoss - bytes / this.#baseBytes);
  }

  /** Discards the losses so far in this round, because the path was down completely. */
  forgetRound(): void {
    this.#roundAckedBytes = 0;
    this.#roundLostBytes = 0;
    this.#lastBytes = 0;
    this.#lastLostBytes = 0;
    this.#slowFromUs = -1;
    this.#slowUntilUs = -1;
  }

  /** A round has ended: its counts become those of the last full round. */
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

  /** The last round was sent steadily, at the estimated rate or just below: updates the deviation between rounds. */
  noteSteadyRound(): void {
    if (this.#queueing || this.#lastBytes === 0) return;
    const deviation = Math.abs(this.lastLoss - this.#baseLoss);
    this.#deviation = Math.min(this.#deviation + (deviation - this.#deviation) * DEVIATION_GAIN, MAX_DEVIATION);
  }

  /** The last round was sent at the estimated rate or above: slow phases are compared with such rounds. */
  noteFastRound(): void {
    this.#fastBytes += this.#lastBytes;
    this.#fastLostBytes += this.#lastLostBytes;
  }

  /**
   * Updates the base loss from the last full round, if it had no queue: for Startup, before the first slow phase. Base loss
   * is present from the beginning, so from one round to the next, each faster than the one before, the estimate grows by no
   * more than chance explains.
   */
  learnFromRound(maxDatagramBytes: number): void {
    if (this.#queueing) return;
    const samples = this.#startupBytes / maxDatagramBytes;
    const variance = Math.max(this.#baseLoss, MIN_CHANCE_LOSS) * (1 - this.#baseLoss);
    const most = samples === 0 ? 1 : this.#baseLoss + SIGNIFICANCE * Math.sqrt(variance / samples);
    this.#startupBytes += this.#lastBytes;
    this.#learn(Math.min(this.lastLoss, most), this.#lastBytes, maxDatagramBytes);
  }

  /** From now on packets are sent more slowly than the estimated delivery rate; a slow phase may span two states. */
  beginSlowPhase(nowUs: number): void {
    if (this.#slowFromUs >= 0 && this.#slowUntilUs < 0) return;
    this.#slowFromUs = nowUs;
    this.#slowUntilUs = -1;
    this.#slowAckedBytes = 0;
    this.#slowLostBytes = 0;
  }

  /** Ends the slow phase: from now on packets are sent at the estimated rate or above. */
  endSlowPhase(nowUs: number): void {
    if (this.#slowFromUs >= 0 && this.#slowUntilUs < 0) this.#slowUntilUs = nowUs;
  }

  /**
   * Updates the base loss from the slow phase once all of its losses must be known: when a packet sent more than half a
   * round trip after it was acknowledged.
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
    // Loss that decreased with the rate is self-inflicted, and an even lower rate would decrease it further.
    if (fallen > 2 * (chance + this.#deviation)) loss = Math.max(0, loss - SELF_INFLICTED_FACTOR * fallen);
    this.#slowLosses[this.#slowPhases++ % SLOW_PHASES] = loss;
    if (minRttUs < PAUSE_US) loss = Math.min(...this.#slowLosses);
    if (this.#queueing) loss = Math.min(loss, Math.max(this.#baseLoss, MAX_BASE_LOSS_WITH_QUEUE));
    this.#learn(loss, bytes, maxDatagramBytes);
    this.#fastBytes = 0;
    this.#fastLostBytes = 0;
  }

  /**
   * Whether losing the share `loss` of `bytes` indicates congestion: whether it exceeds the base loss by more than the
   * threshold plus what chance explains. Chance is the larger of the binomial deviation for this number of datagrams and
   * the observed deviation between rounds.
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
    const rememberedBytes = Math.min(this.#baseBytes, BASE_MEMORY_DATAGRAMS * maxDatagramBytes);
    this.#baseBytes = rememberedBytes + bytes;
    this.#baseLoss = Math.min(this.#baseLoss + (loss - this.#baseLoss) * bytes / this.#baseBytes, MAX_BASE_LOSS);
  }
}
