/**
 * The server's side of a download that is one of several requests on a stream: sends FILE, the file's bytes in CHUNKs and
 * DIGEST. The client sends no RESULT.
 *
 * A small file is read when it is the request's turn, and closed at once. A large one is read when its bytes are sent, so
 * none of it is kept in memory; it is closed when all of it has arrived.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { CloseReason } from "../../protocol/mod.ts";
import { ApplicationErrorCode, describeApplicationError, errorCodeForStoreError } from "../application_error.ts";
import { ChunkedContent } from "../chunked_content.ts";
import { FileSender } from "../file_sender.ts";
import { type ReadableFile, StoreError } from "../file_store.ts";
import type { ServerHandler } from "../handler.ts";
import { encodeMessage, encodeMessages } from "../message_encoder.ts";
import { MAX_PLAIN_CHUNK_BYTES, type Message, refusalForStoreError } from "../messages.ts";
import type { ServerContext, TransferStart } from "./context.ts";
import type { RequestStream } from "./request_stream.ts";

/** Sends one file. */
export class InlineGet implements ServerHandler {
  readonly #stream: RequestStream;
  readonly #context: ServerContext;
  readonly #file: ReadableFile;
  #sender: FileSender | undefined;
  #started: TransferStart | undefined;
  #ended = false;

  /** Owns the file and closes it. */
  constructor(stream: RequestStream, { context, file }: { context: ServerContext; file: ReadableFile }) {
    this.#stream = stream;
    this.#context = context;
    this.#file = file;
  }

  /** Once its content is being sent, it waits for the client. */
  get isUnderWay(): boolean {
    return this.#sender !== undefined;
  }

  readonly movedBytes = 0;

  start(): void {
    const { name, sizeBytes } = this.#file.info;
    this.#started = this.#context.now();
    this.#context.report({ kind: "sending", name, sizeBytes });
    if (this.#stream.hasTurn) this.onTurn();
  }

  onTurn(): void {
    if (this.#file.info.sizeBytes <= MAX_PLAIN_CHUNK_BYTES) this.#sendAtOnce();
    else this.#sendAsRead();
  }

  onReadable(): void {}

  onReset(code: number): void {
    this.#fail(`the client gave up: ${describeApplicationError(code)}`, ApplicationErrorCode.cancelled);
  }

  onStopped(code: number): void {
    this.onReset(code);
  }

  onSourceFailed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    this.#fail(error.message, errorCodeForStoreError(error.kind));
  }

  /** All bytes of a large file have arrived. */
  onDelivered(): void {
    if (!this.#ended) this.#onSent(this.#sender!.digest!);
  }

  onStalled(): void {
    this.#fail("the client took nothing more of the file", ApplicationErrorCode.stalled);
  }

  onConnectionClosed(reason: CloseReason): void {
    this.#fail(`the connection ended first (${reason.kind})`, ApplicationErrorCode.cancelled);
  }

  #sendAtOnce(): void {
    const { info } = this.#file;
    let content: Uint8Array;
    try {
      content = this.#readAll();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#refuse(error);
    }
    const sha256 = new Uint8Array(createHash("sha256").update(content).digest());
    const messages: Message[] = [{ type: "file", ...info }];
    if (content.length > 0) messages.push({ type: "chunk", offset: 0, content });
    this.#stream.write(encodeMessages([...messages, { type: "digest", sha256 }]));
    this.#stream.finish();
    this.#onSent(sha256);
  }

  #readAll(): Uint8Array {
    const { name, sizeBytes } = this.#file.info;
    const content = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const count = this.#file.read(done, content.subarray(done));
      if (count === 0) break;
      done += count;
    }
    if (done === sizeBytes && !this.#file.hasChanged()) return content;
    throw new StoreError("changed", `${name} changed while it was being sent; get it again when nothing changes it`);
  }

  #sendAsRead(): void {
    const { info } = this.#file;
    const sender = this.#sender = new FileSender(this.#file);
    const chunks = new ChunkedContent(sender, info);
    this.#stream.write(encodeMessage({ type: "file", ...info }));
    this.#stream.writeFrom(chunks, chunks.lengthBytes);
    this.#stream.writeFrom(sender.trailer, sender.trailerBytes);
    this.#stream.finish();
  }

  #onSent(sha256: Uint8Array): void {
    const { name, sizeBytes } = this.#file.info;
    const now = this.#context.now();
    this.#context.report({
      kind: "sent",
      name,
      sizeBytes,
      sha256: sha256.toHex(),
      elapsedMs: (now.atUs - this.#started!.atUs) / 1000,
      verified: undefined,
      retransmittedBytes: now.retransmittedBytes - this.#started!.retransmittedBytes,
    });
    this.#end();
  }

  #refuse({ kind, message }: StoreError): void {
    this.#ended = true;
    this.#file.close();
    const { name } = this.#file.info;
    this.#context.refuse(this.#stream, { operation: "get", name, reason: refusalForStoreError(kind), message });
  }

  #fail(reason: string, code: number): void {
    if (this.#ended) return;
    this.#stream.reset(code);
    this.#context.report({ kind: "failed", operation: "get", name: this.#file.info.name, reason });
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#file.close();
    this.#context.ended(this.#stream);
  }
}
