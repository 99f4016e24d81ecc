/**
 * The content of a file as a sequence of CHUNK messages of equal length, made from the file when they are sent, and again
 * if they are lost, so that none of it is kept in memory.
 *
 * Hot: `read` runs for every packet with new data.
 *
 * @module
 */

import { Writer } from "../base/bytes.ts";
import type { ByteSource } from "../protocol/mod.ts";
import { MAX_PLAIN_CHUNK_BYTES, MessageType } from "./messages.ts";

/** Widths of the varints: the same for each chunk, so that its place in the stream follows from its number. */
const LENGTH_BYTES = 4;
const OFFSET_BYTES = 8;

/** What of a body precedes the content: flags, offset, length of the content. */
const FIELDS_BYTES: number = 1 + OFFSET_BYTES + LENGTH_BYTES;

/** What precedes the content: type, length of the body, and those fields. */
const HEADER_BYTES: number = 1 + LENGTH_BYTES + FIELDS_BYTES;

/** A whole chunk. */
const CHUNK_BYTES: number = HEADER_BYTES + MAX_PLAIN_CHUNK_BYTES;

/** See the module's description. */
export class ChunkedContent implements ByteSource {
  readonly #file: ByteSource;
  readonly #sizeBytes: number;

  /** `file` has `sizeBytes` bytes, which are read in order the first time. */
  constructor(file: ByteSource, { sizeBytes }: { readonly sizeBytes: number }) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  /** The length of all messages. */
  get lengthBytes(): number {
    return this.#sizeBytes + HEADER_BYTES * Math.ceil(this.#sizeBytes / MAX_PLAIN_CHUNK_BYTES);
  }

  /** Throws what the file's `read` throws. */
  read(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const index = Math.floor((offset + done) / CHUNK_BYTES);
      const within = offset + done - index * CHUNK_BYTES;
      const start = index * MAX_PLAIN_CHUNK_BYTES;
      const length = Math.min(MAX_PLAIN_CHUNK_BYTES, this.#sizeBytes - start);
      if (within < HEADER_BYTES) {
        const header = headerOf(start, length).subarray(within, within + into.length - done);
        into.set(header, done);
        done += header.length;
      } else {
        const from = within - HEADER_BYTES;
        const part = into.subarray(done, done + length - from);
        this.#file.read(start + from, part);
        done += part.length;
      }
    }
  }
}

function headerOf(start: number, length: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const writer = new Writer().reset(header);
  writer.u8(MessageType.chunk);
  writer.varintAs(FIELDS_BYTES + length, LENGTH_BYTES);
  writer.varint(0);
  writer.varintAs(start, OFFSET_BYTES);
  writer.varintAs(length, LENGTH_BYTES);
  return header;
}
