/**
 * Reads messages from a stream.
 *
 * @module
 */

import type { Stream } from "../protocol/mod.ts";
import { type Message } from "./messages.ts";
import {
  type DecodedMessage,
  decodeMessage,
  type DecodeOptions,
  MAX_HEADER_BYTES,
  messageLength,
} from "./message_decoder.ts";

/** What comes next on the stream. */
export type NextMessage =
  | { readonly kind: "message"; readonly message: Message }
  /** Not all of a message has arrived. */
  | { readonly kind: "incomplete" }
  /** The peer has finished its half of the stream. */
  | { readonly kind: "end" }
  /** The bytes are not a message, or the stream ended inside one. */
  | { readonly kind: "malformed"; readonly reason: string };

/**
 * Decodes the next message of the stream, which stays there. Until all of it has arrived, only the beginning is looked at:
 * a message of 64 KiB arrives in many packets, and joining what there is of it takes time.
 *
 * The shared content of a CHUNK is valid until more of the stream arrives.
 */
export function peekMessage(stream: Stream, options?: DecodeOptions): DecodedMessage {
  const length = messageLength(stream.peek(MAX_HEADER_BYTES));
  const isAwaited = length > stream.readableBytes && !stream.isEndReceived;
  return isAwaited ? "incomplete" : decodeMessage(stream.peek(Math.max(length, MAX_HEADER_BYTES)), options);
}

/** Reads the next message from the stream, if all of it has arrived; see {@link peekMessage}. */
export function readMessage(stream: Stream, options?: DecodeOptions): NextMessage {
  if (stream.readableBytes > 0) {
    const decoded = peekMessage(stream, options);
    if (typeof decoded === "object" && "message" in decoded) {
      stream.consume(decoded.consumed);
      return { kind: "message", message: decoded.message };
    }
    if (decoded !== "incomplete") return { kind: "malformed", reason: decoded.malformed };
    return stream.isEndReceived
      ? { kind: "malformed", reason: "the stream ended inside a message" }
      : { kind: "incomplete" };
  }
  return stream.isReceiveComplete ? { kind: "end" } : { kind: "incomplete" };
}
