/**
 * A request that has arrived and waits for the store.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import { type ServerHandler } from "../handler.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { ServerContext } from "./context.ts";

/** Waits for the store. Bytes that arrive in the meantime stay on the stream. */
export class QueuedRequest implements ServerHandler {
  readonly #stream: Stream;
  readonly #context: ServerContext;

  constructor(stream: Stream, { context }: { context: ServerContext }) {
    this.#stream = stream;
    this.#context = context;
  }

  /** The request waits for the server, not for the client. */
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
