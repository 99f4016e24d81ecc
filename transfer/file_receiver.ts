/**
 * Receives the content of a file from a stream: writes its bytes at their offsets in any order of arrival, and hashes
 * them in order by reading them back. It needs memory for one write buffer and one hash buffer, whatever the
 * bandwidth-delay product.
 *
 * The content is a sequence of DATA messages, each followed by the bytes of its ranges, and of CHUNKs, and ends with
 * DIGEST (`docs/PROTOCOL.md`, section 14.4).
 *
 * Hashing reads the file instead of the packets, so that one mechanism serves every order of arrival, and the hash is
 * of the bytes that were written.
 *
 * Hot: `write` runs for every packet with file data.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RangeSet } from "../base/range_set.ts";
import type { ByteSink, Stream } from "../protocol/mod.ts";
import { type CommittedFile, type Done, StoreError, type WritableFile } from "./file_store.ts";
import { readMessage } from "./message_reader.ts";
import type { ChunkMessage, FileRange } from "./messages.ts";

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
  /** Where the content comes from. */
  readonly stream: Stream;
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

const INCOMPLETE: ContentState = { kind: "incomplete" };

/** The most separate parts of a file that may have arrived: what the receiver keeps of each is bounded. */
export const MAX_RANGES = 65_536;

const BAD_RANGE = "a part of the file came twice, lies beyond its end, or is one of too many separate parts";

/** Writes a file as its bytes arrive, and computes the SHA-256 of the written bytes. */
export class FileReceiver implements ByteSink {
  readonly #options: FileReceiverOptions;
  readonly #file: WritableFile;
  readonly #hash = createHash("sha256");
  readonly #buffer: Uint8Array;
  readonly #hashBuffer: Uint8Array;
  /** What has been received, apart from the region in progress. */
  readonly #received = new RangeSet();
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
  #failed = false;
  #ended = false;

  constructor(options: FileReceiverOptions) {
    this.#options = options;
    this.#file = options.file;
    const bufferBytes = Math.min(BUFFER_BYTES, options.sizeBytes);
    this.#buffer = new Uint8Array(bufferBytes);
    this.#hashBuffer = new Uint8Array(bufferBytes);
  }

  /** Bytes that have arrived, in any order. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Takes what can be read from the stream. To be called whenever something can. */
  readContent(): ContentState {
    const { stream } = this.#options;
    for (;;) {
      if (stream.directRemainingBytes > 0) {
        return stream.isEndReceived ? malformed("the file ended before its size") : INCOMPLETE;
      }
      this.#endRegion();
      const next = readMessage(stream);
      if (next.kind === "incomplete") return INCOMPLETE;
      if (next.kind === "malformed") return next;
      if (next.kind === "end") return malformed("the file's checksum did not follow the file");
      const { message } = next;
      if (message.type === "digest") {
        const isComplete = this.#received.containsRange(0, this.#options.sizeBytes);
        return isComplete ? { kind: "complete", sha256: message.sha256 } : malformed("a part of the file is missing");
      }
      if (message.type !== "data" && message.type !== "chunk") return malformed(`a ${message.type} within a file`);
      if (message.type === "chunk" && message.plainBytes !== undefined) return malformed("a chunk is compressed");
      const ranges = message.type === "data"
        ? message.ranges
        : [{ offset: message.offset, length: message.content.length }];
      if (!ranges.every((range) => this.#isNew(range))) return malformed(BAD_RANGE);
      if (message.type === "data") this.#beginRegion(ranges);
      else this.#takeChunk(message);
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
   * Writes and hashes the rest, after every byte has arrived. Returns the file's SHA-256, or undefined if the disk
   * failed.
   */
  finish(): Uint8Array | undefined {
    if (this.#failed) return undefined;
    try {
      this.#hashUpTo(this.#options.sizeBytes);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
    return new Uint8Array(this.#hash.digest());
  }

  /** Makes the file durable and visible; see {@link WritableFile.commit}. */
  commit(done: Done<CommittedFile>): void {
    this.#ended = true;
    this.#file.commit(done);
  }

  /** Removes the partial file. Idempotent. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#file.abort();
  }

  #isNew({ offset, length }: FileRange): boolean {
    if (offset + length > this.#options.sizeBytes || this.#received.length > MAX_RANGES) return false;
    let newBytes = 0;
    this.#received.forEachGap(offset, offset + length, (start, end) => newBytes += end - start);
    return newBytes === length;
  }

  #beginRegion(ranges: readonly FileRange[]): void {
    let lengthBytes = 0;
    this.#regionStarts = ranges.map(({ length }) => (lengthBytes += length) - length);
    this.#region = ranges;
    this.#options.stream.receiveInto(this, lengthBytes);
  }

  #endRegion(): void {
    for (const { offset, length } of this.#region) this.#received.add(offset, offset + length);
    this.#region = [];
  }

  #takeChunk({ offset, content }: ChunkMessage): void {
    this.#receivedBytes += content.length;
    this.#received.add(offset, offset + content.length);
    if (this.#failed || this.#ended) return;
    try {
      this.#gather(offset, content);
      this.#hashOn(CATCH_UP_FACTOR * content.length);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes bytes from `at` of the region on to the ranges that they belong to. */
  #place(at: number, bytes: Uint8Array): void {
    let index = this.#rangeAt(at);
    for (let done = 0; done < bytes.length; index++) {
      const { offset, length } = this.#region[index]!;
      const from = at + done - this.#regionStarts[index]!;
      const count = Math.min(length - from, bytes.length - done);
      this.#gather(offset + from, count === bytes.length ? bytes : bytes.subarray(done, done + count));
      done += count;
    }
  }

  /** The index of the range that the byte `at` of the region belongs to. */
  #rangeAt(at: number): number {
    let low = 0;
    for (let high = this.#region.length - 1; low < high;) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#regionStarts[middle]! <= at) low = middle;
      else high = middle - 1;
    }
    return low;
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
    if (offset !== this.#bufferEnd || held + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length >= this.#buffer.length) {
      this.#file.write(offset, bytes);
      this.#bufferStart = this.#bufferEnd = offset + bytes.length;
      return;
    }
    if (this.#bufferStart === this.#bufferEnd) this.#bufferStart = this.#bufferEnd = offset;
    this.#buffer.set(bytes, this.#bufferEnd - this.#bufferStart);
    this.#bufferEnd += bytes.length;
  }

  #flush(): void {
    if (this.#bufferEnd > this.#bufferStart) {
      this.#file.write(this.#bufferStart, this.#buffer.subarray(0, this.#bufferEnd - this.#bufferStart));
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
      const part = this.#hashBuffer.subarray(0, Math.min(this.#hashBuffer.length, end - this.#hashedBytes));
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
    this.abort();
    this.#options.onFailed(error);
  }
}

function malformed(reason: string): ContentState {
  return { kind: "malformed", reason };
}
