/**
 * The client's side of LIST and STAT: sends the request and receives ENTRY messages.
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest } from "./request.ts";
import { closeFailure, refusalFailure, type TransferFailure } from "../failure.ts";
import type { FileInfo } from "../file_store.ts";
import { readMessage } from "../message_reader.ts";
import { type UnlistedFiles } from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { ApplicationErrorCode, describeApplicationError } from "../application_error.ts";

/** What to query. */
export interface QueryRequest {
  /** The file to query; undefined for all files. */
  readonly name?: string;
  readonly onDone: (outcome: QueryOutcome | TransferFailure) => void;
}

/** The answer. */
export interface QueryOutcome {
  readonly kind: "done";
  readonly entries: readonly FileInfo[];
  /** Files that a list has no entries for, if there are any. */
  readonly unlisted?: UnlistedFiles;
}

/** Queries the list of files, or the attributes of one. */
export class ClientQuery implements ClientRequest {
  readonly #request: QueryRequest;
  readonly #context: ClientContext;
  readonly #entries: FileInfo[] = [];
  #stream: Stream | undefined;
  #ended = false;

  constructor(request: QueryRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
  }

  start(stream: Stream): void {
    this.#stream = stream;
    const { name } = this.#request;
    stream.write(encodeMessage(name === undefined ? { type: "list" } : { type: "stat", name }));
    stream.finish();
  }

  onReadable(): void {
    while (!this.#ended) {
      const next = readMessage(this.#stream!);
      if (next.kind === "incomplete") return;
      const message = next.kind === "message" ? next.message : undefined;
      if (message?.type === "entry") {
        const { type: _type, ...info } = message;
        this.#entries.push(info);
      } else if (message?.type === "refused") {
        this.#fail(refusalFailure(message));
      } else if (this.#isWholeAnswer(message?.type === "end" ? message.count : undefined, next.kind === "end")) {
        const unlisted = message?.type === "end" ? message.unlisted : undefined;
        this.#end({ kind: "done", entries: this.#entries, ...(unlisted === undefined ? {} : { unlisted }) });
      } else {
        const message = "the server's answer was not understood";
        this.#fail({ kind: "failed", message }, ApplicationErrorCode.badMessage);
      }
    }
  }

  onReset(code: number): void {
    this.#fail({ kind: "failed", message: `the server gave up: ${describeApplicationError(code)}` });
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

  /** A list ends with END and the number of entries; the response to STAT is one entry and the end of the stream. */
  #isWholeAnswer(count: number | undefined, streamEnded: boolean): boolean {
    if (this.#request.name === undefined) return count === this.#entries.length;
    return streamEnded && this.#entries.length === 1;
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
