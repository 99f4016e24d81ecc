/**
 * Reads messages from a stream.
 *
 * @module
 */

import type { Stream } from "../protocol/mod.ts";
import { type Message } from "./messages.ts";
import { decodeMessage, MAX_HEADER_BYTES, messageLength } from "./message_decoder.ts";

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
 * Reads the next message from the stream, if all of it has arrived. Until then it looks at the beginning alone: a message
 * of 64 KiB arrives in many packets, and joining what there is of it takes time.
 */
export function readMessage(stream: Stream): NextMessage {
  if (stream.readableBytes > 0) {
    const length = messageLength(stream.peek(MAX_HEADER_BYTES));
    const isAwaited = length > stream.readableBytes && !stream.isEndReceived;
    const decoded = isAwaited ? "incomplete" : decodeMessage(stream.peek(Math.max(length, MAX_HEADER_BYTES)));
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
