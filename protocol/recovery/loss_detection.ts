/**
 * Detects lost packets, and decides when to send a probe: RACK-TLP (RFC 8985) within RFC 9002, section 6, for a single
 * packet number space.
 *
 * The decisions are pure functions ({@link isLost}, {@link isPersistentCongestion}); the class holds their state, and
 * `rack.ts` computes how long to wait. Packets are examined in the order of sending, up to the first that is not lost, so
 * an ACK does not scan the whole window.
 *
 * The connection calls, for one ACK frame: {@link LossDetection.onAckReceived}; {@link LossDetection.onPacketAcked}
 * for every newly acknowledged packet; {@link LossDetection.detectLost}; then arms its timer at
 * {@link LossDetection.timerUs}. When that fires: {@link LossDetection.onTimeout}.
 *
 * Differences from RFC 8985, section 7 (TLP): the probe timeout is the lesser of TLP's and RFC 9002's; as in RFC 9002, two
 * probes are sent at a time, and further ones with backoff, and there is no retransmission timeout after them; detecting
 * whether a probe repaired the only loss (7.4) is not necessary, since its acknowledgement shows that the original
 * packet, which has a different packet number, was lost.
 *
 * Non-goals: ECN; a client's anti-deadlock probes (RFC 9002, section 6.2.2.1), since the server validates the client's
 * address before it creates state.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { Rack } from "./rack.ts";
import { GRANULARITY_US, type RttEstimator } from "./rtt_estimator.ts";
import { type SentPacket, SentState } from "../sent_packet.ts";
import type { SentPackets } from "./sent_packets.ts";

/**
 * The longest interval between two probes, unless one PTO without backoff is longer. RFC 9002, section 6.2.1, doubles
 * without bound up to the idle timeout; after an outage of 30 s recovery would take up to 30 s more.
 */
export const DEFAULT_MAX_PTO_BACKOFF_US = 3_000_000;

/** RFC 9002, section 7.6.1: kPersistentCongestionThreshold, in PTOs. */
export const PERSISTENT_CONGESTION_THRESHOLD = 3;

/** The max_ack_delay assumed until the peer's parameters arrive (RFC 9000, section 18.2). */
const DEFAULT_MAX_ACK_DELAY_US = 25_000;

/** Maximum number of doublings: by then every cap is reached, and the product is still a safe integer. */
const MAX_PTO_DOUBLINGS = 20;

/** The state of one packet for loss detection. */
export type LossVerdict =
  /** Acknowledged, or already declared lost: nothing to decide. */
  | "settled"
  /** No later packet was acknowledged: only a probe can decide. */
  | "unknown"
  /** A later packet was acknowledged, but this one may be reordered. */
  | "wait"
  | "lost";

/** Input of {@link isLost}. */
export interface LossParameters {
  nowUs: number;
  /** The most recently sent packet that was acknowledged. */
  newestAcked: number;
  /** Age in microseconds at which a packet is lost. */
  lossDelayUs: number;
}

/**
 * Whether a packet is lost (RFC 8985, section 6.2, step 5). With the verdict "wait" it is lost at `sentUs + lossDelayUs`.
 */
export function isLost(packet: SentPacket, parameters: LossParameters): LossVerdict {
  if (packet.state !== SentState.outstanding) return "settled";
  // RACK_sent_after: only packets sent before one that was acknowledged.
  if (packet.packetNumber >= parameters.newestAcked) return "unknown";
  return parameters.nowUs - packet.sentUs >= parameters.lossDelayUs ? "lost" : "wait";
}

/**
 * Whether losses amount to persistent congestion (RFC 9002, section 7.6.2). The arguments are the send times of the first
 * and the last ack-eliciting packet of a run of packets that are all lost, and the probe timeout without backoff,
 * including max_ack_delay.
 */
export function isPersistentCongestion(firstLostSentUs: number, lastLostSentUs: number, ptoUs: number): boolean {
  // Section 7.6.1: (smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay) * kPersistentCongestionThreshold.
  return lastLostSentUs - firstLostSentUs > ptoUs * PERSISTENT_CONGESTION_THRESHOLD;
}

/** Why the loss detection timer fired: to detect losses by time, or to send a probe. */
export type LossTimeout = { readonly kind: "loss" } | { readonly kind: "probe" };

const LOSS_TIMEOUT: LossTimeout = Object.freeze({ kind: "loss" });
const PROBE_TIMEOUT: LossTimeout = Object.freeze({ kind: "probe" });

/** Options of a {@link LossDetection}. */
export interface LossDetectionOptions {
  /** Default {@link DEFAULT_MAX_PTO_BACKOFF_US}. */
  readonly maxPtoBackoffUs?: number;
}

/** Loss detection of one connection. */
export class LossDetection {
  /** The peer's max_ack_delay, to be set when its parameters arrive; until then RFC 9000's default of 25 ms. */
  maxAckDelayUs = DEFAULT_MAX_ACK_DELAY_US;
  /** The longest wait between two probes, unless one plain PTO is longer. */
  maxPtoBackoffUs: number;
  readonly #rack = new Rack();
  /** Reused for every call of {@link isLost}. */
  readonly #parameters: LossParameters = { nowUs: 0, newestAcked: -1, lossDelayUs: 0 };
  /** The newest packet acknowledged before the current ACK frame. */
  #priorNewestAcked = -1;
  #lossTimeUs = Infinity;
  #ptoCount = 0;
  #firstSampleUs = Infinity;
  // The current run of consecutive lost packets: the number of its last packet, and the send time of its first.
  #runLastNumber = -1;
  #runStartUs = Infinity;
  #persistentCongestion = false;

  constructor(options: LossDetectionOptions = {}) {
    this.maxPtoBackoffUs = options.maxPtoBackoffUs ?? DEFAULT_MAX_PTO_BACKOFF_US;
  }

  /** The most recently sent packet that the peer acknowledged, or -1. */
  get newestAcked(): number {
    return this.#rack.newestAcked;
  }

  /** The RTT of {@link newestAcked}, including the peer's ACK delay. */
  get newestRttUs(): number {
    return this.#rack.rttUs;
  }

  /** Mean lateness of recent packets, 0 for those in order: see {@link Rack.meanLatenessUs}. */
  get meanLatenessUs(): number {
    return this.#rack.meanLatenessUs;
  }

  /** When the oldest undecided packet is lost by time, or Infinity. */
  get lossTimeUs(): number {
    return this.#lossTimeUs;
  }

  /** Consecutive probe timeouts since the last acknowledgement. */
  get ptoCount(): number {
    return this.#ptoCount;
  }

  /** Whether the losses that the last {@link detectLost} found amount to persistent congestion (RFC 9002, 7.6). */
  get persistentCongestion(): boolean {
    return this.#persistentCongestion;
  }

  /** An ACK frame arrived. Call it before {@link onPacketAcked} for the frame's packets. */
  onAckReceived(): void {
    this.#priorNewestAcked = this.#rack.newestAcked;
  }

  /**
   * A packet was newly acknowledged; its state is still that from before. Returns whether it had been declared lost: a
   * spurious loss, to which the reordering window adapts. `nextPacketNumber` is that of the next packet to be sent.
   * ACK-only packets are ignored: the peer acknowledges them only when it has another reason to send an ACK.
   */
  onPacketAcked(packet: SentPacket, nowUs: number, rtt: RttEstimator, nextPacketNumber: number): boolean {
    // RFC 9002, section 6.2.1: the backoff is reset when an acknowledgment is received.
    this.#ptoCount = 0;
    this.#rack.onPacketAcked(packet, nowUs);
    if (packet.packetNumber > this.#priorNewestAcked) return false;
    const wasLost = packet.state === SentState.lost;
    // Section 7.6.2: no packet within the run may be acknowledged. This one is, so the run ends.
    if (wasLost) this.#endRun();
    if (!packet.ackEliciting) return false;
    this.#rack.onLatePacket(packet, nowUs, rtt.minUs, nextPacketNumber);
    return wasLost;
  }

  /**
   * Marks the packets that are lost by now, calls `onLost` for each, lowest first, and sets {@link lossTimeUs} and
   * {@link persistentCongestion}. Returns the number of lost packets. Call it after every ACK frame with newly
   * acknowledged packets, and when the timer fires for "loss".
   */
  detectLost(nowUs: number, sent: SentPackets, rtt: RttEstimator, onLost: (packet: SentPacket) => void): number {
    if (rtt.hasSample && this.#firstSampleUs === Infinity) this.#firstSampleUs = nowUs;
    const rack = this.#rack;
    rack.updateWindow(sent, rtt);
    const parameters = this.#parameters;
    parameters.nowUs = nowUs;
    parameters.newestAcked = rack.newestAcked;
    this.#lossTimeUs = Infinity;
    this.#persistentCongestion = false;
    let lostCount = 0;
    // Packets are in the order of sending: after the first that is not lost, no other is.
    while (sent.firstOutstanding < rack.newestAcked) {
      const packet = sent.get(sent.firstOutstanding);
      invariant(packet !== undefined, "an outstanding packet is remembered");
      parameters.lossDelayUs = rack.lossDelayUs;
      const verdict = isLost(packet, parameters);
      if (verdict !== "lost") {
        if (verdict === "wait") this.#lossTimeUs = packet.sentUs + parameters.lossDelayUs;
        break;
      }
      sent.markLost(packet, nowUs);
      if (packet.ackEliciting) rack.onPacketLost(sent.nextPacketNumber);
      this.#continueRun(packet, rtt);
      lostCount++;
      onLost(packet);
    }
    return lostCount;
  }

  /** When {@link onTimeout} must be called, or Infinity (RFC 9002, appendix A.8: SetLossDetectionTimer). */
  timerUs(sent: SentPackets, rtt: RttEstimator): number {
    // Section 6.2.1: no PTO while the time threshold's timer is set.
    if (this.#lossTimeUs !== Infinity) return this.#lossTimeUs;
    // Section 6.2.1: without ack-eliciting packets in flight there is nothing to probe for.
    if (sent.ackElicitingInFlight === 0) return Infinity;
    return sent.lastAckElicitingSentUs + this.#probeIntervalUs(rtt);
  }

  /** The timer fired at {@link timerUs}: detect losses, or send one or two probes (RFC 9002, section 6.2.4). */
  onTimeout(_nowUs: number): LossTimeout {
    // If the timer was set before the loss time changed, detecting losses again finds none and does no harm.
    if (this.#lossTimeUs !== Infinity) return LOSS_TIMEOUT;
    // Section 6.2.1: each PTO without an acknowledgment doubles the next. It declares no packet lost.
    this.#ptoCount++;
    return PROBE_TIMEOUT;
  }

  /**
   * The lesser of two: RFC 9002, section 6.2.1, smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay, which is
   * short if the RTT is stable; and RFC 8985, section 7.2, 2*SRTT + max_ack_delay, which is short while there are few
   * samples. max_ack_delay is included however many packets are in flight: a peer may delay the ACK of several packets.
   */
  #probeIntervalUs(rtt: RttEstimator): number {
    const leastUs = 2 * Math.max(rtt.smoothedUs, GRANULARITY_US) + this.maxAckDelayUs;
    const ptoUs = Math.min(rtt.ptoUs(this.maxAckDelayUs), leastUs);
    const backedOffUs = ptoUs * 2 ** Math.min(this.#ptoCount, MAX_PTO_DOUBLINGS);
    return Math.min(backedOffUs, Math.max(ptoUs, this.maxPtoBackoffUs));
  }

  /** Section 7.6.2: consecutive lost packets, with no acknowledged packet in between, form a run. */
  #continueRun(packet: SentPacket, rtt: RttEstimator): void {
    if (packet.packetNumber !== this.#runLastNumber + 1) this.#endRun();
    this.#runLastNumber = packet.packetNumber;
    // Section 7.6.2: both ends are ack-eliciting. RFC 8899, section 3: the loss of an MTU probe is no sign of congestion.
    if (!packet.ackEliciting || packet.mtuProbe) return;
    // Section 7.6.2: the period does not start before there is an RTT sample.
    if (packet.sentUs < this.#firstSampleUs) return;
    if (this.#runStartUs === Infinity) this.#runStartUs = packet.sentUs;
    if (isPersistentCongestion(this.#runStartUs, packet.sentUs, rtt.ptoUs(this.maxAckDelayUs))) {
      this.#persistentCongestion = true;
    }
  }

  #endRun(): void {
    this.#runStartUs = Infinity;
    this.#runLastNumber = -1;
  }
}
