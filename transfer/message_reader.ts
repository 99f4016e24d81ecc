/**
 * Takes whole messages off a stream.
 *
 * @module
 */

import type { Stream } from "../protocol/mod.ts";
import { decodeMessage, type Message } from "./messages.ts";

/** What the stream holds next. */
export type NextMessage =
  | { readonly kind: "message"; readonly message: Message }
  /** More bytes must arrive first. */
  | { readonly kind: "incomplete" }
  /** The peer has ended its half. */
  | { readonly kind: "end" }
  /** The bytes are no message, or the stream ended inside one. */
  | { readonly kind: "malformed"; readonly reason: string };

/** Takes the next message off the stream, if all of it has arrived. */
export function readMessage(stream: Stream): NextMessage {
  if (stream.readableBytes > 0) {
    const decoded = decodeMessage(stream.peek());
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
