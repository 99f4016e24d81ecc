/**
 * Standard output and error as sinks that say exactly how many bytes they have taken, whether or not they block.
 *
 * Deno writes to standard output through Rust's line buffer of 1024 bytes. If the stream does not block and is full, Deno
 * reports WouldBlock also when a part has been written and another part lies in that buffer: neither dropping the text nor
 * writing it again would be right. So text is handed over in pieces that are taken either as a whole or not at all:
 *
 * - Lines with their line breaks, as many as the stream takes in one go (for a pipe PIPE_BUF, POSIX.1-2017, write()): on
 *   WouldBlock none of it has been taken.
 * - A part of a longer line, without a line break and shorter than the buffer: on WouldBlock all of it is in the buffer, and
 *   has to leave it before the next piece.
 * - Bytes without a line break that are as long as the buffer, or longer: they pass it by, so the number that is returned
 *   is exact, and on WouldBlock none of them has been taken.
 *
 * Standard error has no such buffer.
 *
 * @module
 */

import fs from "node:fs";
import type { Sink } from "./output.ts";

/** A stream such as `Deno.stdout`. */
export type Stream = Pick<typeof Deno.stdout, "write" | "isTerminal">;

/** The size of the line buffer. */
const BUFFER_BYTES = 1024;

const LINE_BREAK = "\n".charCodeAt(0);

const NOTHING = new Uint8Array(0);

/** A stream that Deno buffers by lines: standard output. It takes `atomicBytes` as a whole or not at all. */
export class LineBufferedSink implements Sink {
  readonly isTerminal: boolean;
  readonly #stream: Stream;
  readonly #atomicBytes: number;
  /** Whether a part of a line is in the line buffer. */
  #isBuffered = false;

  constructor(stream: Stream, atomicBytes: number) {
    this.#stream = stream;
    this.#atomicBytes = atomicBytes;
    this.isTerminal = stream.isTerminal();
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#isBuffered) {
      if (await writeNow(this.#stream, NOTHING) === undefined) return 0;
      this.#isBuffered = false;
    }
    const piece = firstPiece(bytes, this.#atomicBytes);
    const count = await writeNow(this.#stream, piece);
    if (count !== undefined) return count;
    if (piece.at(-1) === LINE_BREAK || piece.length >= BUFFER_BYTES) return 0;
    this.#isBuffered = true;
    return piece.length;
  }
}

/** A stream that is not buffered: standard error. */
export class UnbufferedSink implements Sink {
  readonly isTerminal: boolean;
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.isTerminal = stream.isTerminal();
  }

  async write(bytes: Uint8Array): Promise<number> {
    return await writeNow(this.#stream, bytes) ?? 0;
  }
}

/** Undefined if the stream can take nothing now. */
async function writeNow(stream: Stream, bytes: Uint8Array): Promise<number | undefined> {
  try {
    return await stream.write(bytes);
  } catch (error) {
    if (error instanceof Deno.errors.WouldBlock) return undefined;
    throw error;
  }
}

/** See the module's description. */
function firstPiece(bytes: Uint8Array, atomicBytes: number): Uint8Array {
  const linesBytes = bytes.subarray(0, atomicBytes).lastIndexOf(LINE_BREAK) + 1;
  if (linesBytes > 0) return bytes.subarray(0, linesBytes);
  const lineBreak = bytes.indexOf(LINE_BREAK);
  return lineBreak < 0 ? bytes : bytes.subarray(0, lineBreak);
}

/** PIPE_BUF: what a pipe takes as a whole or not at all. */
const PIPE_BYTES = Deno.build.os === "linux" ? 4096 : 512;

/** How many bytes the stream behind a file descriptor takes as a whole or not at all. */
export function atomicBytesOf(descriptor: number): number {
  const stats = statsOf(descriptor);
  if (stats === undefined) return 1;
  // A file always takes all, or fails.
  if (stats.isFile()) return Infinity;
  return stats.isFIFO() || stats.isSocket() ? PIPE_BYTES : 1;
}

/** Whether two file descriptors are one terminal, file or pipe, in which the order of what is written to both shows. */
export function leadToSamePlace(one: number, other: number): boolean {
  const [a, b] = [statsOf(one), statsOf(other)];
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function statsOf(descriptor: number): fs.Stats | undefined {
  try {
    return fs.fstatSync(descriptor);
  } catch {
    return undefined;
  }
}
