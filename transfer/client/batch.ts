/**
 * The client's side of many short requests on one stream: sends them one after the other without waiting, and gives each
 * its answer, in their order. One that is refused does not end the others.
 *
 * A bounded number of them is on its way; the others wait here, so a caller that has many adds them when
 * {@link ClientBatchOptions.onRoom} says so.
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, type TransferFailure } from "../failure.ts";
import { readMessage } from "../message_reader.ts";
import type { Message } from "../messages.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { ShortRequest } from "./short_request.ts";

/** Requests that are on their way at once: as many as a server works on. */
const MAX_SENT_REQUESTS = 64;

/** Their bytes: what a client keeps of them until they have arrived is bounded. */
const MAX_SENT_BYTES = 1024 * 1024;

/** What a batch is made with. */
export interface ClientBatchOptions {
  /** Called when the batch has room again after {@link ClientBatch.isFull} was true. */
  readonly onRoom?: () => void;
  /** What the server may send ahead of what is read, for answers with long contents. Default: the usual window. */
  readonly windowBytes?: number;
}

interface SentRequest {
  readonly request: ShortRequest;
  readonly lengthBytes: number;
}

/** See the module's description. */
export class ClientBatch implements ClientRequest {
  readonly #context: ClientContext;
  readonly #onRoom: () => void;
  readonly #windowBytes: number;
  readonly #waiting: ShortRequest[] = [];
  readonly #sent: SentRequest[] = [];
  #sentBytes = 0;
  #stream: Stream | undefined;
  #isFinishing = false;
  #isFinished = false;
  #hasBegunAnswer = false;
  /** What requests that are added from now on fail with. */
  #endedFor: TransferFailure | undefined;
  #wasFull = false;

  constructor(context: ClientContext, { onRoom = () => {}, windowBytes = 0 }: ClientBatchOptions = {}) {
    this.#context = context;
    this.#onRoom = onRoom;
    this.#windowBytes = windowBytes;
  }

  /** Whether a further request would wait here. */
  get isFull(): boolean {
    const isFull = this.#waiting.length > 0 || this.#sent.length >= MAX_SENT_REQUESTS ||
      this.#sentBytes >= MAX_SENT_BYTES;
    this.#wasFull ||= isFull;
    return isFull;
  }

  /** Sends a request, or keeps it until there is room. Not to be called after {@link finish}. */
  add(request: ShortRequest): void {
    if (this.#endedFor !== undefined) return request.fail(this.#endedFor);
    this.#waiting.push(request);
    this.#sendMore();
    this.#context.wake();
  }

  /** No further request is added; the batch ends with its last answer. */
  finish(): void {
    this.#isFinishing = true;
    this.#sendMore();
    this.#context.wake();
  }

  /** Goes on where a request had no room for its answer. */
  resume(): void {
    this.onReadable();
    this.#context.wake();
  }

  start(stream: Stream): void {
    this.#stream = stream;
    stream.widenOrderedWindow(this.#windowBytes);
    this.#sendMore();
  }

  onReadable(): void {
    while (this.#endedFor === undefined) {
      const head = this.#sent[0]?.request;
      if (head?.hasRoom === false) return;
      const next = readMessage(this.#stream!);
      if (next.kind === "incomplete") return;
      if (next.kind === "end" && this.#isFinished && head === undefined) return this.#end(UNANSWERED);
      if (next.kind === "end") return this.#fail(UNANSWERED, ApplicationErrorCode.noError);
      if (next.kind === "malformed" || head === undefined) return this.#failAnswer();
      this.#onMessage(head, next.message);
    }
  }

  onReset(code: number): void {
    this.#fail(resetFailure(code, "the requests"), ApplicationErrorCode.cancelled);
  }

  /** The server answers no further request: the last of its answers says why. */
  onStopped(): void {}

  onSourceFailed(): void {}

  onDelivered(): void {}

  onConnectionClosed(reason: CloseReason): void {
    this.#end(closeFailure(reason));
  }

  cancel(failure: TransferFailure): void {
    this.#fail(failure, ApplicationErrorCode.cancelled);
  }

  #onMessage(head: ShortRequest, message: Message): void {
    if (message.type === "refused" && !this.#hasBegunAnswer) {
      this.#shift();
      head.fail(refusalFailure(message));
    } else {
      const state = head.onMessage(message);
      if (state === "malformed") return this.#failAnswer();
      this.#hasBegunAnswer = state === "more";
      if (state === "more") return;
      this.#shift();
    }
    this.#sendMore();
    if (this.#isFinished && this.#sent.length === 0) this.#end(UNANSWERED);
    else this.#tellRoom();
  }

  #shift(): void {
    this.#sentBytes -= this.#sent.shift()!.lengthBytes;
  }

  #sendMore(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#endedFor !== undefined || this.#isFinished) return;
    while (this.#waiting.length > 0 && this.#sent.length < MAX_SENT_REQUESTS && this.#sentBytes < MAX_SENT_BYTES) {
      const request = this.#waiting.shift()!;
      const bytes = request.encode();
      if (bytes === undefined) continue;
      this.#sent.push({ request, lengthBytes: bytes.length });
      this.#sentBytes += bytes.length;
      stream.write(bytes);
    }
    if (!this.#isFinishing || this.#waiting.length > 0) return;
    this.#isFinished = true;
    stream.finish();
    if (this.#sent.length === 0) this.#end(UNANSWERED);
  }

  #tellRoom(): void {
    if (!this.#wasFull || this.isFull) return;
    this.#wasFull = false;
    this.#onRoom();
  }

  #failAnswer(): void {
    this.#fail({ kind: "failed", message: "the server's answer was not understood" }, ApplicationErrorCode.badMessage);
  }

  #fail(failure: TransferFailure, code: number): void {
    if (this.#endedFor !== undefined) return;
    this.#stream?.reset(code);
    this.#stream?.stopReading(code);
    this.#end(failure);
    this.#context.wake();
  }

  /** Ends the batch; requests without an answer fail for this reason. */
  #end(failure: TransferFailure): void {
    if (this.#endedFor !== undefined) return;
    this.#endedFor = failure;
    this.#context.ended(this, this.#stream);
    const requests = [...this.#sent.map(({ request }) => request), ...this.#waiting];
    this.#sent.length = 0;
    this.#waiting.length = 0;
    for (const request of requests) request.fail(failure);
  }
}

/** The server may end the stream at any answer, where it cannot go on. */
const UNANSWERED: TransferFailure = {
  kind: "failed",
  message: "the server ended the stream before it answered",
  retry: "later",
};
