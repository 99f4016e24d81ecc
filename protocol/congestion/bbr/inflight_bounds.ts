/**
 * The bounds on BBR's model due to congestion: the long-term bound on bytes in flight, found by probing, and the
 * short-term bounds on bandwidth and bytes in flight, which apply until the next probe
 * (draft-ietf-ccwg-bbr-04, sections 2.8, 5.3.3.6 and 5.5.10).
 *
 * Addition to the draft: a reduction whose losses all prove spurious is undone.
 *
 * @module
 */

/** Beta: a round with congestion reduces a bound to no less than this share. */
export const BETA = 0.7;
/** Headroom: share of the long-term inflight bound left for other flows. */
const HEADROOM = 0.15;
/** MinPipeCwnd, in datagrams. */
export const MIN_PIPE_DATAGRAMS = 4;

/**
 * The share of the window by which the long-term bound grows in the first round of a probe. With one datagram, as in the
 * draft, doubling a bound of 5 MB would take twelve rounds.
 */
const FIRST_RAISE = 1 / 64;

/** BBR.inflight_longterm, BBR.inflight_shortterm and BBR.bw_shortterm, and the delivery signals of the latest round. */
export class InflightBounds {
  #inflightLong = Infinity;
  #inflightShort = Infinity;
  #bandwidthShort = Infinity;
  #bandwidthLatest = 0;
  #inflightLatest = 0;

  // Growth of the long-term bound in ProbeBW_UP, in bytes per acknowledged byte.
  #raiseRounds = 0;
  #raisePerByte = 0;

  // The bounds before the latest reduction, and the losses that caused it.
  #undoInflightLong = Infinity;
  #undoInflightShort = Infinity;
  #undoBandwidthShort = Infinity;
  #undoLostBytes = 0;
  #cutUs = -1;

  /** Bytes in flight at which the path was found to be congested; Infinity if it was not. */
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

  /** Maximum delivery rate of the current round, in bytes per second. */
  get bandwidthLatest(): number {
    return this.#bandwidthLatest;
  }

  /** Maximum bytes delivered within one sample in the current round. */
  get inflightLatest(): number {
    return this.#inflightLatest;
  }

  /** The long-term bound minus the headroom for other flows: BBRInflightWithHeadroom. */
  longTermWithHeadroom(maxDatagramBytes: number): number {
    if (this.#inflightLong === Infinity) return Infinity;
    const headroomBytes = Math.max(maxDatagramBytes, HEADROOM * this.#inflightLong);
    return Math.max(this.#inflightLong - headroomBytes, MIN_PIPE_DATAGRAMS * maxDatagramBytes);
  }

  /** BBRUpdateLatestDeliverySignals, for a measured delivery rate. */
  onRate(bytesPerSecond: number): void {
    if (bytesPerSecond > this.#bandwidthLatest) this.#bandwidthLatest = bytesPerSecond;
  }

  /** BBRUpdateLatestDeliverySignals, for the bytes delivered within one sample. */
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

  /** Limits the bandwidth to this rate until the next probe. */
  limitBandwidth(bytesPerSecond: number): void {
    this.#bandwidthShort = Math.min(this.#bandwidthShort, bytesPerSecond);
  }

  /** Removes the short-term bounds: BBRResetShortTermModel. */
  resetShortTerm(): void {
    this.#bandwidthShort = Infinity;
    this.#inflightShort = Infinity;
    this.#undoBandwidthShort = Infinity;
    this.#undoInflightShort = Infinity;
  }

  /** Prepares for probing for bandwidth: BBRStartProbeBW_REFILL. */
  beginProbe(): void {
    this.resetShortTerm();
    this.#raiseRounds = 0;
    this.#raisePerByte = 0;
  }

  /** Sets the long-term bound at the end of Startup. */
  setLongTerm(inflightBytes: number): void {
    this.#inflightLong = inflightBytes;
  }

  /** Lowers the long-term bound to the bytes in flight at which too much was lost: BBRHandleInflightTooHigh. */
  lowerLongTerm(nowUs: number, inflightBytes: number, lostBytes: number): void {
    this.#rememberForUndo(nowUs, lostBytes);
    this.#inflightLong = inflightBytes;
  }

  /** Raises the long-term bound to `inflightBytes`, which the path has carried without congestion. */
  raiseTo(inflightBytes: number): void {
    if (inflightBytes > this.#inflightLong) this.#inflightLong = inflightBytes;
  }

  /** BBRRaiseInflightLongtermSlope: doubles the growth of the bound in each round. */
  raiseSlope(windowBytes: number, maxDatagramBytes: number): void {
    const firstBytes = Math.max(maxDatagramBytes, windowBytes * FIRST_RAISE);
    this.#raisePerByte = Math.min(firstBytes * 2 ** this.#raiseRounds / windowBytes, 1);
    this.#raiseRounds = Math.min(this.#raiseRounds + 1, 30);
  }

  /** BBRProbeInflightLongtermUpward, for bytes acknowledged while the bound limited the sender. */
  raise(ackedBytes: number): void {
    this.#inflightLong += ackedBytes * this.#raisePerByte;
  }

  /** Ends the growth of the bound, with the probe. */
  stopRaising(): void {
    this.#raisePerByte = 0;
  }

  /** The loss of a packet sent at `sentUs`, of at most `bytes`, proved spurious. */
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
