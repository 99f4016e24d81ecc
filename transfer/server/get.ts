/**
 * The server's side of a download: sends FILE, the file's content and DIGEST, and receives the client's RESULT; before
 * that, if it was announced, what the client holds of the file already.
 *
 * ```
 *   sending --RESULT from the client--> ended
 *      |
 *      +--- reset, disk error, end without RESULT ---> failed
 * ```
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { BackgroundTask } from "../background_work.ts";
import { ContentSender } from "../content_sender.ts";
import { type FileAttributes, type ReadableFile, StoreError } from "../file_store.ts";
import { type ServerHandler } from "../handler.ts";
import { readMessage } from "../message_reader.ts";
import { type GetMessage, type Message, type ResultMessage, ResultStatus } from "../messages.ts";
import { ApplicationErrorCode, describeApplicationError, errorCodeForStoreError } from "../application_error.ts";
import type { ServerContext, TransferStart } from "./context.ts";

/** Sends one file. */
export class ServerGet implements ServerHandler, BackgroundTask {
  readonly #stream: Stream;
  readonly #context: ServerContext;
  readonly #name: string;
  readonly #request: GetMessage;
  readonly #sender: ContentSender;
  readonly #attributes: FileAttributes;
  #started: TransferStart | undefined;
  #ended = false;
  #delivered = false;

  /** Owns the file and closes it. */
  constructor(stream: Stream, options: { context: ServerContext; request: GetMessage; file: ReadableFile }) {
    const { context, request, file } = options;
    this.#stream = stream;
    this.#context = context;
    this.#request = request;
    this.#name = file.info.name;
    this.#attributes = file.info;
    this.#sender = new ContentSender(file);
  }

  /** When all bytes have arrived, the client has unlimited time: its disk may be slow, and nothing waits for it. */
  get isUnderWay(): boolean {
    return !this.#delivered && !this.#sender.hasWork;
  }

  get movedBytes(): number {
    return this.#stream.ackedBytes + this.#sender.comparedBytes;
  }

  get hasWork(): boolean {
    return this.#sender.hasWork;
  }

  work(): void {
    try {
      this.#sender.work();
    } catch (error) {
      return this.onSourceFailed(error);
    }
    this.onReadable();
    this.#context.wake();
  }

  start(): void {
    const sizeBytes = this.#sender.sizeBytes;
    this.#started = this.#context.now();
    this.#context.report({ kind: "sending", name: this.#name, sizeBytes });
    const waitsForHave = this.#request.held === true;
    const compresses = this.#request.zstd === true;
    try {
      this.#sender.start(this.#stream, { type: "file", ...this.#attributes }, { waitsForHave, compresses });
    } catch (error) {
      return this.onSourceFailed(error);
    }
    this.#context.works(this.#stream, this);
    // A RESULT that arrived together with the request is an error, and no later event would reveal it.
    this.onReadable();
  }

  onReadable(): void {
    while (!this.#ended && this.#sender.wantsMessage) {
      const next = readMessage(this.#stream);
      if (next.kind === "incomplete") return;
      if (next.kind !== "message") {
        return this.#fail("the client ended without saying what it received", ApplicationErrorCode.badMessage);
      }
      this.#onMessage(next.message);
    }
  }

  #onMessage(message: Message): void {
    if (message.type === "result") return this.#onResult(message);
    const isHeld = message.type === "have" || message.type === "hashes";
    try {
      if (!isHeld || this.#request.held !== true || !this.#sender.take(message)) {
        return this.#fail("the client said what makes no sense there", ApplicationErrorCode.badMessage);
      }
    } catch (error) {
      return this.onSourceFailed(error);
    }
    this.#context.works(this.#stream, this);
  }

  #onResult({ status }: ResultMessage): void {
    const { digest, sizeBytes } = this.#sender;
    if (digest === undefined) {
      return this.#fail("the client reported a result before it had the file", ApplicationErrorCode.badMessage);
    }
    const verified = status === ResultStatus.verified;
    const now = this.#context.now();
    this.#context.report({
      kind: "sent",
      name: this.#name,
      sizeBytes,
      sha256: digest.toHex(),
      elapsedMs: (now.atUs - this.#started!.atUs) / 1000,
      verified,
      retransmittedBytes: now.retransmittedBytes - this.#started!.retransmittedBytes,
    });
    this.#end();
  }

  onReset(code: number): void {
    // The client asks again, as it holds a part of the file.
    if (code === ApplicationErrorCode.noError && this.#request.held !== true && !this.#delivered) return this.#giveUp();
    this.#fail(`the client gave up: ${describeApplicationError(code)}`, ApplicationErrorCode.cancelled);
  }

  onStopped(code: number): void {
    this.onReset(code);
  }

  onSourceFailed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    this.#fail(error.message, errorCodeForStoreError(error.kind));
  }

  onDelivered(): void {
    this.#delivered = true;
    this.#sender.close();
    this.#context.released(this.#stream);
  }

  onStalled(): void {
    this.#fail("the client took nothing more of the file", ApplicationErrorCode.stalled);
  }

  onConnectionClosed(reason: CloseReason): void {
    if (!this.#ended) this.#fail(`the connection ended first (${reason.kind})`, ApplicationErrorCode.cancelled);
  }

  /** Ends it without a report. */
  #giveUp(): void {
    if (this.#ended) return;
    this.#stream.reset(ApplicationErrorCode.noError);
    this.#stream.stopReading(ApplicationErrorCode.noError);
    this.#end();
  }

  #fail(reason: string, code: number): void {
    if (this.#ended) return;
    this.#stream.reset(code);
    this.#stream.stopReading(code);
    this.#context.report({ kind: "failed", operation: "get", name: this.#name, reason });
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#sender.close();
    this.#context.ended(this.#stream);
  }
}
