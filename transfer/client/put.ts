/**
 * The client's side of an upload: sends PUT, the file's content and DIGEST in one go, and receives RESULT. If the server
 * holds a part of the file already, it says so, and the client begins again on another stream, with what the server lacks.
 *
 * ```
 *      +--stream----- again <------+
 *      v               partial     |
 *   waiting --stream--> sending ---+--RESULT--> ended
 *      |                   |
 *      +------ refusal, reset, disk error, cancel, connection lost ---> ended with a failure
 * ```
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import { outcomeOfPut } from "./put_outcome.ts";
import type { ClientContext, ClientRequest, TransferOutcome } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, storeFailure, type TransferFailure } from "../failure.ts";
import type { BackgroundTask } from "../background_work.ts";
import { ContentSender, RESUMABLE_BYTES } from "../content_sender.ts";
import { type ReadableFile, StoreError } from "../file_store.ts";
import { readMessage } from "../message_reader.ts";
import { type Message, RefusalReason } from "../messages.ts";
import { ApplicationErrorCode, errorCodeForStoreError } from "../application_error.ts";

/** What to send. The request owns the file and closes it. */
export interface PutRequest {
  readonly file: ReadableFile;
  /** The name on the server. */
  readonly name: string;
  readonly overwrite: boolean;
  /** Whether the file is to have exactly its mode there. Default: no. */
  readonly exactMode?: boolean | undefined;
  /** Whether what shrinks is sent compressed. Default: no. */
  readonly compresses?: boolean | undefined;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** Sends one file. */
export class ClientPut implements ClientRequest, BackgroundTask {
  readonly #request: PutRequest;
  readonly #context: ClientContext;
  #sender: ContentSender;
  /** Whether the server is to say first which part of the file it holds, and whether it takes compressed CHUNKs. */
  #waitsForHave = false;
  #stream: Stream | undefined;
  #ended = false;

  constructor(request: PutRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
    this.#sender = new ContentSender(request.file);
  }

  get sizeBytes(): number {
    return this.#sender.sizeBytes;
  }

  /** Bytes that the server has acknowledged, or held. */
  get transferredBytes(): number {
    return Math.min(this.#sender.transferredBytes, this.sizeBytes);
  }

  start(stream: Stream): void {
    this.#stream = stream;
    const { name, overwrite, exactMode, file, compresses = false } = this.#request;
    const { info } = file;
    try {
      this.#waitsForHave ||= compresses && info.sizeBytes >= RESUMABLE_BYTES && this.#sender.shrinks();
      const waitsForHave = this.#waitsForHave;
      const put: Message = { ...info, type: "put", name, overwrite, exactMode, resumable: waitsForHave };
      this.#sender.start(stream, put, { waitsForHave, compresses: waitsForHave && compresses });
    } catch (error) {
      this.onSourceFailed(error);
    }
  }

  onReadable(): void {
    const stream = this.#stream!;
    while (!this.#ended && this.#stream === stream && this.#sender.wantsMessage) {
      const next = readMessage(stream);
      if (next.kind === "incomplete") return;
      if (next.kind === "message") this.#onAnswer(next.message);
      else this.#failAnswer();
    }
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

  onReset(code: number): void {
    this.#fail(resetFailure(code, "the transfer"), ApplicationErrorCode.cancelled);
  }

  /** The server asked to stop; its REFUSED message, which says why, follows. */
  onStopped(_code: number): void {
    this.#sender.stop();
    this.onReadable();
  }

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
      if (message.reason === RefusalReason.partial && !this.#waitsForHave) return this.#resume();
      this.#fail(refusalFailure(message), ApplicationErrorCode.cancelled);
    } else if (message.type === "have" || message.type === "hashes") {
      this.#onHeld(message);
    } else if (message.type !== "result") {
      this.#failAnswer();
    } else {
      const localSha256 = this.#sender.digest?.toHex() ?? "";
      const { sizeBytes, sameBytes: reusedBytes } = this.#sender;
      const outcome = outcomeOfPut(message, {
        localSha256,
        sizeBytes,
        reusedBytes,
        isKept: sizeBytes >= RESUMABLE_BYTES,
      });
      if (outcome.kind === "done") this.#end(outcome);
      else this.#fail(outcome, ApplicationErrorCode.cancelled);
    }
  }

  #onHeld(message: Message): void {
    try {
      if (!this.#waitsForHave || !this.#sender.take(message)) return this.#failAnswer();
    } catch (error) {
      return this.onSourceFailed(error);
    }
    this.#context.works(this);
  }

  /** Begins again, and waits for what the server holds. */
  #resume(): void {
    const stream = this.#stream!;
    stream.reset(ApplicationErrorCode.refused);
    stream.stopReading(ApplicationErrorCode.refused);
    this.#waitsForHave = true;
    this.#sender = new ContentSender(this.#request.file);
    this.#stream = undefined;
    this.#context.again(this, stream);
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
