/**
 * The server's side of an upload: receives PUT, the file's content and DIGEST, and sends RESULT; before that, if it was
 * asked to, what it holds of the file already.
 *
 * ```
 *   receiving --DIGEST--> verifying --same--> committing --durable--> answered
 *       |                     |                   |
 *       +--- reset, disk error, mismatch ---------+--> failed; what can be resumed is kept
 * ```
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { BackgroundTask } from "../background_work.ts";
import { HAS_ZSTD } from "../compression.ts";
import { FileReceiver } from "../file_receiver.ts";
import { StoreError, type WritableFile } from "../file_store.ts";
import { type ServerHandler } from "../handler.ts";
import { type PutMessage, refusalForStoreError, RefusalReason, ResultStatus } from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { PIPE_WINDOW_BYTES } from "../pipe_window.ts";
import { ApplicationErrorCode, describeApplicationError } from "../application_error.ts";
import type { ServerContext } from "./context.ts";
import type { ResumablePut } from "./resumable_puts.ts";

type PutState = "receiving" | "verifying" | "committing" | "ended";

/** Receives one file. */
export class ServerPut implements ServerHandler, ResumablePut, BackgroundTask {
  readonly #stream: Stream;
  readonly #context: ServerContext;
  readonly #request: PutMessage;
  readonly #receiver: FileReceiver;
  #startUs = 0;
  #state: PutState = "receiving";

  /** Owns the file, and commits or aborts it. */
  constructor(stream: Stream, options: { context: ServerContext; request: PutMessage; file: WritableFile }) {
    const { context, request, file } = options;
    this.#stream = stream;
    this.#context = context;
    this.#request = request;
    this.#receiver = new FileReceiver({
      file,
      sizeBytes: request.sizeBytes,
      isUnsized: request.unsized,
      stream,
      tellsHeld: request.resumable,
      takesCompressed: request.resumable === true && HAS_ZSTD,
      onFailed: (error) => this.#refuse(error),
    });
  }

  /**
   * While the file is hashed or committed, the request waits for this side. A pipe waits for what is behind it, which may
   * take any time.
   */
  get isUnderWay(): boolean {
    if (this.#request.unsized === true) return false;
    return this.#state === "receiving" && !this.#receiver.hasWork;
  }

  get movedBytes(): number {
    return this.#receiver.movedBytes;
  }

  get hasWork(): boolean {
    return this.#receiver.hasWork;
  }

  work(): void {
    this.#receiver.work();
    this.#context.wake();
  }

  start(): void {
    const { name, unsized } = this.#request;
    this.#startUs = this.#context.now().atUs;
    const sizeBytes = unsized === true ? undefined : this.#request.sizeBytes;
    this.#context.report({ kind: "receiving", name, sizeBytes });
    if (unsized === true) this.#stream.widenOrderedWindow(PIPE_WINDOW_BYTES);
    if (this.hasWork) this.#context.works(this.#stream, this);
    this.onReadable();
  }

  onReadable(): void {
    if (this.#state !== "receiving") return;
    const content = this.#receiver.readContent();
    if (content.kind === "incomplete") return;
    if (content.kind === "malformed") {
      this.#receiver.abort();
      return this.#fail(content.reason, ApplicationErrorCode.badMessage);
    }
    this.#state = "verifying";
    this.#receiver.finish((sha256) => {
      if (timingSafeEqual(sha256, content.sha256)) this.#commit(sha256);
      else this.#reportMismatch(sha256);
    });
    if (this.#receiver.hasWork) this.#context.works(this.#stream, this);
  }

  onReset(code: number): void {
    // By its new size and time, what there is would not be found again.
    if (code === ApplicationErrorCode.fileChanged) this.#receiver.abort();
    this.#fail(`the client gave up: ${describeApplicationError(code)}`, ApplicationErrorCode.cancelled);
  }

  onStopped(code: number): void {
    this.onReset(code);
  }

  onSourceFailed(): void {}

  onDelivered(): void {}

  onStalled(): void {
    this.#fail("the client sent nothing more of the file", ApplicationErrorCode.stalled);
  }

  onTakenOver(): void {
    if (!this.#isOpen) return;
    this.#state = "ended";
    this.#receiver.keep();
    const message = "taken over by a newer transfer of the same client";
    const { name } = this.#request;
    this.#context.refuse(this.#stream, { operation: "put", name, reason: RefusalReason.changed, message });
    this.#context.wake();
  }

  onConnectionClosed(reason: CloseReason): void {
    if (this.#isOpen) this.#end(`the connection ended first (${reason.kind})`);
  }

  #commit(sha256: Uint8Array): void {
    this.#state = "committing";
    const { name } = this.#request;
    const { sizeBytes } = this.#receiver;
    this.#receiver.commit((result) => {
      if (result instanceof StoreError) {
        this.#refuse(result);
      } else {
        this.#state = "ended";
        this.#answer(ResultStatus.verified, sha256);
        const elapsedMs = (this.#context.now().atUs - this.#startUs) / 1000;
        const { notKept } = result;
        this.#context.report({ kind: "received", name, sizeBytes, sha256: sha256.toHex(), elapsedMs, notKept });
        this.#context.ended(this.#stream);
      }
      this.#context.wake();
    });
  }

  #reportMismatch(sha256: Uint8Array): void {
    this.#answer(ResultStatus.checksumMismatch, sha256);
    this.#end("the checksum of what arrived is not the client's");
  }

  #answer(status: ResultStatus, sha256: Uint8Array): void {
    this.#stream.write(encodeMessage({ type: "result", status, sha256, savedName: this.#request.name }));
    this.#stream.finish();
  }

  /** Tells the client why the store failed. */
  #refuse(error: StoreError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#receiver.keep();
    const reason = refusalForStoreError(error.kind);
    const { name } = this.#request;
    const message = error.message + this.#receiver.remainder;
    this.#context.refuse(this.#stream, { operation: "put", name, reason, message });
  }

  #fail(reason: string, code: ApplicationErrorCodeValue): void {
    if (!this.#isOpen) return;
    this.#stream.reset(code);
    this.#stream.stopReading(code);
    this.#end(reason);
  }

  get #isOpen(): boolean {
    return this.#state === "receiving" || this.#state === "verifying";
  }

  #end(reason: string): void {
    this.#state = "ended";
    this.#receiver.keep();
    const { name } = this.#request;
    this.#context.report({ kind: "failed", operation: "put", name, reason: reason + this.#receiver.remainder });
    this.#context.ended(this.#stream);
  }
}

type ApplicationErrorCodeValue = (typeof ApplicationErrorCode)[keyof typeof ApplicationErrorCode];
