/**
 * The receiving half of a stream in memory: what is in order is given as bytes, what belongs to a direct region at any
 * offset of it. For tests of what reads the content of a file.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RangeSet } from "../base/range_set.ts";
import type { ByteSink, ByteSource, Stream } from "../protocol/mod.ts";
import { encodeMessage } from "../transfer/message_encoder.ts";
import type { Message } from "../transfer/messages.ts";

const NO_BYTES = new Uint8Array(0);

/** See the module's description. */
export class ContentStream implements Stream {
  readonly id = 0;
  readonly ackedBytes: number = 0;
  readonly unsentBytes: number = 0;
  readonly isReset: boolean = false;
  isEndReceived = false;
  #ordered: Uint8Array = NO_BYTES;
  #sink: ByteSink | undefined;
  #directBytes = 0;
  readonly #arrived = new RangeSet();
  #arrivedBytes = 0;

  /** Messages arrive in order. */
  arrive(...messages: readonly Message[]): void {
    for (const message of messages) this.arriveBytes(encodeMessage(message));
  }

  /** Bytes arrive in order. */
  arriveBytes(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#ordered.length + bytes.length);
    joined.set(this.#ordered);
    joined.set(bytes, this.#ordered.length);
    this.#ordered = joined;
  }

  /** Bytes of the direct region arrive. */
  arriveDirect(offset: number, bytes: Uint8Array): void {
    assert(this.#sink !== undefined, "no direct region");
    this.#arrivedBytes += this.#arrived.add(offset, offset + bytes.length);
    this.#sink.write(offset, bytes);
  }

  get readableBytes(): number {
    return this.directRemainingBytes > 0 ? 0 : this.#ordered.length;
  }

  get directRemainingBytes(): number {
    return this.#directBytes - this.#arrivedBytes;
  }

  get directContiguousBytes(): number {
    return this.#arrived.coveredUntil(0);
  }

  get isReceiveComplete(): boolean {
    return this.isEndReceived && this.#ordered.length === 0;
  }

  peek(maxBytes = Infinity): Uint8Array {
    return this.directRemainingBytes > 0 ? NO_BYTES : this.#ordered.subarray(0, maxBytes);
  }

  consume(count: number): void {
    this.#ordered = this.#ordered.subarray(count);
  }

  receiveInto(sink: ByteSink, lengthBytes: number): void {
    assert.equal(this.directRemainingBytes, 0, "a direct region within another");
    this.#sink = sink;
    this.#directBytes = lengthBytes;
    this.#arrived.clear();
    this.#arrivedBytes = 0;
  }

  write(_bytes: Uint8Array): void {}
  writeFrom(_source: ByteSource, _length: number): void {}
  finish(): void {}
  reset(): void {}
  widenOrderedWindow(): void {}
  stopReading(): void {}
}
