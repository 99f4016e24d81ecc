/**
 * Receives a file: writes its bytes at their offsets in any order of arrival, and hashes them in order by reading them
 * back. It needs memory for one write buffer and one hash buffer, whatever the bandwidth-delay product.
 *
 * Hashing reads the file instead of the packets, so that one mechanism serves every order of arrival, and the hash is
 * of the bytes that were written.
 *
 * Hot: `write` runs for every packet with file data.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ByteSink } from "../protocol/mod.ts";
import { type CommittedFile, type Done, StoreError, type WritableFile } from "./file_store.ts";

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

/** The file's size, and the callbacks of the receiver's owner. */
export interface FileReceiverOptions {
  readonly sizeBytes: number;
  /** The length of the prefix that has arrived without a gap. */
  readonly contiguousBytes: () => number;
  /** Called once if the disk fails; from then on every byte is dropped. */
  readonly onFailed: (error: StoreError) => void;
}

/** Writes a file as its bytes arrive, and computes the SHA-256 of the written bytes. */
export class FileReceiver implements ByteSink {
  readonly #file: WritableFile;
  readonly #options: FileReceiverOptions;
  readonly #hash = createHash("sha256");
  readonly #buffer: Uint8Array;
  readonly #hashBuffer: Uint8Array;
  /** The buffer holds the file's bytes from `#bufferStart` to `#bufferEnd`. */
  #bufferStart = 0;
  #bufferEnd = 0;
  #hashedBytes = 0;
  /** Bytes that may be hashed now. */
  #hashBudgetBytes = 0;
  #receivedBytes = 0;
  #failed = false;
  #ended = false;

  constructor(file: WritableFile, options: FileReceiverOptions) {
    this.#file = file;
    this.#options = options;
    const bufferBytes = Math.min(BUFFER_BYTES, options.sizeBytes);
    this.#buffer = new Uint8Array(bufferBytes);
    this.#hashBuffer = new Uint8Array(bufferBytes);
  }

  /** Bytes that have arrived, in any order. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    if (this.#failed || this.#ended) return;
    try {
      this.#gather(offset, bytes);
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
      if (this.#options.contiguousBytes() - this.#hashedBytes < BUFFER_BYTES) return;
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
