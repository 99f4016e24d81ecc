/**
 * Where a stream's bytes come from and go to, when that is not memory: a file.
 *
 * @module
 */

/** Bytes that can be read again at any offset, so that a lost range is read anew instead of being kept in memory. */
export interface ByteSource {
  /**
   * Fills the whole of `into` with the source's bytes from `offset` on. Throws where that cannot be done; the
   * application then hears of it, and resets the stream.
   */
  read(offset: number, into: Uint8Array): void;
}

/** Takes bytes in any order, each exactly once. */
export interface ByteSink {
  /** `bytes` is a view that is valid during the call alone. */
  write(offset: number, bytes: Uint8Array): void;
}
