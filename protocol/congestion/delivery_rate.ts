/**
 * Delivery-rate estimation: how fast the path delivers, measured from acknowledgements
 * (draft-cheng-iccrg-delivery-rate-estimation-02). Each sent packet is stamped with how much had been delivered when
 * it left; when it is acknowledged, what was delivered since then, over the time since then, is one sample.
 *
 * Hot: it runs for every packet sent and acknowledged, and allocates nothing.
 *
 * Done otherwise than in the draft:
 * - Bytes are of UDP payload and counted per packet: packet numbers are never reused, so a packet is delivered once.
 * - The caller tells when the sender is application-limited; section 3.4's test of the send queue is the caller's.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import type { RateSample } from "./controller.ts";

/**
 * Measures the delivery rate of one connection. For every in-flight packet {@link onPacketSent}; for an ACK frame
 * {@link onPacketAcked} per packet newly acknowledged, {@link onLost} for what it showed as lost, and then
 * {@link onAckDone} once.
 */
export class DeliveryRateEstimator {
  /** C.delivered: bytes delivered on the connection. */
  #deliveredBytes = 0;
  /** C.delivered_time: when the last of them was acknowledged. */
  #deliveredUs = 0;
  /** C.first_sent_time: when the flight being measured began to be sent. */
  #firstSentUs = 0;
  #lostBytes = 0;
  /** C.app_limited: the sample of a packet sent before this much was delivered is application-limited; 0 for none. */
  #appLimitedUntilBytes = 0;

  // The newest packet acknowledged since the last onAckDone; #newestNumber is -1 for none.
  #newestNumber = -1;
  #newestSentUs = 0;
  #priorDeliveredBytes = 0;
  #priorDeliveredUs = 0;
  #sendElapsedUs = 0;
  #sampleAppLimited = false;
  #sampleInFlightBytes = 0;
  #priorLostBytes = 0;

  readonly #sample: RateSample = {
    deliveryRate: 0,
    deliveredBytes: 0,
    intervalUs: 0,
    priorDeliveredBytes: 0,
    appLimited: false,
    txInFlightBytes: 0,
    lostBytes: 0,
  };

  /** Bytes delivered on the connection so far. */
  get totalDeliveredBytes(): number {
    return this.#deliveredBytes;
  }

  /** The rate of the newest sample in bytes per second, 0 where that is not valid. */
  get latestRate(): number {
    return this.#sample.deliveryRate;
  }

  /** Whether packets sent now are marked as application-limited. */
  get appLimited(): boolean {
    return this.#appLimitedUntilBytes > 0;
  }

  /** Stamps a packet that was just sent. `bytesInFlight` includes it. */
  onPacketSent(packet: SentPacket, nowUs: number, bytesInFlight: number): void {
    // Section 3.2: with nothing else in flight this packet starts a new flight, and idle time counts for nothing.
    if (bytesInFlight <= packet.sizeBytes) {
      this.#firstSentUs = nowUs;
      this.#deliveredUs = nowUs;
    }
    packet.firstSentUs = this.#firstSentUs;
    packet.deliveredUs = this.#deliveredUs;
    packet.deliveredBytes = this.#deliveredBytes;
    packet.appLimited = this.#appLimitedUntilBytes > 0;
    packet.txInFlightBytes = bytesInFlight;
    packet.lostBytes = this.#lostBytes;
  }

  /**
   * Counts a packet newly acknowledged. Call it once a packet, also for one that had been declared lost: its bytes
   * were delivered all the same.
   */
  onPacketAcked(packet: SentPacket, nowUs: number): void {
    this.#deliveredBytes += packet.sizeBytes;
    this.#deliveredUs = nowUs;
    // Section 3.3, UpdateRateSample: the sample is that of the most recently sent packet.
    const newer = packet.sentUs > this.#newestSentUs ||
      (packet.sentUs === this.#newestSentUs && packet.packetNumber > this.#newestNumber);
    if (this.#newestNumber >= 0 && !newer) return;
    this.#newestNumber = packet.packetNumber;
    this.#newestSentUs = packet.sentUs;
    this.#priorDeliveredBytes = packet.deliveredBytes;
    this.#priorDeliveredUs = packet.deliveredUs;
    this.#sendElapsedUs = packet.sentUs - packet.firstSentUs;
    this.#sampleAppLimited = packet.appLimited;
    this.#sampleInFlightBytes = packet.txInFlightBytes;
    this.#priorLostBytes = packet.lostBytes;
    this.#firstSentUs = Math.max(this.#firstSentUs, packet.sentUs);
  }

  /** Counts bytes declared lost. */
  onLost(bytes: number): void {
    this.#lostBytes += bytes;
  }

  /**
   * The sender has nothing more to send while window and pacer would let it (section 3.4). Samples of packets sent
   * from now on are marked, until what is in flight now has been delivered.
   */
  setAppLimited(bytesInFlight: number): void {
    this.#appLimitedUntilBytes = Math.max(1, this.#deliveredBytes + bytesInFlight);
  }

  /**
   * Ends one ACK frame and returns its sample: a reused object, overwritten by the next call. The sample's
   * `deliveryRate` is 0 where the frame gave no reliable one. `minRttUs` is 0 while unknown.
   */
  onAckDone(_nowUs: number, minRttUs: number): RateSample {
    const sample = this.#sample;
    // Section 3.3, GenerateRateSample: the application-limited bubble has left the path.
    if (this.#appLimitedUntilBytes > 0 && this.#deliveredBytes > this.#appLimitedUntilBytes) {
      this.#appLimitedUntilBytes = 0;
    }
    sample.deliveryRate = 0;
    if (this.#newestNumber < 0) {
      sample.deliveredBytes = 0;
      sample.intervalUs = 0;
      sample.lostBytes = 0;
      return sample;
    }
    this.#newestNumber = -1;
    sample.priorDeliveredBytes = this.#priorDeliveredBytes;
    sample.appLimited = this.#sampleAppLimited;
    sample.txInFlightBytes = this.#sampleInFlightBytes;
    sample.lostBytes = this.#lostBytes - this.#priorLostBytes;
    sample.deliveredBytes = this.#deliveredBytes - this.#priorDeliveredBytes;
    // Section 2.2.4: the slower of the send rate and the ACK rate, so that compressed ACKs do not inflate the rate.
    sample.intervalUs = Math.max(this.#sendElapsedUs, this.#deliveredUs - this.#priorDeliveredUs);
    // Section 3.3: an interval below the minimum RTT cannot be right.
    if (sample.intervalUs > 0 && sample.intervalUs >= minRttUs) {
      sample.deliveryRate = sample.deliveredBytes * 1_000_000 / sample.intervalUs;
    }
    return sample;
  }
}
