/**
 * Whether datagrams beyond Ethernet's size are worth trying, and keeping.
 *
 * At high rates a sender is limited by what a datagram costs, nearly whatever its size: one of 9,000 bytes costs a sixth.
 * Where the network has no jumbo frames, and the platform no way to forbid fragmentation, IP cuts such a datagram into six,
 * which is still cheaper than six of our own. But one fragment lost loses all; a host keeps the rest for 30 s, and once these
 * fill its 4 MB takes no fragments at all; some networks drop them anyway (RFC 8900). So they are for a local network, which
 * loses next to nothing and answers soon, and only where the rate is high. They are found by probes as every size is
 * (RFC 8899), and given up where clearly more of them are lost than of the small ones, unless those, once alone, fare no
 * better: then it is the receiver that cannot keep up, and large ones help it.
 *
 * Hot: called for every packet, and allocates nothing.
 *
 * @module
 */

/** Below this rate, in bytes per second, the cost of a datagram is not what limits: 20,000 a second of 1,200 bytes. */
export const JUMBO_MIN_RATE = 25_000_000;

/** A path with a longer round trip than this is no local network's. */
export const JUMBO_MAX_RTT_US = 10_000;

/** Large packets after which their loss is looked at, ... */
export const JUMBO_SAMPLE_PACKETS = 512;

/** ... and small ones: about as many bytes. */
export const SMALL_SAMPLE_PACKETS = 6 * JUMBO_SAMPLE_PACKETS;

/** Large ones are kept whatever they lose up to this share, ... */
const TOLERATED_LOSS = 0.06;

/** ... and up to so many times what the small ones lost. */
const TOLERATED_FACTOR = 2;

/** After they were given up: how long until they are tried again; twice as long after each time. */
export const JUMBO_RETRY_US = 10_000_000;

/** The same after none of them arrived any more: twice as long as a host keeps fragments. */
export const JUMBO_BLACK_HOLE_RETRY_US = 60_000_000;

/** Losses of one kind of packet: the running sample, and the share in the last full one. */
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

  /** Returns true where a sample is full. */
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
  /** What large ones lost when they were given up; the small ones are being compared with it. -1 for no comparison. */
  #suspectShare = -1;
  #retryUs = 0;
  #waitUs = JUMBO_RETRY_US;

  /** A datagram above `largestSmallBytes` is a large one. */
  constructor(largestSmallBytes: number) {
    this.#largestSmallBytes = largestSmallBytes;
  }

  /** Large datagrams are allowed now. */
  get isInUse(): boolean {
    return this.#isInUse;
  }

  /** Whether to begin to use large datagrams, where so many bytes arrive per second after such a round trip. */
  shouldTry(nowUs: number, rate: number, minRttUs: number): boolean {
    if (this.#isInUse || rate < JUMBO_MIN_RATE || minRttUs > JUMBO_MAX_RTT_US || nowUs < this.#retryUs) return false;
    this.#isInUse = true;
    this.#suspectShare = -1;
    this.#large.restart();
    return true;
  }

  /** A packet was acknowledged, or declared lost. Returns true where large datagrams are to be given up. */
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

  /** None of the large ones arrives any more. */
  onBlackHole(nowUs: number): void {
    if (this.#isInUse) this.#giveUp(nowUs + JUMBO_BLACK_HOLE_RETRY_US);
  }

  #giveUp(retryUs: number): void {
    this.#isInUse = false;
    this.#retryUs = retryUs;
  }

  /** There is a sample of small ones alone. */
  #compare(nowUs: number): void {
    if (this.#suspectShare <= TOLERATED_FACTOR * this.#small.share) this.#retryUs = nowUs;
    else this.#waitUs *= 2;
    this.#suspectShare = -1;
  }
}
