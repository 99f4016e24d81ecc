/**
 * Receives the content of a file from a stream: writes its bytes at their offsets in any order of arrival, and hashes
 * them in order by reading them back. It needs memory for one write buffer and one hash buffer, whatever the
 * bandwidth-delay product.
 *
 * The content is a sequence of DATA messages, each followed by the bytes of its ranges, of CHUNKs, and of SAME for what
 * the file holds already, and ends with DIGEST (`docs/PROTOCOL.md`, section 14.4).
 *
 * Hashing reads the file instead of the packets, so that one mechanism serves every order of arrival and what is held,
 * and the hash is of the bytes that are in the file. It keeps up with what arrives in order; what it is behind with is
 * work for the background, and so is what is held.
 *
 * Hot: `write` runs for every packet with file data.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RangeSet } from "../base/range_set.ts";
import type { ByteSink, Stream } from "../protocol/mod.ts";
import { decompress } from "./compression.ts";
import { type BackgroundTask, STEP_BYTES } from "./background_work.ts";
import { type CommittedFile, type Done, MAX_FILE_BYTES, StoreError, type WritableFile } from "./file_store.ts";
import { HeldBlocks } from "./held_blocks.ts";
import { readMessage } from "./message_reader.ts";
import type { ChunkMessage, FileRange, Message } from "./messages.ts";
import { PIPE_WINDOW_BYTES } from "./pipe_window.ts";
import { indexOfRange, startsOf } from "./ranges.ts";

/**
 * The size of a write, for which adjacent bytes are collected, and of a step of hashing. Meanwhile the kernel's receive
 * buffer of 208 KiB fills, so it must be much smaller.
 */
const BUFFER_BYTES = 64 * 1024;

/**
 * When a gap that blocked hashing is filled, each arriving byte lets this many be hashed, instead of all at once: on a
 * long link the backlog is more than ten megabytes, and hashing it at once would make the receive buffer overflow.
 */
const CATCH_UP_FACTOR = 4;

/** What a receiver is made with. */
export interface FileReceiverOptions {
  readonly file: WritableFile;
  readonly sizeBytes: number;
  /** The size is not known, and `sizeBytes` 0: the content is in CHUNKs, in order. Default: no. */
  readonly isUnsized?: boolean | undefined;
  /** Where the content comes from. */
  readonly stream: Stream;
  /** Whether the sender is to be told what the file holds already. Default: no. */
  readonly tellsHeld?: boolean | undefined;
  /** Whether the sender was told that CHUNKs may be compressed. Default: no. */
  readonly takesCompressed?: boolean | undefined;
  /** Called once if the disk fails; from then on every byte is dropped. */
  readonly onFailed: (error: StoreError) => void;
}

/** How far the content is. */
export type ContentState =
  /** More of it is to arrive. */
  | { readonly kind: "incomplete" }
  /** All of it has arrived, and its sender has this SHA-256 of the file. */
  | { readonly kind: "complete"; readonly sha256: Uint8Array }
  /** The peer broke the rules. */
  | { readonly kind: "malformed"; readonly reason: string };

const SHARED = { sharesContent: true } as const;

const INCOMPLETE: ContentState = { kind: "incomplete" };

/** The most separate parts of a file that may have arrived: what the receiver keeps of each is bounded. */
export const MAX_RANGES = 65_536;

const BAD_RANGE = "a part of the file came twice, lies beyond its end, or is one of too many separate parts";

const OUT_OF_ORDER = "a part of a file of unknown size is not the next CHUNK";

const NOT_TOLD = "a part of the file is the same as one whose hash was not told";

/** Writes a file as its bytes arrive, and computes the SHA-256 of the written bytes. */
export class FileReceiver implements ByteSink, BackgroundTask {
  readonly #options: FileReceiverOptions;
  readonly #file: WritableFile;
  readonly #hash = createHash("sha256");
  /** The size of the two buffers, which are made when they are needed: a small file may need none or one. */
  readonly #bufferBytes: number;
  #buffer: Uint8Array | undefined;
  #hashBuffer: Uint8Array | undefined;
  readonly #held: HeldBlocks | undefined;
  /** What the sender has accounted for: nothing of it may come again. */
  readonly #announced = new RangeSet();
  /** What of it the file has, apart from the region in progress. */
  readonly #received = new RangeSet();
  /** What of it the file holds, and is yet to take over. */
  #same: FileRange[] = [];
  /** The index of the first that is left. */
  #nextSame = 0;
  /** The ranges of the region in progress. */
  #region: readonly FileRange[] = [];
  /** Where each of them begins in the region. */
  #regionStarts: readonly number[] = [];
  /** The buffer holds the file's bytes from `#bufferStart` to `#bufferEnd`. */
  #bufferStart = 0;
  #bufferEnd = 0;
  #hashedBytes = 0;
  /** Bytes that may be hashed now. */
  #hashBudgetBytes = 0;
  #receivedBytes = 0;
  #reusedBytes = 0;
  #onHashed: ((sha256: Uint8Array) => void) | undefined;
  /** Whose turn it is in the background. */
  #isTelling = false;
  #failed = false;
  #ended = false;
  #isKept = false;

  constructor(options: FileReceiverOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#bufferBytes = options.isUnsized === true ? BUFFER_BYTES : Math.min(BUFFER_BYTES, options.sizeBytes);
    if (options.tellsHeld === true) this.#held = new HeldBlocks(options);
  }

  /** The file's size; where that is not known, what has arrived of it. */
  get sizeBytes(): number {
    return this.#options.isUnsized === true ? this.#receivedBytes : this.#options.sizeBytes;
  }

  /** Bytes that have arrived, in any order, or that the file held. */
  get receivedBytes(): number {
    return this.#receivedBytes + this.#reusedBytes;
  }

  /** Bytes that the file held. */
  get reusedBytes(): number {
    return this.#reusedBytes;
  }

  /** Bytes that have been received, or of which the sender has been told a hash. */
  get movedBytes(): number {
    return this.receivedBytes + (this.#held?.toldBytes ?? 0);
  }

  /** Takes what can be read from the stream. To be called whenever something can. */
  readContent(): ContentState {
    const { stream } = this.#options;
    for (;;) {
      if (stream.directRemainingBytes > 0) {
        return stream.isEndReceived ? malformed("the file ended before its size") : INCOMPLETE;
      }
      this.#endRegion();
      // It is written or copied before more arrives.
      const next = readMessage(stream, SHARED);
      if (next.kind === "incomplete") return INCOMPLETE;
      if (next.kind === "malformed") return next;
      if (next.kind === "end") return malformed("the file's checksum did not follow the file");
      const { message } = next;
      if (message.type === "digest") {
        const isComplete = this.#announced.containsRange(0, this.sizeBytes);
        return isComplete ? { kind: "complete", sha256: message.sha256 } : malformed("a part of the file is missing");
      }
      const reason = this.#take(message);
      if (reason !== undefined) return malformed(reason);
    }
  }

  /** Takes bytes of the region in progress. */
  write(offset: number, bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    if (this.#failed || this.#ended) return;
    try {
      this.#place(offset, bytes);
      this.#hashOn(CATCH_UP_FACTOR * bytes.length);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Writes and hashes the rest, after the content is complete, and calls `done` with the file's SHA-256: at once if there
   * is little, otherwise from the background. Not called if the disk fails or the file is ended first.
   */
  finish(done: (sha256: Uint8Array) => void): void {
    if (this.#failed) return;
    this.#held?.stop();
    this.#onHashed = done;
    if (this.#nextSame === this.#same.length && this.sizeBytes - this.#hashedBytes <= STEP_BYTES) this.work();
  }

  get hasWork(): boolean {
    if (this.#failed || this.#ended) return false;
    return this.#held?.hasWork === true || this.#hasBacklog;
  }

  /** Whether it is behind with what is there. */
  get #hasBacklog(): boolean {
    return this.#nextSame < this.#same.length || this.#onHashed !== undefined ||
      this.#contiguousEnd(this.#hashedBytes) - this.#hashedBytes >= STEP_BYTES;
  }

  work(): void {
    try {
      // Both go on: the sender needs the hashes, and what it has answered is read again while it is in memory.
      this.#isTelling = this.#held?.hasWork === true && !(this.#isTelling && this.#hasBacklog);
      if (this.#isTelling) this.#held!.work();
      else this.#catchUp();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Makes the file durable and visible; see {@link WritableFile.commit}. */
  commit(done: Done<CommittedFile>): void {
    this.#ended = true;
    this.#file.commit(done);
  }

  /** What there is to say of a file that was given up: a clause for its user, or nothing. */
  get remainder(): string {
    return this.#isKept ? "; what had arrived is kept for the next try" : "";
  }

  /** Gives the file up, but leaves what it has for the next try if it resumes. Idempotent. */
  keep(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#flush();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    this.#isKept = this.#file.keep();
  }

  /** Removes the partial file. Idempotent. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#file.abort();
  }

  /** Takes a message of the content; returns what is wrong with it, if anything is. */
  #take(message: Message): string | undefined {
    if (message.type !== "data" && message.type !== "chunk" && message.type !== "same") {
      return `a ${message.type} within a file`;
    }
    const isCompressed = message.type === "chunk" && message.plainBytes !== undefined;
    if (isCompressed && this.#options.takesCompressed !== true) return "a chunk is compressed, which was not asked for";
    if (this.#options.isUnsized === true && (message.type !== "chunk" || message.offset !== this.#receivedBytes)) {
      return OUT_OF_ORDER;
    }
    const ranges = message.type === "chunk"
      ? [{ offset: message.offset, length: message.plainBytes ?? message.content.length }]
      : message.ranges;
    if (!ranges.every((range) => this.#isNew(range))) return BAD_RANGE;
    if (message.type === "same" && !ranges.every((range) => this.#held?.hasTold(range))) return NOT_TOLD;
    for (const { offset, length } of ranges) this.#announced.add(offset, offset + length);
    if (message.type === "data") this.#beginRegion(ranges);
    else if (message.type === "same") this.#same.push(...ranges);
    else return this.#takeChunk(message);
    return undefined;
  }

  /** Takes over a step of what is held, or hashes a step of what is there. */
  #catchUp(): void {
    if (this.#nextSame < this.#same.length) this.#reuseOn();
    const end = Math.min(this.#hashedBytes + STEP_BYTES, this.#contiguousEnd(this.#hashedBytes));
    if (end > this.#hashedBytes) this.#hashUpTo(end);
    const onHashed = this.#onHashed;
    if (onHashed === undefined || this.#hashedBytes < this.sizeBytes) return;
    this.#onHashed = undefined;
    onHashed(new Uint8Array(this.#hash.digest()));
  }

  #reuseOn(): void {
    const { offset, length } = this.#same[this.#nextSame]!;
    const count = Math.min(STEP_BYTES, length);
    this.#file.reuse(offset, count);
    this.#received.add(offset, offset + count);
    this.#reusedBytes += count;
    if (count < length) {
      this.#same[this.#nextSame] = { offset: offset + count, length: length - count };
    } else if (++this.#nextSame === this.#same.length) {
      this.#same = [];
      this.#nextSame = 0;
    }
  }

  #isNew({ offset, length }: FileRange): boolean {
    const maxBytes = this.#options.isUnsized === true ? MAX_FILE_BYTES : this.#options.sizeBytes;
    if (offset + length > maxBytes || this.#announced.length > MAX_RANGES) return false;
    let newBytes = 0;
    this.#announced.forEachGap(offset, offset + length, (start, end) => newBytes += end - start);
    return newBytes === length;
  }

  #beginRegion(ranges: readonly FileRange[]): void {
    this.#regionStarts = startsOf(ranges);
    this.#region = ranges;
    this.#options.stream.receiveInto(this, ranges.reduce((sum, { length }) => sum + length, 0));
  }

  #endRegion(): void {
    for (const { offset, length } of this.#region) this.#received.add(offset, offset + length);
    this.#region = [];
  }

  /** Returns what is wrong with it, if anything is. */
  #takeChunk({ offset, content: sent, plainBytes }: ChunkMessage): string | undefined {
    const content = plainBytes === undefined ? sent : decompress(sent, plainBytes);
    if (content === undefined) return "a compressed chunk is not what it says";
    // More of them will follow, and are read in order.
    if (this.#options.takesCompressed === true) this.#options.stream.widenOrderedWindow(PIPE_WINDOW_BYTES);
    this.#receivedBytes += content.length;
    this.#received.add(offset, offset + content.length);
    if (this.#failed || this.#ended) return undefined;
    try {
      this.#gather(offset, content);
      this.#hashOn(CATCH_UP_FACTOR * content.length);
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  /** Writes bytes from `at` of the region on to the ranges that they belong to. */
  #place(at: number, bytes: Uint8Array): void {
    let index = indexOfRange(this.#regionStarts, at);
    for (let done = 0; done < bytes.length; index++) {
      const { offset, length } = this.#region[index]!;
      const from = at + done - this.#regionStarts[index]!;
      const count = Math.min(length - from, bytes.length - done);
      this.#gather(offset + from, count === bytes.length ? bytes : bytes.subarray(done, done + count));
      done += count;
    }
  }

  /** The end of what has arrived without a gap from `start` on. */
  #contiguousEnd(start: number): number {
    let end = this.#received.coveredUntil(start);
    let restBytes = this.#options.stream.directContiguousBytes;
    for (const { offset, length } of this.#region) {
      if (restBytes <= 0 || offset > end) break;
      const arrived = Math.min(length, restBytes);
      if (offset + arrived > end) end = this.#received.coveredUntil(offset + arrived);
      restBytes -= length;
    }
    return end;
  }

  #gather(offset: number, bytes: Uint8Array): void {
    const held = this.#bufferEnd - this.#bufferStart;
    if (offset !== this.#bufferEnd || held + bytes.length > this.#bufferBytes) this.#flush();
    if (bytes.length >= this.#bufferBytes) {
      this.#file.write(offset, bytes);
      this.#bufferStart = this.#bufferEnd = offset + bytes.length;
      return;
    }
    if (this.#bufferStart === this.#bufferEnd) this.#bufferStart = this.#bufferEnd = offset;
    this.#buffer ??= new Uint8Array(this.#bufferBytes);
    this.#buffer.set(bytes, this.#bufferEnd - this.#bufferStart);
    this.#bufferEnd += bytes.length;
  }

  #flush(): void {
    if (this.#bufferEnd > this.#bufferStart) {
      this.#file.write(this.#bufferStart, this.#buffer!.subarray(0, this.#bufferEnd - this.#bufferStart));
    }
    this.#bufferStart = this.#bufferEnd;
  }

  /** Raises the budget, and within it hashes full buffers of what has arrived without a gap. */
  #hashOn(budgetBytes: number): void {
    this.#hashBudgetBytes = Math.min(this.#hashBudgetBytes + budgetBytes, CATCH_UP_FACTOR * BUFFER_BYTES);
    while (this.#hashBudgetBytes >= BUFFER_BYTES) {
      if (this.#contiguousEnd(this.#hashedBytes) - this.#hashedBytes < BUFFER_BYTES) return;
      this.#hashBudgetBytes -= BUFFER_BYTES;
      this.#hashUpTo(this.#hashedBytes + BUFFER_BYTES);
    }
  }

  /** Hashes the file up to `end`. */
  #hashUpTo(end: number): void {
    this.#flush();
    while (this.#hashedBytes < end) {
      this.#hashBuffer ??= new Uint8Array(this.#bufferBytes);
      const part = this.#hashBuffer.subarray(0, Math.min(this.#bufferBytes, end - this.#hashedBytes));
      const count = this.#file.read(this.#hashedBytes, part);
      if (count === 0) {
        throw new StoreError("io", "what was just written could not be read back: the disk may be failing");
      }
      this.#hash.update(part.subarray(0, count));
      this.#hashedBytes += count;
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    if (this.#failed) return;
    this.#failed = true;
    this.keep();
    this.#options.onFailed(error);
  }
}

function malformed(reason: string): ContentState {
  return { kind: "malformed", reason };
}
