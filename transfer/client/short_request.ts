/**
 * The requests of a batch (`batch.ts`): what they have in common, and those without content. `short_put.ts` and
 * `short_get.ts` have the others.
 *
 * @module
 */

import type { TransferFailure } from "../failure.ts";
import type { Message } from "../messages.ts";
import { encodeMessage } from "../message_encoder.ts";
import { QueryAnswer, type QueryMessage, type QueryOutcome } from "./query_answer.ts";

/** How far an answer is after one of its messages. */
export type AnswerState = "more" | "done" | "malformed";

/** A request of a batch. It ends exactly once, and reports that to its caller. */
export interface ShortRequest {
  /** The bytes of the request; undefined if it has ended, since it cannot be made. */
  encode(): Uint8Array | undefined;
  /** Whether it takes a message of its answer now; absent: always. See `ClientBatch.resume`. */
  readonly hasRoom?: boolean;
  /** Takes the next message of the answer, which is not REFUSED. */
  onMessage(message: Message): AnswerState;
  /** Ends it without an answer, or with a refusal. */
  fail(failure: TransferFailure): void;
}

/** Asks for the attributes of an entry, or for a change without content. */
export class ShortQuery implements ShortRequest {
  readonly #message: Exclude<QueryMessage, { type: "list" }>;
  readonly #answer: QueryAnswer;
  readonly #onDone: (outcome: QueryOutcome | TransferFailure) => void;

  constructor(
    message: Exclude<QueryMessage, { type: "list" }>,
    onDone: (outcome: QueryOutcome | TransferFailure) => void,
  ) {
    this.#message = message;
    this.#answer = new QueryAnswer(message);
    this.#onDone = onDone;
  }

  encode(): Uint8Array {
    return encodeMessage(this.#message);
  }

  onMessage(message: Message): AnswerState {
    if (!this.#answer.take(message)) return "malformed";
    const outcome = this.#answer.outcome;
    if (outcome === undefined) return "more";
    this.#onDone(outcome);
    return "done";
  }

  fail(failure: TransferFailure): void {
    this.#onDone(failure);
  }
}
