/**
 * The receiver's account of what it holds of a file already: HAVE, and then the SHA-256 of block after block, as fast as
 * they are computed and the stream takes them (`docs/PROTOCOL.md`, section 14.4).
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Stream } from "../protocol/mod.ts";
import { type BackgroundTask, STEP_BYTES } from "./background_work.ts";
import { HAS_ZSTD } from "./compression.ts";
import type { FileRange, HaveMessage } from "./messages.ts";
import type { WritableFile } from "./file_store.ts";
import { encodeMessage } from "./message_encoder.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCKS, MIN_BLOCK_BYTES, SHA256_BYTES } from "./messages.ts";

/** The bytes that are read at a time. A store may take each such piece from where it likes. */
const PIECE_BYTES = MIN_BLOCK_BYTES;

/** So many bytes of hashes may be on their way; they stand for a thousand times as many of the file. */
const MAX_UNACKED_BYTES = 64 * 1024;

/** Hashes are told when they stand for so many bytes of the file. */
const TELL_BYTES = 1024 * 1024;

/** What a receiver tells at first of what it holds. */
export function haveOf({ heldBytes }: Pick<WritableFile, "heldBytes">): HaveMessage {
  let blockBytes = MIN_BLOCK_BYTES;
  while (blockBytes * MAX_BLOCKS < heldBytes && blockBytes < MAX_BLOCK_BYTES) blockBytes *= 2;
  const have = { blockBytes, heldBytes: Math.min(heldBytes, blockBytes * MAX_BLOCKS) };
  return { type: "have", ...have, ...(HAS_ZSTD ? { zstd: true } : {}) };
}

/** See the module's description. One for each file that is received. */
export class HeldBlocks implements BackgroundTask {
  readonly #file: WritableFile;
  readonly #stream: Stream;
  readonly #have: HaveMessage;
  readonly #piece: Uint8Array;
  #hash = createHash("sha256");
  #hashedBytes = 0;
  /** Hashes that are to be told. */
  #hashes: Uint8Array[] = [];
  #toldBytes = 0;
  #writtenBytes = 0;
  #isStopped = false;

  /** Tells what there is. */
  constructor({ file, stream }: { file: WritableFile; stream: Stream }) {
    this.#file = file;
    this.#stream = stream;
    this.#have = haveOf(file);
    this.#piece = new Uint8Array(this.#have.heldBytes === 0 ? 0 : PIECE_BYTES);
    this.#write(encodeMessage(this.#have));
  }

  /** Bytes of the file, from its start on, whose blocks' hashes were told. */
  get toldBytes(): number {
    return this.#toldBytes;
  }

  get hasWork(): boolean {
    return !this.#isStopped && this.#toldBytes < this.#have.heldBytes && !this.#stream.isReset &&
      this.#writtenBytes - this.#stream.ackedBytes < MAX_UNACKED_BYTES;
  }

  /** Hashes on. Throws StoreError. */
  work(): void {
    const { heldBytes } = this.#have;
    const stepEnd = Math.min(this.#hashedBytes + STEP_BYTES, heldBytes);
    while (this.#hashedBytes < stepEnd) this.#hashOn();
    const isDone = this.#hashedBytes === heldBytes;
    if (this.#hashes.length > 0 && (isDone || this.#hashedBytes - this.#toldBytes >= TELL_BYTES)) this.#tell();
  }

  /** Whether a range consists of blocks whose hashes were told. */
  hasTold({ offset, length }: FileRange): boolean {
    const { blockBytes, heldBytes } = this.#have;
    const end = offset + length;
    return offset % blockBytes === 0 && (end % blockBytes === 0 || end === heldBytes) && end <= this.#toldBytes;
  }

  /** Nobody needs further hashes. */
  stop(): void {
    this.#isStopped = true;
  }

  #hashOn(): void {
    const { blockBytes, heldBytes } = this.#have;
    const at = this.#hashedBytes;
    const piece = this.#piece.subarray(0, heldBytes - at);
    // What cannot be read is not what the peer has.
    piece.fill(0, this.#file.readHeld(at, piece));
    this.#hash.update(piece);
    this.#hashedBytes = at + piece.length;
    if (this.#hashedBytes % blockBytes > 0 && this.#hashedBytes < heldBytes) return;
    this.#hashes.push(new Uint8Array(this.#hash.digest()));
    this.#hash = createHash("sha256");
  }

  #tell(): void {
    const { blockBytes, heldBytes } = this.#have;
    const hashes = new Uint8Array(this.#hashes.length * SHA256_BYTES);
    this.#hashes.forEach((hash, index) => hashes.set(hash, index * SHA256_BYTES));
    this.#toldBytes = Math.min(this.#toldBytes + this.#hashes.length * blockBytes, heldBytes);
    this.#hashes = [];
    this.#write(encodeMessage({ type: "hashes", hashes }));
  }

  #write(bytes: Uint8Array): void {
    this.#writtenBytes += bytes.length;
    this.#stream.write(bytes);
  }
}
