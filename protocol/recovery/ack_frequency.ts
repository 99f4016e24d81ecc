/**
 * Adapts the number of packets after which an ACK is sent. RFC 9000, section 13.2.2, recommends two, which at 1 Gbit/s means
 * 40,000 ACKs per second, more than a return path with a hundredth of the rate can carry. RFC 9002 needs far fewer once a
 * flow has ramped up; but a sender with a small window needs an ACK for every packet or two, and the receiver does not
 * know the window.
 *
 * So the receiver probes: the threshold is raised by one while packets keep arriving, up to one ACK per 48 KiB; and it is
 * halved whenever packets stop arriving before it is reached, which is how a full window appears to the receiver. In that
 * case the sender has waited only a little longer than the previous batch took to arrive, not for max_ack_delay.
 *
 * The purpose is that of the ACK_FREQUENCY frame of draft-ietf-quic-ack-frequency; there is no frame, because both sides
 * would have to agree on an RTT that only one of them measures. Hot: allocates nothing.
 *
 * @module
 */

/** The smallest threshold, in ack-eliciting packets (RFC 9000, section 13.2.2). */
export const MIN_ACK_THRESHOLD = 2;

/** Maximum bytes received per ACK. An ACK costs both sides about as much as ten datagrams. */
export const MAX_BYTES_PER_ACK = 48 * 1024;

/** Consecutive batches without a pause after which the threshold is raised by one. */
const STEADY_ACKS = 4;

/** Added to twice the duration of the previous batch, as the time to wait for the rest of a batch. */
const EXTRA_WAIT_US = 1_000;

/** The adaptive ACK threshold of one connection. */
export class AckFrequency {
  #threshold = MIN_ACK_THRESHOLD;
  #steadyAcks = 0;
  #batchUs = Infinity;

  /** Ack-eliciting packets after which an ACK is sent immediately. */
  get threshold(): number {
    return this.#threshold;
  }

  /** How long to wait for the rest of a batch, at most `maxAckDelayUs`. */
  delayUs(maxAckDelayUs: number): number {
    // At the smallest threshold, the delay is that of RFC 9000 as well.
    if (this.#threshold === MIN_ACK_THRESHOLD) return maxAckDelayUs;
    return Math.min(maxAckDelayUs, 2 * this.#batchUs + EXTRA_WAIT_US);
  }

  /** A full batch of packets, the last one of `sizeBytes`, arrived within `batchUs`, without a pause. */
  onBatch(batchUs: number, sizeBytes: number): void {
    this.#batchUs = batchUs;
    const most = Math.max(MIN_ACK_THRESHOLD, Math.floor(MAX_BYTES_PER_ACK / sizeBytes));
    if (this.#threshold > most) this.#threshold = most;
    if (++this.#steadyAcks < STEADY_ACKS || this.#threshold === most) return;
    this.#steadyAcks = 0;
    this.#threshold++;
  }

  /** Packets stopped arriving before the batch was full. */
  onPause(): void {
    this.#steadyAcks = 0;
    this.#threshold = Math.max(MIN_ACK_THRESHOLD, this.#threshold >> 1);
  }
}
