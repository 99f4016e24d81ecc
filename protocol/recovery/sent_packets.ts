/**
 * The record of sent packets: outstanding ones, and lost ones for a while longer (RFC 9002, appendix A.1).
 *
 * Hot: from sending to acknowledgement a packet costs a few array reads, and no allocation once the ring has grown. Packet
 * numbers are consecutive, so a packet's index in the ring follows from its distance to the oldest one remembered: a small
 * integer for all packet numbers below 2^53. With a RangeSet of acknowledged numbers, a range that was acknowledged
 * before costs one lookup.
 *
 * The ring grows by doubling and does not shrink, and each slot keeps its array of receipts: memory is proportional to
 * the largest window so far, up to `maxPackets`.
 *
 * @module
 */

import { invariant } from "../../base/invariant.ts";
import { MAX_SENT_PACKETS } from "../limits.ts";
import { RangeSet } from "../../base/range_set.ts";
import { SentPacket, SentState } from "../sent_packet.ts";
import { MAX_PACKET_NUMBER } from "../wire/packet.ts";

/** What {@link SentPackets.onAckRange} returns for a range with a packet number that was never sent. */
export const NEVER_SENT = -1;

/** Options of {@link SentPackets}. */
export interface SentPacketsOptions {
  /** The number of the first packet. Default 0. */
  readonly firstPacketNumber?: number;
  /** Maximum number of packets remembered. Default {@link MAX_SENT_PACKETS}. */
  readonly maxPackets?: number;
}

/** Beyond this number of packets, the oldest are dropped if they are ACK-only. */
const ACKS_REMEMBERED = 1_024;

const INITIAL_CAPACITY = 64;

/** Counters for a connection's stats. */
export interface SentStats {
  readonly bytesInFlight: number;
  /** Sent packets that are remembered, in any state. */
  readonly packetsRemembered: number;
}

/** Sent packets by packet number. */
export class SentPackets {
  readonly #firstPacketNumber: number;
  readonly #maxPackets: number;
  /** The length is a power of two; slots are allocated at first use, then reused. */
  #ring: (SentPacket | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined);
  /** The oldest packet number remembered, and its slot. Everything from there to `#next` is in the ring. */
  #base: number;
  #baseSlot = 0;
  #next: number;
  #firstOutstanding: number;
  /** Acknowledged packet numbers; ranges entirely below `#base` are dropped. */
  readonly #acked = new RangeSet();
  /** Index into `#acked` where the last search ended: an ACK frame's next range is usually the one below. */
  #hint = 0;
  #outstanding = 0;
  #bytesInFlight = 0;
  #ackElicitingInFlight = 0;
  #zerosInFlight = 0;
  #lastAckElicitingSentUs = 0;

  constructor(options: SentPacketsOptions = {}) {
    this.#firstPacketNumber = options.firstPacketNumber ?? 0;
    this.#maxPackets = options.maxPackets ?? MAX_SENT_PACKETS;
    invariant(
      Number.isSafeInteger(this.#firstPacketNumber) && this.#firstPacketNumber >= 0,
      "invalid first packet number",
    );
    invariant(this.#maxPackets >= 1, "at least one packet is remembered");
    this.#base = this.#firstPacketNumber;
    this.#next = this.#firstPacketNumber;
    this.#firstOutstanding = this.#firstPacketNumber;
  }

  /** Packets that are neither acknowledged nor lost nor dropped, including ACK-only packets. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Bytes in flight: of outstanding packets that are not ACK-only (RFC 9002, section 2). */
  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** Ack-eliciting packets in flight; while there are any, a timer is armed (RFC 9002, section 6.2.1). */
  get ackElicitingInFlight(): number {
    return this.#ackElicitingInFlight;
  }

  /** Packets with a ZEROS frame in flight. */
  get zerosInFlight(): number {
    return this.#zerosInFlight;
  }

  /** When the last ack-eliciting packet was sent; 0 before the first. */
  get lastAckElicitingSentUs(): number {
    return this.#lastAckElicitingSentUs;
  }

  /** The packet number of the next packet. */
  get nextPacketNumber(): number {
    return this.#next;
  }

  /** The lowest outstanding packet number, or {@link nextPacketNumber}. */
  get firstOutstanding(): number {
    return this.#firstOutstanding;
  }

  /** Packet numbers remembered, in any state. */
  get length(): number {
    return this.#next - this.#base;
  }

  get stats(): SentStats {
    return { bytesInFlight: this.#bytesInFlight, packetsRemembered: this.length };
  }

  /** Whether nothing may be sent until the oldest packet is acknowledged or lost. */
  get isFull(): boolean {
    if (this.length < this.#maxPackets) return false;
    const oldest = this.#at(this.#base);
    return oldest.state === SentState.outstanding && oldest.inFlight;
  }

  /**
   * Returns a cleared record for the packet to be built: its number must be {@link nextPacketNumber}. Nothing is counted
   * until {@link commit}; if the packet is not sent after all, begin it again.
   */
  begin(packetNumber: number, nowUs: number): SentPacket {
    invariant(packetNumber === this.#next, "packet numbers are consecutive");
    invariant(packetNumber <= MAX_PACKET_NUMBER, "packet numbers are exhausted");
    this.#makeRoom();
    // One more slot than packets remembered, for the packet being built.
    if (this.length === this.#ring.length) this.#grow();
    const slot = this.#slot(packetNumber);
    const packet = this.#ring[slot] ??= new SentPacket();
    packet.packetNumber = packetNumber;
    packet.state = SentState.unused;
    packet.sentUs = nowUs;
    packet.sizeBytes = 0;
    packet.ackEliciting = false;
    packet.inFlight = false;
    packet.mtuProbe = false;
    packet.isRepair = false;
    packet.hasZeros = false;
    packet.lostUs = 0;
    packet.deliveredBytes = 0;
    packet.deliveredUs = 0;
    packet.firstSentUs = 0;
    packet.appLimited = false;
    packet.txInFlightBytes = 0;
    packet.lostBytes = 0;
    packet.receiptCount = 0;
    return packet;
  }

  /** The packet begun last was sent: its size, `ackEliciting` and `inFlight` are final. */
  commit(packet: SentPacket): void {
    invariant(
      packet.packetNumber === this.#next && packet.state === SentState.unused,
      "only the packet begun last can be committed",
    );
    invariant(packet.sizeBytes > 0, "a sent packet has a size");
    packet.state = SentState.outstanding;
    this.#next++;
    this.#outstanding++;
    if (packet.ackEliciting) this.#lastAckElicitingSentUs = packet.sentUs;
    if (!packet.inFlight) return;
    this.#bytesInFlight += packet.sizeBytes;
    if (packet.ackEliciting) this.#ackElicitingInFlight++;
    if (packet.hasZeros) this.#zerosInFlight++;
  }

  /** The packet, if it is still remembered. The object is reused: do not keep it. */
  get(packetNumber: number): SentPacket | undefined {
    return packetNumber >= this.#base && packetNumber < this.#next ? this.#at(packetNumber) : undefined;
  }

  /**
   * Processes one range of an ACK frame, half-open, and calls `visit` for every newly acknowledged packet in it, lowest
   * first. During the call `packet.state` is still that from before, outstanding or (a spurious loss) lost, while the
   * counters here no longer include the packet; the visitor must not begin, commit or acknowledge anything.
   *
   * Returns the number of packets visited, or {@link NEVER_SENT} if the range contains a number that was never sent: then
   * nothing has changed, and the peer is at fault (RFC 9000, section 13.1). Pass an ACK frame's ranges in descending order:
   * then the first shows whether the frame is valid, and old ranges cost least.
   */
  onAckRange(start: number, end: number, visit: (packet: SentPacket) => void): number {
    if (start < this.#firstPacketNumber || end > this.#next || start >= end) return NEVER_SENT;
    const from = Math.max(start, this.#base);
    if (from >= end) return 0;
    if (this.#isKnown(this.#hint - 1, from, end)) {
      this.#hint--;
      return 0;
    }
    const acked = this.#acked;
    let index = this.#indexEndingAfter(from);
    if (this.#isKnown(index, from, end)) return 0;
    let visited = 0;
    let packetNumber = from;
    while (packetNumber < end) {
      const known = index < acked.length;
      const gapEnd = known ? Math.min(end, acked.start(index)) : end;
      for (; packetNumber < gapEnd; packetNumber++) {
        this.#acknowledge(this.#at(packetNumber), visit);
        visited++;
      }
      if (!known) break;
      packetNumber = acked.end(index);
      index++;
    }
    acked.add(from, end);
    this.#advance();
    return visited;
  }

  /** The packet is lost: no longer in flight, but remembered until {@link forgetLost}. */
  markLost(packet: SentPacket, nowUs: number): void {
    invariant(packet.state === SentState.outstanding, "only an outstanding packet can be lost");
    this.#leaveFlight(packet);
    packet.state = SentState.lost;
    packet.lostUs = nowUs;
    this.#advance();
  }

  /** Drops packets declared lost before `beforeUs`; a later acknowledgement of them is ignored. */
  forgetLost(beforeUs: number): void {
    while (this.#base < this.#firstOutstanding) {
      const packet = this.#at(this.#base);
      if (packet.state === SentState.lost && packet.lostUs >= beforeUs) break;
      this.#dropBase(packet);
    }
    this.#advance();
  }

  #acknowledge(packet: SentPacket, visit: (packet: SentPacket) => void): void {
    invariant(
      packet.state === SentState.outstanding || packet.state === SentState.lost,
      "a packet is settled only once",
    );
    if (packet.state === SentState.outstanding) this.#leaveFlight(packet);
    visit(packet);
    packet.state = SentState.acked;
  }

  #leaveFlight(packet: SentPacket): void {
    this.#outstanding--;
    if (!packet.inFlight) return;
    this.#bytesInFlight -= packet.sizeBytes;
    if (packet.ackEliciting) this.#ackElicitingInFlight--;
    if (packet.hasZeros) this.#zerosInFlight--;
    invariant(
      this.#bytesInFlight >= 0 && this.#ackElicitingInFlight >= 0,
      "the counters of packets in flight are never negative",
    );
  }

  /** Advances `firstOutstanding` and the oldest packet remembered past settled packets. Each packet is passed once. */
  #advance(): void {
    while (this.#firstOutstanding < this.#next && this.#at(this.#firstOutstanding).state !== SentState.outstanding) {
      this.#firstOutstanding++;
    }
    while (this.#base < this.#firstOutstanding) {
      const packet = this.#at(this.#base);
      if (packet.state !== SentState.acked) break;
      this.#dropBase(packet);
    }
    const acked = this.#acked;
    if (acked.length > 0 && acked.end(0) <= this.#base) acked.removeBelow(this.#base);
  }

  #dropBase(packet: SentPacket): void {
    if (packet.state === SentState.outstanding) this.#outstanding--;
    packet.state = SentState.unused;
    this.#base++;
    this.#baseSlot = (this.#baseSlot + 1) & (this.#ring.length - 1);
    if (this.#firstOutstanding < this.#base) this.#firstOutstanding = this.#base;
  }

  /**
   * Below the limit, ACK-only packets are dropped: the peer acknowledges them only together with others, so a side that
   * only receives would remember all of them. At the limit the oldest is dropped, even a lost one before its time.
   */
  #makeRoom(): void {
    while (this.length >= ACKS_REMEMBERED) {
      const oldest = this.#at(this.#base);
      if (oldest.inFlight || oldest.state !== SentState.outstanding) break;
      this.#dropBase(oldest);
      this.#advance();
    }
    if (this.length < this.#maxPackets) return;
    invariant(!this.isFull, "no more packets are in flight than can be remembered");
    this.#dropBase(this.#at(this.#base));
    this.#advance();
  }

  /** Whether the acknowledged range `index`, if it exists, contains all of these numbers. */
  #isKnown(index: number, start: number, end: number): boolean {
    const acked = this.#acked;
    return index >= 0 && index < acked.length && acked.start(index) <= start && end <= acked.end(index);
  }

  /** Index of the first acknowledged range that ends after `value`. */
  #indexEndingAfter(value: number): number {
    const acked = this.#acked;
    let low = 0;
    let high = acked.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (acked.end(middle) > value) high = middle;
      else low = middle + 1;
    }
    return this.#hint = low;
  }

  #slot(packetNumber: number): number {
    return (this.#baseSlot + (packetNumber - this.#base)) & (this.#ring.length - 1);
  }

  #at(packetNumber: number): SentPacket {
    return this.#ring[this.#slot(packetNumber)]!;
  }

  #grow(): void {
    const old = this.#ring;
    const ring: (SentPacket | undefined)[] = new Array(old.length * 2).fill(undefined);
    for (let i = 0; i < old.length; i++) ring[i] = old[(this.#baseSlot + i) & (old.length - 1)];
    this.#ring = ring;
    this.#baseSlot = 0;
  }
}
