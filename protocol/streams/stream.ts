/**
 * A bidirectional stream, as the application holds it: bytes out, bytes in, an end or a reset for each direction.
 *
 * Bytes of a file never wait in memory: {@link Stream.writeFrom} reads them when a packet has room, and
 * {@link Stream.receiveInto} hands them on as they arrive, in any order.
 *
 * @module
 */

import type { ByteSink, ByteSource } from "./byte_flow.ts";

/** One stream. Sizes and offsets are bytes. */
export interface Stream {
  readonly id: number;

  // --- the sending half ---

  /** Bytes that the peer has acknowledged, each counted once. */
  readonly ackedBytes: number;
  /** The sending half was given up. */
  readonly isReset: boolean;
  /** Appends bytes; the array belongs to the stream from now on. Throws CallerError after finish. No effect after a reset. */
  write(bytes: Uint8Array): void;
  /** Appends `lengthBytes` that are read from `source` when there is room, and again if they are lost. */
  writeFrom(source: ByteSource, lengthBytes: number): void;
  /** Ends the sending half after what was written. */
  finish(): void;
  /** Gives up the sending half with an application error code; what was not sent never will be. */
  reset(code: number): void;

  // --- the receiving half ---

  /** Bytes that {@link Stream.peek} would return. */
  readonly readableBytes: number;
  /** Bytes still missing of those that go straight to the sink. */
  readonly directRemainingBytes: number;
  /** Bytes from the start of the direct region that have arrived without a gap. */
  readonly directContiguousBytes: number;
  /** The peer's end is known and everything before it has arrived, read or not. */
  readonly isEndReceived: boolean;
  /** Everything up to the peer's end has arrived and was read. */
  readonly isReceiveComplete: boolean;
  /** The bytes that may be read now, in order. */
  peek(): Uint8Array;
  /** Takes the first `count` readable bytes off the stream. */
  consume(count: number): void;
  /**
   * Sends the next `lengthBytes` straight to `sink`, in any order, each once, as they arrive. After them, bytes come
   * in order again.
   */
  receiveInto(sink: ByteSink, lengthBytes: number): void;
  /** Tells the peer to send no more on this stream; what still arrives is dropped. */
  stopReading(code: number): void;
}
