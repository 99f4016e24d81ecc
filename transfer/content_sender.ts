/**
 * Sends the content of a file on a stream (`docs/PROTOCOL.md`, section 14.4): all of it in one go, or, if the receiver may
 * hold a part of the file, what it lacks.
 *
 * ```
 *   waiting for HAVE --nothing is held, and it does not shrink--> sent
 *      |                                                          ^
 *      +--something is held, or it shrinks--> working ------------+
 * ```
 *
 * While it waits it sends the first part, for which a connection takes a while anyway. What lies beyond the bytes that are
 * held follows in one piece. Meanwhile it compares blocks, in the background, in order, as their hashes arrive; the same
 * pass hashes the whole file. What is behind the sending half then follows in ranges: SAME, or DATA with the bytes.
 *
 * A file of which some parts shrink on trial is sent in compressed CHUNKs, made in the background as the stream takes
 * them, if the receiver wants that. Only parts that the receiver lacks are tried: those beyond what it holds at once, and
 * those in which it differs as they are found, until some shrink. From then on everything is sent in CHUNKs.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invariant } from "../base/invariant.ts";
import type { ByteSource, Stream } from "../protocol/mod.ts";
import { type BackgroundTask, STEP_BYTES } from "./background_work.ts";
import { compress, shrinks } from "./compression.ts";
import { FileSender, wholeContent } from "./file_sender.ts";
import { PIPE_WINDOW_BYTES } from "./pipe_window.ts";
import { indexOfRange, startsOf } from "./ranges.ts";
import type { ReadableFile } from "./file_store.ts";
import { encodeMessage, encodeMessages } from "./message_encoder.ts";
import {
  type FileRange,
  type HaveMessage,
  MAX_CHUNK_BYTES,
  MAX_PLAIN_CHUNK_BYTES,
  type Message,
  SHA256_BYTES,
} from "./messages.ts";

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

/** Smaller files are not compressed: a round trip more or less matters more. */
const MIN_COMPRESSED_BYTES = 64 * 1024;

/** What is looked at to find out whether a file shrinks. */
const SAMPLES = 4;
const SAMPLE_BYTES = 16 * 1024;

/** While what is sent does not shrink, it is tried again after so many bytes: a hundredth of them is looked at or less. */
const TRY_EVERY_BYTES = 8 * 1024 * 1024;

/** Parts that are compressed in a step, about a millisecond. */
const PARTS_IN_STEP = 2;

/** What a CHUNK can contain if it is compressed. */
const MAX_COMPRESSED_BYTES = MAX_PLAIN_CHUNK_BYTES - 8;

/** The pieces of a part that does not shrink enough to fit into one CHUNK. */
const PIECE_BYTES = MAX_CHUNK_BYTES / 4;

/** No CHUNK is made while so many bytes are not sent: on a slow link a transfer costs little memory. */
const CHUNKS_AHEAD_BYTES = 512 * 1024;

/** See the module's description. Owns the file. */
export class ContentSender implements BackgroundTask {
  readonly #file: FileSender;
  #stream: Stream | undefined;
  #state: "waiting" | "working" | "sent" = "waiting";
  /** What is still to be sent in CHUNKs; undefined if the file is not compressed. */
  #chunks: ChunkQueue | undefined;
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
  /** Bytes that were given to the stream. */
  #writtenBytes = 0;
  #mayCompress = false;
  /** Of the ranges that differ, the bytes that are sent as they are before some are tried again. */
  #untilTrialBytes = 0;

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

  /** Whether some parts of the file shrink on trial. Throws StoreError if the disk fails. */
  shrinks(): boolean {
    return shrinks(this.#samplesOf([{ offset: 0, length: this.sizeBytes }]));
  }

  /** Sends `first`, the content and FIN. Throws StoreError if the disk fails. */
  start(stream: Stream, first: Message, options: ContentOptions): void {
    this.#stream = stream;
    const file = this.#file;
    const { sizeBytes } = file;
    this.#mayCompress = options.compresses;
    if (options.waitsForHave && sizeBytes >= RESUMABLE_BYTES) {
      this.#write(first);
      return this.#send([{ offset: 0, length: FIRST_BYTES }]);
    }
    if (options.compresses && sizeBytes >= MIN_COMPRESSED_BYTES) {
      this.#write(first);
      this.#state = "working";
      this.#sendRest([{ offset: 0, length: sizeBytes }]);
      return this.#endOnceDone();
    }
    stream.write(encodeMessages([first, ...wholeContent(file)]));
    stream.writeFrom(file, sizeBytes);
    this.#end();
  }

  /** Bytes of the file that the receiver has acknowledged, or held. */
  get transferredBytes(): number {
    const ackedBytes = this.#stream?.ackedBytes ?? 0;
    return ackedBytes + (this.#chunks?.savedBytes(ackedBytes) ?? 0) + this.#sameBytes;
  }

  /** Whether {@link take} can take a message now; otherwise it is to stay on the stream, which holds the receiver up. */
  get wantsMessage(): boolean {
    return this.#state !== "working" || this.#isCompared || this.#toldCount <= this.#nextBlock;
  }

  /** Takes HAVE or HASHES; returns whether they are as they must be. Throws StoreError if the disk fails. */
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
    if (this.#state !== "working" || this.#stream!.isReset) return false;
    return this.#canHash || this.#mustTell || this.#canCompress || this.#isDone;
  }

  /** Throws StoreError if the disk fails or the file has changed. */
  work(): void {
    for (let done = 0; done < STEP_BYTES && this.#canHash;) done += this.#hashOn();
    if (this.#mustTell) this.#tell();
    for (let count = 0; count < PARTS_IN_STEP && this.#canCompress; count++) this.#sendPart();
    this.#endOnceDone();
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
    this.#mayCompress &&= have.zstd === true;
    this.#state = "working";
    if (heldBytes <= comparedFrom) {
      this.#sendRest([{ offset: FIRST_BYTES, length: this.sizeBytes - FIRST_BYTES }]);
    } else {
      this.#comparedEnd = heldBytes;
      this.#file.hashesInPassing = false;
      this.#sendRest(rest.filter(({ length }) => length > 0));
    }
    if (this.#chunks === undefined && this.#comparedEnd === 0) this.#end();
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
    if (this.#same.bytes > 0 || this.#differing.bytes > 0 || this.#chunks?.isEmpty === false) return false;
    return this.#file.hashedBytes === this.sizeBytes;
  }

  get #canCompress(): boolean {
    if (this.#chunks === undefined || this.#chunks.isEmpty) return false;
    // Both are read through the same window, in order.
    if (this.#readBytes < this.#queuedBytes) return false;
    const { unsentBytes, ackedBytes } = this.#stream!;
    return unsentBytes < CHUNKS_AHEAD_BYTES && this.#writtenBytes - ackedBytes < PIPE_WINDOW_BYTES;
  }

  #endOnceDone(): void {
    const isSentWhole = this.#chunks === undefined && this.#comparedEnd === 0;
    if (this.#state === "working" && (isSentWhole || this.#isDone)) this.#end();
  }

  #tell(): void {
    const same = this.#same.takeAll();
    const differing = this.#differing.takeAll();
    if (same.length > 0) this.#write({ type: "same", ranges: same });
    for (const { length } of same) this.#sameBytes += length;
    this.#sendDiffering(differing);
  }

  #sendDiffering(ranges: readonly FileRange[]): void {
    if (ranges.length === 0) return;
    if (this.#chunks !== undefined) return this.#chunks.add(ranges);
    for (const { length } of ranges) this.#untilTrialBytes -= length;
    if (this.#untilTrialBytes > 0) return this.#send(ranges);
    this.#untilTrialBytes = TRY_EVERY_BYTES;
    this.#sendRest(ranges);
  }

  /** Sends DATA. */
  #send(ranges: readonly FileRange[]): void {
    if (ranges.length === 0) return;
    const source = new RangesSource(this.#file, ranges, (bytes) => this.#readBytes += bytes);
    this.#write({ type: "data", ranges });
    this.#stream!.writeFrom(source, source.sizeBytes);
    this.#writtenBytes += source.sizeBytes;
    this.#queuedBytes += source.sizeBytes;
  }

  /** Sends what the receiver lacks for certain: compressed, if some parts of it shrink. */
  #sendRest(ranges: readonly FileRange[]): void {
    if (this.#mayCompress && shrinks(this.#samplesOf(ranges))) {
      this.#chunks = new ChunkQueue();
      this.#chunks.add(ranges);
    } else {
      this.#send(ranges);
    }
  }

  /** Parts of the ranges at even distances. */
  #samplesOf(ranges: readonly FileRange[]): readonly Uint8Array[] {
    const source = new RangesSource(this.#file, ranges, () => {});
    const samples: Uint8Array[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      const offset = Math.floor(i * source.sizeBytes / SAMPLES);
      const sample = new Uint8Array(Math.min(SAMPLE_BYTES, source.sizeBytes - offset));
      source.look(offset, sample);
      samples.push(sample);
    }
    return samples;
  }

  /** Sends the next part in CHUNKs: in one if that shrinks enough. */
  #sendPart(): void {
    const chunks = this.#chunks!;
    const { offset, length } = chunks.take();
    const plain = chunks.buffer.subarray(0, length);
    this.#file.seek(offset);
    this.#file.read(offset, plain);
    const content = compress(plain);
    if (content !== undefined && content.length <= MAX_COMPRESSED_BYTES) {
      return this.#sendCompressed(offset, { content, plainBytes: length });
    }
    for (let done = 0; done < length; done += PIECE_BYTES) {
      const piece = plain.subarray(done, done + PIECE_BYTES);
      const smaller = content === undefined ? undefined : compress(piece);
      if (smaller === undefined) this.#write({ type: "chunk", offset: offset + done, content: piece });
      else this.#sendCompressed(offset + done, { content: smaller, plainBytes: piece.length });
    }
  }

  #sendCompressed(offset: number, chunk: { readonly content: Uint8Array; readonly plainBytes: number }): void {
    this.#write({ type: "chunk", offset, ...chunk });
    this.#chunks!.note(this.#writtenBytes, chunk.plainBytes - chunk.content.length);
  }

  #write(message: Message): void {
    const bytes = encodeMessage(message);
    this.#writtenBytes += bytes.length;
    this.#stream!.write(bytes);
  }

  #end(): void {
    this.#state = "sent";
    this.#stream!.writeFrom(this.#file.trailer, this.#file.trailerBytes);
    this.#stream!.finish();
  }
}

/** How a file is sent. */
export interface ContentOptions {
  /** The receiver will tell what it holds: most of the file waits for that. */
  readonly waitsForHave: boolean;
  /** What shrinks is compressed. If HAVE is waited for, only if that says so, too. */
  readonly compresses: boolean;
}

/** Ranges that are to be sent in CHUNKs, and what has been saved by that. */
class ChunkQueue {
  readonly buffer: Uint8Array = new Uint8Array(MAX_CHUNK_BYTES);
  readonly #ranges: FileRange[] = [];
  /** Where in the stream each chunk ends that is not acknowledged, and by how much it is shorter than its part. */
  readonly #unacked: { readonly end: number; readonly savedBytes: number }[] = [];
  #savedBytes = 0;

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  add(ranges: readonly FileRange[]): void {
    this.#ranges.push(...ranges);
  }

  /** Removes the next part. */
  take(): FileRange {
    const { offset, length } = this.#ranges[0]!;
    const count = Math.min(length, MAX_CHUNK_BYTES);
    if (count === length) this.#ranges.shift();
    else this.#ranges[0] = { offset: offset + count, length: length - count };
    return { offset, length: count };
  }

  note(end: number, savedBytes: number): void {
    this.#unacked.push({ end, savedBytes });
  }

  /** Bytes that acknowledged chunks have saved. */
  savedBytes(ackedBytes: number): number {
    while (this.#unacked.length > 0 && this.#unacked[0]!.end <= ackedBytes) {
      this.#savedBytes += this.#unacked.shift()!.savedBytes;
    }
    return this.#savedBytes;
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

  /** As `read`, but apart from the order. */
  look(offset: number, into: Uint8Array): void {
    let index = indexOfRange(this.#starts, offset);
    for (let done = 0; done < into.length; index++) {
      const range = this.#ranges[index]!;
      const from = offset + done - this.#starts[index]!;
      const count = Math.min(range.length - from, into.length - done);
      this.#file.look(range.offset + from, into.subarray(done, done + count));
      done += count;
    }
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
