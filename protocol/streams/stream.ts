/**
 * A bidirectional stream as the application sees it: bytes to send, bytes received, an end or a reset for each direction.
 *
 * The bytes of a file are never buffered: {@link Stream.writeFrom} reads them when a packet has room, and
 * {@link Stream.receiveInto} writes them to a sink as they arrive, in any order.
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
  /** Bytes that were written and have not been sent once; 0 after a reset. */
  readonly unsentBytes: number;
  /** Whether the sending half was reset. */
  readonly isReset: boolean;
  /** Appends bytes; the caller must not modify the array afterwards. Throws CallerError after finish. No effect after a reset. */
  write(bytes: Uint8Array): void;
  /** Appends `lengthBytes` bytes that are read from `source` when a packet has room, and again if they are lost. */
  writeFrom(source: ByteSource, lengthBytes: number): void;
  /** Ends the sending half after what was written. */
  finish(): void;
  /** Resets the sending half with an application error code; unsent and lost bytes are discarded. */
  reset(code: number): void;

  // --- the receiving half ---

  /** Bytes that {@link Stream.peek} would return without a limit. */
  readonly readableBytes: number;
  /** Bytes of the direct region that have not arrived. */
  readonly directRemainingBytes: number;
  /** Bytes from the start of the direct region that have arrived without a gap. */
  readonly directContiguousBytes: number;
  /** Whether the stream's end is known and all bytes before it have arrived, read or unread. */
  readonly isEndReceived: boolean;
  /** Whether all bytes up to the stream's end have arrived and were read. */
  readonly isReceiveComplete: boolean;
  /** The bytes that may be read now, in order, at most `maxBytes`. */
  peek(maxBytes?: number): Uint8Array;
  /** Removes the first `count` readable bytes. */
  consume(count: number): void;
  /**
   * Begins a direct region: writes the next `lengthBytes` bytes to `sink` as they arrive, in any order, each once. After
   * them, bytes are read in order again.
   */
  receiveInto(sink: ByteSink, lengthBytes: number): void;
  /**
   * Lets the peer have this many bytes outstanding that are read in order, for the rest of the stream. For a long content
   * that is read as it arrives; not for a stream with direct regions. No effect if it may have more.
   */
  widenOrderedWindow(windowBytes: number): void;
  /** Asks the peer to stop sending on this stream (STOP_SENDING); what still arrives is dropped. */
  stopReading(code: number): void;
}
