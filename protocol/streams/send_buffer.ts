/**
 * The sending half of a stream: which byte ranges are to be sent, sent again, or done with.
 *
 * Ranges of bytes are retransmitted, never packets (RFC 9000, section 13.3). Bytes appended from memory are kept
 * until the peer has them; those of a {@link ByteSource} are not kept at all, but read again when they are lost.
 *
 * For each packet the owner calls {@link SendBuffer.next}, writes the frame's header now that the range is known,
 * and has {@link SendBuffer.take} copy the bytes behind it. The range goes into the packet's receipt and comes back
 * as {@link SendBuffer.onAcked} or {@link SendBuffer.onLost}. Flow control is the owner's: it passes the highest
 * offset that the peer allows (`flow_control.ts`).
 *
 * Hot: per packet, one view of the target is made for each segment that the range touches, and nothing else.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";
import { RangeSet } from "../../base/range_set.ts";
import type { ByteSource } from "./byte_flow.ts";

/** A stretch of the stream that comes from one place. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly source: ByteSource;
}

/** Bytes in memory, read as a source. */
class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }
}

/** What a range of a {@link RangeSet} takes: two numbers. */
const RANGE_BYTES = 16;

/** Options of a {@link SendBuffer}. */
export interface SendBufferOptions {
  /** Offset of the first byte, in bytes; anything but 0 is for tests near the ends of the number range. */
  readonly startOffset?: number;
}

/** The sending half of a stream. All offsets are in bytes from the beginning of the stream. */
export class SendBuffer {
  readonly #startOffset: number;
  /** Ascending and disjoint; segments that are wholly acknowledged are gone. */
  readonly #segments: Segment[] = [];
  readonly #acked = new RangeSet();
  /** Sent, declared lost, and neither acknowledged nor sent again since. */
  readonly #lost = new RangeSet();
  readonly #addLost = (start: number, end: number): void => {
    this.#lost.add(start, end);
  };
  #endOffset: number;
  #sentOffset: number;
  #ackedBytes = 0;
  /** Bytes of segments in memory. */
  #appendedBytes = 0;
  #isFinished = false;
  #isReset = false;
  #finSent = false;
  #finLost = false;
  #finAcked = false;
  // The picked range.
  #isPicked = false;
  #rangeStart = 0;
  #rangeEnd = 0;
  #rangeFin = false;
  #rangeIsRetransmission = false;

  constructor(options: SendBufferOptions = {}) {
    this.#startOffset = options.startOffset ?? 0;
    this.#endOffset = this.#startOffset;
    this.#sentOffset = this.#startOffset;
  }

  /** One past the last byte appended so far. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Whether {@link finish} was called, so that `endOffset` is the stream's final size. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /**
   * One past the highest byte sent so far: what the stream has used of the peer's flow control credit, and the
   * final size that a RESET_STREAM frame states (RFC 9000, section 4.5).
   */
  get sentOffset(): number {
    return this.#sentOffset;
  }

  /** Bytes that the peer has acknowledged, each counted once. */
  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** Bytes appended, sent or not, that the peer has not acknowledged; 0 after {@link reset}. */
  get unackedBytes(): number {
    return this.#isReset ? 0 : this.#endOffset - this.#startOffset - this.#ackedBytes;
  }

  /** What it takes in memory, about: bytes that were appended from there and are not acknowledged, and ranges. */
  get memoryBytes(): number {
    return this.#isReset ? 0 : this.#appendedBytes + (this.#acked.length + this.#lost.length) * RANGE_BYTES;
  }

  /** Whether the peer has acknowledged every byte and the end of the stream. */
  get isFullyAcked(): boolean {
    return this.#finAcked && this.#ackedBytes === this.#endOffset - this.#startOffset;
  }

  /** First byte of the range that {@link next} picked. */
  get rangeStart(): number {
    return this.#rangeStart;
  }

  /** One past the last byte of the range that {@link next} picked. */
  get rangeEnd(): number {
    return this.#rangeEnd;
  }

  /** Whether the range that {@link next} picked ends the stream. */
  get rangeFin(): boolean {
    return this.#rangeFin;
  }

  /** Whether the range that {@link next} picked was sent before, so that it uses no flow control credit. */
  get rangeIsRetransmission(): boolean {
    return this.#rangeIsRetransmission;
  }

  /**
   * Appends `bytes`, which the caller must not change afterwards: they are kept, not copied. Does nothing after
   * {@link reset}. Throws CallerError after {@link finish}.
   */
  append(bytes: Uint8Array): void {
    this.appendSource(new MemorySource(bytes), bytes.length);
    if (!this.#isReset) this.#appendedBytes += bytes.length;
  }

  /**
   * Appends `lengthBytes` bytes that `source` gives when they are sent; the source's offset 0 is what is now the
   * end of the stream. Does nothing after {@link reset}. Throws CallerError after {@link finish}, and where the
   * stream would outgrow 2^53-1 bytes.
   */
  appendSource(source: ByteSource, lengthBytes: number): void {
    if (this.#isReset) return;
    if (this.#isFinished) throw new CallerError("The stream is finished: nothing can follow its end");
    const end = this.#endOffset + lengthBytes;
    if (!(lengthBytes >= 0) || !Number.isSafeInteger(end)) throw new CallerError("A stream ends at 2^53-1 bytes");
    if (lengthBytes === 0) return;
    this.#segments.push({ start: this.#endOffset, end, source });
    this.#endOffset = end;
  }

  /** Ends the stream where it is now; the end is sent with the last byte, or alone. Idempotent. */
  finish(): void {
    this.#isFinished = true;
    this.#isPicked = false;
  }

  /**
   * Whether anything may be sent while the peer allows offsets below `limitOffset`. Lost ranges and a FIN alone
   * need no credit (RFC 9000, section 4.1, limits new offsets alone).
   */
  hasPending(limitOffset: number): boolean {
    if (this.#isReset) return false;
    return this.#lost.length > 0 || this.#sentOffset < Math.min(this.#endOffset, limitOffset) || this.#isFinPending();
  }

  /**
   * Picks the range to send next: the lowest lost one, else new bytes below `limitOffset`, else a FIN alone; at
   * most `maxBytes` long. Sets `rangeStart`, `rangeEnd`, `rangeFin` and `rangeIsRetransmission`; false if there is
   * nothing to send. Changes nothing else: the range counts as sent once it is taken.
   */
  next(maxBytes: number, limitOffset: number): boolean {
    this.#isPicked = false;
    if (this.#isReset) return false;
    if (this.#lost.length > 0) {
      // RFC 9000, section 13.3: lost data should go before new data.
      const start = this.#lost.start(0);
      return this.#pick(start, Math.min(this.#lost.end(0), start + maxBytes), true);
    }
    const newEnd = Math.min(this.#endOffset, limitOffset);
    if (this.#sentOffset < newEnd) {
      return this.#pick(this.#sentOffset, Math.min(newEnd, this.#sentOffset + maxBytes), false);
    }
    return this.#isFinPending() && this.#pick(this.#endOffset, this.#endOffset, this.#finSent);
  }

  /**
   * Copies the picked range's bytes into `target` from `at` on and marks the range sent. What a source throws
   * passes through; nothing is marked sent then, and the owner is to reset the stream.
   */
  take(target: Uint8Array, at: number): void {
    invariant(this.#isPicked, "SendBuffer.take: no range is picked");
    const start = this.#rangeStart;
    const end = this.#rangeEnd;
    invariant(at >= 0 && end - start <= target.length - at, "SendBuffer.take: the target is too small");
    this.#copy(target, at);
    this.#isPicked = false;
    if (this.#rangeIsRetransmission) this.#lost.remove(start, end);
    else this.#sentOffset = end;
    if (this.#rangeFin) {
      this.#finSent = true;
      this.#finLost = false;
    }
  }

  /** The peer has the bytes from `start` up to, not including, `end`, and the end of the stream where `fin`. */
  onAcked(start: number, end: number, fin: boolean): void {
    if (this.#isReset) return;
    this.#checkSent(start, end, fin);
    this.#isPicked = false;
    const newlyAcked = this.#acked.add(start, end);
    if (newlyAcked > 0) {
      this.#ackedBytes += newlyAcked;
      // A late acknowledgement of what was declared lost: no need to send it again.
      this.#lost.remove(start, end);
      this.#dropAckedSegments(start, end);
    }
    if (fin) {
      this.#finAcked = true;
      this.#finLost = false;
    }
  }

  /** A packet that carried these bytes was lost; what the peer has not acknowledged since is pending again. */
  onLost(start: number, end: number, fin: boolean): void {
    if (this.#isReset) return;
    this.#checkSent(start, end, fin);
    this.#isPicked = false;
    this.#acked.forEachGap(start, end, this.#addLost);
    if (fin && !this.#finAcked) this.#finLost = true;
  }

  /**
   * Makes pending whatever the peer has not acknowledged, if all of it is in memory; returns whether it is. For a
   * connection that ends now, and will hear of no loss.
   */
  repeatHeld(): boolean {
    if (this.#isReset || !this.#segments.every(({ source }) => source instanceof MemorySource)) return false;
    this.onLost(this.#startOffset, this.#sentOffset, this.#finSent);
    return true;
  }

  /** Gives the stream up: forgets data and sources and sends nothing more. `sentOffset` stays. Idempotent. */
  reset(): void {
    this.#isReset = true;
    this.#isPicked = false;
    this.#segments.length = 0;
    this.#lost.clear();
    this.#acked.clear();
  }

  #isFinPending(): boolean {
    return this.#isFinished && this.#sentOffset === this.#endOffset && (!this.#finSent || this.#finLost);
  }

  /** Notes a range as picked; false if it is empty and does not carry the end of the stream either. */
  #pick(start: number, end: number, isRetransmission: boolean): boolean {
    // Whichever frame holds the last byte says that it is the last, also when it is sent again.
    const fin = this.#isFinished && end === this.#endOffset;
    if (end <= start && !fin) return false;
    this.#rangeStart = start;
    this.#rangeEnd = end;
    this.#rangeFin = fin;
    this.#rangeIsRetransmission = isRetransmission;
    this.#isPicked = true;
    return true;
  }

  #copy(target: Uint8Array, at: number): void {
    let offset = this.#rangeStart;
    for (let index = this.#firstSegmentEndingAfter(offset); offset < this.#rangeEnd; index++) {
      const segment = this.#segments[index];
      invariant(segment !== undefined && segment.start <= offset, "SendBuffer: bytes to send were dropped");
      const count = Math.min(this.#rangeEnd, segment.end) - offset;
      segment.source.read(offset - segment.start, target.subarray(at, at + count));
      offset += count;
      at += count;
    }
  }

  #checkSent(start: number, end: number, fin: boolean): void {
    invariant(start >= this.#startOffset && end <= this.#sentOffset, "SendBuffer: a range that was never sent");
    invariant(!fin || this.#finSent, "SendBuffer: a FIN that was never sent");
  }

  /** Lets go of segments between `start` and `end` that the peer has wholly, so that their memory is freed. */
  #dropAckedSegments(start: number, end: number): void {
    let index = this.#firstSegmentEndingAfter(start);
    for (let segment = this.#segments[index]; segment !== undefined && segment.start < end;) {
      if (!this.#acked.containsRange(segment.start, segment.end)) index++;
      else {
        if (segment.source instanceof MemorySource) this.#appendedBytes -= segment.end - segment.start;
        this.#segments.splice(index, 1);
      }
      segment = this.#segments[index];
    }
  }

  #firstSegmentEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1; // positions, not offsets: far below 2^31
      if (this.#segments[middle]!.end > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
