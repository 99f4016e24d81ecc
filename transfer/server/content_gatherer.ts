/**
 * Reads the content of a small file from a stream into memory, so that the requests behind it can be read while the
 * store creates the file.
 *
 * It finds only where the content ends; whether it is right is for its receiver to judge.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import { peekMessage } from "../message_reader.ts";
import { MAX_MESSAGE_BYTES } from "../messages.ts";

/** The largest file whose content is gathered, bytes: that of one CHUNK, and no more memory than its receiver takes. */
export const MAX_GATHERED_FILE_BYTES = 65_536;

/** What the messages around the bytes of a file may take: any client sends far less. */
const MAX_OVERHEAD_BYTES: number = 2 * MAX_MESSAGE_BYTES;

/** What the messages take that a client of ours sends: the head of a CHUNK, and a DIGEST. */
const USUAL_OVERHEAD_BYTES = 64;

/** Gathers one content. */
export class ContentGatherer {
  readonly #stream: Stream;
  readonly #maxBytes: number;
  /** What was read, and room for more: as much as a usual content takes. */
  #content: Uint8Array;
  #lengthBytes = 0;
  /** Bytes of a region that follow. */
  #regionBytes = 0;

  constructor(stream: Stream, { sizeBytes }: { readonly sizeBytes: number }) {
    this.#stream = stream;
    this.#maxBytes = sizeBytes + MAX_OVERHEAD_BYTES;
    this.#content = new Uint8Array(sizeBytes + USUAL_OVERHEAD_BYTES);
  }

  /**
   * Reads what has arrived. Returns the content with its DIGEST, or up to where it cannot be one; undefined if more is to
   * arrive.
   */
  gather(): Uint8Array | undefined {
    for (;;) {
      const hasEnded = this.#lengthBytes > this.#maxBytes || this.#stream.isReceiveComplete;
      if (hasEnded) return this.#whole();
      if (this.#stream.readableBytes === 0) return undefined;
      if (this.#regionBytes > 0) {
        const count = Math.min(this.#regionBytes, this.#stream.readableBytes);
        this.#regionBytes -= count;
        this.#take(count);
        continue;
      }
      const decoded = peekMessage(this.#stream, { sharesContent: true });
      if (decoded === "incomplete" && !this.#stream.isEndReceived) return undefined;
      const message = typeof decoded === "object" && "message" in decoded ? decoded.message : undefined;
      this.#take(decoded !== "incomplete" && "consumed" in decoded ? decoded.consumed : this.#stream.readableBytes);
      if (message?.type === "data") {
        this.#regionBytes = message.ranges.reduce((sum, { length }) => sum + length, 0);
      } else if (message?.type !== "chunk") {
        return this.#whole();
      }
    }
  }

  #take(count: number): void {
    const neededBytes = this.#lengthBytes + count;
    if (neededBytes > this.#content.length) {
      const larger = new Uint8Array(Math.max(neededBytes, 2 * this.#content.length));
      larger.set(this.#whole());
      this.#content = larger;
    }
    this.#content.set(this.#stream.peek(count), this.#lengthBytes);
    this.#lengthBytes = neededBytes;
    this.#stream.consume(count);
  }

  #whole(): Uint8Array {
    return this.#content.subarray(0, this.#lengthBytes);
  }
}
