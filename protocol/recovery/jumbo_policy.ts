/**
 * Whether datagrams beyond Ethernet's size are worth trying, and keeping.
 *
 * At high rates a sender is limited by what a datagram costs, nearly whatever its size: a jumbo frame of 9,000 bytes costs a
 * sixth. Where the network has no jumbo frames, and the platform no way to forbid fragmentation, IP cuts such a datagram
 * into seven, which is still cheaper than seven of our own; but one fragment lost loses all, some networks treat
 * fragments worse than packets (RFC 8900), and others drop them. So they are tried only where the rate is high, found by
 * probes as every size is (RFC 8899), and given up where clearly more of them are lost than of the small ones.
 *
 * Hot: called for every packet, and allocates nothing.
 *
 * @module
 */

/** Below this rate, in bytes per second, the cost of a datagram is not what limits: 20,000 a second of 1,200 bytes. */
export const JUMBO_MIN_RATE = 25_000_000;

/** Packets of a kind after which their loss is looked at. */
export const JUMBO_SAMPLE_PACKETS = 512;

/** Large ones are kept whatever they lose up to this share, ... */
const TOLERATED_LOSS = 0.03;

/** ... and up to so many times what the small ones lost. */
const TOLERATED_FACTOR = 2;

/** After they were given up: how long until they are tried again; twice as long after each time. */
export const JUMBO_RETRY_US = 10_000_000;

/** Losses of one kind of packet: the running sample, and the share in the last full one. */
class LossCount {
  #packets = 0;
  #lost = 0;
  #share = 0;

  get share(): number {
    return this.#share;
  }

  /** Returns true where a sample is full. */
  count(isLost: boolean): boolean {
    if (isLost) this.#lost++;
    if (++this.#packets < JUMBO_SAMPLE_PACKETS) return false;
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
  readonly #small = new LossCount();
  readonly #large = new LossCount();
  #isInUse = false;
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

  /** Whether to begin to use large datagrams, where so many bytes arrive per second. */
  shouldTry(nowUs: number, rate: number): boolean {
    if (this.#isInUse || rate < JUMBO_MIN_RATE || nowUs < this.#retryUs) return false;
    this.#isInUse = true;
    this.#large.restart();
    return true;
  }

  /** A packet was acknowledged, or declared lost. Returns true where large datagrams are to be given up. */
  onPacket(nowUs: number, sizeBytes: number, isLost: boolean): boolean {
    if (sizeBytes <= this.#largestSmallBytes) {
      this.#small.count(isLost);
      return false;
    }
    if (!this.#large.count(isLost) || !this.#isInUse) return false;
    if (this.#large.share <= Math.max(TOLERATED_LOSS, TOLERATED_FACTOR * this.#small.share)) return false;
    this.#isInUse = false;
    this.#retryUs = nowUs + this.#waitUs;
    this.#waitUs *= 2;
    return true;
  }
}
