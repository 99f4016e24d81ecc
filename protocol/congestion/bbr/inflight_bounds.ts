/**
 * The bounds that congestion puts on BBR's model: the long-term bound on bytes in flight, found while probing, and
 * the short-term ones on bandwidth and bytes in flight, which last until the next probe
 * (draft-ietf-ccwg-bbr-04, sections 2.8, 5.3.3.6 and 5.5.10).
 *
 * Added to the draft: a cut whose losses all prove spurious is undone.
 *
 * @module
 */

/** Beta: the most that a round with congestion takes off. */
export const BETA = 0.7;
/** Headroom: share of the long-term inflight bound left to others. */
const HEADROOM = 0.15;
/** MinPipeCwnd, in datagrams. */
export const MIN_PIPE_DATAGRAMS = 4;

/**
 * The share of the window by which the long-term bound grows in the first round of a probe. One datagram, as in the
 * draft, would take twelve rounds to double a bound of five megabytes.
 */
const FIRST_RAISE = 1 / 64;

/** BBR.inflight_longterm, BBR.inflight_shortterm and BBR.bw_shortterm, and what was delivered in the latest round. */
export class InflightBounds {
  #inflightLong = Infinity;
  #inflightShort = Infinity;
  #bandwidthShort = Infinity;
  #bandwidthLatest = 0;
  #inflightLatest = 0;

  // Growth of the long-term bound in ProbeBW_UP: so many bytes for each byte acknowledged.
  #raiseRounds = 0;
  #raisePerByte = 0;

  // What the latest cut took away, and the losses that it was for.
  #undoInflightLong = Infinity;
  #undoInflightShort = Infinity;
  #undoBandwidthShort = Infinity;
  #undoLostBytes = 0;
  #cutUs = -1;

  /** Bytes in flight that the path was seen not to bear; Infinity for no such. */
  get inflightLong(): number {
    return this.#inflightLong;
  }

  /** Short-term bound on bytes in flight, or Infinity. */
  get inflightShort(): number {
    return this.#inflightShort;
  }

  /** Short-term bound on bandwidth in bytes per second, or Infinity. */
  get bandwidthShort(): number {
    return this.#bandwidthShort;
  }

  /** Best delivery rate of the running round, in bytes per second. */
  get bandwidthLatest(): number {
    return this.#bandwidthLatest;
  }

  /** Most bytes delivered within one sample in the running round. */
  get inflightLatest(): number {
    return this.#inflightLatest;
  }

  /** The long-term bound less what is left to others: BBRInflightWithHeadroom. */
  longTermWithHeadroom(maxDatagramBytes: number): number {
    if (this.#inflightLong === Infinity) return Infinity;
    const headroomBytes = Math.max(maxDatagramBytes, HEADROOM * this.#inflightLong);
    return Math.max(this.#inflightLong - headroomBytes, MIN_PIPE_DATAGRAMS * maxDatagramBytes);
  }

  /** BBRUpdateLatestDeliverySignals: the delivery rate was measured. */
  onRate(bytesPerSecond: number): void {
    if (bytesPerSecond > this.#bandwidthLatest) this.#bandwidthLatest = bytesPerSecond;
  }

  /** BBRUpdateLatestDeliverySignals: so much was delivered within one sample. */
  onDelivered(bytes: number): void {
    if (bytes > this.#inflightLatest) this.#inflightLatest = bytes;
  }

  /** BBRAdvanceLatestDeliverySignals, at the end of the ACK that began a round. */
  beginRound(bytesPerSecond: number, deliveredBytes: number): void {
    this.#bandwidthLatest = bytesPerSecond;
    this.#inflightLatest = deliveredBytes;
  }

  /** BBRInitLowerBounds and BBRLossLowerBounds. */
  cutShortTerm(nowUs: number, maxBandwidth: number, windowBytes: number, lostBytes: number): void {
    this.#rememberForUndo(nowUs, lostBytes);
    const bandwidth = Math.min(this.#bandwidthShort, maxBandwidth);
    const inflightBytes = Math.min(this.#inflightShort, windowBytes);
    this.#bandwidthShort = Math.max(this.#bandwidthLatest, BETA * bandwidth);
    this.#inflightShort = Math.max(this.#inflightLatest, BETA * inflightBytes);
  }

  /** No more than this arrives for now. */
  limitBandwidth(bytesPerSecond: number): void {
    this.#bandwidthShort = Math.min(this.#bandwidthShort, bytesPerSecond);
  }

  /** Forgets the short-term bounds: BBRResetShortTermModel. */
  resetShortTerm(): void {
    this.#bandwidthShort = Infinity;
    this.#inflightShort = Infinity;
    this.#undoBandwidthShort = Infinity;
    this.#undoInflightShort = Infinity;
  }

  /** Bandwidth is about to be probed: BBRStartProbeBW_REFILL. */
  beginProbe(): void {
    this.resetShortTerm();
    this.#raiseRounds = 0;
    this.#raisePerByte = 0;
  }

  /** Sets the long-term bound as Startup leaves it. */
  setLongTerm(inflightBytes: number): void {
    this.#inflightLong = inflightBytes;
  }

  /** Lowers the long-term bound to what was in flight when too much was lost: BBRHandleInflightTooHigh. */
  lowerLongTerm(nowUs: number, inflightBytes: number, lostBytes: number): void {
    this.#rememberForUndo(nowUs, lostBytes);
    this.#inflightLong = inflightBytes;
  }

  /** So much was in flight and all was well. */
  raiseTo(inflightBytes: number): void {
    if (inflightBytes > this.#inflightLong) this.#inflightLong = inflightBytes;
  }

  /** BBRRaiseInflightLongtermSlope: twice as much in each round as in the one before. */
  raiseSlope(windowBytes: number, maxDatagramBytes: number): void {
    const firstBytes = Math.max(maxDatagramBytes, windowBytes * FIRST_RAISE);
    this.#raisePerByte = Math.min(firstBytes * 2 ** this.#raiseRounds / windowBytes, 1);
    this.#raiseRounds = Math.min(this.#raiseRounds + 1, 30);
  }

  /** BBRProbeInflightLongtermUpward, for bytes acknowledged while the bound held the sender back. */
  raise(ackedBytes: number): void {
    this.#inflightLong += ackedBytes * this.#raisePerByte;
  }

  /** The probe is over. */
  stopRaising(): void {
    this.#raisePerByte = 0;
  }

  /** A packet sent at `sentUs`, at most of this size, had not been lost. */
  onSpurious(sentUs: number, bytes: number): void {
    if (this.#cutUs < 0 || sentUs > this.#cutUs) return;
    this.#undoLostBytes -= bytes;
    if (this.#undoLostBytes > 0) return;
    this.#inflightLong = Math.max(this.#inflightLong, this.#undoInflightLong);
    this.#inflightShort = Math.max(this.#inflightShort, this.#undoInflightShort);
    this.#bandwidthShort = Math.max(this.#bandwidthShort, this.#undoBandwidthShort);
    this.#cutUs = -1;
  }

  #rememberForUndo(nowUs: number, lostBytes: number): void {
    this.#undoInflightLong = this.#inflightLong;
    this.#undoInflightShort = this.#inflightShort;
    this.#undoBandwidthShort = this.#bandwidthShort;
    this.#undoLostBytes = lostBytes;
    this.#cutUs = nowUs;
  }
}
