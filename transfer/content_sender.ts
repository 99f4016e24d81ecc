/**
 * Sends the content of a file on a stream (`docs/PROTOCOL.md`, section 14.4): all of it in one go, or, if the receiver may
 * hold a part of the file, what it lacks.
 *
 * ```
 *   waiting for HAVE --nothing is held--> sent
 *      |                                   ^
 *      +--something is held--> comparing --+
 * ```
 *
 * While it waits it sends the first part, for which a connection takes a while anyway. What lies beyond the bytes that are
 * held follows in one piece. Meanwhile it compares blocks, in the background, in order, as their hashes arrive; the same
 * pass hashes the whole file. What is behind the sending half then follows in ranges: SAME, or DATA with the bytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invariant } from "../base/invariant.ts";
import type { ByteSource, Stream } from "../protocol/mod.ts";
import { type BackgroundTask, STEP_BYTES } from "./background_work.ts";
import { FileSender, wholeContent } from "./file_sender.ts";
import { indexOfRange, startsOf } from "./ranges.ts";
import type { ReadableFile } from "./file_store.ts";
import { encodeMessage, encodeMessages } from "./message_encoder.ts";
import { type FileRange, type HaveMessage, type Message, SHA256_BYTES } from "./messages.ts";

/** Smaller files are sent without asking what the receiver holds. */
export const RESUMABLE_BYTES: number = 1024 * 1024;

/**
 * What is sent of a file before it is known what the receiver holds: more than a connection sends in its first round trip,
 * and so little that the rest is announced before the window for it is needed.
 */
const FIRST_BYTES = 64 * 1024;

/** Ranges in a message; each takes at most 16 bytes of its body. */
const MAX_RANGES_TOLD = 2048;

/** Below this the sending half needs more to do. */
const LOW_BYTES = 256 * 1024;

/** Blocks that are the same are told when there are so many bytes of them. */
const TELL_SAME_BYTES = 16 * 1024 * 1024;

/** See the module's description. Owns the file. */
export class ContentSender implements BackgroundTask {
  readonly #file: FileSender;
  #stream: Stream | undefined;
  #state: "waiting" | "comparing" | "sent" = "waiting";
  #have: HaveMessage | undefined;
  /** The first block that is compared, and the end of what is. */
  #comparedFrom = 0;
  #comparedEnd = 0;
  #blockHash = createHash("sha256");
  /** The hashes of the last message, and how many were told before those and with them. */
  #hashes: Uint8Array = new Uint8Array(0);
  #hashesFrom = 0;
  #toldCount = 0;
  readonly #same = new PendingRanges();
  readonly #differing = new PendingRanges();
  #sameBytes = 0;
  /** Bytes of ranges that were given to the stream, and that it has read. */
  #queuedBytes = 0;
  #readBytes = 0;

  constructor(file: ReadableFile) {
    this.#file = new FileSender(file);
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** SHA-256 of the whole file; undefined until DIGEST is sent. */
  get digest(): Uint8Array | undefined {
    return this.#file.digest;
  }

  /** Bytes that the receiver held, as far as that has been told. */
  get sameBytes(): number {
    return this.#sameBytes;
  }

  /** Bytes that have been compared. */
  get comparedBytes(): number {
    return this.#comparedEnd === 0 ? 0 : Math.min(this.#file.hashedBytes, this.#comparedEnd);
  }

  /** Sends `first`, the content and FIN. With `waitsForHave`, the receiver will tell what it holds: most of it waits. */
  start(stream: Stream, first: Message, options: { readonly waitsForHave: boolean }): void {
    this.#stream = stream;
    const file = this.#file;
    if (options.waitsForHave && file.sizeBytes >= RESUMABLE_BYTES) {
      stream.write(encodeMessage(first));
      return this.#send([{ offset: 0, length: FIRST_BYTES }]);
    }
    stream.write(encodeMessages([first, ...wholeContent(file)]));
    stream.writeFrom(file, file.sizeBytes);
    this.#end();
  }

  /** Whether {@link take} can take a message now; otherwise it is to stay on the stream, which holds the receiver up. */
  get wantsMessage(): boolean {
    return this.#state !== "comparing" || this.#isCompared || this.#toldCount <= this.#nextBlock;
  }

  /** Takes HAVE or HASHES; returns whether they are as they must be. */
  take(message: Message): boolean {
    if (message.type === "have") return this.#takeHave(message);
    if (message.type !== "hashes" || this.#have === undefined) return false;
    const { blockBytes, heldBytes } = this.#have;
    this.#hashesFrom = this.#toldCount;
    this.#toldCount += message.hashes.length / SHA256_BYTES;
    this.#hashes = message.hashes;
    return this.#toldCount <= Math.ceil(heldBytes / blockBytes);
  }

  get hasWork(): boolean {
    if (this.#state !== "comparing" || this.#stream!.isReset) return false;
    return this.#canHash || this.#mustTell || this.#isDone;
  }

  /** Throws StoreError if the disk fails or the file has changed. */
  work(): void {
    for (let done = 0; done < STEP_BYTES && this.#canHash;) done += this.#hashOn();
    if (this.#mustTell) this.#tell();
    if (this.#isDone) this.#end();
  }

  /** The receiver wants nothing more; what it says is to be read. */
  stop(): void {
    this.#state = "sent";
  }

  close(): void {
    this.#file.close();
  }

  // --- what is known of the receiver ---

  #takeHave(have: HaveMessage): boolean {
    if (this.#have !== undefined) return false;
    this.#have = have;
    if (this.#state !== "waiting") return true;
    const { blockBytes } = have;
    const heldBytes = Math.min(have.heldBytes, this.sizeBytes);
    this.#comparedFrom = Math.ceil(FIRST_BYTES / blockBytes);
    const comparedFrom = this.#comparedFrom * blockBytes;
    const rest: FileRange[] = [
      { offset: FIRST_BYTES, length: Math.min(comparedFrom, this.sizeBytes) - FIRST_BYTES },
      { offset: Math.max(comparedFrom, heldBytes), length: this.sizeBytes - Math.max(comparedFrom, heldBytes) },
    ];
    if (heldBytes <= comparedFrom) {
      this.#send([{ offset: FIRST_BYTES, length: this.sizeBytes - FIRST_BYTES }]);
      this.#end();
      return true;
    }
    this.#state = "comparing";
    this.#comparedEnd = heldBytes;
    this.#file.hashesInPassing = false;
    this.#send(rest.filter(({ length }) => length > 0));
    return true;
  }

  // --- the pass in the background ---

  /** The number of the first block that is still to be compared. */
  get #nextBlock(): number {
    return Math.max(this.#comparedFrom, Math.floor(this.#file.hashedBytes / this.#have!.blockBytes));
  }

  get #canHash(): boolean {
    const at = this.#file.hashedBytes;
    // Beyond what is compared it goes behind the sending half, until it has caught up with it.
    if (at >= this.#comparedEnd) return at < this.#file.readEnd;
    return at < this.#comparedFrom * this.#have!.blockBytes || this.#toldCount > this.#nextBlock;
  }

  /** Reads and hashes a piece, and compares the block that it ends; returns its length. */
  #hashOn(): number {
    const file = this.#file;
    const { blockBytes } = this.#have!;
    const at = file.hashedBytes;
    if (at >= this.#comparedEnd) return file.hashOn(file.readEnd - at).length;
    const block = Math.floor(at / blockBytes);
    const blockEnd = Math.min((block + 1) * blockBytes, this.#comparedEnd);
    const piece = file.hashOn(blockEnd - at);
    if (block >= this.#comparedFrom) {
      this.#blockHash.update(piece);
      if (file.hashedBytes === blockEnd) this.#compare(block, { offset: block * blockBytes, end: blockEnd });
    }
    if (file.hashedBytes === this.#comparedEnd) file.hashesInPassing = true;
    return piece.length;
  }

  #compare(block: number, { offset, end }: { offset: number; end: number }): void {
    const at = (block - this.#hashesFrom) * SHA256_BYTES;
    const told = this.#hashes.subarray(at, at + SHA256_BYTES);
    const own = this.#blockHash.digest();
    this.#blockHash = createHash("sha256");
    const isSame = own.every((byte, index) => byte === told[index]);
    (isSame ? this.#same : this.#differing).add({ offset, length: end - offset });
  }

  // --- what is sent ---

  get #isCompared(): boolean {
    return this.#file.hashedBytes >= this.#comparedEnd;
  }

  get #mustTell(): boolean {
    const same = this.#same;
    const differing = this.#differing;
    if (same.isFull || differing.isFull) return true;
    if (this.#queuedBytes - this.#readBytes >= LOW_BYTES) return false;
    return differing.bytes > 0 || same.bytes >= TELL_SAME_BYTES || (same.bytes > 0 && this.#isCompared);
  }

  get #isDone(): boolean {
    return this.#file.hashedBytes === this.sizeBytes && this.#same.bytes === 0 && this.#differing.bytes === 0;
  }

  #tell(): void {
    const same = this.#same.takeAll();
    const differing = this.#differing.takeAll();
    if (same.length > 0) this.#stream!.write(encodeMessage({ type: "same", ranges: same }));
    for (const { length } of same) this.#sameBytes += length;
    if (differing.length > 0) this.#send(differing);
  }

  /** Sends DATA. */
  #send(ranges: readonly FileRange[]): void {
    if (ranges.length === 0) return;
    const source = new RangesSource(this.#file, ranges, (bytes) => this.#readBytes += bytes);
    this.#stream!.write(encodeMessage({ type: "data", ranges }));
    this.#stream!.writeFrom(source, source.sizeBytes);
    this.#queuedBytes += source.sizeBytes;
  }

  #end(): void {
    this.#state = "sent";
    this.#stream!.writeFrom(this.#file.trailer, this.#file.trailerBytes);
    this.#stream!.finish();
  }
}

/** Ranges that are to be told, ascending; what is adjacent is merged. */
class PendingRanges {
  #ranges: FileRange[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#ranges.length >= MAX_RANGES_TOLD;
  }

  add(range: FileRange): void {
    this.#bytes += range.length;
    const last = this.#ranges.at(-1);
    if (last === undefined || last.offset + last.length < range.offset) this.#ranges.push(range);
    else this.#ranges[this.#ranges.length - 1] = { offset: last.offset, length: last.length + range.length };
  }

  takeAll(): readonly FileRange[] {
    const ranges = this.#ranges;
    this.#ranges = [];
    this.#bytes = 0;
    return ranges;
  }
}

/** The bytes of ranges of a file, one after the other. Hot: `read` runs for every packet with new data. */
class RangesSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #file: FileSender;
  readonly #ranges: readonly FileRange[];
  /** Where each of them begins in the source. */
  readonly #starts: readonly number[];
  readonly #onRead: (bytes: number) => void;
  #readEnd = 0;

  /** `onRead` is called with the number of bytes that are read for the first time. */
  constructor(file: FileSender, ranges: readonly FileRange[], onRead: (bytes: number) => void) {
    this.#starts = startsOf(ranges);
    this.sizeBytes = ranges.reduce((sum, { length }) => sum + length, 0);
    this.#file = file;
    this.#ranges = ranges;
    this.#onRead = onRead;
  }

  read(offset: number, into: Uint8Array): void {
    let index = indexOfRange(this.#starts, offset);
    for (let done = 0; done < into.length; index++) {
      const range = this.#ranges[index];
      invariant(range !== undefined, "only what the ranges have is read");
      const from = offset + done - this.#starts[index]!;
      const count = Math.min(range.length - from, into.length - done);
      this.#seek(index, from);
      this.#file.read(range.offset + from, count === into.length ? into : into.subarray(done, done + count));
      done += count;
    }
    this.#noteRead(offset + into.length);
  }

  zerosAt(offset: number, maxBytes: number): number {
    const index = indexOfRange(this.#starts, offset);
    const range = this.#ranges[index]!;
    const from = offset - this.#starts[index]!;
    this.#seek(index, from);
    const count = this.#file.zerosAt(range.offset + from, Math.min(maxBytes, range.length - from));
    // They are sent without being read.
    this.#noteRead(offset + count);
    return count;
  }

  /** A range is read in order, once its first byte is. */
  #seek(index: number, from: number): void {
    if (from === 0 && this.#starts[index]! >= this.#readEnd) this.#file.seek(this.#ranges[index]!.offset);
  }

  #noteRead(end: number): void {
    const newBytes = end - this.#readEnd;
    if (newBytes <= 0) return;
    this.#readEnd = end;
    this.#onRead(newBytes);
  }
}
