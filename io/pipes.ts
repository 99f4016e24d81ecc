/**
 * Pipes as sources of bytes: standard input, FIFOs, and what a shell puts in place of `<(COMMAND)`.
 *
 * @module
 */

import fs from "node:fs";
import { SluiceError } from "../app/api.ts";
import { quote } from "../base/display_text.ts";

/** What is read at a time. */
const PIECE_BYTES = 65_536;

/** Time between two attempts to read from a pipe that does not block and has nothing now. */
const RETRY_MS = 20;

/** Whether a path leads to a FIFO, or to another pipe. */
export function isPipe(path: string): boolean {
  try {
    return fs.statSync(path).isFIFO();
  } catch {
    return false;
  }
}

/** A pipe that can be read from. */
type Readable = Pick<Deno.FsFile, "read">;

/** The bytes of standard input up to its end; each piece is valid until the next is asked for. Throws SluiceError. */
export function readStandardInput(): AsyncIterable<Uint8Array> {
  return pieces(Deno.stdin, "standard input");
}

/** The same of the pipe at a path, which is opened when the first piece is asked for; that waits for its writer. */
export async function* readPipe(path: string): AsyncIterable<Uint8Array> {
  const subject = quote(path);
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    throw unreadable(subject, error);
  }
  try {
    // What was a pipe may have been replaced.
    if (!(await file.stat()).isFifo) throw new SluiceError("local-disk", `${subject} is no longer a pipe; try again`);
    yield* pieces(file, subject);
  } finally {
    file.close();
  }
}

async function* pieces(file: Readable, subject: string): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (;;) {
    let count: number | null;
    try {
      count = await file.read(buffer);
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw unreadable(subject, error);
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
      continue;
    }
    if (count === null) return;
    if (count > 0) yield buffer.subarray(0, count);
  }
}

function unreadable(subject: string, error: unknown): SluiceError {
  const words = (error instanceof Error ? error.message : String(error)).replace(/ \(os error \d+\).*$/s, "");
  return new SluiceError("local-disk", `${subject} could not be read to its end: ${words}; nothing was stored`);
}
