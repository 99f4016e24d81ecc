/**
 * The server's side of one connection: takes each stream that the client opens for one request, and answers it.
 *
 * Participants: the connection (events in, streams), the store, one handler for each request that takes time
 * (`server_put.ts`, `server_get.ts`). Goals: any number of requests at once, none in another's way; when the
 * connection ends, every file handle is closed and no half file stays. Not its job: who may connect, and when bytes
 * are sent.
 *
 * @module
 */

import type { CloseReason, Connection, ConnectionEvent, Stream } from "../protocol/mod.ts";
import type { TransferEvent } from "./events.ts";
import { type FileStore, StoreError } from "./file_store.ts";
import { ApplicationErrorCode, type StreamHandler } from "./handler.ts";
import { readMessage } from "./message_reader.ts";
import { encodeMessage, type Message, refusalForStoreError, RefusalReason } from "./messages.ts";
import type { Refusal, ServerContext } from "./server_context.ts";
import { ServerGet } from "./server_get.ts";
import { ServerPut } from "./server_put.ts";

/** What a session is made with. */
export interface ServerSessionOptions {
  readonly connection: Connection;
  readonly store: FileStore;
  readonly onEvent: (event: TransferEvent) => void;
  /** Called when something outside of a packet's arrival gave the connection something to send. */
  readonly wake: () => void;
  readonly onAddressChanged?: (remote: string) => void;
  readonly onClosed?: (reason: CloseReason) => void;
}

/** Serves one client. */
export class ServerSession implements ServerContext {
  readonly #options: ServerSessionOptions;
  /** Streams with a request under way; undefined while the request itself has not fully arrived. */
  readonly #handlers = new Map<Stream, StreamHandler | undefined>();
  #draining = false;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
  }

  get store(): FileStore {
    return this.#options.store;
  }

  get wake(): () => void {
    return this.#options.wake;
  }

  /** Requests under way. */
  get activeCount(): number {
    return this.#handlers.size;
  }

  /** From now on new requests are refused; those under way go on. */
  drain(): void {
    this.#draining = true;
  }

  /** Handles what the connection has to say. To be called after every datagram and timeout. */
  process(): void {
    for (let event = this.#options.connection.pollEvent(); event !== undefined;) {
      this.#handle(event);
      event = this.#options.connection.pollEvent();
    }
  }

  report(event: TransferEvent): void {
    this.#options.onEvent(event);
  }

  refuse(stream: Stream, refusal: Refusal): void {
    const { operation, name, reason, message } = refusal;
    stream.write(encodeMessage({ type: "refused", reason, message }));
    stream.finish();
    stream.stopReading(ApplicationErrorCode.refused);
    this.report({ kind: "refused", operation, name, reason: message });
    this.ended(stream);
  }

  ended(stream: Stream): void {
    this.#handlers.delete(stream);
  }

  #handle(event: ConnectionEvent): void {
    switch (event.kind) {
      case "stream-opened":
        this.#handlers.set(event.stream, undefined);
        break;
      case "stream-readable":
        this.#onReadable(event.stream);
        break;
      case "stream-reset":
        // A stream that is answered already keeps its answer: a refused client resets its half, and is to hear why.
        if (!this.#handlers.has(event.stream)) break;
        if (this.#handlers.get(event.stream) === undefined) this.#giveUp(event.stream);
        else this.#handlers.get(event.stream)?.onReset(event.code);
        break;
      case "stream-stopped":
        this.#handlers.get(event.stream)?.onStopped(event.code);
        break;
      case "stream-delivered":
        this.#handlers.get(event.stream)?.onDelivered();
        break;
      case "source-failed":
        this.#handlers.get(event.stream)?.onSourceFailed(event.error);
        break;
      case "closed":
        this.#onClosed(event.reason);
        break;
      case "address-changed":
        this.#options.onAddressChanged?.(event.remote);
        break;
      case "connected":
        break;
    }
  }

  #onReadable(stream: Stream): void {
    if (!this.#handlers.has(stream)) return;
    const handler = this.#handlers.get(stream);
    if (handler !== undefined) return handler.onReadable();
    const next = readMessage(stream);
    if (next.kind === "message") this.#start(stream, next.message);
    else if (next.kind === "malformed") this.#refuseBadRequest(stream, next.reason);
    else if (next.kind === "end") this.#refuseBadRequest(stream, "the request is empty");
  }

  #start(stream: Stream, request: Message): void {
    const operation = request.type;
    if (operation !== "put" && operation !== "get" && operation !== "list" && operation !== "stat") {
      return this.#refuseBadRequest(stream, `a ${operation} message is no request`);
    }
    const name = "name" in request ? request.name : "";
    if (this.#draining) {
      const message = "the server is shutting down; try again when it is back";
      return this.refuse(stream, { operation, name, reason: RefusalReason.shuttingDown, message });
    }
    try {
      this.#open(stream, request);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.refuse(stream, { operation, name, reason: refusalForStoreError(error.kind), message: error.message });
    }
  }

  #open(stream: Stream, request: Message): void {
    switch (request.type) {
      case "put":
        this.#adopt(stream, new ServerPut(stream, { context: this, request }));
        break;
      case "get":
        this.#adopt(stream, new ServerGet(stream, { context: this, request }));
        break;
      case "list":
        this.#answerList(stream);
        break;
      case "stat":
        this.#answerStat(stream, request.name);
        break;
    }
  }

  #adopt(stream: Stream, handler: ServerPut | ServerGet): void {
    this.#handlers.set(stream, handler);
    handler.start();
  }

  #answerList(stream: Stream): void {
    const entries = this.store.list();
    for (const entry of entries) stream.write(encodeMessage({ type: "entry", ...entry }));
    stream.write(encodeMessage({ type: "end", count: entries.length }));
    stream.finish();
    stream.stopReading(ApplicationErrorCode.noError);
    this.report({ kind: "listed", count: entries.length });
    this.ended(stream);
  }

  #answerStat(stream: Stream, name: string): void {
    const info = this.store.stat(name);
    stream.write(encodeMessage({ type: "entry", ...info }));
    stream.finish();
    stream.stopReading(ApplicationErrorCode.noError);
    this.report({ kind: "looked-up", name });
    this.ended(stream);
  }

  #refuseBadRequest(stream: Stream, reason: string): void {
    const message = `the request was not understood: ${reason}; client and server may be of different versions`;
    this.refuse(stream, { operation: "get", name: "", reason: RefusalReason.badRequest, message });
  }

  /** The client gave up before its request had arrived. */
  #giveUp(stream: Stream): void {
    stream.reset(ApplicationErrorCode.cancelled);
    this.ended(stream);
  }

  #onClosed(reason: CloseReason): void {
    const handlers = [...this.#handlers.values()];
    this.#handlers.clear();
    for (const handler of handlers) handler?.onConnectionClosed(reason);
    this.#options.onClosed?.(reason);
  }
}
