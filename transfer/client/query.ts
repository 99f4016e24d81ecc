/**
 * The client's side of requests without the content of a file: LIST, STAT, MAKE, REMOVE, MOVE and SPACE. Sends the
 * request and receives the answer.
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import type { ClientContext, ClientRequest } from "./request.ts";
import { closeFailure, refusalFailure, resetFailure, type TransferFailure } from "../failure.ts";
import type { FileInfo } from "../file_store.ts";
import { readMessage } from "../message_reader.ts";
import type {
  CapacityMessage,
  DigestMessage,
  DoneMessage,
  EndMessage,
  ListMessage,
  MakeMessage,
  Message,
  MoveMessage,
  RemoveMessage,
  SpaceMessage,
  StatMessage,
  UnlistedFiles,
} from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { ApplicationErrorCode } from "../application_error.ts";

/** A request whose answer is short, or a list. */
export type QueryMessage = ListMessage | StatMessage | MakeMessage | RemoveMessage | MoveMessage | SpaceMessage;

/** What to ask for. */
export interface QueryRequest {
  readonly message: QueryMessage;
  readonly onDone: (outcome: QueryOutcome | TransferFailure) => void;
}

/** The answer. What does not belong to the request is absent. */
export interface QueryOutcome {
  readonly kind: "done";
  /** Of LIST and STAT. */
  readonly entries: readonly FileInfo[];
  /** Files that a list has no entries for, if there are any. */
  readonly unlisted?: UnlistedFiles;
  /** Why a list lacks something else, for people. */
  readonly gaps?: string;
  /** The SHA-256 of a file, of STAT with that flag. */
  readonly sha256?: Uint8Array;
  /** How many entries were made, removed or moved. */
  readonly count?: number;
  /** Of SPACE. */
  readonly capacity?: CapacityMessage;
}

/** Asks for something. */
export class ClientQuery implements ClientRequest {
  readonly #request: QueryRequest;
  readonly #context: ClientContext;
  readonly #entries: FileInfo[] = [];
  /** What follows the entries, and is the last of the answer but for the end of the stream. */
  #closing: EndMessage | DigestMessage | DoneMessage | CapacityMessage | undefined;
  #stream: Stream | undefined;
  #ended = false;

  constructor(request: QueryRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
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
      const outcome = next.kind === "message" ? this.#take(next.message) : next.kind === "end" ? this.#whole() : "bad";
      if (outcome === "bad") {
        const message = "the server's answer was not understood";
        this.#fail({ kind: "failed", message }, ApplicationErrorCode.badMessage);
      } else if (outcome !== "more") {
        this.#end(outcome);
      }
    }
  }

  /** Takes a message of the answer. A list is whole with END, before the stream ends. */
  #take(message: Message): QueryOutcome | "more" | "bad" {
    if (message.type === "refused" && this.#closing === undefined) {
      this.#fail(refusalFailure(message));
      return "more";
    }
    if (this.#closing !== undefined || !ANSWERS[this.#request.message.type].includes(message.type)) return "bad";
    if (message.type === "entry") {
      const { type: _type, ...info } = message;
      this.#entries.push(info);
      return "more";
    }
    this.#closing = message as EndMessage | DigestMessage | DoneMessage | CapacityMessage;
    return message.type === "end" ? this.#whole() : "more";
  }

  /** The answer, if it is whole. */
  #whole(): QueryOutcome | "bad" {
    const { message } = this.#request;
    const closing = this.#closing;
    const whole = { kind: "done", entries: this.#entries } as const;
    switch (message.type) {
      case "list": {
        if (closing?.type !== "end" || closing.count !== this.#entries.length) return "bad";
        const { unlisted, gaps } = closing;
        return { ...whole, ...(unlisted && { unlisted }), ...(gaps === undefined ? {} : { gaps }) };
      }
      case "stat": {
        const [entry] = this.#entries;
        if (this.#entries.length !== 1) return "bad";
        const isHashed = message.digest === true && entry?.kind === "file";
        if ((closing?.type === "digest") !== isHashed) return "bad";
        return closing?.type === "digest" ? { ...whole, sha256: closing.sha256 } : whole;
      }
      case "space":
        return closing?.type === "capacity" ? { ...whole, capacity: closing } : "bad";
      default:
        return closing?.type === "done" ? { ...whole, count: closing.count } : "bad";
    }
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

/** The messages that an answer may consist of. */
const ANSWERS: Readonly<Record<QueryMessage["type"], readonly Message["type"][]>> = {
  list: ["entry", "end"],
  stat: ["entry", "digest"],
  make: ["done"],
  remove: ["done"],
  move: ["done"],
  space: ["capacity"],
};
