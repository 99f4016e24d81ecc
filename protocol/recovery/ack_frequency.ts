/**
 * After how many packets to acknowledge. RFC 9000, section 13.2.2, has two, which at 1 Gbit/s is 40,000 ACKs a second, and
 * over a return path of a hundredth of the rate more than it carries. RFC 9002 needs far fewer once a flow is under way; but
 * a sender with a small window must hear of every packet or two, and the receiver does not know the window.
 *
 * So it feels its way: the count goes up by one while packets keep coming, to what makes an ACK for 48 KiB; and is
 * halved whenever packets stop coming before it is reached, which is what a full window looks like from here. Then
 * the sender has waited for a little longer than the packets before it took, and not for max_ack_delay.
 *
 * What the ACK_FREQUENCY frame of draft-ietf-quic-ack-frequency is for; without a frame, as both sides would have to
 * agree on a round trip that only one of them measures. Hot: allocates nothing.
 *
 * @module
 */

/** Ack-eliciting packets after which an ACK goes at least (RFC 9000, section 13.2.2). */
export const MIN_ACK_THRESHOLD = 2;

/** Bytes received for each ACK at most: sending one costs both sides about what ten datagrams do. */
export const MAX_BYTES_PER_ACK = 48 * 1024;

/** ACKs in a row that came without a pause before the threshold goes up by one. */
const STEADY_ACKS = 4;

/** What a wait for the rest of a batch has on top of twice the time that the batch before took. */
const EXTRA_WAIT_US = 1_000;

/** The adaptive ACK threshold of one connection. */
export class AckFrequency {
  #threshold = MIN_ACK_THRESHOLD;
  #steadyAcks = 0;
  #batchUs = Infinity;

  /** Ack-eliciting packets after which an ACK goes at once. */
  get threshold(): number {
    return this.#threshold;
  }

  /** How long to wait for the rest of a batch, at most `maxAckDelayUs`. */
  delayUs(maxAckDelayUs: number): number {
    // As few as two are as RFC 9000 has it, and so is their delay.
    if (this.#threshold === MIN_ACK_THRESHOLD) return maxAckDelayUs;
    return Math.min(maxAckDelayUs, 2 * this.#batchUs + EXTRA_WAIT_US);
  }

  /** A batch of packets, the last one of `sizeBytes`, came within `batchUs`, without a pause. */
  onBatch(batchUs: number, sizeBytes: number): void {
    this.#batchUs = batchUs;
    const most = Math.max(MIN_ACK_THRESHOLD, Math.floor(MAX_BYTES_PER_ACK / sizeBytes));
    if (this.#threshold > most) this.#threshold = most;
    if (++this.#steadyAcks < STEADY_ACKS || this.#threshold === most) return;
    this.#steadyAcks = 0;
    this.#threshold++;
  }

  /** Packets stopped coming before the batch was full. */
  onPause(): void {
    this.#steadyAcks = 0;
    this.#threshold = Math.max(MIN_ACK_THRESHOLD, this.#threshold >> 1);
  }
}
