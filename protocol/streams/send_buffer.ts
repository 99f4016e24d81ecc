/**
 * The sending half of a stream: tracks which byte ranges are unsent, in flight, lost or acknowledged.
 *
 * Ranges of bytes are retransmitted, never packets (RFC 9000, section 13.3). Bytes appended from memory are kept
 * until the peer has acknowledged them; those of a {@link ByteSource} are never kept, but read again if they are lost.
 *
 * For each packet the owner calls {@link SendBuffer.next} to pick a range, writes the frame's header, and calls
 * {@link SendBuffer.take} to copy the bytes after it. The packet's receipt records the range, with which
 * {@link SendBuffer.onAcked} or {@link SendBuffer.onLost} is called later. The owner is responsible for flow control:
 * it passes the highest offset that the peer allows (`flow_control.ts`). Where a source has zeros,
 * {@link SendBuffer.nextZeros} and {@link SendBuffer.takeZeros} take the place of these two.
 *
 * Hot: per packet, one view of the target is allocated for each segment that the range touches, and nothing else.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";
import { MAX_ZEROS_AHEAD_BYTES } from "../limits.ts";
import { RangeSet } from "../../base/range_set.ts";
import { type ByteSource, MIN_ZEROS_BYTES } from "./byte_flow.ts";

/** A part of the stream that comes from one source. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly source: ByteSource;
}

/** Bytes in memory as a {@link ByteSource}. */
class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }
}

/** Memory of one range in a {@link RangeSet}: two numbers. */
const RANGE_BYTES = 16;

/** Options of a {@link SendBuffer}. */
export interface SendBufferOptions {
  /** Offset of the first byte; values other than 0 are for tests near 2^53. */
  readonly startOffset?: number;
}

/** The sending half of a stream. All offsets are in bytes from the beginning of the stream. */
export class SendBuffer {
  readonly #startOffset: number;
  /** Ascending and disjoint; fully acknowledged segments have been removed. */
  readonly #segments: Segment[] = [];
  readonly #acked = new RangeSet();
  /** Ranges declared lost, and neither acknowledged nor retransmitted since. */
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
  // The range that `next` picked.
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
   * One past the highest byte sent so far: the flow control credit that the stream has used, and the final size for a
   * RESET_STREAM frame (RFC 9000, section 4.5).
   */
  get sentOffset(): number {
    return this.#sentOffset;
  }

  /** Bytes that the peer has acknowledged, each counted once. */
  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** Bytes appended, sent or unsent, that the peer has not acknowledged; 0 after {@link reset}. */
  get unackedBytes(): number {
    return this.#isReset ? 0 : this.#endOffset - this.#startOffset - this.#ackedBytes;
  }

  /** Approximate memory in bytes: unacknowledged bytes that were appended from memory, and the sets of ranges. */
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
   * Appends `bytes`, which the caller must not modify afterwards: the array is kept, not copied. Does nothing after
   * {@link reset}. Throws CallerError after {@link finish}.
   */
  append(bytes: Uint8Array): void {
    this.appendSource(new MemorySource(bytes), bytes.length);
    if (!this.#isReset) this.#appendedBytes += bytes.length;
  }

  /**
   * Appends `lengthBytes` bytes, read from `source` when they are sent; the source's offset 0 is the current end of the
   * stream. Does nothing after {@link reset}. Throws CallerError after {@link finish}, and if the stream would exceed
   * 2^53-1 bytes.
   */
  appendSource(source: ByteSource, lengthBytes: number): void {
    if (this.#isReset) return;
    if (this.#isFinished) throw new CallerError("the stream is finished: nothing can be written after its end");
    const end = this.#endOffset + lengthBytes;
    if (!(lengthBytes >= 0) || !Number.isSafeInteger(end)) throw new CallerError("a stream cannot exceed 2^53-1 bytes");
    if (lengthBytes === 0) return;
    this.#segments.push({ start: this.#endOffset, end, source });
    this.#endOffset = end;
  }

  /** Ends the stream at its current end; the FIN is sent with the last byte, or in a frame of its own. Idempotent. */
  finish(): void {
    this.#isFinished = true;
    this.#isPicked = false;
  }

  /**
   * Whether anything may be sent while the peer allows offsets below `limitOffset`. Lost ranges and a FIN without data
   * need no credit (RFC 9000, section 4.1, limits only new offsets).
   */
  hasPending(limitOffset: number): boolean {
    if (this.#isReset) return false;
    return this.#lost.length > 0 || this.#sentOffset < Math.min(this.#endOffset, limitOffset) || this.#isFinPending();
  }

  /**
   * Picks the range to send next: the lowest lost one, else new bytes below `limitOffset`, else a FIN without data; at
   * most `maxBytes` long. Sets `rangeStart`, `rangeEnd`, `rangeFin` and `rangeIsRetransmission`; returns false if there is
   * nothing to send. Changes nothing else: the range counts as sent once `take` is called.
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
   * Picks what {@link next} would pick, as far as it is zeros that need not be read, at most `maxBytes`; returns false,
   * and leaves nothing picked, if it does not begin with such. The stream's last byte is never among them: it may have to
   * carry the FIN. Nor is anything beyond what the peer takes as zeros at this time. An error thrown by a source is passed on, as by {@link take}.
   */
  nextZeros(maxBytes: number, limitOffset: number): boolean {
    this.#isPicked = false;
    if (this.#isReset) return false;
    const isRetransmission = this.#lost.length > 0;
    const start = isRetransmission ? this.#lost.start(0) : this.#sentOffset;
    const limit = isRetransmission ? this.#lost.end(0) : Math.min(this.#endOffset, limitOffset);
    if (limit - start < MIN_ZEROS_BYTES) return false;
    const segment = this.#segments[this.#firstSegmentEndingAfter(start)];
    if (segment?.source.zerosAt === undefined) return false;
    const most = Math.min(maxBytes, Math.min(limit, segment.end, this.#endOffset - 1) - start);
    if (most < MIN_ZEROS_BYTES) return false;
    const count = segment.source.zerosAt(start - segment.start, most);
    if (count === 0) return false;
    const aheadEnd = this.#acked.coveredUntil(this.#startOffset) + MAX_ZEROS_AHEAD_BYTES;
    const end = Math.min(start + count, aheadEnd);
    return end > start && this.#pick(start, end, isRetransmission);
  }

  /** Marks the range that {@link nextZeros} picked as sent. */
  takeZeros(): void {
    invariant(this.#isPicked, "SendBuffer.takeZeros: no range is picked");
    this.#markTaken();
  }

  /**
   * Copies the picked range's bytes into `target` from `at` on and marks the range as sent. An error thrown by a source
   * is passed on; then nothing is marked as sent, and the owner must reset the stream.
   */
  take(target: Uint8Array, at: number): void {
    invariant(this.#isPicked, "SendBuffer.take: no range is picked");
    const start = this.#rangeStart;
    const end = this.#rangeEnd;
    invariant(at >= 0 && end - start <= target.length - at, "SendBuffer.take: the target is too small");
    this.#copy(target, at);
    this.#markTaken();
  }

  /** The peer has acknowledged the bytes from `start` up to `end`, exclusive, and with `fin` the end of the stream. */
  onAcked(start: number, end: number, fin: boolean): void {
    if (this.#isReset) return;
    this.#checkSent(start, end, fin);
    this.#isPicked = false;
    const newlyAcked = this.#acked.add(start, end);
    if (newlyAcked > 0) {
      this.#ackedBytes += newlyAcked;
      // A late acknowledgement of bytes that were declared lost: no need to retransmit them.
      this.#lost.remove(start, end);
      this.#dropAckedSegments(start, end);
    }
    if (fin) {
      this.#finAcked = true;
      this.#finLost = false;
    }
  }

  /** A packet with these bytes was lost: those that the peer has not acknowledged since become pending again. */
  onLost(start: number, end: number, fin: boolean): void {
    if (this.#isReset) return;
    this.#checkSent(start, end, fin);
    this.#isPicked = false;
    this.#acked.forEachGap(start, end, this.#addLost);
    if (fin && !this.#finAcked) this.#finLost = true;
  }

  /**
   * Makes all unacknowledged bytes pending, if all of them are in memory; returns whether they are. For a connection that
   * closes now and will detect no more losses.
   */
  repeatBuffered(): boolean {
    if (this.#isReset || !this.#segments.every(({ source }) => source instanceof MemorySource)) return false;
    this.onLost(this.#startOffset, this.#sentOffset, this.#finSent);
    return true;
  }

  /** Abandons the stream: drops data and sources and sends nothing more. `sentOffset` stays. Idempotent. */
  reset(): void {
    this.#isReset = true;
    this.#isPicked = false;
    this.#segments.length = 0;
    this.#lost.clear();
    this.#acked.clear();
  }

  #markTaken(): void {
    this.#isPicked = false;
    if (this.#rangeIsRetransmission) this.#lost.remove(this.#rangeStart, this.#rangeEnd);
    else this.#sentOffset = this.#rangeEnd;
    if (!this.#rangeFin) return;
    this.#finSent = true;
    this.#finLost = false;
  }

  #isFinPending(): boolean {
    return this.#isFinished && this.#sentOffset === this.#endOffset && (!this.#finSent || this.#finLost);
  }

  /** Records a range as picked; returns false if it is empty and does not carry the end of the stream either. */
  #pick(start: number, end: number, isRetransmission: boolean): boolean {
    // Every frame with the last byte carries the FIN, also a retransmission.
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
      invariant(segment !== undefined && segment.start <= offset, "SendBuffer: bytes to send are missing");
      const count = Math.min(this.#rangeEnd, segment.end) - offset;
      segment.source.read(offset - segment.start, target.subarray(at, at + count));
      offset += count;
      at += count;
    }
  }

  #checkSent(start: number, end: number, fin: boolean): void {
    invariant(start >= this.#startOffset && end <= this.#sentOffset, "SendBuffer: the range was never sent");
    invariant(!fin || this.#finSent, "SendBuffer: the FIN was never sent");
  }

  /** Removes the segments between `start` and `end` that are fully acknowledged, to free their memory. */
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
