/**
 * The receiving half of a stream: puts bytes that arrive in any order, split and repeated at will, where they belong.
 *
 * A stream's bytes are read in one of two ways. *Ordered* bytes are messages: they are held until all before them
 * has arrived and the owner has consumed them. A *direct region* is a file: its bytes go to a {@link ByteSink} as
 * they arrive, whatever is missing before them, and are never held.
 *
 * Every byte is delivered exactly once. Where two copies of a byte differ, the one that arrived first counts and
 * the other is not looked at (RFC 9000, section 2.2, allows that).
 *
 * Held bytes lie in blocks of a fixed size, not in one piece for each frame: however finely a peer cuts the stream,
 * the memory is that of the flow control window and a block at each end. The ranges are bounded by `maxGaps`.
 * The owner checks flow control before it inserts (`flow_control.ts`).
 *
 * Hot: a frame in the direct region costs one view of the input buffer; ordered bytes are copied.
 *
 * @module
 */

import { PeerError, TransportErrorCode } from "../errors.ts";
import { invariant } from "../../base/invariant.ts";
import { RangeSet } from "../../base/range_set.ts";
import type { ByteSink } from "./byte_flow.ts";

/** Size of a block of held bytes: small next to a window, large next to a message. */
const BLOCK_BYTES = 4096;

/** What a range of a {@link RangeSet} takes: two numbers. */
const RANGE_BYTES = 16;

/** Default of {@link AssemblerOptions.maxGaps}: a window of 800 MB in packets of 1200 bytes that loses every tenth. */
const DEFAULT_MAX_GAPS = 65_536;

const NO_BYTES = new Uint8Array(0);

/** Options of an {@link Assembler}. */
export interface AssemblerOptions {
  /**
   * The most gaps below the highest byte received. Stops a peer that sends every other byte in order to have this
   * side remember each (RFC 9000, section 21.7).
   */
  readonly maxGaps?: number;
  /** Offset of the first byte; anything but 0 is for tests near the ends of the number range. */
  readonly startOffset?: number;
}

/** The receiving half of a stream. All offsets are in bytes from the beginning of the stream. */
export class Assembler {
  readonly #startOffset: number;
  readonly #maxGaps: number;
  /** Everything received, also what is long read; what precedes `startOffset` counts as such. */
  readonly #received = new RangeSet();
  #receivedBytes = 0;
  #highestOffset: number;
  #finalSize: number | undefined;
  #isStopped = false;

  /** Where ordered reading goes on: behind the direct region, as soon as there is one. */
  #readOffset: number;
  /** Held bytes by offset divided by BLOCK_BYTES. */
  readonly #blocks = new Map<number, Uint8Array>();
  /** A block that is free, so that reading in step with arrival allocates none. */
  #spareBlock: Uint8Array | undefined;
  #bufferedBytes = 0;
  /** Readable bytes that `peek` joined, from `#joinedOffset` on. */
  #joined: Uint8Array = NO_BYTES;
  #joinedOffset = 0;

  #sink: ByteSink | undefined;
  #directStart = 0;
  #directEnd = 0;
  #directRemaining = 0;
  /** While held bytes are being given to the sink: where those begin that it has not been given. */
  #unsunkOffset = Infinity;

  /** The frame being inserted: its buffer, and what to add to a stream offset to find the byte in there. */
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

  /** Bytes received, each counted once, whatever became of them. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Bytes in memory: received, but neither read nor given to a sink. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** What it takes in memory, about: blocks however little of them is held, and what remembers which bytes came. */
  get memoryBytes(): number {
    const blocks = this.#blocks.size + (this.#spareBlock === undefined ? 0 : 1);
    return blocks * BLOCK_BYTES + this.#joined.length + this.#received.length * RANGE_BYTES;
  }

  /**
   * Bytes that take no flow control credit any more: read, sunk, or of no interest since {@link stop}. Never falls;
   * its growth is what the windows are told.
   */
  get consumedBytes(): number {
    return this.#isStopped ? this.#highestOffset - this.#startOffset : this.#receivedBytes - this.#bufferedBytes;
  }

  /** One past the highest byte received, or the final size: the flow control credit that the stream has used. */
  get highestOffset(): number {
    return this.#highestOffset;
  }

  /** The stream's length, once its end is known (RFC 9000, section 4.5). */
  get finalSize(): number | undefined {
    return this.#finalSize;
  }

  /** How many runs of bytes are missing below the highest byte received. */
  get gapCount(): number {
    const ranges = this.#received.length;
    return ranges > 0 && this.#received.start(0) === 0 ? ranges - 1 : ranges;
  }

  /** Whether everything up to the final size has arrived and was read, sunk or, after {@link stop}, dropped. */
  get isComplete(): boolean {
    return this.#bufferedBytes === 0 && this.#finalSize !== undefined &&
      this.#receivedBytes === this.#finalSize - this.#startOffset;
  }

  /** Bytes that {@link peek} gives; none while a direct region is incomplete, since ordered bytes come after it. */
  get readableBytes(): number {
    if (this.#isStopped || this.#directRemaining > 0) return 0;
    return this.#received.coveredUntil(this.#readOffset) - this.#readOffset;
  }

  /** Bytes of the direct region that have not arrived. */
  get directRemainingBytes(): number {
    return this.#directRemaining;
  }

  /**
   * Length of the direct region's beginning that has arrived without a gap; of the latest region, also when done. The
   * sink may rely on it that it was given all of these bytes, but for those of the call that it is in.
   */
  get directContiguousBytes(): number {
    const covered = this.#received.coveredUntil(this.#directStart);
    return Math.min(covered, this.#directEnd, this.#unsunkOffset) - this.#directStart;
  }

  /**
   * Takes the bytes of a STREAM frame: `buffer` from `start` up to, not including, `end` belongs at `offset`, and
   * `fin` says that the stream ends there. The buffer may be reused afterwards. Returns how many bytes are new.
   *
   * A RESET_STREAM frame's final size is taken as a FIN at that offset with no bytes, then {@link stop}.
   *
   * Throws PeerError for an offset beyond 2^53-1, a final size that changes or is exceeded, or too many gaps; the
   * first two change nothing. What a sink throws passes through, and the assembler is stopped then.
   */
  insert(offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): number {
    invariant(start >= 0 && start <= end && end <= buffer.length, "Assembler.insert: not a part of the buffer");
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
      throw new PeerError(TransportErrorCode.protocolViolation, "a stream with too many gaps");
    }
    return newBytes;
  }

  /**
   * The ordered bytes that can be read now, in one piece; empty if there are none. Valid until the next call of
   * `insert`, `consume`, `direct` or `stop`. Meant for messages: more than one block is joined by copying, once.
   */
  peek(): Uint8Array {
    const length = this.readableBytes;
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
    this.#forEachHeldPiece(from, from + length, (offset, bytes) => this.#joined.set(bytes, offset - from));
    return this.#joined;
  }

  /** Moves the read position on by `count` bytes, at most `readableBytes`, and frees them. */
  consume(count: number): void {
    invariant(count >= 0 && count <= this.readableBytes, "Assembler.consume: more than is readable");
    const from = this.#readOffset;
    const to = from + count;
    this.#readOffset = to;
    this.#bufferedBytes -= count;
    if (to >= this.#joinedOffset + this.#joined.length) this.#joined = NO_BYTES;
    // With nothing held the block at the read position is of no use either.
    if (this.#bufferedBytes === 0) this.#freeAllBlocks();
    else for (let key = blockKey(from); key < blockKey(to); key++) this.#freeBlock(key);
  }

  /**
   * From the read position on, the next `lengthBytes` go to `sink`, the first of them at the sink's offset 0, as
   * they arrive; what is held of them goes there now. Ordered bytes follow after them. The stream may still end
   * before the region does: `isComplete` with `directRemainingBytes` above 0. Does nothing after {@link stop}. What
   * the sink throws passes through, and the assembler is stopped then.
   */
  direct(lengthBytes: number, sink: ByteSink): void {
    invariant(lengthBytes >= 0, "Assembler.direct: a negative length");
    if (this.#isStopped) return;
    invariant(this.#directRemaining === 0, "Assembler.direct: the direct region before is incomplete");
    const start = this.#readOffset;
    const end = start + lengthBytes;
    invariant(Number.isSafeInteger(end), "Assembler.direct: a stream ends at 2^53-1 bytes");
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
      this.#unsunkOffset = Infinity;
    }
    const endKey = blockKey(end);
    for (const key of this.#blocks.keys()) {
      if (key < endKey || this.#bufferedBytes === 0) this.#freeBlock(key);
    }
  }

  /**
   * Drops everything held and delivers nothing more; final size and flow control are still kept account of.
   * Idempotent.
   */
  stop(): void {
    this.#isStopped = true;
    this.#blocks.clear();
    this.#spareBlock = undefined;
    this.#bufferedBytes = 0;
    this.#joined = NO_BYTES;
    this.#sink = undefined;
  }

  /** The rules of RFC 9000, section 4.5, and the range of offsets (section 19.8). */
  #checkFinalSize(endOffset: number, fin: boolean): void {
    if (endOffset > Number.MAX_SAFE_INTEGER) {
      throw new PeerError(TransportErrorCode.frameEncodingError, "a stream beyond 2^53-1 bytes");
    }
    if (this.#finalSize === undefined) {
      if (!fin) return;
      if (endOffset < this.#highestOffset) {
        throw new PeerError(TransportErrorCode.finalSizeError, "a stream that ends before bytes it has sent");
      }
      this.#finalSize = endOffset;
      return;
    }
    if (endOffset > this.#finalSize) {
      throw new PeerError(TransportErrorCode.finalSizeError, "bytes beyond the end of a stream");
    }
    if (fin && endOffset !== this.#finalSize) {
      throw new PeerError(TransportErrorCode.finalSizeError, "a stream that ends in two places");
    }
  }

  /** Brings new bytes of the input, from offset `start` to `end`, to where they belong. */
  #deliver(start: number, end: number): void {
    if (this.#isStopped) return;
    if (this.#directRemaining === 0 || start >= this.#directEnd) {
      this.#hold(start, end);
      return;
    }
    // While a region is incomplete, no byte before it is missing: new bytes lie in it or behind it.
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

  /** Gives the sink what is held from `start` up to, not including, `end`. */
  #sinkBufferedBytes(start: number, end: number): void {
    const received = this.#received;
    for (let index = 0; index < received.length && received.start(index) < end; index++) {
      const from = Math.max(start, received.start(index));
      const to = Math.min(end, received.end(index));
      this.#forEachHeldPiece(from, to, (offset, bytes) => {
        this.#bufferedBytes -= bytes.length;
        this.#unsunkOffset = offset;
        this.#sinkBytes(offset, bytes);
      });
    }
  }

  /** Visits held bytes in pieces that lie in one block each, until `visit` stops the assembler, as a sink may. */
  #forEachHeldPiece(start: number, end: number, visit: (offset: number, bytes: Uint8Array) => void): void {
    for (let offset = start; offset < end && !this.#isStopped;) {
      const inBlock = offset % BLOCK_BYTES;
      const count = Math.min(end - offset, BLOCK_BYTES - inBlock);
      visit(offset, this.#block((offset - inBlock) / BLOCK_BYTES).subarray(inBlock, inBlock + count));
      offset += count;
    }
  }

  #block(key: number): Uint8Array {
    const block = this.#blocks.get(key);
    invariant(block !== undefined, "Assembler: held bytes were dropped");
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

/** Which block holds the byte at `offset`. */
function blockKey(offset: number): number {
  return Math.floor(offset / BLOCK_BYTES);
}
