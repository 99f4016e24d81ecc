/**
 * Writes the ACK frames of a connection: the newest ranges first, as many as fit, older ones left out (RFC 9000, section
 * 13.2.3). Each range is repeated in many frames, so a lost frame costs nothing.
 *
 * Hot: called for every ACK frame. A frame's size is bounded, because its receiver looks at every range of every frame,
 * and because on a thin return path a large one takes long.
 *
 * @module
 */

import { ReceiptKind, type SentPacket } from "../sent_packet.ts";
import type { Writer } from "../../base/bytes.ts";
import { writeAck } from "../wire/frame.ts";
import type { AckTracker } from "./ack_tracker.ts";

/** The longest ACK frame, bytes: some 400 ranges. */
export const MAX_ACK_BYTES = 1024;

/**
 * The length after which a frame no longer repeats ranges that were reported before. That is room for some 80 to 120
 * of the newest, so each is in dozens of frames; with more, the losses of a long path would make every ACK a large one
 * and fill a thin return path with repeats.
 */
export const MAX_REPEAT_BYTES = 256;

/** Writes the ACK frames of one connection. */
export class AckReporter {
  readonly #acks: AckTracker;
  /** Reused for every frame. */
  readonly #options = { ackDelayUs: 0, maxBytes: 0, repeatBytes: MAX_REPEAT_BYTES, reportFrom: 0 };

  constructor(acks: AckTracker) {
    this.#acks = acks;
  }

  /**
   * Writes an ACK frame of at most `maxBytes` and leaves a receipt of it in `packet`. Returns false, having written
   * nothing, if there is nothing to report or no room for it.
   */
  write(writer: Writer, packet: SentPacket, nowUs: number, maxBytes: number): boolean {
    const acks = this.#acks;
    const options = this.#options;
    options.ackDelayUs = acks.ackDelayUs(nowUs);
    options.maxBytes = Math.min(maxBytes, MAX_ACK_BYTES);
    options.reportFrom = acks.lowestUnreported;
    if (writeAck(writer, acks.ranges, options) === 0) return false;
    acks.onAckSent(nowUs);
    packet.addReceipt(ReceiptKind.ack, acks.ranges.end(acks.ranges.length - 1));
    return true;
  }
}
