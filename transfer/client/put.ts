/**
 * The client's side of an upload: sends PUT, the file's bytes and DIGEST, and receives RESULT.
 *
 * ```
 *   waiting --stream--> sending --RESULT--> ended
 *      |                   |
 *      +------ refusal, reset, disk error, cancel, connection lost ---> ended with a failure
 * ```
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest, TransferOutcome } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, storeFailure, type TransferFailure } from "../failure.ts";
import { FileSender, wholeContent } from "../file_sender.ts";
import { type ReadableFile, StoreError } from "../file_store.ts";
import { readMessage } from "../message_reader.ts";
import { type Message, ResultStatus } from "../messages.ts";
import { encodeMessages } from "../message_encoder.ts";
import { ApplicationErrorCode, errorCodeForStoreError } from "../application_error.ts";

/** What to send. The request owns the file and closes it. */
export interface PutRequest {
  readonly file: ReadableFile;
  /** The name on the server. */
  readonly name: string;
  readonly overwrite: boolean;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** Sends one file. */
export class ClientPut implements ClientRequest {
  readonly #request: PutRequest;
  readonly #context: ClientContext;
  readonly #sender: FileSender;
  #stream: Stream | undefined;
  #ended = false;

  constructor(request: PutRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
    this.#sender = new FileSender(request.file);
  }

  get sizeBytes(): number {
    return this.#sender.sizeBytes;
  }

  /** Bytes that the server has acknowledged. */
  get transferredBytes(): number {
    return Math.min(this.#stream?.ackedBytes ?? 0, this.sizeBytes);
  }

  start(stream: Stream): void {
    this.#stream = stream;
    const { name, overwrite, file } = this.#request;
    const { info } = file;
    const put: Message = { ...info, type: "put", name, overwrite };
    stream.write(encodeMessages([put, ...wholeContent(info)]));
    stream.writeFrom(this.#sender, this.sizeBytes);
    stream.writeFrom(this.#sender.trailer, this.#sender.trailerBytes);
    stream.finish();
  }

  onReadable(): void {
    if (this.#ended) return;
    const next = readMessage(this.#stream!);
    if (next.kind === "incomplete") return;
    if (next.kind === "message") this.#onAnswer(next.message);
    else this.#failAnswer();
  }

  onReset(code: number): void {
    this.#fail(resetFailure(code, "the transfer"), ApplicationErrorCode.cancelled);
  }

  /** The server asked to stop; its REFUSED message, which says why, follows. */
  onStopped(_code: number): void {}

  onSourceFailed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    this.#fail(storeFailure(error), errorCodeForStoreError(error.kind));
  }

  onDelivered(): void {}

  onConnectionClosed(reason: CloseReason): void {
    this.#end(closeFailure(reason));
  }

  cancel(failure: TransferFailure): void {
    this.#fail(failure, ApplicationErrorCode.cancelled);
  }

  #onAnswer(message: Message): void {
    if (message.type === "refused") {
      this.#fail(refusalFailure(message), ApplicationErrorCode.cancelled);
    } else if (message.type !== "result") {
      this.#failAnswer();
    } else {
      this.#onResult(message.status, { serverSha256: message.sha256.toHex(), savedAs: message.savedName });
    }
  }

  #onResult(status: ResultStatus, result: { serverSha256: string; savedAs: string }): void {
    const { digest } = this.#sender;
    const localSha256 = digest === undefined ? "" : digest.toHex();
    if (status === ResultStatus.verified && localSha256 === result.serverSha256) {
      return this.#end({ kind: "done", file: { sizeBytes: this.sizeBytes, localSha256, ...result, notKept: [] } });
    }
    const kept = status === ResultStatus.verified
      ? "what the server stored is not what was sent: check it, and send it again with --force"
      : "the server discarded the file: send it again";
    const message = `the checksums differ (here ${localSha256}, on the server ${result.serverSha256}); ${kept}`;
    const isDiscarded = status === ResultStatus.checksumMismatch;
    const failure: TransferFailure = { kind: "failed", message, ...(isDiscarded ? { retry: "once" } : {}) };
    this.#fail(failure, ApplicationErrorCode.cancelled);
  }

  #failAnswer(): void {
    this.#fail({ kind: "failed", message: "the server's answer was not understood" }, ApplicationErrorCode.badMessage);
  }

  #fail(failure: TransferFailure, code: number): void {
    if (this.#ended) return;
    this.#stream?.reset(code);
    this.#stream?.stopReading(code);
    this.#end(failure);
    this.#context.wake();
  }

  #end(outcome: TransferOutcome | TransferFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.close();
    this.#context.ended(this, this.#stream);
    this.#request.onDone(outcome);
  }
}
