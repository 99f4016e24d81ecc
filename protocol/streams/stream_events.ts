/**
 * What streams report to the application.
 *
 * @module
 */

import type { Stream } from "./stream.ts";

/** What the application hears about streams. */
export type StreamEvent =
  /** The peer opened a stream. */
  | { readonly kind: "stream-opened"; readonly stream: Stream }
  /** Bytes can be read, a direct region is complete, or the peer's end has come. */
  | { readonly kind: "stream-readable"; readonly stream: Stream }
  /** The peer gave up its sending half with this code. */
  | { readonly kind: "stream-reset"; readonly stream: Stream; readonly code: number }
  /** The peer wants no more of what this side sends; the sending half was reset in answer. */
  | { readonly kind: "stream-stopped"; readonly stream: Stream; readonly code: number }
  /** The peer has acknowledged everything that was written, and the end. */
  | { readonly kind: "stream-delivered"; readonly stream: Stream }
  /**
   * A source could not be read (the error is its own). Nothing more is sent: the application must reset the sending half,
   * with the code that tells the peer why.
   */
  | { readonly kind: "source-failed"; readonly stream: Stream; readonly error: unknown };
