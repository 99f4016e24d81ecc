/**
 * The sending half of a stream in memory: what is written is read at once, and kept. For tests of what sends the content
 * of a file, and what is to be told of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ByteSource } from "../protocol/mod.ts";
import { decodeMessage } from "../transfer/message_decoder.ts";
import type { Message } from "../transfer/messages.ts";
import { ContentStream } from "./content_stream.ts";

/** The bytes that a source is asked for at a time. */
const PIECE_BYTES = 1200;

/** A message that was sent, and for DATA the bytes of its ranges. */
export interface SentMessage {
  readonly message: Message;
  readonly bytes: Uint8Array;
}

/** See the module's description. */
export class RecordingStream extends ContentStream {
  readonly #parts: Uint8Array[] = [];
  writtenBytes = 0;
  isFinished = false;
  /** What the peer has acknowledged, to be set. */
  override ackedBytes = 0;
  /** Whether the peer has reset the stream, to be set. */
  override isReset = false;

  override write(bytes: Uint8Array): void {
    assert(!this.isFinished, "written after the end");
    this.#parts.push(bytes.slice());
    this.writtenBytes += bytes.length;
  }

  override writeFrom(source: ByteSource, length: number): void {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += PIECE_BYTES) source.read(at, bytes.subarray(at, at + PIECE_BYTES));
    this.write(bytes);
  }

  override finish(): void {
    this.isFinished = true;
  }

  /** What has been sent so far. */
  get sent(): readonly SentMessage[] {
    const all = new Uint8Array(this.writtenBytes);
    let end = 0;
    for (const part of this.#parts) {
      all.set(part, end);
      end += part.length;
    }
    const sent: SentMessage[] = [];
    for (let at = 0; at < all.length;) {
      const decoded = decodeMessage(all.subarray(at));
      assert(typeof decoded === "object" && "message" in decoded, "what was sent is no message");
      const { message, consumed } = decoded;
      const length = message.type === "data" ? message.ranges.reduce((sum, range) => sum + range.length, 0) : 0;
      at += consumed;
      sent.push({ message, bytes: all.subarray(at, at + length) });
      at += length;
    }
    return sent;
  }
}
