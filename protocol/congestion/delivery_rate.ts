/**
 * Delivery-rate estimation: how fast the path delivers, measured from acknowledgements
 * (draft-cheng-iccrg-delivery-rate-estimation-02). Each sent packet is stamped with the bytes delivered when it was sent;
 * when it is acknowledged, the bytes delivered since then, divided by the time since then, are one sample.
 *
 * Hot: it runs for every packet sent and acknowledged, and allocates nothing.
 *
 * Differences from the draft:
 * - Bytes are of UDP payload and counted per packet: packet numbers are never reused, so a packet is delivered once.
 * - The caller reports when the sender is application-limited, so the test of the send queue in section 3.4 is up to it.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import type { RateSample } from "./controller.ts";

/**
 * Measures the delivery rate of one connection. Call {@link onPacketSent} for every in-flight packet; for an ACK frame,
 * {@link onPacketAcked} per newly acknowledged packet, {@link onLost} for the bytes declared lost, and then
 * {@link onAckDone} once.
 */
export class DeliveryRateEstimator {
  /** C.delivered: bytes delivered on the connection. */
  #deliveredBytes = 0;
  /** C.delivered_time: when the last of these bytes was acknowledged. */
  #deliveredUs = 0;
  /** C.first_sent_time: when the first packet of the flight being measured was sent. */
  #firstSentUs = 0;
  #lostBytes = 0;
  /** C.app_limited: samples are application-limited until this many bytes have been delivered; 0 for none. */
  #appLimitedUntilBytes = 0;

  // The newest packet acknowledged since the last onAckDone; `#newestNumber` is -1 for none.
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

  /** The rate of the latest sample in bytes per second; 0 if the sample is not valid. */
  get latestRate(): number {
    return this.#sample.deliveryRate;
  }

  /** Whether packets sent now are marked as application-limited. */
  get appLimited(): boolean {
    return this.#appLimitedUntilBytes > 0;
  }

  /** Stamps a packet that was just sent. `bytesInFlight` includes it. */
  onPacketSent(packet: SentPacket, nowUs: number, bytesInFlight: number): void {
    // Section 3.2: with nothing else in flight this packet starts a new flight, so that idle time is not counted.
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
   * Counts a newly acknowledged packet. Call it once per packet, also for one that had been declared lost: its bytes
   * were delivered nevertheless.
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
   * The sender has nothing more to send although window and pacer allow it (section 3.4). Samples of packets sent from
   * now on are marked as application-limited until the bytes now in flight have been delivered.
   */
  setAppLimited(bytesInFlight: number): void {
    this.#appLimitedUntilBytes = Math.max(1, this.#deliveredBytes + bytesInFlight);
  }

  /**
   * Ends one ACK frame and returns its sample: a reused object that the next call overwrites. Its `deliveryRate` is 0 if
   * the frame yielded no reliable sample. `minRttUs` is 0 while unknown.
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
    // Section 3.3: an interval below the minimum RTT is not plausible.
    if (sample.intervalUs > 0 && sample.intervalUs >= minRttUs) {
      sample.deliveryRate = sample.deliveredBytes * 1_000_000 / sample.intervalUs;
    }
    return sample;
  }
}
