/**
 * The server's side of STAT with a checksum: hashes the file in steps between which the event loop does what else is due,
 * and answers with ENTRY and DIGEST.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Stream } from "../../protocol/mod.ts";
import { type BackgroundTask, STEP_BYTES } from "../background_work.ts";
import { type ReadableFile, StoreError } from "../file_store.ts";
import type { ServerHandler } from "../handler.ts";
import { encodeMessages } from "../message_encoder.ts";
import { refusalForStoreError } from "../messages.ts";
import type { ServerContext } from "./context.ts";

/** Bytes that are read and hashed at once. */
const PART_BYTES = 64 * 1024;

/** Hashes one file. */
export class ServerDigest implements ServerHandler, BackgroundTask {
  readonly #stream: Stream;
  readonly #context: ServerContext;
  readonly #file: ReadableFile;
  readonly #hash = createHash("sha256");
  readonly #part: Uint8Array;
  #hashedBytes = 0;
  #ended = false;

  /** Owns the file and closes it. */
  constructor(stream: Stream, { context, file }: { context: ServerContext; file: ReadableFile }) {
    this.#stream = stream;
    this.#context = context;
    this.#file = file;
    this.#part = new Uint8Array(Math.min(PART_BYTES, file.info.sizeBytes));
  }

  /** The request waits for the server, not for the client. */
  readonly isUnderWay = false;
  readonly movedBytes = 0;

  start(): void {
    this.#context.works(this.#stream, this);
  }

  onReadable(): void {}

  onReset(code: number): void {
    this.#stream.reset(code);
    this.#end();
  }

  onStopped(code: number): void {
    this.onReset(code);
  }

  onSourceFailed(): void {}

  onDelivered(): void {}

  onStalled(): void {}

  onConnectionClosed(): void {
    this.#end();
  }

  get hasWork(): boolean {
    return !this.#ended;
  }

  work(): void {
    try {
      const untilBytes = Math.min(this.#hashedBytes + STEP_BYTES, this.#file.info.sizeBytes);
      while (this.#hashedBytes < untilBytes) this.#hashPart();
      if (this.#hashedBytes < this.#file.info.sizeBytes) return;
      if (this.#file.hasChanged()) throw this.#changed();
      this.#answer(new Uint8Array(this.#hash.digest()));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#refuse(error);
    }
    this.#context.wake();
  }

  #hashPart(): void {
    const restBytes = this.#file.info.sizeBytes - this.#hashedBytes;
    const part = this.#part.subarray(0, Math.min(this.#part.length, restBytes));
    const count = this.#file.read(this.#hashedBytes, part);
    if (count === 0) throw this.#changed();
    this.#hash.update(part.subarray(0, count));
    this.#hashedBytes += count;
  }

  #answer(sha256: Uint8Array): void {
    this.#stream.write(encodeMessages([{ type: "entry", ...this.#file.info }, { type: "digest", sha256 }]));
    this.#stream.finish();
    this.#context.report({ kind: "listed", count: 1 });
    this.#end();
  }

  #refuse({ kind, message }: StoreError): void {
    this.#release();
    const { name } = this.#file.info;
    this.#context.refuse(this.#stream, { operation: "stat", name, reason: refusalForStoreError(kind), message });
  }

  #changed(): StoreError {
    return new StoreError("changed", `${this.#file.info.name} changed while it was being hashed; try again`);
  }

  #release(): void {
    this.#ended = true;
    this.#file.close();
  }

  #end(): void {
    if (this.#ended) return;
    this.#release();
    this.#context.ended(this.#stream);
  }
}
