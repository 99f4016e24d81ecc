/**
 * The events of streams for the application.
 *
 * @module
 */

import type { Stream } from "./stream.ts";

/** Events of streams. */
export type StreamEvent =
  /** The peer opened a stream. */
  | { readonly kind: "stream-opened"; readonly stream: Stream }
  /** Bytes can be read, a direct region is complete, or the stream's end has arrived. */
  | { readonly kind: "stream-readable"; readonly stream: Stream }
  /** The peer reset its sending half with this code. */
  | { readonly kind: "stream-reset"; readonly stream: Stream; readonly code: number }
  /** The peer asked this side to stop sending (STOP_SENDING); the sending half was reset in response. */
  | { readonly kind: "stream-stopped"; readonly stream: Stream; readonly code: number }
  /** The peer has acknowledged all bytes written and the end. */
  | { readonly kind: "stream-delivered"; readonly stream: Stream }
  /**
   * A source could not be read; `error` is what it threw. Nothing more is sent: the application must reset the sending
   * half with a code that tells the peer why.
   */
  | { readonly kind: "source-failed"; readonly stream: Stream; readonly error: unknown };
