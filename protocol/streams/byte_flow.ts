/**
 * Source and sink of a stream's bytes outside memory: files.
 *
 * @module
 */

/** Bytes that can be read repeatedly at any offset, so that a lost range is read again instead of being kept in memory. */
export interface ByteSource {
  /**
   * Fills all of `into` with the source's bytes from `offset` on. Throws if that is not possible; the application then
   * receives an event, and resets the stream.
   */
  read(offset: number, into: Uint8Array): void;
}

/** Takes bytes in any order, each exactly once. */
export interface ByteSink {
  /** Writes `bytes` at `offset`. The view is valid only during the call. */
  write(offset: number, bytes: Uint8Array): void;
}
