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
  /**
   * Returns how many bytes from `offset` on, at most `maxBytes`, are known to be zeros, so that they need not be read: 0,
   * or at least {@link MIN_ZEROS_BYTES}. The first byte that was not read yet may be asked for. Throws as `read` does.
   */
  zerosAt?(offset: number, maxBytes: number): number;
}

/** A shorter run of zeros is sent as data: it saves less than it costs to look for. */
export const MIN_ZEROS_BYTES = 2_048;

/** Takes bytes in any order, each exactly once. */
export interface ByteSink {
  /** Writes `bytes` at `offset`. The view is valid only during the call. */
  write(offset: number, bytes: Uint8Array): void;
}
