/**
 * The bytes that a new file may reuse: those that an earlier try left in its partial file, and, where that has none, those
 * of the older version that it replaces. They are offered, compared elsewhere by their hashes, and taken over.
 *
 * What cannot be read is offered as zeros: then the sender sends it again, and no bad block of a disk ends a transfer that
 * does not need it.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { RangeSet } from "../base/range_set.ts";
import { type ReadableFile, StoreError } from "../transfer/file_store.ts";
import { isZeros } from "./holes.ts";

/** Where the bytes are. */
export interface HeldBytesOptions {
  /** The size of the new file. */
  readonly sizeBytes: number;
  /** The size of what the partial file had when it was opened. */
  readonly foundBytes: number;
  /** Reads the partial file until `into` is full or it ends; returns the number of bytes. Throws StoreError. */
  readonly readPartial: (offset: number, into: Uint8Array) => number;
  /** The older version; closed by {@link HeldBytes.close}. */
  readonly older: ReadableFile | undefined;
}

/** Older versions are copied in pieces of this size. */
const COPY_BYTES = 64 * 1024;

/** See the module's description. */
export class HeldBytes {
  /** How many bytes are offered, from the start of the file. */
  readonly sizeBytes: number;
  readonly #options: HeldBytesOptions;
  /** The ranges that were offered from the older version. */
  readonly #fromOlder = new RangeSet();

  constructor(options: HeldBytesOptions) {
    const { sizeBytes, foundBytes, older } = options;
    this.#options = options;
    this.sizeBytes = Math.min(sizeBytes, Math.max(foundBytes, older?.info.sizeBytes ?? 0));
  }

  /** Reads one block, see `WritableFile.readHeld`; never fails. */
  read(offset: number, into: Uint8Array): number {
    const { foundBytes, readPartial, older } = this.#options;
    const block = into.subarray(0, Math.max(0, this.sizeBytes - offset));
    const found = block.subarray(0, Math.max(0, foundBytes - offset));
    block.fill(0, found.length === 0 ? 0 : readOrNone(() => readPartial(offset, found)));
    this.#fromOlder.remove(offset, offset + block.length);
    if (older === undefined || !isZeros(block)) return block.length;
    const olderBytes = readOrNone(() => older.read(offset, block));
    block.fill(0, olderBytes);
    this.#fromOlder.add(offset, offset + olderBytes);
    return block.length;
  }

  /**
   * Gives `write` what was offered of this range from the older version, piece by piece; the rest is in the partial file.
   * Throws StoreError, also if the older version has been cut in the meantime.
   */
  copyOlder(offset: number, length: number, write: (offset: number, bytes: Uint8Array) => void): void {
    const end = offset + length;
    invariant(offset >= 0 && end <= this.sizeBytes, "only held bytes are reused");
    let at = offset;
    this.#fromOlder.forEachGap(offset, end, (gapStart, gapEnd) => {
      this.#copy(at, gapStart, write);
      at = gapEnd;
    });
    this.#copy(at, end, write);
  }

  close(): void {
    this.#options.older?.close();
  }

  #copy(from: number, end: number, write: (offset: number, bytes: Uint8Array) => void): void {
    if (from === end) return;
    const older = this.#options.older!;
    const buffer = new Uint8Array(Math.min(COPY_BYTES, end - from));
    for (let at = from; at < end; at += buffer.length) {
      const piece = buffer.subarray(0, end - at);
      if (older.read(at, piece) < piece.length) {
        throw new StoreError("changed", "the older version of the file was just cut by another program; try again");
      }
      write(at, piece);
    }
  }
}

function readOrNone(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return 0;
  }
}
