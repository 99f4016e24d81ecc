/**
 * The server's side of one connection: each stream that the client opens carries one request, which the session
 * answers.
 *
 * Participants: the connection (events in, streams), the store, one handler for each request (`put.ts`, `get.ts`,
 * `list.ts`, and `queued_request.ts` before them). Goals: any number of concurrent requests, none of which blocks
 * another; when a request or the connection ends, every file is closed, and no partial file remains but one to resume,
 * even if the store has not opened or created it by then. Non-goals: which clients may connect, and when bytes are sent.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import { type CloseReason, type Connection, type ConnectionEvent, type Stream } from "../../protocol/mod.ts";
import type { BackgroundTask, BackgroundWork } from "../background_work.ts";
import { RESUMABLE_BYTES } from "../content_sender.ts";
import type { TransferEvent } from "../events.ts";
import {
  type CreateOptions,
  type Done,
  type FileStore,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../file_store.ts";
import { type ServerHandler } from "../handler.ts";
import { readMessage } from "../message_reader.ts";
import {
  isRequest,
  type Message,
  type PutMessage,
  refusalForStoreError,
  RefusalReason,
  type RequestMessage,
} from "../messages.ts";
import { encodeMessage, encodeMessages } from "../message_encoder.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import { ALL_RIGHTS, refusalForRights, type Right } from "../rights.ts";
import type { Refusal, ServerContext, TransferStart } from "./context.ts";
import { type CallQueue, LARGE_TRANSFER_BYTES, type StoreCall } from "./call_queue.ts";
import { ServerGet } from "./get.ts";
import { ServerList } from "./list.ts";
import type { Listing } from "./listing.ts";
import type { ListingCache } from "./listing_cache.ts";
import { ServerPut } from "./put.ts";
import type { ResumablePuts } from "./resumable_puts.ts";
import { QueuedRequest } from "./queued_request.ts";
import type { BoundedRequest, RequestLimits } from "./request_limits.ts";
import { callForShort, type ShortAnswer } from "./short_answer.ts";
import { MIN_MOVED_BYTES, StallWatch } from "../stall_watch.ts";

/** What all sessions of a server share. */
export interface SharedByClients {
  readonly limits: RequestLimits;
  readonly listings: ListingCache;
  readonly calls: CallQueue;
  readonly work: BackgroundWork;
  readonly resumable: ResumablePuts;
}

/** What a session is made with. */
export interface ServerSessionOptions {
  readonly connection: Connection;
  readonly store: FileStore;
  /** The client's rights. Default: all. */
  readonly rights?: ReadonlySet<Right>;
  /** Who the client is: what it has sent of a file is offered only to the same. Default: nothing is. */
  readonly principal?: string;
  /** The clock of the connection, microseconds. */
  readonly nowUs: () => number;
  /** What all sessions of a server share. */
  readonly shared: SharedByClients;
  readonly onEvent: (event: TransferEvent) => void;
  /** Called if the connection has something to send for another reason than a datagram or timeout. */
  readonly wake: () => void;
  /** Schedules one call of {@link ServerSession.process} after this many microseconds; replaces an earlier request. */
  readonly wakeIn: (delayUs: number) => void;
  readonly onAddressChanged?: (remote: NetAddress) => void;
  readonly onClosed?: (reason: CloseReason) => void;
}

/** A call to the store, and the steps that follow it. */
interface StoreSteps<Result> {
  readonly call: (done: Done<Result>) => void;
  /** Carries the request out. */
  readonly begin: (result: Result) => void;
  /** Releases the result if the request has ended in the meantime. */
  readonly undo?: (result: Result) => void;
}

/** Serves one client. */
export class ServerSession implements ServerContext {
  readonly #options: ServerSessionOptions;
  /** Streams with a request in progress; undefined while the request message is incomplete. */
  readonly #handlers = new Map<Stream, ServerHandler | undefined>();
  readonly #shared: SharedByClients;
  /** Requests that count against the {@link RequestLimits}. */
  readonly #counted = new Map<Stream, BoundedRequest>();
  /** Large transfers, for which the calls of other clients pause. */
  readonly #large = new Set<Stream>();
  /** Calls to the store that wait or run; their requests may have ended in the meantime. */
  readonly #calls = new Map<Stream, StoreCall | "running">();
  /** Handlers that have work for the background from time to time. */
  readonly #tasks = new Map<Stream, BackgroundTask>();
  /** The source address when the client connected: requests and calls count for it. */
  readonly #source: string;
  readonly #stalls: StallWatch;
  /** Bytes of transfers that have ended. */
  #movedBytes = 0;
  #draining = false;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
    this.#shared = options.shared;
    this.#source = options.connection.remote.source;
    this.#stalls = new StallWatch(this.#shared.limits.bounds.stallTimeoutUs);
  }

  get wake(): () => void {
    return this.#options.wake;
  }

  /** The number of requests in progress. */
  get activeCount(): number {
    return this.#handlers.size;
  }

  /** Refuses new requests from now on; those in progress continue. */
  drain(): void {
    this.#draining = true;
  }

  /** Handles the events of the connection. To be called after every datagram and timeout. */
  process(): void {
    for (let event = this.#options.connection.pollEvent(); event !== undefined;) {
      this.#handle(event);
      event = this.#options.connection.pollEvent();
    }
    this.#shared.work.noteTraffic();
    for (const task of this.#tasks.values()) this.#shared.work.add(task);
    if (this.#handlers.size > 0) this.#lookForStall();
  }

  now(): TransferStart {
    const { connection, nowUs } = this.#options;
    return { atUs: nowUs(), retransmittedBytes: connection.stats.retransmittedBytes };
  }

  report(event: TransferEvent): void {
    if (isChange(event)) this.#shared.listings.invalidate();
    // A completed file is progress, however small it is.
    if (event.kind === "received" || event.kind === "sent") this.#movedBytes += MIN_MOVED_BYTES;
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

  works(stream: Stream, task: BackgroundTask): void {
    this.#tasks.set(stream, task);
    this.#shared.work.add(task);
  }

  released(stream: Stream): void {
    const call = this.#calls.get(stream);
    if (call !== undefined && call !== "running" && this.#shared.calls.remove(this.#source, call)) {
      this.#calls.delete(stream);
    }
    const kind = this.#counted.get(stream);
    // The request counts until its call to the store has ended.
    if (kind === undefined || this.#calls.has(stream)) return;
    this.#counted.delete(stream);
    this.#shared.limits.end(kind, this.#source);
  }

  ended(stream: Stream): void {
    const handler = this.#handlers.get(stream);
    this.#movedBytes += handler?.movedBytes ?? 0;
    this.#handlers.delete(stream);
    if (handler instanceof ServerPut) this.#shared.resumable.end(handler);
    const task = this.#tasks.get(stream);
    if (task !== undefined) this.#shared.work.remove(task);
    this.#tasks.delete(stream);
    if (this.#large.delete(stream)) this.#shared.calls.endLarge(this.#source);
    this.released(stream);
  }

  #handle(event: ConnectionEvent): void {
    switch (event.kind) {
      case "stream-opened":
        if (this.#handlers.size === 0) this.#stalls.restart(this.#options.nowUs());
        this.#handlers.set(event.stream, undefined);
        break;
      case "stream-readable":
        this.#onReadable(event.stream);
        break;
      case "stream-reset":
        // A stream that has been answered keeps its answer: a refused client resets its half, and must learn why.
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
        // A file that the client has completely is closed, even where an acknowledgement was lost.
        if (!this.#handlers.has(event.stream)) event.stream.reset(ApplicationErrorCode.noError);
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
    if (!isRequest(request)) return this.#refuseBadRequest(stream, `a ${operation} message is no request`);
    const name = "name" in request ? request.name : "";
    if (this.#draining) {
      const message = "it is shutting down";
      return this.refuse(stream, { operation: request.type, name, reason: RefusalReason.shuttingDown, message });
    }
    const forbidden = refusalForRights(request, this.#options.rights ?? ALL_RIGHTS);
    if (forbidden !== undefined) {
      return this.refuse(stream, { operation: request.type, name, reason: RefusalReason.denied, message: forbidden });
    }
    if (request.type === "get" && stream.isReceiveComplete) {
      return this.#refuseBadRequest(stream, "a get must leave its half of the stream open until its result");
    }
    const kind = boundedKind(request);
    if (kind !== undefined) {
      const busy = this.#shared.limits.begin(kind, this.#source);
      if (busy !== undefined) return this.refuse(stream, { operation: request.type, name, ...busy });
      this.#counted.set(stream, kind);
    }
    this.#handlers.set(stream, new QueuedRequest(stream, { context: this }));
    this.#callStore(stream, request);
  }

  #callStore(stream: Stream, request: RequestMessage): void {
    const { store } = this.#options;
    switch (request.type) {
      case "put": {
        const resume = this.#resumeOf(request);
        return this.#enqueue<WritableFile>(stream, request, {
          call: (done) => {
            if (resume !== undefined) this.#shared.resumable.takeOver(resume.purpose, request, this);
            store.create(request.name, { ...request, resume }, done);
          },
          begin: (file) => {
            const put = new ServerPut(stream, { context: this, request, file });
            if (resume !== undefined) this.#shared.resumable.begin(resume.purpose, request, { put, owner: this });
            this.#adopt(stream, put, request);
          },
          undo: (file) => file.keep(),
        });
      }
      case "get":
        return this.#enqueue<ReadableFile>(stream, request, {
          call: (done) => store.open(request.name, done),
          begin: (file) => this.#adopt(stream, new ServerGet(stream, { context: this, request, file }), file.info),
          undo: (file) => file.close(),
        });
      case "list": {
        const { path = "", recursive = false, pattern } = request;
        const query = { path, recursive, ...(pattern === undefined ? {} : { pattern }) };
        // Not in the queue: concurrent requests share one call.
        this.#calls.set(stream, "running");
        return this.#run<Listing>(stream, request, {
          call: (done) => this.#shared.listings.get({ store, query }, done),
          begin: (list) => this.#adopt(stream, new ServerList(stream, { context: this, list })),
        }, () => {});
      }
      default: {
        const queued = this.#handlers.get(stream);
        const isOver = (): boolean => this.#handlers.get(stream) !== queued;
        return this.#enqueue<ShortAnswer>(stream, request, {
          call: (done) => callForShort(request, { store, isOver }, done),
          begin: ({ messages, event }) => this.#answerShort(stream, { messages, event }),
        });
      }
    }
  }

  /** Where a file continues. A client learns nothing by hashes of what it may not read, and may not replace. */
  #resumeOf({ resumable, sizeBytes, overwrite }: PutMessage): CreateOptions["resume"] {
    const { principal, rights = ALL_RIGHTS } = this.#options;
    if (resumable !== true || sizeBytes < RESUMABLE_BYTES || principal === undefined) return undefined;
    return { purpose: principal, reusesOld: overwrite && rights.has("overwrite") && rights.has("read") };
  }

  /** Calls the store when it is this client's turn. */
  #enqueue<Result>(stream: Stream, request: RequestMessage, steps: StoreSteps<Result>): void {
    const call: StoreCall = (ended) => {
      this.#calls.set(stream, "running");
      this.#run(stream, request, steps, ended);
    };
    this.#calls.set(stream, call);
    this.#shared.calls.add(this.#source, call);
  }

  /** Calls the store, and continues with the result unless the request has ended in the meantime. */
  #run<Result>(stream: Stream, request: RequestMessage, steps: StoreSteps<Result>, ended: () => void): void {
    const queued = this.#handlers.get(stream);
    let isLater = false;
    steps.call((result) => {
      ended();
      this.#calls.delete(stream);
      if (this.#handlers.get(stream) !== queued) {
        if (!(result instanceof StoreError)) steps.undo?.(result);
        return this.released(stream);
      }
      if (result instanceof StoreError) this.#refuseForStore(stream, result, request);
      else steps.begin(result);
      if (isLater) this.wake();
    });
    isLater = true;
  }

  #refuseForStore(stream: Stream, error: StoreError, request: RequestMessage): void {
    const name = "name" in request ? request.name : "";
    this.refuse(stream, {
      operation: request.type,
      name,
      reason: refusalForStoreError(error.kind),
      message: error.message,
    });
  }

  #adopt(stream: Stream, handler: ServerPut | ServerGet | ServerList, { sizeBytes = 0 } = {}): void {
    if (sizeBytes >= LARGE_TRANSFER_BYTES) {
      this.#large.add(stream);
      this.#shared.calls.beginLarge(this.#source);
    }
    this.#handlers.set(stream, handler);
    handler.start();
  }

  #answerShort(stream: Stream, { messages, event }: ShortAnswer): void {
    stream.write(encodeMessages(messages));
    stream.finish();
    stream.stopReading(ApplicationErrorCode.noError);
    if (event !== undefined) this.report(event);
    this.ended(stream);
  }

  #refuseBadRequest(stream: Stream, reason: string): void {
    const message = `the request was not understood: ${reason}; client and server may be of different versions`;
    this.refuse(stream, { operation: "request", name: "", reason: RefusalReason.badRequest, message });
  }

  /** Aborts a stream whose request is incomplete. */
  #giveUp(stream: Stream, code: number = ApplicationErrorCode.cancelled): void {
    stream.reset(code);
    stream.stopReading(code);
    this.ended(stream);
  }

  /** Aborts the transfers of a client that responds but makes no progress; a silent one is left to the idle timeout. */
  #lookForStall(): void {
    const { connection, nowUs, wakeIn } = this.#options;
    const atUs = nowUs();
    if (atUs < this.#stalls.dueUs) return;
    let movedBytes = this.#movedBytes;
    for (const handler of this.#handlers.values()) movedBytes += handler?.movedBytes ?? 0;
    const isWaiting = [...this.#handlers.values()].some((handler) => handler?.isUnderWay ?? true);
    const heardCount = connection.stats.datagramsReceived;
    const isStalled = this.#stalls.isStalled(atUs, { isWaiting, movedBytes, heardCount });
    wakeIn(this.#stalls.dueUs - atUs);
    if (!isStalled) return;
    for (const [stream, handler] of [...this.#handlers]) {
      if (handler === undefined) this.#giveUp(stream, ApplicationErrorCode.stalled);
      else if (handler.isUnderWay) handler.onStalled();
    }
  }

  #onClosed(reason: CloseReason): void {
    const handlers = [...this.#handlers.values()];
    this.#handlers.clear();
    for (const handler of handlers) handler?.onConnectionClosed(reason);
    this.#options.onClosed?.(reason);
  }
}

/** What a request counts as against the {@link RequestLimits}, if it does. */
function boundedKind(request: RequestMessage): BoundedRequest | undefined {
  const { type } = request;
  // A file that is hashed is open meanwhile.
  if (type === "put" || type === "get" || (type === "stat" && request.digest === true)) return "transfer";
  return type === "list" ? "list" : undefined;
}

/** Whether an earlier listing is out of date after an event. A removal that was refused may have removed something. */
function isChange(event: TransferEvent): boolean {
  switch (event.kind) {
    case "received":
    case "made":
    case "removed":
    case "moved":
      return true;
    case "refused":
      return event.operation === "remove";
    default:
      return false;
  }
}
