/**
 * Collects datagrams of one connection that a socket sends in one call: they have one length, of which the last may be
 * shorter (Linux calls it generic segmentation offload, RFC 9000 implementations GSO).
 *
 * Hot: allocates nothing per datagram.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { allocateAeadBuffer, MAX_DATAGRAM_BYTES, releaseAeadBuffer } from "../protocol/mod.ts";

/** Any datagram may be as long, also the last: it may be a probe of the path's MTU. */
const SLOT_BYTES = 65_536;

/** Shorter datagrams go out alone: a connection with much to send has none, and each length has views of its own. */
const MIN_SEGMENT_BYTES = 1000;

/** For so many lengths the views are kept. A path has one for minutes, and most paths of a server have the same. */
const MAX_LENGTHS = 8;

/** What writes datagrams: a connection. */
interface DatagramSource {
  pollTransmit(nowUs: number, buffer: Uint8Array): number;
}

/** See the module's description. */
export class SendBatch {
  readonly #maxSegments: number;
  readonly #buffer: Uint8Array;
  readonly #first: Uint8Array;
  /** Where the following datagrams are written, by the length of the first. */
  readonly #slots = new Map<number, Uint8Array[]>();
  /** What was filled last: most batches are as long as the one before, and then the view stays. */
  #bytes: Uint8Array;
  #segmentBytes = 0;
  /** A datagram that was longer than the others of its batch: where it lies, and its length, 0 for none. */
  #restAt = 0;
  #restBytes = 0;

  /** Of at most `maxSegments` datagrams. */
  constructor(maxSegments: number) {
    invariant(maxSegments >= 1, "a batch has room for a datagram");
    this.#maxSegments = maxSegments;
    this.#buffer = allocateAeadBuffer(maxSegments === 1 ? SLOT_BYTES : 2 * SLOT_BYTES);
    this.#first = this.#bytes = this.#buffer.subarray(0, SLOT_BYTES);
  }

  /** The datagrams, one behind the other. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The length of each but the last, which may be shorter. */
  get segmentBytes(): number {
    return this.#segmentBytes;
  }

  /**
   * Asks `source` for datagrams: up to `maxCount`, and until one differs in length. Returns how many it had. If the last one
   * was longer than the others, it is not in {@link bytes}, and {@link takeRest} is to be called.
   */
  fill(nowUs: number, source: DatagramSource, maxCount: number): number {
    invariant(this.#restBytes === 0, "what was left of a batch is sent before the next one is filled");
    const segmentBytes = source.pollTransmit(nowUs, this.#first);
    if (segmentBytes === 0) return 0;
    let count = 1;
    let totalBytes = segmentBytes;
    const most = segmentBytes < MIN_SEGMENT_BYTES ? 1 : Math.min(maxCount, this.#maxSegments);
    while (count < most && totalBytes + segmentBytes <= MAX_DATAGRAM_BYTES) {
      const length = source.pollTransmit(nowUs, this.#slotAt(count, segmentBytes));
      if (length === 0) break;
      count++;
      if (length > segmentBytes) {
        this.#restAt = totalBytes;
        this.#restBytes = length;
        break;
      }
      totalBytes += length;
      if (length < segmentBytes) break;
    }
    this.#show(0, totalBytes, segmentBytes);
    return count;
  }

  /** Makes the longer datagram that ended the last batch a batch of its own; returns whether there was one. */
  takeRest(): boolean {
    if (this.#restBytes === 0) return false;
    this.#show(this.#restAt, this.#restBytes, this.#restBytes);
    this.#restBytes = 0;
    return true;
  }

  /** Gives the buffer back: nothing may be filled or sent any more. */
  release(): void {
    releaseAeadBuffer(this.#buffer);
  }

  #show(at: number, length: number, segmentBytes: number): void {
    const start = this.#buffer.byteOffset + at;
    if (this.#bytes.length !== length || this.#bytes.byteOffset !== start) {
      this.#bytes = this.#buffer.subarray(at, at + length);
    }
    this.#segmentBytes = segmentBytes;
  }

  /** Where the datagram with this index is written, behind `index` datagrams of `segmentBytes`. */
  #slotAt(index: number, segmentBytes: number): Uint8Array {
    let slots = this.#slots.get(segmentBytes);
    if (slots === undefined) {
      if (this.#slots.size === MAX_LENGTHS) this.#slots.clear();
      this.#slots.set(segmentBytes, slots = []);
    }
    return slots[index - 1] ??= this.#buffer.subarray(index * segmentBytes, index * segmentBytes + SLOT_BYTES);
  }
}
