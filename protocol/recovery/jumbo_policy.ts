/**
 * Decides whether datagrams larger than Ethernet's MTU are worth trying and keeping.
 *
 * At high rates a sender is limited by the cost per datagram, which hardly depends on the size: with 9,000 bytes the cost
 * per byte is a sixth. If the network has no jumbo frames and the platform cannot forbid fragmentation, IP splits such a
 * datagram into six fragments, which is still cheaper than six datagrams of our own. But the loss of one fragment loses the
 * datagram; a host keeps the other fragments for 30 s, and once they fill its 4 MB it accepts no more fragments; and some
 * networks drop fragments anyway (RFC 8900). So large datagrams are used only on a local network, with hardly any loss and
 * a short RTT, and only at a high rate. They are probed like every size (RFC 8899), and given up if clearly more of them
 * are lost than of small ones. If small ones alone turn out to be lost as often, they are tried again: then the receiver
 * cannot keep up, and large datagrams help it.
 *
 * Hot: called for every packet, and allocates nothing.
 *
 * @module
 */

/** Below this rate, in bytes per second, the cost per datagram is not the limit: about 20,000 datagrams of 1,200 bytes. */
export const JUMBO_MIN_RATE = 25_000_000;

/** A path with a longer RTT than this is not a local network. */
export const JUMBO_MAX_RTT_US = 10_000;

/** Sample size for the loss of large packets, ... */
export const JUMBO_SAMPLE_PACKETS = 512;

/** ... and of small ones: about as many bytes. */
export const SMALL_SAMPLE_PACKETS = 6 * JUMBO_SAMPLE_PACKETS;

/** Large packets are kept if their loss is at most this share, ... */
const TOLERATED_LOSS = 0.06;

/** ... or at most this multiple of the small packets' loss. */
const TOLERATED_FACTOR = 2;

/** Time until large packets are tried again after they were given up; doubled each time. */
export const JUMBO_RETRY_US = 10_000_000;

/** The same after a black hole: twice as long as a host keeps fragments. */
export const JUMBO_BLACK_HOLE_RETRY_US = 60_000_000;

/** Losses of one kind of packet: the current sample, and the share lost in the last full one. */
class LossCount {
  readonly #samplePackets: number;
  #packets = 0;
  #lost = 0;
  #share = 0;

  constructor(samplePackets: number) {
    this.#samplePackets = samplePackets;
  }

  get share(): number {
    return this.#share;
  }

  /** Counts one packet. Returns true if the sample is full. */
  count(isLost: boolean): boolean {
    if (isLost) this.#lost++;
    if (++this.#packets < this.#samplePackets) return false;
    this.#share = this.#lost / this.#packets;
    this.restart();
    return true;
  }

  restart(): void {
    this.#packets = 0;
    this.#lost = 0;
  }
}

/** The policy of one path. Sizes in bytes of UDP payload. */
export class JumboPolicy {
  readonly #largestSmallBytes: number;
  readonly #small = new LossCount(SMALL_SAMPLE_PACKETS);
  readonly #large = new LossCount(JUMBO_SAMPLE_PACKETS);
  #isInUse = false;
  /** Share of large packets lost when they were given up, to compare with the small ones'; -1 without a comparison. */
  #suspectShare = -1;
  #retryUs = 0;
  #waitUs = JUMBO_RETRY_US;

  /** A datagram larger than `largestSmallBytes` counts as large. */
  constructor(largestSmallBytes: number) {
    this.#largestSmallBytes = largestSmallBytes;
  }

  /** Whether large datagrams are allowed now. */
  get isInUse(): boolean {
    return this.#isInUse;
  }

  /** Whether to start using large datagrams, at a delivery rate in bytes per second and a minimum RTT. */
  shouldTry(nowUs: number, rate: number, minRttUs: number): boolean {
    if (this.#isInUse || rate < JUMBO_MIN_RATE || minRttUs > JUMBO_MAX_RTT_US || nowUs < this.#retryUs) return false;
    this.#isInUse = true;
    this.#suspectShare = -1;
    this.#large.restart();
    return true;
  }

  /** A packet was acknowledged, or declared lost. Returns true if large datagrams are to be given up. */
  onPacket(nowUs: number, sizeBytes: number, isLost: boolean): boolean {
    if (sizeBytes <= this.#largestSmallBytes) {
      if (this.#small.count(isLost) && this.#suspectShare >= 0) this.#compare(nowUs);
      return false;
    }
    if (!this.#large.count(isLost) || !this.#isInUse) return false;
    if (this.#large.share <= Math.max(TOLERATED_LOSS, TOLERATED_FACTOR * this.#small.share)) return false;
    this.#suspectShare = this.#large.share;
    this.#small.restart();
    this.#giveUp(nowUs + this.#waitUs);
    return true;
  }

  /** No large datagram arrives any more. */
  onBlackHole(nowUs: number): void {
    if (this.#isInUse) this.#giveUp(nowUs + JUMBO_BLACK_HOLE_RETRY_US);
  }

  #giveUp(retryUs: number): void {
    this.#isInUse = false;
    this.#retryUs = retryUs;
  }

  /** A sample of only small packets is full: compares it with the large packets' loss. */
  #compare(nowUs: number): void {
    if (this.#suspectShare <= TOLERATED_FACTOR * this.#small.share) this.#retryUs = nowUs;
    else this.#waitUs *= 2;
    this.#suspectShare = -1;
  }
}
