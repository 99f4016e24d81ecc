/**
 * Chooses what an ACK frame tells, where not all that there is to tell fits: no packet goes untold for long, however
 * many ranges there are.
 *
 * Half of the room is for the newest ranges. The other half is for older ones that were never told of, the newest
 * first; and where there are none, it goes packet by packet down through all of them, and begins anew: each is told of
 * again until the peer is known to know it (RFC 9000, section 13.2.4). Both halves are frames of their own, since within
 * one what lies between two ranges has not arrived.
 *
 * Hot: called for every ACK frame. A frame's size is bounded, because its receiver looks at every range of every frame,
 * and because on a thin return path a large one takes long.
 *
 * @module
 */

import type { AckTracker } from "./ack_tracker.ts";
import { ReceiptKind, type SentPacket } from "../sent_packet.ts";
import type { Writer } from "../../base/bytes.ts";
import { type Ranges, writeAck } from "../wire/frame.ts";

/** The most bytes of ACK frames in a packet: some 400 ranges. */
export const MAX_ACK_BYTES = 1024;

/**
 * Of these, what there is for ranges told of before. Half of it is some 60 to 90 of the newest, so each is told in dozens of
 * ACKs by itself; with all of the room, losses on a long path would make every ACK a large one, and fill a thin return
 * path with repeats.
 */
export const MAX_RETOLD_BYTES = 384;

/** What a range never told of adds to the room: a gap and a length, none of them small. */
const UNTOLD_RANGE_BYTES = 4;

/** Share of the room for the newest ranges, where not all fit. */
const NEWEST_SHARE = 0.5;

/** No range takes less: a gap and a length. */
const MIN_RANGE_BYTES = 2;

/** Writes the ACK frames of one connection. */
export class AckReporter {
  readonly #acks: AckTracker;
  /** Older ranges from this number on were told of in the round under way. */
  #cursor = Infinity;
  /** Reused for every frame. */
  readonly #options = { ackDelayUs: 0, maxBytes: 0, count: 0 };

  constructor(acks: AckTracker) {
    this.#acks = acks;
  }

  /**
   * Writes what there is to tell, in `maxBytes` at most, and leaves receipts of it in `packet`. False where there is
   * nothing, or no room: then nothing was written.
   */
  write(writer: Writer, packet: SentPacket, nowUs: number, maxBytes: number): boolean {
    const { ranges, untold } = this.#acks;
    const wanted = MAX_RETOLD_BYTES + UNTOLD_RANGE_BYTES * untold.length;
    const room = Math.min(maxBytes, MAX_ACK_BYTES, writer.remaining, wanted);
    const start = writer.position;
    const told = this.#writeNewest(writer, nowUs, room);
    if (told === 0) return false;
    const report = this.#acks.onAckSent(nowUs);
    const older = ranges.length - told;
    this.#note(packet, ranges.length, told, report);
    if (older === 0) return true;
    const isMoreTold = this.#writeOlder(writer, packet, room - (writer.position - start), older, report);
    // With no room for one more range there is no use in trying again.
    if (isMoreTold && this.#acks.untold.length > 0) this.#acks.onAckCutShort(nowUs);
    return true;
  }

  /** All ranges if they fit, or else what fits of the newest into their share; returns how many. */
  #writeNewest(writer: Writer, nowUs: number, room: number): number {
    const { ranges } = this.#acks;
    const start = writer.position;
    const options = this.#options;
    options.ackDelayUs = this.#acks.ackDelayUs(nowUs);
    options.count = ranges.length;
    options.maxBytes = room;
    if (ranges.length * MIN_RANGE_BYTES <= room) {
      const told = writeAck(writer, ranges, options);
      if (told === ranges.length) return told;
      writer.position = start;
    }
    options.maxBytes = room * NEWEST_SHARE;
    const told = writeAck(writer, ranges, options);
    if (told > 0) return told;
    // Too little room to share.
    options.maxBytes = room;
    return writeAck(writer, ranges, options);
  }

  /** Some of the `older` lowest ranges. False where not one fits. */
  #writeOlder(writer: Writer, packet: SentPacket, room: number, older: number, report: number): boolean {
    const { ranges, untold } = this.#acks;
    const isNew = untold.length > 0;
    let count = countBelow(ranges, isNew ? untold.end(untold.length - 1) : this.#cursor);
    if (count === 0 || count > older) count = older;
    const options = this.#options;
    // The delay is that of the newest packet: of an older one it says nothing.
    options.ackDelayUs = 0;
    options.count = count;
    options.maxBytes = room;
    const told = writeAck(writer, ranges, options);
    if (told === 0) return false;
    this.#note(packet, count, told, report);
    if (!isNew) this.#cursor = told === count ? Infinity : ranges.start(count - told);
    return true;
  }

  /** Notes that `packet` tells the highest `told` of the lowest `count` ranges, and all below where that is all. */
  #note(packet: SentPacket, count: number, told: number, report: number): void {
    const { ranges } = this.#acks;
    const start = told === count ? 0 : ranges.start(count - told);
    const end = ranges.end(count - 1);
    packet.addReceipt(ReceiptKind.ack, start, end, report);
    this.#acks.onTold(start, end);
  }
}

/** How many ranges start below `value`. */
function countBelow(ranges: Ranges, value: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges.start(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
