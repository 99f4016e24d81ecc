/**
 * The receiving half of a stream: reassembles bytes that arrive in any order, split and repeated in any way.
 *
 * A stream's bytes are read in one of two ways. *Ordered* bytes are messages: they are buffered until all bytes before
 * them have arrived and the owner has consumed them. A *direct region* is a file: its bytes are written to a
 * {@link ByteSink} as they arrive, even if bytes before them are missing, and are never buffered.
 *
 * Every byte is delivered exactly once. If two copies of a byte differ, the one that arrived first is used and the
 * other is ignored (RFC 9000, section 2.2, allows this).
 *
 * Buffered bytes are kept in blocks of a fixed size, not in one buffer for each frame: even if a peer splits the stream
 * into tiny frames, the memory is at most the flow control window plus a block at each end. The number of ranges is
 * bounded by `maxGaps`. The owner checks flow control before it inserts (`flow_control.ts`).
 *
 * Hot: a frame in the direct region costs one view of the input buffer; ordered bytes are copied.
 *
 * @module
 */

import { PeerError, TransportErrorCode } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";
import { RangeSet } from "../../base/range_set.ts";
import type { ByteSink } from "./byte_flow.ts";

/** Size of a block of buffered bytes: small compared to a window, large compared to a message. */
const BLOCK_BYTES = 4096;

/** Memory of one range in a {@link RangeSet}: two numbers. */
const RANGE_BYTES = 16;

/** Default of {@link AssemblerOptions.maxGaps}: enough for a window of 800 MB in 1200-byte packets with 10 % loss. */
const DEFAULT_MAX_GAPS = 65_536;

const NO_BYTES = new Uint8Array(0);

/** Options of an {@link Assembler}. */
export interface AssemblerOptions {
  /**
   * The maximum number of gaps below the highest byte received. Stops a peer that sends every other byte so that this
   * side must track each one (stream fragmentation attack; RFC 9000, section 21.7).
   */
  readonly maxGaps?: number;
  /** Offset of the first byte; values other than 0 are for tests near 2^53. */
  readonly startOffset?: number;
}

/** The receiving half of a stream. All offsets are in bytes from the beginning of the stream. */
export class Assembler {
  readonly #startOffset: number;
  readonly #maxGaps: number;
  /** All offsets received, including those already read; offsets before `startOffset` count as received. */
  readonly #received = new RangeSet();
  #receivedBytes = 0;
  #highestOffset: number;
  #finalSize: number | undefined;
  #isStopped = false;

  /** Where ordered reading continues: after the direct region, as soon as there is one. */
  #readOffset: number;
  /** Blocks of buffered bytes, by offset divided by BLOCK_BYTES. */
  readonly #blocks = new Map<number, Uint8Array>();
  /** A free block for reuse, so that reading at the pace of arrival allocates none. */
  #spareBlock: Uint8Array | undefined;
  #bufferedBytes = 0;
  /** Readable bytes that `peek` has joined into one array, from `#joinedOffset` on. */
  #joined: Uint8Array = NO_BYTES;
  #joinedOffset = 0;

  #sink: ByteSink | undefined;
  #directStart = 0;
  #directEnd = 0;
  #directRemaining = 0;
  /** While buffered bytes are being written to the sink: the offset of the first byte not yet written. */
  #undeliveredOffset = Infinity;

  /** The frame being inserted: its buffer, and the difference between a position in the buffer and a stream offset. */
  #input: Uint8Array = NO_BYTES;
  #inputShift = 0;
  readonly #deliverGap = (start: number, end: number): void => this.#deliver(start, end);

  constructor(options: AssemblerOptions = {}) {
    this.#startOffset = options.startOffset ?? 0;
    this.#maxGaps = options.maxGaps ?? DEFAULT_MAX_GAPS;
    this.#readOffset = this.#startOffset;
    this.#highestOffset = this.#startOffset;
    this.#received.add(0, this.#startOffset);
  }

  /** Bytes received, each counted once, including consumed and dropped ones. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Buffered bytes: received, but neither read nor written to a sink. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Approximate memory in bytes: whole blocks, however little of them is used, and the set of ranges received. */
  get memoryBytes(): number {
    const blocks = this.#blocks.size + (this.#spareBlock === undefined ? 0 : 1);
    return blocks * BLOCK_BYTES + this.#joined.length + this.#received.length * RANGE_BYTES;
  }

  /**
   * Bytes that free their flow control credit: read, written to a sink, or dropped after {@link stop}. Never decreases;
   * its growth is reported to the receive windows.
   */
  get consumedBytes(): number {
    return this.#isStopped ? this.#highestOffset - this.#startOffset : this.#receivedBytes - this.#bufferedBytes;
  }

  /** One past the highest byte received, or the final size: the flow control credit used by the stream. */
  get highestOffset(): number {
    return this.#highestOffset;
  }

  /** The stream's length, once its end is known (RFC 9000, section 4.5). */
  get finalSize(): number | undefined {
    return this.#finalSize;
  }

  /** The end of the bytes that have arrived without a gap since the stream's beginning. */
  get contiguousOffset(): number {
    return this.#received.coveredUntil(0);
  }

  /** The number of gaps below the highest byte received. */
  get gapCount(): number {
    const ranges = this.#received.length;
    return ranges > 0 && this.#received.start(0) === 0 ? ranges - 1 : ranges;
  }

  /** Whether all bytes up to the final size have arrived and were read, written to a sink or, after {@link stop}, dropped. */
  get isComplete(): boolean {
    return this.#bufferedBytes === 0 && this.#finalSize !== undefined &&
      this.#receivedBytes === this.#finalSize - this.#startOffset;
  }

  /** Length of what {@link peek} returns; 0 while a direct region is incomplete, since ordered bytes follow it. */
  get readableBytes(): number {
    if (this.#isStopped || this.#directRemaining > 0) return 0;
    return this.#received.coveredUntil(this.#readOffset) - this.#readOffset;
  }

  /** Bytes of the direct region that have not arrived. */
  get directRemainingBytes(): number {
    return this.#directRemaining;
  }

  /**
   * Length of the contiguous part at the beginning of the direct region that has arrived; of the latest region, also
   * once it is complete. All of these bytes have been written to the sink, except for those of a write still in progress.
   */
  get directContiguousBytes(): number {
    const covered = this.#received.coveredUntil(this.#directStart);
    return Math.min(covered, this.#directEnd, this.#undeliveredOffset) - this.#directStart;
  }

  /**
   * Inserts the bytes of a STREAM frame: `buffer` from `start` up to `end`, exclusive, belongs at `offset`, and with
   * `fin` the stream ends there. The buffer may be reused afterwards. Returns the number of new bytes.
   *
   * For a RESET_STREAM frame, insert a FIN without bytes at its final size, then call {@link stop}.
   *
   * Throws PeerError for an offset beyond 2^53-1, a final size that changes or is exceeded, or too many gaps; in the
   * first two cases nothing changes. An error thrown by the sink is passed on, and stops the assembler.
   */
  insert(offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): number {
    invariant(start >= 0 && start <= end && end <= buffer.length, "Assembler.insert: range outside the buffer");
    const endOffset = offset + (end - start);
    this.#checkFinalSize(endOffset, fin);
    if (endOffset > this.#highestOffset) this.#highestOffset = endOffset;
    if (start === end) return 0;
    this.#input = buffer;
    this.#inputShift = start - offset;
    let newBytes = 0;
    try {
      this.#received.forEachGap(offset, endOffset, this.#deliverGap);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      newBytes = this.#received.add(offset, endOffset);
      this.#receivedBytes += newBytes;
      this.#input = NO_BYTES;
    }
    if (this.gapCount > this.#maxGaps) {
      throw new PeerError(TransportErrorCode.protocolViolation, "stream with too many gaps");
    }
    return newBytes;
  }

  /**
   * Returns the ordered bytes that can be read now, at most `maxBytes`, in one array; empty if there are none. Valid until
   * the next call of `insert`, `consume`, `direct` or `stop`. Meant for messages: bytes in more than one block are copied
   * to join them, once unless a later call asks for more.
   */
  peek(maxBytes = Infinity): Uint8Array {
    const length = Math.min(this.readableBytes, maxBytes);
    const from = this.#readOffset;
    if (length === 0) return NO_BYTES;
    const joinedFrom = from - this.#joinedOffset;
    if (joinedFrom >= 0 && joinedFrom + length <= this.#joined.length) {
      return this.#joined.subarray(joinedFrom, joinedFrom + length);
    }
    const inBlock = from % BLOCK_BYTES;
    if (inBlock + length <= BLOCK_BYTES) {
      return this.#block((from - inBlock) / BLOCK_BYTES).subarray(inBlock, inBlock + length);
    }
    this.#joined = new Uint8Array(length);
    this.#joinedOffset = from;
    this.#forEachBufferedPiece(from, from + length, (offset, bytes) => this.#joined.set(bytes, offset - from));
    return this.#joined;
  }

  /** Advances the read position by `count` bytes, at most `readableBytes`, and frees them. */
  consume(count: number): void {
    invariant(count >= 0 && count <= this.readableBytes, "Assembler.consume: more than is readable");
    const from = this.#readOffset;
    const to = from + count;
    this.#readOffset = to;
    this.#bufferedBytes -= count;
    if (to >= this.#joinedOffset + this.#joined.length) this.#joined = NO_BYTES;
    // With nothing buffered, the block at the read position is not needed either.
    if (this.#bufferedBytes === 0) this.#freeAllBlocks();
    else for (let key = blockKey(from); key < blockKey(to); key++) this.#freeBlock(key);
  }

  /**
   * Begins a direct region: from the read position on, the next `lengthBytes` are written to `sink` as they arrive, the
   * first of them at the sink's offset 0; those already buffered are written now. Ordered bytes follow the region. The
   * stream may end before the region does: then `isComplete` is true and `directRemainingBytes` is above 0. Does nothing
   * after {@link stop}. An error thrown by the sink is passed on, and stops the assembler.
   */
  direct(lengthBytes: number, sink: ByteSink): void {
    invariant(lengthBytes >= 0, "Assembler.direct: negative length");
    if (this.#isStopped) return;
    invariant(this.#directRemaining === 0, "Assembler.direct: the previous direct region is incomplete");
    const start = this.#readOffset;
    const end = start + lengthBytes;
    invariant(Number.isSafeInteger(end), "Assembler.direct: region ends beyond 2^53-1");
    this.#sink = sink;
    this.#directStart = start;
    this.#directEnd = end;
    this.#directRemaining = lengthBytes;
    this.#readOffset = end;
    this.#joined = NO_BYTES;
    try {
      this.#sinkBufferedBytes(start, end);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.#undeliveredOffset = Infinity;
    }
    const endKey = blockKey(end);
    for (const key of this.#blocks.keys()) {
      if (key < endKey || this.#bufferedBytes === 0) this.#freeBlock(key);
    }
  }

  /**
   * Drops all buffered bytes and delivers nothing more; final size and flow control are still tracked. Idempotent.
   */
  stop(): void {
    this.#isStopped = true;
    this.#blocks.clear();
    this.#spareBlock = undefined;
    this.#bufferedBytes = 0;
    this.#joined = NO_BYTES;
    this.#sink = undefined;
  }

  /** Checks the final size (RFC 9000, section 4.5) and the range of offsets (section 19.8). */
  #checkFinalSize(endOffset: number, fin: boolean): void {
    if (endOffset > Number.MAX_SAFE_INTEGER) {
      throw new PeerError(TransportErrorCode.frameEncodingError, "stream offset beyond 2^53-1");
    }
    if (this.#finalSize === undefined) {
      if (!fin) return;
      if (endOffset < this.#highestOffset) {
        throw new PeerError(TransportErrorCode.finalSizeError, "final size below data already received");
      }
      this.#finalSize = endOffset;
      return;
    }
    if (endOffset > this.#finalSize) {
      throw new PeerError(TransportErrorCode.finalSizeError, "stream data beyond the final size");
    }
    if (fin && endOffset !== this.#finalSize) {
      throw new PeerError(TransportErrorCode.finalSizeError, "final size changed");
    }
  }

  /** Writes new bytes of the input, from offset `start` to `end`, to the sink or buffers them. */
  #deliver(start: number, end: number): void {
    if (this.#isStopped) return;
    if (this.#directRemaining === 0 || start >= this.#directEnd) {
      this.#hold(start, end);
      return;
    }
    // While a region is incomplete, no byte before it is missing: new bytes belong to it or follow it.
    const directEnd = Math.min(end, this.#directEnd);
    this.#sinkBytes(start, this.#input.subarray(start + this.#inputShift, directEnd + this.#inputShift));
    if (directEnd < end && !this.#isStopped) this.#hold(directEnd, end);
  }

  /** Copies new bytes of the input into blocks. */
  #hold(start: number, end: number): void {
    this.#bufferedBytes += end - start;
    for (let offset = start; offset < end;) {
      const inBlock = offset % BLOCK_BYTES;
      const count = Math.min(end - offset, BLOCK_BYTES - inBlock);
      const at = offset + this.#inputShift;
      this.#blockForWriting((offset - inBlock) / BLOCK_BYTES).set(this.#input.subarray(at, at + count), inBlock);
      offset += count;
    }
  }

  #sinkBytes(offset: number, bytes: Uint8Array): void {
    this.#directRemaining -= bytes.length;
    this.#sink?.write(offset - this.#directStart, bytes);
  }

  /** Writes the buffered bytes from `start` up to `end`, exclusive, to the sink. */
  #sinkBufferedBytes(start: number, end: number): void {
    const received = this.#received;
    for (let index = 0; index < received.length && received.start(index) < end; index++) {
      const from = Math.max(start, received.start(index));
      const to = Math.min(end, received.end(index));
      this.#forEachBufferedPiece(from, to, (offset, bytes) => {
        this.#bufferedBytes -= bytes.length;
        this.#undeliveredOffset = offset;
        this.#sinkBytes(offset, bytes);
      });
    }
  }

  /** Visits buffered bytes in pieces within one block each, until `visit` stops the assembler, as an error of the sink does. */
  #forEachBufferedPiece(start: number, end: number, visit: (offset: number, bytes: Uint8Array) => void): void {
    for (let offset = start; offset < end && !this.#isStopped;) {
      const inBlock = offset % BLOCK_BYTES;
      const count = Math.min(end - offset, BLOCK_BYTES - inBlock);
      visit(offset, this.#block((offset - inBlock) / BLOCK_BYTES).subarray(inBlock, inBlock + count));
      offset += count;
    }
  }

  #block(key: number): Uint8Array {
    const block = this.#blocks.get(key);
    invariant(block !== undefined, "Assembler: buffered bytes are missing");
    return block;
  }

  #blockForWriting(key: number): Uint8Array {
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = this.#spareBlock ?? new Uint8Array(BLOCK_BYTES);
      this.#spareBlock = undefined;
      this.#blocks.set(key, block);
    }
    return block;
  }

  #freeBlock(key: number): void {
    this.#spareBlock = this.#blocks.get(key) ?? this.#spareBlock;
    this.#blocks.delete(key);
  }

  #freeAllBlocks(): void {
    for (const key of this.#blocks.keys()) this.#freeBlock(key);
  }
}

/** The key of the block that contains the byte at `offset`. */
function blockKey(offset: number): number {
  return Math.floor(offset / BLOCK_BYTES);
}
