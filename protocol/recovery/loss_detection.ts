/**
 * Which packets are lost, and when to probe: RACK-TLP (RFC 8985) in the frame of RFC 9002, section 6; one packet number
 * space, as Sluice has.
 *
 * A judgement is a pure function ({@link isLost}, {@link isPersistentCongestion}); the class holds what it takes, and
 * `rack.ts` knows how long to wait. Packets are judged in the order of sending and only while they are lost, so an ACK
 * costs no scan of the window.
 *
 * The connection calls, for one ACK frame: {@link LossDetection.onAckReceived}; {@link LossDetection.onPacketAcked}
 * for every newly acknowledged packet; {@link LossDetection.detectLost}; then arms its timer at
 * {@link LossDetection.timerUs}. When that fires: {@link LossDetection.onTimeout}.
 *
 * What of RFC 8985, section 7 (TLP), is otherwise: the probe timeout is the lesser of its own and RFC 9002's; there are
 * two probes at a time and more of them after a longer wait, as RFC 9002 has it, and no retransmission timeout behind
 * them; whether a probe repaired the only loss (7.4) needs no reckoning, since its acknowledgement shows the original
 * packet, which has a number of its own, as lost.
 *
 * Non-goals: ECN; anti-deadlock probes of a client (RFC 9002, section 6.2.2.1), since the address is proven before any
 * state.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { Rack } from "./rack.ts";
import { GRANULARITY_US, type RttEstimator } from "./rtt_estimator.ts";
import { type SentPacket, SentState } from "../sent_packet.ts";
import type { SentPackets } from "./sent_packets.ts";

/**
 * The longest wait between two probes, unless one plain PTO is longer. RFC 9002, section 6.2.1, doubles without bound
 * below the idle timeout; after 30 s of a dead link that would cost up to 30 s more.
 */
export const DEFAULT_MAX_PTO_BACKOFF_US = 3_000_000;

/** RFC 9002, section 7.6.1: kPersistentCongestionThreshold, in PTOs. */
export const PERSISTENT_CONGESTION_THRESHOLD = 3;

/** The max_ack_delay assumed of a peer that has not said (RFC 9000, section 18.2). */
const DEFAULT_MAX_ACK_DELAY_US = 25_000;

/** Doublings beyond this change nothing: every cap is reached, and the product stays a safe integer. */
const MAX_PTO_DOUBLINGS = 20;

/** What is thought of one packet. */
export type LossVerdict =
  /** Acknowledged, or lost already: nothing to judge. */
  | "settled"
  /** No later packet was acknowledged: only a probe can tell. */
  | "unknown"
  /** A later packet was acknowledged, but this one may just be late. */
  | "wait"
  | "lost";

/** What a packet is judged by. */
export interface LossParameters {
  nowUs: number;
  /** The most recently sent packet that arrived. */
  newestAcked: number;
  /** Age in microseconds at which a packet is lost. */
  lossDelayUs: number;
}

/**
 * Whether a packet is lost (RFC 8985, section 6.2, step 5). Where the verdict is "wait", it is at `sentUs + lossDelayUs`.
 */
export function isLost(packet: SentPacket, parameters: LossParameters): LossVerdict {
  if (packet.state !== SentState.outstanding) return "settled";
  // RACK_sent_after: only what was sent before a packet that arrived.
  if (packet.packetNumber >= parameters.newestAcked) return "unknown";
  return parameters.nowUs - packet.sentUs >= parameters.lossDelayUs ? "lost" : "wait";
}

/**
 * Whether losses amount to persistent congestion (RFC 9002, section 7.6.2), given when the first and the last
 * ack-eliciting packet were sent of a run of packets in which all are lost and none acknowledged.
 * `ptoUs` is the probe timeout without backoff, max_ack_delay included.
 */
export function isPersistentCongestion(firstLostSentUs: number, lastLostSentUs: number, ptoUs: number): boolean {
  // Section 7.6.1: (smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay) * kPersistentCongestionThreshold.
  return lastLostSentUs - firstLostSentUs > ptoUs * PERSISTENT_CONGESTION_THRESHOLD;
}

/** What the loss detection timer fired for: judge packets by time anew, or send a probe. */
export type LossTimeout = { readonly kind: "loss" } | { readonly kind: "probe" };

const LOSS_TIMEOUT: LossTimeout = Object.freeze({ kind: "loss" });
const PROBE_TIMEOUT: LossTimeout = Object.freeze({ kind: "probe" });

/** What a {@link LossDetection} is made with. */
export interface LossDetectionOptions {
  /** Default {@link DEFAULT_MAX_PTO_BACKOFF_US}. */
  readonly maxPtoBackoffUs?: number;
}

/** Loss detection of one connection. */
export class LossDetection {
  /** The peer's max_ack_delay; to be set when its parameters arrive. Before that RFC 9000's default of 25 ms. */
  maxAckDelayUs = DEFAULT_MAX_ACK_DELAY_US;
  readonly #maxPtoBackoffUs: number;
  readonly #rack = new Rack();
  /** Reused for every judgement. */
  readonly #parameters: LossParameters = { nowUs: 0, newestAcked: -1, lossDelayUs: 0 };
  /** The newest packet that had arrived before the ACK frame at hand. */
  #priorNewestAcked = -1;
  #lossTimeUs = Infinity;
  #ptoCount = 0;
  #firstSampleUs = Infinity;
  // The run of packets, one after the other, that are all lost: its last number, and the first one's time.
  #runLastNumber = -1;
  #runStartUs = Infinity;
  #persistentCongestion = false;

  constructor(options: LossDetectionOptions = {}) {
    this.#maxPtoBackoffUs = options.maxPtoBackoffUs ?? DEFAULT_MAX_PTO_BACKOFF_US;
  }

  /** The most recently sent packet that the peer acknowledged, or -1. */
  get newestAcked(): number {
    return this.#rack.newestAcked;
  }

  /** The round trip of {@link newestAcked}, the delay of its acknowledgement included. */
  get newestRttUs(): number {
    return this.#rack.rttUs;
  }

  /** When the oldest packet that waits for a verdict is lost by time, or Infinity. */
  get lossTimeUs(): number {
    return this.#lossTimeUs;
  }

  /** Probes sent since something was last acknowledged. */
  get ptoCount(): number {
    return this.#ptoCount;
  }

  /** Whether the losses that the last {@link detectLost} found amount to persistent congestion (RFC 9002, 7.6). */
  get persistentCongestion(): boolean {
    return this.#persistentCongestion;
  }

  /** An ACK frame arrived. Comes before its packets. */
  onAckReceived(): void {
    this.#priorNewestAcked = this.#rack.newestAcked;
  }

  /**
   * A packet was newly acknowledged; its state is still what it was before. Returns whether it had been declared
   * lost: a spurious loss, from which the reordering window learns. `nextPacketNumber` is that of the next to be sent.
   * Of a packet of ACKs alone nothing is learned: the peer acknowledges it when it has another reason to.
   */
  onPacketAcked(packet: SentPacket, nowUs: number, rtt: RttEstimator, nextPacketNumber: number): boolean {
    // RFC 9002, section 6.2.1: the backoff is reset when an acknowledgment is received.
    this.#ptoCount = 0;
    this.#rack.onPacketAcked(packet, nowUs);
    if (packet.packetNumber > this.#priorNewestAcked) return false;
    const wasLost = packet.state === SentState.lost;
    // Section 7.6.2: none of the packets in between is acknowledged. One is.
    if (wasLost) this.#endRun();
    if (!packet.ackEliciting) return false;
    this.#rack.onLatePacket(packet, nowUs, rtt.minUs, nextPacketNumber);
    return wasLost;
  }

  /**
   * Marks the packets that are lost by now, calls `onLost` for each, lowest first, and sets {@link lossTimeUs} and
   * {@link persistentCongestion}. Returns how many. To be called after every ACK frame that acknowledged something
   * new, and when the timer fires for "loss".
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
    // Packets are in the order of sending: after the first that is not lost, none is.
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
    // Section 6.2.1: nothing ack-eliciting in flight, nothing to probe for.
    if (sent.ackElicitingInFlight === 0) return Infinity;
    return sent.lastAckElicitingSentUs + this.#probeIntervalUs(rtt);
  }

  /** The timer fired at {@link timerUs}: detect losses, or send one or two probes (RFC 9002, section 6.2.4). */
  onTimeout(_nowUs: number): LossTimeout {
    // Should the timer have been set before the loss time moved, judging anew finds nothing and does no harm.
    if (this.#lossTimeUs !== Infinity) return LOSS_TIMEOUT;
    // Section 6.2.1: each PTO without an acknowledgment doubles the next. Packets are not marked lost by it.
    this.#ptoCount++;
    return PROBE_TIMEOUT;
  }

  /**
   * The lesser of two: RFC 9002, section 6.2.1, smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay, which is
   * short where the round trip is steady; RFC 8985, section 7.2, 2*SRTT and the delay, which is while it is little known.
   * The delay is in it however much is in flight: a peer may hold back its answer to more than one packet.
   */
  #probeIntervalUs(rtt: RttEstimator): number {
    const leastUs = 2 * Math.max(rtt.smoothedUs, GRANULARITY_US) + this.maxAckDelayUs;
    const ptoUs = Math.min(rtt.ptoUs(this.maxAckDelayUs), leastUs);
    const backedOffUs = ptoUs * 2 ** Math.min(this.#ptoCount, MAX_PTO_DOUBLINGS);
    return Math.min(backedOffUs, Math.max(ptoUs, this.#maxPtoBackoffUs));
  }

  /** Section 7.6.2: packets lost one after another, with no acknowledged one in between, make a run. */
  #continueRun(packet: SentPacket, rtt: RttEstimator): void {
    if (packet.packetNumber !== this.#runLastNumber + 1) this.#endRun();
    this.#runLastNumber = packet.packetNumber;
    // Section 7.6.2: both ends are ack-eliciting. RFC 8899, section 3: an MTU probe's loss tells nothing.
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
