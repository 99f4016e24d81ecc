/**
 * Reads a file that is sent: its bytes once, and a range again if it was lost. It hashes them in order, in passing where
 * they are sent in order, otherwise by a pass of its own. It needs memory for one window of read-ahead, whatever the
 * bandwidth-delay product. It finds the zeros of the file, so that they need not be sent: those of holes, and those that
 * were written.
 *
 * Hot: `read` and `zerosAt` run for every packet with new data. Data costs the latter one byte read for each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { invariant } from "../base/invariant.ts";
import { type ByteSource, MIN_ZEROS_BYTES } from "../protocol/mod.ts";
import { type FileAttributes, type ReadableFile, StoreError } from "./file_store.ts";
import { type DataMessage, DIGEST_MESSAGE_BYTES } from "./messages.ts";
import { encodeMessage } from "./message_encoder.ts";

/**
 * The read-ahead, bytes: the size of a read and of a hash update. Nothing is sent meanwhile, so it must take less time
 * than the peer needs for the bytes in flight: with 256 KiB, loopback is a third slower.
 */
const WINDOW_BYTES = 64 * 1024;

/**
 * After so many bytes the sender checks whether the file has changed, so that a transfer that must fail does so soon.
 * The check, an fstat(2), takes about 8 us.
 */
const CHECK_BYTES = 1024 * 1024;

const ZEROS = new Uint8Array(MIN_ZEROS_BYTES);

/** Reads a file for a stream, and computes its SHA-256. */
export class FileSender implements ByteSource {
  readonly #file: ReadableFile;
  readonly #hash = createHash("sha256");
  readonly #window: Uint8Array;
  #windowStart = 0;
  #windowEnd = 0;
  #hashedBytes = 0;
  #hashesInPassing = true;
  #hashWindow: Uint8Array | undefined;
  #readEnd = 0;
  /** The file was the one that was opened when so much of it had been hashed. */
  #checkedEnd = 0;
  #digest: Uint8Array | undefined;
  /** For bytes before the window that are looked at again. */
  #scratch: Uint8Array | undefined;

  constructor(file: ReadableFile) {
    this.#file = file;
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, file.info.sizeBytes));
  }

  get sizeBytes(): number {
    return this.#file.info.sizeBytes;
  }

  /** SHA-256 of the whole file; undefined until all of it has been read. */
  get digest(): Uint8Array | undefined {
    return this.#digest;
  }

  /**
   * The DIGEST message as a source, to be written to the stream directly after the file: it is read after the file's
   * last byte, when the digest is known. Its read throws StoreError if the file has changed since it was opened, so the
   * digest of a mix of two versions is never sent.
   */
  readonly trailer: ByteSource = {
    read: (offset, into) => {
      const message = encodeMessage({ type: "digest", sha256: this.#finish() });
      into.set(message.subarray(offset, offset + into.length));
    },
  };

  /** The length of {@link trailer}. */
  readonly trailerBytes = DIGEST_MESSAGE_BYTES;

  /** The end of the part, from the start on, that has been hashed. */
  get hashedBytes(): number {
    return this.#hashedBytes;
  }

  /** The end of the last part that has been read to be sent. */
  get readEnd(): number {
    return this.#readEnd;
  }

  /** Whether what is read in order is hashed meanwhile, as it is at first; otherwise {@link hashOn} hashes everything. */
  set hashesInPassing(isSo: boolean) {
    this.#hashesInPassing = isSo;
  }

  /** Reads and hashes the next bytes, at most a window of them. The view is valid until the next call. Throws as `read`. */
  hashOn(maxBytes: number): Uint8Array {
    this.#hashWindow ??= new Uint8Array(this.#window.length);
    const part = this.#hashWindow.subarray(0, Math.min(maxBytes, this.sizeBytes - this.#hashedBytes));
    this.#readFully(this.#hashedBytes, part);
    this.#hashNext(part);
    return part;
  }

  /** What is read next, from `offset` on, is read in order. */
  seek(offset: number): void {
    if (offset !== this.#windowEnd) this.#windowStart = this.#windowEnd = offset;
  }

  /** Throws StoreError if the disk fails, or if the file has become shorter or is found to have changed. */
  read(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const at = offset + done;
      if (at >= this.#windowStart && at < this.#windowEnd) {
        const from = at - this.#windowStart;
        const length = Math.min(into.length - done, this.#windowEnd - at);
        into.set(this.#window.subarray(from, from + length), done);
        done += length;
      } else if (at === this.#windowEnd) {
        this.#advance();
      } else {
        const length = Math.min(into.length - done, at < this.#windowStart ? this.#windowStart - at : Infinity);
        this.#readFully(at, into.subarray(done, done + length));
        done += length;
      }
    }
  }

  /** Reads apart from the order, and hashes nothing. Throws as {@link read} does. */
  look(offset: number, into: Uint8Array): void {
    this.#readFully(offset, into);
  }

  /** Looks no further than to the window's end. Throws as {@link read} does. */
  zerosAt(offset: number, maxBytes: number): number {
    if (offset < this.#windowStart || offset > this.#windowEnd) return this.#zerosAgain(offset, maxBytes);
    if (offset === this.#windowEnd) this.#advance();
    const from = offset - this.#windowStart;
    if (this.#window[from] !== 0) return 0;
    return countZeros(this.#window, from, Math.min(from + maxBytes, this.#windowEnd - this.#windowStart));
  }

  close(): void {
    this.#file.close();
  }

  #advance(): void {
    const length = Math.min(this.#window.length, this.sizeBytes - this.#windowEnd);
    const next = this.#window.subarray(0, length);
    // The window is empty until all of it has been read, so that an error in between leaves no part of it valid.
    this.#windowStart = this.#windowEnd;
    this.#readFully(this.#windowStart, next);
    this.#windowEnd = this.#windowStart + length;
    if (this.#windowEnd > this.#readEnd) this.#readEnd = this.#windowEnd;
    if (this.#hashesInPassing && this.#hashedBytes === this.#windowStart) this.#hashNext(next);
  }

  #hashNext(part: Uint8Array): void {
    this.#hash.update(part);
    this.#hashedBytes += part.length;
    if (this.#hashedBytes - this.#checkedEnd >= CHECK_BYTES) this.#requireUnchanged();
  }

  #zerosAgain(offset: number, maxBytes: number): number {
    if (maxBytes < MIN_ZEROS_BYTES) return 0;
    const scratch = this.#scratch ??= new Uint8Array(WINDOW_BYTES);
    const length = Math.min(maxBytes, scratch.length);
    // What was lost is rarely a hole, as the first bytes show.
    this.#readFully(offset, scratch.subarray(0, MIN_ZEROS_BYTES));
    if (countZeros(scratch, 0, MIN_ZEROS_BYTES) === 0) return 0;
    this.#readFully(offset + MIN_ZEROS_BYTES, scratch.subarray(MIN_ZEROS_BYTES, length));
    return countZeros(scratch, 0, length);
  }

  #requireUnchanged(): void {
    if (this.#file.hasChanged()) throw this.#changed();
    this.#checkedEnd = this.#hashedBytes;
  }

  #readFully(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = this.#file.read(offset + done, into.subarray(done));
      if (count === 0) throw this.#changed();
      done += count;
    }
  }

  #finish(): Uint8Array {
    if (this.#digest === undefined) {
      invariant(this.#hashedBytes === this.sizeBytes, "a file is read before its digest");
      this.#requireUnchanged();
      this.#digest = new Uint8Array(this.#hash.digest());
    }
    return this.#digest;
  }

  #changed(): StoreError {
    const name = this.#file.info.name;
    return new StoreError(
      "changed",
      `${name} changed while it was being sent (its content, name or mode); send it again when nothing changes it`,
    );
  }
}

/** What precedes the bytes of a file that is sent in one go: nothing for an empty one. */
export function wholeContent({ sizeBytes }: FileAttributes): readonly DataMessage[] {
  return sizeBytes === 0 ? [] : [{ type: "data", ranges: [{ offset: 0, length: sizeBytes }] }];
}

/** Zeros in `bytes` from `from` to before `end`; 0 if they are fewer than {@link MIN_ZEROS_BYTES}. */
function countZeros(bytes: Uint8Array, from: number, end: number): number {
  // Most data that begins with a zero shows here.
  if (end - from < MIN_ZEROS_BYTES || bytes[from + MIN_ZEROS_BYTES - 1] !== 0) return 0;
  let at = from;
  while (at < end) {
    const part = bytes.subarray(at, Math.min(at + MIN_ZEROS_BYTES, end));
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) break;
    at += part.length;
  }
  if (at === from) return 0;
  while (at < end && bytes[at] === 0) at++;
  return at - from;
}
