/**
 * The simplest verified file transfer over a reliable stream: length, bytes, SHA-256, and one byte in response. It makes
 * TCP and QUIC comparable to Sluice. The receiver hashes while it receives; it neither syncs the file nor hides a partial
 * one.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A connection that carries bytes both ways, in order. */
export interface ByteChannel {
  /** The next bytes, at least one, valid until the next read; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes all bytes; the buffer may be reused when it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
}

const HEADER_BYTES = 8;
const DIGEST_BYTES = 32;
const CHUNK_BYTES = 256 * 1024;
const RIGHT = 1;
const WRONG = 0;

/** Sends a file; resolves when the peer has verified it. */
export async function sendFile(channel: ByteChannel, filePath: string): Promise<void> {
  using file = await Deno.open(filePath);
  const hash = createHash("sha256");
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setFloat64(0, file.statSync().size);
  await channel.write(header);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let count = file.readSync(buffer); count !== null; count = file.readSync(buffer)) {
    const chunk = buffer.subarray(0, count);
    hash.update(chunk);
    await channel.write(chunk);
  }
  await channel.write(hash.digest());
  const answer = await channel.read();
  if (answer?.[0] !== RIGHT) throw new Error(`${filePath}: the receiver did not verify it`);
}

/** Receives a file; `onBegin` is called when the first byte has arrived. */
export async function receiveFile(channel: ByteChannel, filePath: string, onBegin: () => void): Promise<void> {
  const input = new Input(channel);
  const header = await input.exactly(HEADER_BYTES);
  onBegin();
  const sizeBytes = new DataView(header.buffer).getFloat64(0);
  using file = await Deno.open(filePath, { write: true, create: true, truncate: true });
  const hash = createHash("sha256");
  for (let received = 0; received < sizeBytes;) {
    const chunk = await input.atMost(sizeBytes - received);
    hash.update(chunk);
    for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
    received += chunk.length;
  }
  const digest = hash.digest();
  const isRight = digest.equals(await input.exactly(DIGEST_BYTES));
  await channel.write(Uint8Array.of(isRight ? RIGHT : WRONG));
  if (!isRight) throw new Error(`${filePath}: its SHA-256 differs from the sender's`);
}

/** Reads a channel in pieces of the caller's choice. */
class Input {
  readonly #channel: ByteChannel;
  #rest = new Uint8Array(0) as Uint8Array;

  constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  /** From 1 to `limit` bytes, valid until the next call. */
  async atMost(limit: number): Promise<Uint8Array> {
    if (this.#rest.length === 0) {
      const next = await this.#channel.read();
      if (next === undefined) throw new Error("the connection ended before the file did");
      this.#rest = next;
    }
    const part = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** A copy of the next `count` bytes. */
  async exactly(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const part = await this.atMost(count - at);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
