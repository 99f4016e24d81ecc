/**
 * Flow control (RFC 9000, section 4): how much a sender may send before the receiver raises its limit.
 *
 * There are two levels, and both use the same two classes: a stream counts its own offsets, the connection the sum over
 * all its streams. New bytes need credit on both levels; retransmitted bytes need none.
 *
 * **Sending.** A stream may send up to
 * `min(streamCredit.limit, sendBuffer.sentOffset + connectionCredit.available)`, and the new bytes of a picked range are
 * then used on both credits. MAX_STREAM_DATA raises the stream's credit, MAX_DATA the connection's.
 *
 * **Receiving.** Before a STREAM frame's bytes reach the assembler, the growth of the stream's highest offset is
 * reported to both windows, which throw if it exceeds their limits: no memory is spent on bytes without credit. After
 * every call that may have changed it, the growth of `Assembler.consumedBytes` is reported to `onConsumed` of both. When
 * `shouldUpdate` is true, `takeUpdate` returns the limit to announce.
 *
 * A message that is consumed only when it is complete must fit into half a window: with less than half of the window
 * consumed no update is due, and the rest of the message would wait for credit that never comes.
 *
 * **Files.** Bytes that are written to a sink are not buffered, so while a stream is in its direct region its window may
 * be as wide as the link needs. {@link ReceiveWindow.widen} with the region's end preserves the bound on memory: there is
 * never credit for more than the ordinary window beyond the region.
 *
 * @module
 */

import { PeerError, TransportErrorCode } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";

/** The credit that the peer grants this side, on one stream or on the connection. Bytes. */
export class SendCredit {
  #limit: number;
  #used = 0;

  /** `limit` is the initial limit in the peer's transport parameters. */
  constructor(limit = 0) {
    this.#limit = limit;
  }

  /** Cumulative number of bytes that may be sent: the highest offset allowed. */
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

  /** Applies a limit that the peer announced. Returns false if it is no increase, and ignores it (section 4.1). */
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

/** The credit that this side grants the peer, on one stream or on the connection. Bytes. */
export class ReceiveWindow {
  readonly #baseBytes: number;
  /** Bytes added to the base window, and the offset up to which they are granted. */
  #extraBytes = 0;
  #extraUntilOffset = Infinity;
  #limit: number;
  #received = 0;
  #consumed = 0;

  /** `windowBytes` is the initial limit, which the transport parameters announce. */
  constructor(windowBytes: number) {
    invariant(
      Number.isSafeInteger(windowBytes) && windowBytes >= 0,
      "ReceiveWindow: windowBytes is not a number of bytes",
    );
    this.#baseBytes = windowBytes;
    this.#limit = windowBytes;
  }

  /** The limit announced last: the highest offset, or sum of offsets, that the peer may send. */
  get limit(): number {
    return this.#limit;
  }

  /** The highest offset, or sum of highest offsets, seen so far. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Bytes that have been consumed and no longer occupy the window. */
  get consumedBytes(): number {
    return this.#consumed;
  }

  /** The current window: how far the limit may exceed the consumed bytes. */
  get windowBytes(): number {
    return this.#nextLimit() - this.#consumed;
  }

  /**
   * Records the new highest offset (of a stream), or sum of highest offsets (of the connection); a value lower than before
   * is ignored. Throws PeerError (FLOW_CONTROL_ERROR; RFC 9000, section 4.1) above the limit.
   */
  onReceived(newHighestTotal: number): void {
    if (newHighestTotal > this.#limit) {
      throw new PeerError(
        TransportErrorCode.flowControlError,
        `received up to offset ${newHighestTotal}, limit ${this.#limit}`,
      );
    }
    if (newHighestTotal > this.#received) this.#received = newHighestTotal;
  }

  /** Counts bytes that were read, written to a sink or dropped, in any order. */
  onConsumed(bytes: number): void {
    invariant(bytes >= 0, "ReceiveWindow.onConsumed: negative number of bytes");
    this.#consumed += bytes;
    invariant(this.#consumed <= this.#received, "ReceiveWindow.onConsumed: more than was received");
  }

  /**
   * Whether a new limit is due: since the last one, at least half of the window was consumed or added. So the peer always
   * has more than half a window of credit left, or an update in flight, and there are at most two updates per window
   * (RFC 9000, section 4.2).
   */
  get shouldUpdate(): boolean {
    const next = this.#nextLimit();
    return next > this.#limit && next - this.#limit >= (next - this.#consumed) / 2;
  }

  /** Returns the limit to announce now, and counts it as announced. After the loss of its frame, send `limit` again. */
  takeUpdate(): number {
    // RFC 9000, section 4.1: an announced limit is never reduced.
    this.#limit = Math.max(this.#limit, this.#nextLimit());
    return this.#limit;
  }

  /**
   * Widens the window by `bytes`. With `untilOffset`, the end of a stream's direct region, the limit stays within
   * `untilOffset` plus an ordinary window, so that the added bytes shrink to zero as the region is consumed, and no `narrow`
   * is needed; the latest `untilOffset` applies.
   */
  widen(bytes: number, untilOffset = Infinity): void {
    invariant(bytes >= 0, "ReceiveWindow.widen: negative number of bytes");
    // What is left of the widening for an earlier, consumed region must not apply again.
    if (this.#consumed >= this.#extraUntilOffset) this.#extraBytes = 0;
    this.#extraBytes += bytes;
    this.#extraUntilOffset = untilOffset;
  }

  /** Reverses {@link widen}, or part of it. Limits already announced stay in force. */
  narrow(bytes: number): void {
    invariant(bytes >= 0, "ReceiveWindow.narrow: negative number of bytes");
    this.#extraBytes = Math.max(0, this.#extraBytes - bytes);
  }

  #nextLimit(): number {
    const room = Math.min(this.#extraBytes, Math.max(0, this.#extraUntilOffset - this.#consumed));
    return Math.min(this.#consumed + this.#baseBytes + room, Number.MAX_SAFE_INTEGER);
  }
}
