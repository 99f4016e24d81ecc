/**
 * Writes the ACK frames of a connection: the newest ranges first, as many as fit, without the older ones (RFC 9000,
 * section 13.2.3). Each range is repeated in many frames, so the loss of a frame costs nothing.
 *
 * Hot: called for every ACK frame. A frame's size is bounded, because its receiver processes every range of every frame,
 * and because a large frame takes long on a slow return path.
 *
 * @module
 */

import { ReceiptKind, type SentPacket } from "../sent_packet.ts";
import type { Writer } from "../../base/bytes.ts";
import { writeAck } from "../wire/frame.ts";
import type { AckTracker } from "./ack_tracker.ts";

/** Maximum size of an ACK frame, bytes: about 400 ranges. */
export const MAX_ACK_BYTES = 1024;

/**
 * The size up to which a frame repeats ranges that were reported before, bytes. It has room for the newest 80 to 120
 * ranges, so each is in dozens of frames; with more, the losses of a long path would make every ACK large and fill a slow
 * return path with repetitions.
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
   * Writes an ACK frame of at most `maxBytes` and records a receipt for it in `packet`. Returns false and writes nothing
   * if there is nothing to report or no room for it.
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
