/**
 * The client's side of requests without the content of a file: LIST, STAT, MAKE, REMOVE, MOVE and SPACE. Sends the
 * request and receives the answer.
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, type TransferFailure } from "../failure.ts";
import { readMessage } from "../message_reader.ts";
import type { Message } from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import { QueryAnswer, type QueryMessage, type QueryOutcome } from "./query_answer.ts";

/** What to ask for. */
export interface QueryRequest {
  readonly message: QueryMessage;
  readonly onDone: (outcome: QueryOutcome | TransferFailure) => void;
}

/** Asks for something. */
export class ClientQuery implements ClientRequest {
  readonly #request: QueryRequest;
  readonly #context: ClientContext;
  readonly #answer: QueryAnswer;
  #stream: Stream | undefined;
  #ended = false;

  constructor(request: QueryRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
    this.#answer = new QueryAnswer(request.message);
  }

  start(stream: Stream): void {
    this.#stream = stream;
    stream.write(encodeMessage(this.#request.message));
    stream.finish();
  }

  onReadable(): void {
    while (!this.#ended) {
      const next = readMessage(this.#stream!);
      if (next.kind === "incomplete") return;
      const isGood = next.kind === "message" ? this.#take(next.message) : next.kind === "end" && this.#endWith();
      if (isGood) continue;
      const message = "the server's answer was not understood";
      this.#fail({ kind: "failed", message }, ApplicationErrorCode.badMessage);
    }
  }

  /** Takes a message of the answer. A list is whole with END, before the stream ends. */
  #take(message: Message): boolean {
    if (message.type === "refused" && !this.#answer.hasBegun) {
      this.#fail(refusalFailure(message));
      return true;
    }
    return this.#answer.take(message) && (message.type !== "end" || this.#endWith());
  }

  #endWith(): boolean {
    const { outcome } = this.#answer;
    if (outcome !== undefined) this.#end(outcome);
    return outcome !== undefined;
  }

  onReset(code: number): void {
    this.#fail(resetFailure(code, "the request"));
  }

  onStopped(): void {}

  onSourceFailed(): void {}

  onDelivered(): void {}

  onConnectionClosed(reason: CloseReason): void {
    this.#end(closeFailure(reason));
  }

  cancel(failure: TransferFailure): void {
    this.#fail(failure);
  }

  #fail(failure: TransferFailure, code: number = ApplicationErrorCode.cancelled): void {
    if (this.#ended) return;
    this.#stream?.reset(code);
    this.#stream?.stopReading(code);
    this.#end(failure);
    this.#context.wake();
  }

  #end(outcome: QueryOutcome | TransferFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.ended(this, this.#stream);
    this.#request.onDone(outcome);
  }
}
