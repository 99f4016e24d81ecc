/**
 * A request that has arrived, and waits for the store.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import { type ServerHandler } from "../handler.ts";
import { ApplicationErrorCode } from "../messages.ts";
import type { ServerContext } from "./context.ts";

/** Waits. What arrives on the stream meanwhile stays there. */
export class QueuedRequest implements ServerHandler {
  readonly #stream: Stream;
  readonly #context: ServerContext;

  constructor(stream: Stream, { context }: { context: ServerContext }) {
    this.#stream = stream;
    this.#context = context;
  }

  /** It is the server that does not go on. */
  readonly isUnderWay = false;
  readonly movedBytes = 0;

  onReadable(): void {}

  onReset(): void {
    this.#stream.reset(ApplicationErrorCode.cancelled);
    this.#stream.stopReading(ApplicationErrorCode.cancelled);
    this.#context.ended(this.#stream);
  }

  onStopped(): void {
    this.onReset();
  }

  onSourceFailed(): void {}

  onDelivered(): void {}

  onStalled(): void {}

  onConnectionClosed(): void {
    this.#context.ended(this.#stream);
  }
}
