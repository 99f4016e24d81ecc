/**
 * Flow control: how much a sender may send before its receiver says more (RFC 9000, section 4).
 *
 * There are two levels, and both use the same two classes: each stream counts offsets on itself, the connection the
 * sum of all its streams. New bytes need credit on both; bytes sent again need none.
 *
 * **Sending.** A stream may send up to
 * `min(streamCredit.limit, sendBuffer.sentOffset + connectionCredit.available)`, and what a picked range holds that
 * is no retransmission is then used on both credits. MAX_STREAM_DATA raises the one, MAX_DATA the other.
 *
 * **Receiving.** Before a STREAM frame's bytes reach the assembler, the growth of the stream's highest offset is
 * put to both windows, which throw if it is too much: memory is never spent on bytes without credit. After every
 * call that may have changed it, the growth of `Assembler.consumedBytes` goes to `onConsumed` of both. When
 * `shouldUpdate` says so, `takeUpdate` gives the limit to announce.
 *
 * A message that is consumed only when it is whole must fit into half a window: with less than half of it consumed,
 * no update is due, and the rest of the message would wait for credit that never comes.
 *
 * **Files.** Bytes on their way to a sink take no memory, so while a stream is in its direct region its window may
 * be as wide as the link needs. {@link ReceiveWindow.widen} with the region's end keeps the promise that memory
 * rests on: never is there credit for more than the ordinary window beyond the region.
 *
 * @module
 */

import { PeerError, TransportErrorCode } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";

/** What the peer allows this side to send, on one stream or on the connection. Bytes. */
export class SendCredit {
  #limit: number;
  #used = 0;

  /** `limit` is what the peer's transport parameters grant. */
  constructor(limit = 0) {
    this.#limit = limit;
  }

  /** Bytes that may be sent in all: the highest offset allowed. */
  get limit(): number {
    return this.#limit;
  }

  /** Bytes sent so far, each counted once. */
  get used(): number {
    return this.#used;
  }

  /** Bytes that may still be sent. */
  get available(): number {
    return this.#limit - this.#used;
  }

  /** Takes a limit that the peer announced. False if it is no increase: such a one is ignored (section 4.1). */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    return true;
  }

  /** Counts bytes sent for the first time. */
  use(bytes: number): void {
    invariant(bytes >= 0 && bytes <= this.available, "SendCredit.use: more than the peer allows");
    this.#used += bytes;
  }
}

/** What this side allows the peer to send, on one stream or on the connection. Bytes. */
export class ReceiveWindow {
  readonly #baseBytes: number;
  /** Room on top of the base, and the offset up to which it is granted. */
  #extraBytes = 0;
  #extraUntilOffset = Infinity;
  #limit: number;
  #received = 0;
  #consumed = 0;

  /** `windowBytes` is granted at once: the transport parameter that announces it is the first limit. */
  constructor(windowBytes: number) {
    invariant(Number.isSafeInteger(windowBytes) && windowBytes >= 0, "ReceiveWindow: not a number of bytes");
    this.#baseBytes = windowBytes;
    this.#limit = windowBytes;
  }

  /** The limit last announced: the highest offset, or sum of offsets, that the peer may send. */
  get limit(): number {
    return this.#limit;
  }

  /** The highest offset, or sum of highest offsets, seen so far. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Bytes that no longer take up room. */
  get consumedBytes(): number {
    return this.#consumed;
  }

  /** The room that is granted now: how far the limit may go beyond what was consumed. */
  get windowBytes(): number {
    return this.#nextLimit() - this.#consumed;
  }

  /**
   * Takes the new highest offset (a stream), or sum of highest offsets (the connection); a lower one than before is
   * of no account. Throws PeerError (FLOW_CONTROL_ERROR; RFC 9000, section 4.1) above the limit.
   */
  onReceived(newHighestTotal: number): void {
    if (newHighestTotal > this.#limit) {
      throw new PeerError(TransportErrorCode.flowControlError, `received up to ${newHighestTotal} of ${this.#limit}`);
    }
    if (newHighestTotal > this.#received) this.#received = newHighestTotal;
  }

  /** Counts bytes that were read, written to a sink, or given up, in whatever order. */
  onConsumed(bytes: number): void {
    invariant(bytes >= 0, "ReceiveWindow.onConsumed: a negative number of bytes");
    this.#consumed += bytes;
    invariant(this.#consumed <= this.#received, "ReceiveWindow.onConsumed: more than was received");
  }

  /**
   * Whether a new limit is due: at least half of the window was consumed, or added to it, since the last one. So the
   * peer always has more than half a window of credit left, or an update on its way, and there are no more than two
   * updates a window (RFC 9000, section 4.2).
   */
  get shouldUpdate(): boolean {
    const next = this.#nextLimit();
    return next > this.#limit && next - this.#limit >= (next - this.#consumed) / 2;
  }

  /** The limit to announce now. It counts as announced; a frame that is lost is to be sent again with `limit`. */
  takeUpdate(): number {
    // RFC 9000, section 4.1: a limit once announced is never taken back.
    this.#limit = Math.max(this.#limit, this.#nextLimit());
    return this.#limit;
  }

  /**
   * Widens the window by `bytes` on top of what it has. With `untilOffset`, the end of a stream's direct region,
   * the limit stays within `untilOffset` and an ordinary window, so that the extra room shrinks to nothing as the
   * region is consumed, and no `narrow` is needed; the latest `untilOffset` holds.
   */
  widen(bytes: number, untilOffset = Infinity): void {
    invariant(bytes >= 0, "ReceiveWindow.widen: a negative number of bytes");
    // Room left over from an earlier region that is consumed must not come back to life.
    if (this.#consumed >= this.#extraUntilOffset) this.#extraBytes = 0;
    this.#extraBytes += bytes;
    this.#extraUntilOffset = untilOffset;
  }

  /** Takes back what {@link widen} gave, or part of it. Limits already announced stand. */
  narrow(bytes: number): void {
    invariant(bytes >= 0, "ReceiveWindow.narrow: a negative number of bytes");
    this.#extraBytes = Math.max(0, this.#extraBytes - bytes);
  }

  #nextLimit(): number {
    const room = Math.min(this.#extraBytes, Math.max(0, this.#extraUntilOffset - this.#consumed));
    return Math.min(this.#consumed + this.#baseBytes + room, Number.MAX_SAFE_INTEGER);
  }
}
