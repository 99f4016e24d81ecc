/**
 * The server's side of LIST: sends all entries and END, from a buffer that concurrent requests share.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import { type ServerHandler } from "../handler.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { ServerContext } from "./context.ts";
import type { Listing } from "./listing.ts";

/** Sends one listing. */
export class ServerList implements ServerHandler {
  readonly #stream: Stream;
  readonly #context: ServerContext;
  readonly #list: Listing;
  #ended = false;

  constructor(stream: Stream, options: { context: ServerContext; list: Listing }) {
    this.#stream = stream;
    this.#context = options.context;
    this.#list = options.list;
  }

  readonly isUnderWay = true;

  get movedBytes(): number {
    return this.#stream.ackedBytes;
  }

  start(): void {
    this.#stream.write(this.#list.bytes);
    this.#stream.finish();
    this.#stream.stopReading(ApplicationErrorCode.noError);
    this.#context.report({ kind: "listed", count: this.#list.count });
  }

  onReadable(): void {}

  /** The client was asked to stop sending. */
  onReset(): void {}

  onStopped(): void {
    this.#end();
  }

  onSourceFailed(): void {}

  onDelivered(): void {
    this.#end();
  }

  onStalled(): void {
    this.#stream.reset(ApplicationErrorCode.stalled);
    this.#context.report({ kind: "failed", operation: "list", name: "", reason: "the client did not take the list" });
    this.#end();
  }

  onConnectionClosed(): void {
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.ended(this.#stream);
  }
}
