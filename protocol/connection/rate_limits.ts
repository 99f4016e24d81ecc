/**
 * Limits on the rate at which each side of a connection sends, beside congestion control: what this side's user set, what the
 * peer asked for, and what this side asks of the peer (RATE_LIMIT, `docs/PROTOCOL.md`, section 7.6).
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import type { SentPacket } from "../sent_packet.ts";
import { ReceiptKind } from "../sent_packet.ts";
import type { Writer } from "../../base/bytes.ts";
import { MAX_CONTROL_FRAME_BYTES, writeRateLimit } from "../wire/frame.ts";

/** How a direction may be used. */
export interface RateLimit {
  /** Bytes of UDP payload per second; Infinity for any rate. */
  readonly bytesPerSecond: number;
  /** Whether to yield to all other traffic. */
  readonly isBackground: boolean;
}

/** No limit. */
export const NO_RATE_LIMIT: RateLimit = { bytesPerSecond: Infinity, isBackground: false };

/** The limits of one connection. */
export class RateLimits {
  #own = NO_RATE_LIMIT;
  #peers = NO_RATE_LIMIT;
  #asked = NO_RATE_LIMIT;
  #isAskPending = false;
  #askNumber = 0;

  /** What both sides allow this side to send. */
  get sending(): RateLimit {
    return {
      bytesPerSecond: Math.min(this.#own.bytesPerSecond, this.#peers.bytesPerSecond),
      isBackground: this.#own.isBackground || this.#peers.isBackground,
    };
  }

  /** Whether a RATE_LIMIT frame waits to be sent. */
  get hasPending(): boolean {
    return this.#isAskPending;
  }

  /** Limits what this side sends. Throws CallerError for a rate that is not positive. */
  limitSending(limit: RateLimit): void {
    checkRateLimit(limit);
    this.#own = limit;
  }

  /** The peer's RATE_LIMIT has arrived; the latest one counts, and 0 is no limit. */
  onPeerLimit(bytesPerSecond: number, isBackground: boolean): void {
    this.#peers = { bytesPerSecond: bytesPerSecond === 0 ? Infinity : bytesPerSecond, isBackground };
  }

  /** Asks the peer to limit what it sends. Throws CallerError for a rate that is not positive. */
  limitReceiving(limit: RateLimit): void {
    checkRateLimit(limit);
    if (limit.bytesPerSecond === this.#asked.bytesPerSecond && limit.isBackground === this.#asked.isBackground) return;
    this.#asked = limit;
    this.#isAskPending = true;
  }

  /** Writes RATE_LIMIT if it is pending and fits. */
  fill(writer: Writer, packet: SentPacket): void {
    if (!this.#isAskPending || writer.remaining < MAX_CONTROL_FRAME_BYTES) return;
    this.#isAskPending = false;
    const { bytesPerSecond, isBackground } = this.#asked;
    writeRateLimit(writer, bytesPerSecond === Infinity ? 0 : Math.max(1, Math.floor(bytesPerSecond)), isBackground);
    packet.addReceipt(ReceiptKind.rateLimit, ++this.#askNumber);
  }

  /** A packet with the frame of this number was lost: unless a later one says something else, it is sent again. */
  onLost(number: number): void {
    if (number === this.#askNumber) this.#isAskPending = true;
  }
}

function checkRateLimit({ bytesPerSecond }: RateLimit): void {
  if (bytesPerSecond > 0) return;
  throw new CallerError(`a rate limit must be positive, not ${bytesPerSecond} bytes per second`);
}
