/**
 * The client's side of a download: sends GET, receives FILE, the file's content and DIGEST, and sends RESULT. If it finds
 * that it holds a part of the file already, it asks again on another stream, and says first which.
 *
 * ```
 *      +------ again <-----+ holds a part
 *      v                   |
 *   asking --FILE--> creating --created--> receiving --DIGEST--> verifying --same--> committing --durable--> ended
 *      |                |                      |                     |                   |
 *      +---- refusal, reset, disk error, mismatch, cancel, connection lost ---> failed; what can be resumed is kept
 * ```
 *
 * The transfer has succeeded when the file is durable, whether or not RESULT reaches the server: the client does not
 * wait for its acknowledgement.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest, TransferOutcome } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, storeFailure, type TransferFailure } from "../failure.ts";
import type { BackgroundTask } from "../background_work.ts";
import { RESUMABLE_BYTES } from "../content_sender.ts";
import { HAS_ZSTD } from "../compression.ts";
import { FileReceiver } from "../file_receiver.ts";
import { type Done, type FileInfo, StoreError, type WritableFile } from "../file_store.ts";
import { readMessage } from "../message_reader.ts";
import { type Message, ResultStatus } from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { ApplicationErrorCode, errorCodeForStoreError } from "../application_error.ts";

/** What to get, and where to store it. */
export interface GetRequest {
  readonly name: string;
  /** Creates the local file when its size is known. */
  readonly create: (info: FileInfo, done: Done<WritableFile>) => void;
  /** Whether the server may compress what shrinks. Default: no. */
  readonly compresses?: boolean | undefined;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

type GetState = "asking" | "creating" | "receiving" | "verifying" | "committing" | "ended";

/** Gets one file. */
export class ClientGet implements ClientRequest, BackgroundTask {
  readonly #request: GetRequest;
  readonly #context: ClientContext;
  #stream: Stream | undefined;
  #receiver: FileReceiver | undefined;
  #sizeBytes = 0;
  #state: GetState = "asking";
  /** Whether this side holds a part of the file, and says first which. */
  #isResumed = false;
  #isConnectionLost = false;

  constructor(request: GetRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
  }

  /** The file's size; 0 until it is known. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Bytes that have arrived, in any order, or that this side held. */
  get transferredBytes(): number {
    return this.#receiver?.receivedBytes ?? 0;
  }

  get #takesCompressed(): boolean {
    return this.#request.compresses === true && HAS_ZSTD;
  }

  start(stream: Stream): void {
    this.#stream = stream;
    const { name } = this.#request;
    stream.write(encodeMessage({ type: "get", name, held: this.#isResumed, zstd: this.#takesCompressed }));
  }

  onReadable(): void {
    if (this.#state === "asking") this.#readAnswer();
    if (this.#state === "receiving") this.#readContent();
  }

  get hasWork(): boolean {
    return this.#receiver?.hasWork === true;
  }

  work(): void {
    this.#receiver!.work();
    this.#context.wake();
  }

  onReset(code: number): void {
    if (this.#isWhole) return;
    // By its new size and time, what there is would not be found again.
    if (code === ApplicationErrorCode.fileChanged) this.#receiver?.abort();
    this.#fail(resetFailure(code, "the transfer"), ApplicationErrorCode.cancelled);
  }

  /** The server does not need the result. */
  onStopped(): void {}

  onSourceFailed(): void {}

  onDelivered(): void {}

  onConnectionClosed(reason: CloseReason): void {
    // A file that is complete, and proves to be right, is kept, although the server does not learn of it.
    this.#isConnectionLost = true;
    if (!this.#isWhole) this.#end(closeFailure(reason));
  }

  cancel(failure: TransferFailure): void {
    if (this.#state !== "committing") this.#fail(failure, ApplicationErrorCode.cancelled);
  }

  #readAnswer(): void {
    const next = readMessage(this.#stream!);
    if (next.kind === "incomplete") return;
    if (next.kind !== "message") return this.#failAnswer();
    this.#onAnswer(next.message);
  }

  #onAnswer(message: Message): void {
    if (message.type === "refused") return this.#fail(refusalFailure(message), ApplicationErrorCode.noError);
    if (message.type !== "file") return this.#failAnswer();
    this.#sizeBytes = message.sizeBytes;
    const { type: _type, ...attributes } = message;
    this.#state = "creating";
    let isLater = false;
    this.#request.create({ kind: "file", name: this.#request.name, ...attributes }, (file) => {
      if (this.#state !== "creating") {
        // The request ended while the file was created.
        if (!(file instanceof StoreError)) file.keep();
      } else if (file instanceof StoreError) {
        this.#fail(storeFailure(file), errorCodeForStoreError(file.kind));
      } else if (file.heldBytes > 0 && !this.#isResumed) {
        this.#resume(file);
      } else {
        this.#receive(file);
        if (isLater) this.#readContent();
      }
      if (isLater) this.#context.wake();
    });
    isLater = true;
  }

  /** Asks again, and says what there is. */
  #resume(file: WritableFile): void {
    file.keep();
    const stream = this.#stream!;
    stream.reset(ApplicationErrorCode.noError);
    stream.stopReading(ApplicationErrorCode.noError);
    this.#isResumed = true;
    this.#stream = undefined;
    this.#state = "asking";
    this.#context.again(this, stream);
  }

  #receive(file: WritableFile): void {
    this.#receiver = new FileReceiver({
      file,
      sizeBytes: this.#sizeBytes,
      stream: this.#stream!,
      tellsHeld: this.#isResumed && this.#sizeBytes >= RESUMABLE_BYTES,
      takesCompressed: this.#takesCompressed,
      onFailed: (error) => this.#fail(storeFailure(error), errorCodeForStoreError(error.kind)),
    });
    this.#state = "receiving";
    if (file.heldBytes > 0) this.#context.works(this);
  }

  #readContent(): void {
    const content = this.#receiver!.readContent();
    if (content.kind === "incomplete") return;
    if (content.kind === "malformed") {
      this.#receiver!.abort();
      return this.#failAnswer();
    }
    this.#state = "verifying";
    this.#receiver!.finish((sha256) => this.#verify(sha256, content.sha256));
    if (this.hasWork) this.#context.works(this);
  }

  /** Whether all of the file has arrived. */
  get #isWhole(): boolean {
    return this.#state === "verifying" || this.#state === "committing";
  }

  #verify(sha256: Uint8Array, servers: Uint8Array): void {
    if (timingSafeEqual(sha256, servers)) return this.#commit(sha256);
    this.#report(ResultStatus.checksumMismatch, sha256);
    const message = `the checksums differ (here ${sha256.toHex()}, on the server ${servers.toHex()}); ` +
      "get it again";
    this.#end({ kind: "failed", message, retry: "once" });
  }

  #commit(sha256: Uint8Array): void {
    this.#state = "committing";
    const hex = sha256.toHex();
    this.#receiver!.commit((result) => {
      if (result instanceof StoreError) {
        this.#report(ResultStatus.failed, sha256);
        this.#end(storeFailure(result));
      } else {
        this.#report(ResultStatus.verified, sha256);
        const { location: savedAs, notKept } = result;
        const { reusedBytes } = this.#receiver!;
        const file = { savedAs, sizeBytes: this.#sizeBytes, reusedBytes, serverSha256: hex, localSha256: hex, notKept };
        this.#end({ kind: "done", file });
      }
      this.#context.wake();
    });
  }

  #report(status: ResultStatus, sha256: Uint8Array): void {
    if (this.#isConnectionLost) return;
    this.#stream!.write(encodeMessage({ type: "result", status, sha256, savedName: "" }));
    this.#stream!.finish();
  }

  #failAnswer(): void {
    this.#fail({ kind: "failed", message: "the server's answer was not understood" }, ApplicationErrorCode.badMessage);
  }

  #fail(failure: TransferFailure, code: number): void {
    if (this.#state === "ended") return;
    this.#stream?.reset(code);
    this.#stream?.stopReading(code);
    this.#end(failure);
    this.#context.wake();
  }

  #end(outcome: TransferOutcome | TransferFailure): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#receiver?.keep();
    this.#context.ended(this, this.#stream);
    const hasFailed = outcome.kind !== "done" && outcome.kind !== "interrupted";
    const message = hasFailed ? outcome.message + (this.#receiver?.remainder ?? "") : "";
    this.#request.onDone(hasFailed ? { ...outcome, message } : outcome);
  }
}
