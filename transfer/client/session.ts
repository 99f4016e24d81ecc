/**
 * The client's side of one connection: starts requests, each on its own stream, and dispatches the connection's events
 * to them.
 *
 * Participants: the connection, one handler for each request (`put.ts`, `get.ts`, `query.ts`), or for many short ones
 * (`batch.ts`). Goals: any number of concurrent requests, of which those beyond the server's limit wait; each ends exactly
 * once, with a result or a failure; when the connection ends, so does every request. Non-goals: which files to transfer,
 * where they are on this machine, and messages to the user.
 *
 * @module
 */

import type { CloseReason, Connection, ConnectionEvent, Stream } from "../../protocol/mod.ts";
import type { BackgroundTask, BackgroundWork } from "../background_work.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import { ClientBatch, type ClientBatchOptions } from "./batch.ts";
import { ClientGet, type GetRequest } from "./get.ts";
import { ClientPipePut, type PipePutRequest } from "./pipe_put.ts";
import { ClientPut, type PutRequest } from "./put.ts";
import { ClientQuery, type QueryRequest } from "./query.ts";
import type { ClientContext, ClientRequest, WatchingRequest } from "./request.ts";

/** What a session is made with. */
export interface ClientSessionOptions {
  readonly connection: Connection;
  readonly work: BackgroundWork;
  /** Called if the connection has something to send for another reason than a datagram or timeout. */
  readonly wake: () => void;
  /** The handshake is done. */
  readonly onConnected?: () => void;
  readonly onClosed?: (reason: CloseReason) => void;
}

/** Sends requests to one server. */
export class ClientSession implements ClientContext {
  readonly #options: ClientSessionOptions;
  readonly #requests = new Map<Stream, ClientRequest>();
  readonly #waiting: ClientRequest[] = [];
  /** Those that have work for the background from time to time. */
  readonly #tasks = new Map<ClientRequest, BackgroundTask>();
  /** Requests to be told of the next call of {@link process}. */
  readonly #watching = new Set<WatchingRequest>();
  #closedFor: CloseReason | undefined;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
  }

  get wake(): () => void {
    return this.#options.wake;
  }

  /** The number of requests in progress or waiting. */
  get activeCount(): number {
    return this.#requests.size + this.#waiting.length;
  }

  /** Sends a file. */
  put(request: PutRequest): ClientPut {
    return this.#begin(new ClientPut(request, this));
  }

  /** Sends a file whose size is not known, from what is written to the request. */
  pipe(request: PipePutRequest): ClientPipePut {
    return this.#begin(new ClientPipePut(request, this));
  }

  /** Gets a file. */
  get(request: GetRequest): ClientGet {
    return this.#begin(new ClientGet(request, this));
  }

  /** Asks for a list, for the attributes of one entry, or for a change that needs no content. */
  query(request: QueryRequest): ClientQuery {
    return this.#begin(new ClientQuery(request, this));
  }

  /** Opens a stream for many short requests. */
  batch(options?: ClientBatchOptions): ClientBatch {
    return this.#begin(new ClientBatch(this, options));
  }

  /** Handles the events of the connection. To be called after every datagram and timeout. */
  process(): void {
    for (let event = this.#options.connection.pollEvent(); event !== undefined;) {
      this.#handle(event);
      event = this.#options.connection.pollEvent();
    }
    this.#startWaiting();
    if (this.#watching.size > 0) this.#tellWatching();
    this.#options.work.noteTraffic();
    for (const task of this.#tasks.values()) this.#options.work.add(task);
  }

  works(request: ClientRequest & BackgroundTask): void {
    this.#tasks.set(request, request);
    this.#options.work.add(request);
  }

  again(request: ClientRequest, stream: Stream): void {
    this.ended(request, stream);
    this.#waiting.unshift(request);
    this.#startWaiting();
    this.wake();
  }

  watch(request: WatchingRequest): void {
    this.#watching.add(request);
  }

  ended(request: ClientRequest, stream: Stream | undefined): void {
    const task = this.#tasks.get(request);
    if (task !== undefined) this.#options.work.remove(task);
    this.#tasks.delete(request);
    if (stream !== undefined) this.#requests.delete(stream);
    const at = this.#waiting.indexOf(request);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  #tellWatching(): void {
    const watching = [...this.#watching];
    this.#watching.clear();
    for (const request of watching) request.onProcess();
  }

  #begin<Request extends ClientRequest>(request: Request): Request {
    if (this.#closedFor !== undefined) request.onConnectionClosed(this.#closedFor);
    else this.#waiting.push(request);
    this.#startWaiting();
    this.wake();
    return request;
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0) {
      const stream = this.#options.connection.openStream();
      if (stream === undefined) return;
      const request = this.#waiting.shift()!;
      this.#requests.set(stream, request);
      request.start(stream);
    }
  }

  #handle(event: ConnectionEvent): void {
    switch (event.kind) {
      case "stream-readable":
        this.#requests.get(event.stream)?.onReadable();
        break;
      case "stream-reset":
        this.#requests.get(event.stream)?.onReset(event.code);
        break;
      case "stream-stopped":
        this.#requests.get(event.stream)?.onStopped(event.code);
        break;
      case "stream-delivered":
        this.#requests.get(event.stream)?.onDelivered();
        break;
      case "source-failed":
        // A file that the server has completely is closed, even where an acknowledgement was lost.
        if (!this.#requests.has(event.stream)) event.stream.reset(ApplicationErrorCode.noError);
        this.#requests.get(event.stream)?.onSourceFailed(event.error);
        break;
      case "connected":
        this.#options.onConnected?.();
        break;
      case "closed":
        this.#onClosed(event.reason);
        break;
      case "stream-opened":
      case "address-changed":
        break;
    }
  }

  #onClosed(reason: CloseReason): void {
    this.#closedFor = reason;
    const requests = [...this.#requests.values(), ...this.#waiting];
    this.#requests.clear();
    this.#waiting.length = 0;
    for (const request of requests) request.onConnectionClosed(reason);
    this.#options.onClosed?.(reason);
  }
}
