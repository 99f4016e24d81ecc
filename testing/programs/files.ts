/**
 * Files to send, and what to say of them afterwards: random content, checksums by another program than ours, and
 * what a folder holds.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import path from "node:path";

/** The most that `crypto.getRandomValues` gives at once. */
const CHUNK_BYTES = 65_536;

/** Writes a file of random bytes; returns its path. */
export async function writeRandomFile(filePath: string, sizeBytes: number): Promise<string> {
  using file = await Deno.open(filePath, { write: true, create: true, truncate: true });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let writtenBytes = 0; writtenBytes < sizeBytes;) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - writtenBytes));
    crypto.getRandomValues(part);
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
    writtenBytes += part.length;
  }
  return filePath;
}

/** SHA-256 of a file, in hex, as `sha256sum` says; where the machine has none, as node:crypto says. */
export async function sha256Of(filePath: string): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("sha256sum", { args: ["--", filePath] }).output();
    // A name with a backslash or line break in it makes sha256sum begin its line with a backslash.
    const digest = /^\\?([0-9a-f]{64}) /.exec(new TextDecoder().decode(stdout))?.[1];
    if (digest !== undefined) return digest;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return createHash("sha256").update(await Deno.readFile(filePath)).digest("hex");
}

/** Compares two files byte for byte. */
export async function assertSameFile(actualPath: string, expectedPath: string): Promise<void> {
  const [actual, expected] = await Promise.all([Deno.readFile(actualPath), Deno.readFile(expectedPath)]);
  assert.equal(actual.length, expected.length, `${actualPath} has another size than ${expectedPath}`);
  assert.ok(Buffer.compare(actual, expected) === 0, `${actualPath} has other bytes than ${expectedPath}`);
}

/** Names of what is in a folder, sorted: hidden and unfinished files too. */
export async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return names.sort();
}

/** How often {@link untilPartialFile} looks. */
const POLL_MS = 10;

/** Resolves once an unfinished file in `folder` holds some bytes: a transfer is under way. */
export async function untilPartialFile(folder: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.name.endsWith(".part")) continue;
      const info = await Deno.stat(path.join(folder, entry.name)).catch(() => undefined);
      if (info !== undefined && info.size > 0) return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
