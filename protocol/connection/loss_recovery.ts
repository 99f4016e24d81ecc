/**
 * Combines the record of sent packets with loss detection, RTT estimation, congestion control and pacing: passes each
 * of them what an ACK frame or a timer means for it, and decides whether a packet may be sent now.
 *
 * Hot: `begin`, `commit` and `onAckFrame` run for every packet; nothing here is allocated per packet.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES } from "../config.ts";
import type { AckEvent, LossEvent } from "../congestion/controller.ts";
import { PeerError, TransportErrorCode } from "../errors.ts";
import type { Path } from "./path.ts";
import type { RateLimits } from "./rate_limits.ts";
import type { AckTracker } from "../recovery/ack_tracker.ts";
import { DEFAULT_MAX_PTO_BACKOFF_US, LossDetection } from "../recovery/loss_detection.ts";
import { RECEIPT_STRIDE, ReceiptKind, type SentPacket, SentState } from "../sent_packet.ts";
import { NEVER_SENT, SentPackets, type SentStats } from "../recovery/sent_packets.ts";
import { isLossy, TailRedundancy } from "../recovery/tail_redundancy.ts";
import type { StreamTable } from "../streams/stream_table.ts";
import { type AckFrame, MAX_ZEROS_BYTES } from "../wire/frame.ts";

/** What may be sent now. */
export const SendMode = {
  /** Nothing: the address is not validated, and its anti-amplification limit is reached. */
  none: 0,
  /** Only acknowledgements: the congestion window is full, or the pacer does not allow a packet yet. */
  ackOnly: 1,
  /** A probe, even if the congestion window is full (RFC 9002, section 6.2.4). */
  probe: 2,
  any: 3,
} as const;

/** One of {@link SendMode}'s values. */
export type SendMode = (typeof SendMode)[keyof typeof SendMode];

/** With a smaller allowance nothing is sent: a header, an ACK of one range, a PATH_CHALLENGE and the tag need this much. */
const MIN_DATAGRAM_BYTES = 64;

/**
 * Bytes that ZEROS frames in flight stand for, at most: a congestion window, within these bounds. Their packets are so
 * small that they would fill the peer's receive buffer long before a window, and writing and hashing zeros takes the peer
 * as long as data: so it sets the pace. The lower bound is 600 Mbit/s at 100 ms. The upper one leaves room for zeros that
 * are lost twice (`MAX_ZEROS_AHEAD_BYTES` in `limits.ts`).
 */
const ZEROS_IN_FLIGHT_BYTES = { min: 8 * 1024 * 1024, max: 32 * 1024 * 1024 } as const;

/** Probes sent when the probe timeout expires (RFC 9002, section 6.2.4). */
const PROBES_PER_TIMEOUT = 2;

/** Counters for a connection's stats. */
export interface RecoveryStats extends SentStats {
  readonly packetsLost: number;
  readonly spuriousLosses: number;
}

/** Loss recovery of one connection. */
export class LossRecovery {
  readonly #path: Path;
  readonly #streams: StreamTable;
  readonly #acks: AckTracker;
  readonly #limits: RateLimits;
  readonly #sent = new SentPackets();
  readonly #detection = new LossDetection();
  readonly #copies = new TailRedundancy();
  /** Retransmitted bytes before the packet being built, and whether that packet is a redundant copy. */
  #repairedBytes = 0;
  #isCopying = false;
  #probesPending = 0;
  #packetsLost = 0;
  #spuriousLosses = 0;
  // Results of the ACK frame being processed.
  #nowUs = 0;
  #ackedBytes = 0;
  #newestAcked = -1;
  #newestAckedSentUs = 0;
  #ackedEliciting = false;
  // Results of one pass of loss detection.
  #lostBytes = 0;
  #largestLostSentUs = 0;
  readonly #ackEvent: AckEvent;
  readonly #lossEvent: LossEvent = {
    nowUs: 0,
    lostBytes: 0,
    bytesInFlight: 0,
    largestLostSentUs: 0,
    persistentCongestion: false,
  };

  constructor(options: { path: Path; streams: StreamTable; acks: AckTracker; limits: RateLimits }) {
    this.#path = options.path;
    this.#limits = options.limits;
    this.#streams = options.streams;
    this.#acks = options.acks;
    this.#ackEvent = {
      nowUs: 0,
      ackedBytes: 0,
      lostBytes: 0,
      priorBytesInFlight: 0,
      bytesInFlight: 0,
      totalDeliveredBytes: 0,
      largestAckedSentUs: 0,
      rttUs: 0,
      minRttUs: 0,
      smoothedRttUs: 0,
      meanLatenessUs: 0,
      sample: this.#path.rate.onAckDone(0, 0),
    };
  }

  /** Probes to be sent even if the congestion window is full. */
  get probesPending(): number {
    return this.#probesPending;
  }

  /**
   * Bytes of UDP payload for the next datagram with data: the path's size, but from the second consecutive probe timeout
   * on at most the size that every path carries. If the path MTU has shrunk, larger probes would never arrive, and without
   * their acknowledgements the losses that reveal the smaller MTU would never be declared.
   */
  get datagramBytes(): number {
    const { sendableBytes } = this.#path;
    const isSuspect = this.#probesPending > 0 && this.#detection.ptoCount > 1;
    return isSuspect ? Math.min(sendableBytes, BASE_DATAGRAM_BYTES) : sendableBytes;
  }

  get stats(): RecoveryStats {
    const { bytesInFlight, packetsRemembered } = this.#sent.stats;
    return {
      packetsLost: this.#packetsLost,
      spuriousLosses: this.#spuriousLosses,
      bytesInFlight,
      packetsRemembered,
    };
  }

  /** Whether any packet that counts towards the congestion window is in flight. */
  get isAnythingInFlight(): boolean {
    return this.#sent.bytesInFlight > 0;
  }

  /** What may be sent now. */
  sendMode(nowUs: number): SendMode {
    const path = this.#path;
    if (path.sendableBytes < MIN_DATAGRAM_BYTES || this.#sent.isFull) return SendMode.none;
    const isWindowFull = this.#isWindowFull();
    if (this.#probesPending > 0 || path.validation.isUrgent(isWindowFull)) return SendMode.probe;
    if (isWindowFull) return SendMode.ackOnly;
    return path.pacer.nextSendUs(nowUs, path.datagramBytes) > nowUs ? SendMode.ackOnly : SendMode.any;
  }

  /** When the pacer allows the next datagram; Infinity if there is none, or if an acknowledgement must arrive first. */
  pacingDeadlineUs(nowUs: number, hasPending: boolean): number {
    const { pacer, datagramBytes } = this.#path;
    const nextUs = hasPending && !this.#isWindowFull() ? pacer.nextSendUs(nowUs, datagramBytes) : nowUs;
    pacer.setWaiting(nextUs > nowUs);
    return nextUs > nowUs ? nextUs : Infinity;
  }

  /** The window allows sending, but there is no data: marks the delivery rate samples as application-limited. */
  onApplicationLimited(): void {
    this.#path.rate.setAppLimited(this.#sent.bytesInFlight);
  }

  /** Starts the record of the next packet. */
  begin(nowUs: number): SentPacket {
    this.#repairedBytes = this.#streams.retransmittedBytes;
    return this.#sent.begin(this.#sent.nextPacketNumber, nowUs);
  }

  /** Records the packet that was begun last as sent, with its fields as they are now. */
  commit(packet: SentPacket): void {
    this.#sent.commit(packet);
    const isRepair = this.#streams.retransmittedBytes > this.#repairedBytes;
    packet.isRepair = isRepair && !this.#isCopying && this.#probesPending === 0;
    this.#isCopying = false;
    if (!packet.inFlight) return;
    const path = this.#path;
    const bytesInFlight = this.#sent.bytesInFlight;
    // Packets of zeros that leave the pacer's bucket full are fewer bytes than the path would take; so are those of a limit.
    if (path.isRateLimited || (packet.hasZeros && path.pacer.isFull(packet.sentUs))) {
      path.rate.setAppLimited(bytesInFlight);
    }
    path.rate.onPacketSent(packet, packet.sentUs, bytesInFlight);
    path.controller.onPacketSent(packet, bytesInFlight);
    path.pacer.onSent(packet.sentUs, packet.sizeBytes);
    if (packet.mtuProbe) path.mtu.onProbeSent(packet.sizeBytes, packet.sentUs);
    else if (this.#probesPending > 0) this.#probesPending--;
  }

  /** With nothing else to send: makes the data of a retransmission in flight pending again. False if there is none. */
  copyTail(): boolean {
    if (!isLossy(this.#packetsLost - this.#spuriousLosses, this.#sent.nextPacketNumber)) return false;
    while (!this.#isCopying) {
      const packet = this.#copies.next(this.#sent);
      if (packet === undefined) return false;
      this.#loseReceipts(packet);
      this.#isCopying = this.#streams.sender.hasPending();
    }
    return true;
  }

  // --- acknowledgements ---

  /** Processes an ACK frame. Throws PeerError if it acknowledges a packet that was never sent. */
  onAckFrame(nowUs: number, ack: AckFrame): void {
    const path = this.#path;
    const priorBytesInFlight = this.#sent.bytesInFlight;
    this.#nowUs = nowUs;
    this.#ackedBytes = 0;
    this.#newestAcked = -1;
    this.#ackedEliciting = false;
    if (ack.largestAcked >= this.#sent.nextPacketNumber) throw neverSentError();
    this.#detection.maxAckDelayUs = path.peerMaxAckDelayUs;
    this.#detection.onAckReceived();
    for (let i = 0; i < ack.rangeCount; i++) {
      if (this.#sent.onAckRange(ack.starts[i]!, ack.ends[i]!, this.#onPacketAcked) === NEVER_SENT) {
        throw neverSentError();
      }
    }
    if (this.#newestAcked < 0) return;
    const rttUs = this.#sampleRtt(ack);
    const lostBytes = this.#detectLost(nowUs);
    this.#probesPending = 0;
    const event = this.#ackEvent;
    event.nowUs = nowUs;
    event.ackedBytes = this.#ackedBytes;
    event.lostBytes = lostBytes;
    event.priorBytesInFlight = priorBytesInFlight;
    event.bytesInFlight = this.#sent.bytesInFlight;
    event.totalDeliveredBytes = path.rate.totalDeliveredBytes;
    event.largestAckedSentUs = this.#newestAckedSentUs;
    event.rttUs = rttUs;
    event.minRttUs = path.rtt.minUs;
    event.smoothedRttUs = path.rtt.smoothedUs;
    event.meanLatenessUs = this.#detection.meanLatenessUs;
    event.sample = path.rate.onAckDone(nowUs, path.rtt.minUs);
    path.controller.onAck(event);
    path.updatePacer();
    // A late acknowledgement can show that a loss was spurious only while the lost packet is remembered.
    this.#sent.forgetLost(nowUs - 3 * path.ptoUs);
  }

  /** When {@link onTimeout} is due, or Infinity. */
  timerUs(): number {
    return this.#detection.timerUs(this.#sent, this.#path.rtt);
  }

  /** Limits the wait between two probes to less than its default; a plain PTO is the lower bound. */
  setMaxProbeInterval(intervalUs: number): void {
    this.#detection.maxPtoBackoffUs = Math.min(intervalUs, DEFAULT_MAX_PTO_BACKOFF_US);
  }

  /** The timer of {@link timerUs} fired. */
  onTimeout(nowUs: number): void {
    this.#nowUs = nowUs;
    if (this.#detection.onTimeout(nowUs).kind === "loss") {
      this.#detectLost(nowUs);
      this.#path.updatePacer();
      // If no packet's loss is undecided any more, the probe timeout applies again, and may have expired in the meantime.
      if (this.timerUs() > nowUs) return;
      this.#detection.onTimeout(nowUs);
    }
    this.#probesPending = PROBES_PER_TIMEOUT;
    this.#makeProbeDataPending();
  }

  // --- internals ---

  /** Bound once, so that an ACK frame allocates no closure. */
  readonly #onPacketAcked = (packet: SentPacket): void => {
    const path = this.#path;
    // Congestion control was not told of the loss of an MTU probe or of an ACK-only packet.
    const next = this.#sent.nextPacketNumber;
    if (this.#detection.onPacketAcked(packet, this.#nowUs, path.rtt, next) && !packet.mtuProbe) {
      this.#spuriousLosses++;
      if (packet.sentUs >= path.controllerSinceUs) path.controller.onSpuriousLoss(this.#nowUs, packet.sentUs);
    }
    if (packet.packetNumber > this.#newestAcked) {
      this.#newestAcked = packet.packetNumber;
      this.#newestAckedSentUs = packet.sentUs;
    }
    if (packet.ackEliciting) this.#ackedEliciting = true;
    if (packet.inFlight) {
      this.#ackedBytes += packet.sizeBytes;
      path.rate.onPacketAcked(packet, this.#nowUs);
    }
    if (packet.mtuProbe) {
      path.mtu.onProbeAcked(packet.sizeBytes);
      path.onMtuChanged();
    } else {
      path.onPacketAcked(this.#nowUs, packet.sizeBytes);
    }
    this.#acknowledgeReceipts(packet);
  };

  readonly #onPacketLost = (packet: SentPacket): void => {
    const path = this.#path;
    if (packet.mtuProbe) {
      path.mtu.onProbeLost(packet.sizeBytes);
    } else {
      path.onPacketLost(this.#nowUs, packet.sizeBytes);
      if (packet.inFlight) {
        this.#packetsLost++;
        this.#lostBytes += packet.sizeBytes;
        this.#largestLostSentUs = packet.sentUs;
        path.rate.onLost(packet.sizeBytes);
      }
    }
    this.#loseReceipts(packet);
  };

  /** Declares packets lost; returns the lost bytes that count for congestion control. */
  #detectLost(nowUs: number): number {
    const path = this.#path;
    this.#lostBytes = 0;
    if (this.#detection.detectLost(nowUs, this.#sent, path.rtt, this.#onPacketLost) === 0) return 0;
    if (this.#lostBytes === 0) return 0;
    const event = this.#lossEvent;
    event.nowUs = nowUs;
    event.lostBytes = this.#lostBytes;
    event.bytesInFlight = this.#sent.bytesInFlight;
    event.largestLostSentUs = this.#largestLostSentUs;
    event.persistentCongestion = this.#detection.persistentCongestion;
    if (event.persistentCongestion) path.rtt.onPersistentCongestion();
    if (event.largestLostSentUs >= path.controllerSinceUs) path.controller.onPacketsLost(event);
    return this.#lostBytes;
  }

  /** RFC 9002, section 5.1: only if the largest acknowledged and an ack-eliciting packet are newly acknowledged. */
  #sampleRtt(ack: AckFrame): number {
    const isNewest = this.#newestAcked === ack.largestAcked && this.#newestAcked === this.#detection.newestAcked;
    if (!isNewest || !this.#ackedEliciting) return 0;
    const rttUs = this.#detection.newestRttUs;
    this.#path.rtt.update(rttUs, ack.ackDelayUs, this.#path.peerMaxAckDelayUs);
    return rttUs;
  }

  #isWindowFull(): boolean {
    const { windowBytes } = this.#path.controller;
    if (this.#sent.bytesInFlight + this.#path.datagramBytes > windowBytes) return true;
    const { min, max } = ZEROS_IN_FLIGHT_BYTES;
    return this.#sent.zerosInFlight * MAX_ZEROS_BYTES >= Math.min(max, Math.max(min, windowBytes));
  }

  /**
   * Makes the data of packets in flight pending again, so that the probes carry data instead of only a PING (RFC 9002,
   * section 6.2.4): the data of the last packet, because an undetected loss is most often a tail loss (RFC 8985,
   * section 7.3), and of the oldest, which the peer has been missing longest. The packets stay in flight: none is declared lost.
   */
  #makeProbeDataPending(): void {
    if (this.#streams.sender.hasPending()) return;
    const { firstOutstanding, nextPacketNumber } = this.#sent;
    let last = nextPacketNumber - 1;
    while (last >= firstOutstanding && !this.#makePending(last)) last--;
    for (let at = firstOutstanding, found = 1; at < last && found < PROBES_PER_TIMEOUT; at++) {
      if (this.#makePending(at)) found++;
    }
  }

  /** Makes the data of a packet in flight pending again; returns whether anything is pending then. */
  #makePending(packetNumber: number): boolean {
    const packet = this.#sent.get(packetNumber);
    if (packet?.state !== SentState.outstanding || !packet.ackEliciting || packet.mtuProbe) return false;
    this.#loseReceipts(packet);
    return this.#streams.sender.hasPending();
  }

  #acknowledgeReceipts(packet: SentPacket): void {
    const { receipts } = packet;
    for (let i = 0; i < packet.receiptCount * RECEIPT_STRIDE; i += RECEIPT_STRIDE) {
      switch (receipts[i]) {
        case ReceiptKind.stream:
          this.#streams.onStreamAcked(receipts[i + 1]!, receipts[i + 2]!, receipts[i + 3]!, receipts[i + 4] === 1);
          break;
        case ReceiptKind.ack:
          this.#acks.onAckAcked(receipts[i + 1]!, this.#nowUs);
          break;
        case ReceiptKind.resetStream:
          this.#streams.onResetStreamAcked(receipts[i + 1]!);
          break;
      }
    }
  }

  #loseReceipts(packet: SentPacket): void {
    const { receipts } = packet;
    for (let i = 0; i < packet.receiptCount * RECEIPT_STRIDE; i += RECEIPT_STRIDE) {
      switch (receipts[i]) {
        case ReceiptKind.stream:
          this.#streams.onStreamLost(receipts[i + 1]!, receipts[i + 2]!, receipts[i + 3]!, receipts[i + 4] === 1);
          break;
        case ReceiptKind.maxData:
          this.#streams.onMaxDataLost();
          break;
        case ReceiptKind.maxStreamData:
          this.#streams.onMaxStreamDataLost(receipts[i + 1]!);
          break;
        case ReceiptKind.maxStreams:
          this.#streams.onMaxStreamsLost();
          break;
        case ReceiptKind.resetStream:
          this.#streams.onResetStreamLost(receipts[i + 1]!);
          break;
        case ReceiptKind.stopSending:
          this.#streams.onStopSendingLost(receipts[i + 1]!);
          break;
        case ReceiptKind.rateLimit:
          this.#limits.onLost(receipts[i + 1]!);
          break;
      }
    }
  }
}

function neverSentError(): PeerError {
  return new PeerError(TransportErrorCode.protocolViolation, "an acknowledgement of a packet never sent");
}
