/**
 * Carries out the requests of one client: checks its rights and the server's limits, calls the store when it is the
 * client's turn, and lets a handler do the rest.
 *
 * A request is known by its stream, which is a whole one or a request's part of one ({@link RequestStream}). Whatever
 * ends a request, its file is closed, even if the store has not opened or created it by then.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { BackgroundTask, BackgroundWork } from "../background_work.ts";
import { RESUMABLE_BYTES } from "../content_sender.ts";
import type { TransferEvent } from "../events.ts";
import {
  type CreateOptions,
  type Done,
  type FileInfo,
  type FileStore,
  type ReadableFile,
  StoreError,
  type WritableFile,
} from "../file_store.ts";
import type { ServerHandler } from "../handler.ts";
import { encodeMessage, encodeMessages } from "../message_encoder.ts";
import {
  type GetMessage,
  type PutMessage,
  refusalForStoreError,
  RefusalReason,
  type RequestMessage,
  type StatMessage,
} from "../messages.ts";
import { refusalForRights, type Right } from "../rights.ts";
import { type CallQueue, LARGE_TRANSFER_BYTES, type StoreCall } from "./call_queue.ts";
import type { Refusal, ServerContext, TransferStart } from "./context.ts";
import { ServerDigest } from "./digest.ts";
import { ServerGet } from "./get.ts";
import { InlineGet } from "./inline_get.ts";
import { ServerList } from "./list.ts";
import type { Listing } from "./listing.ts";
import type { ListingCache } from "./listing_cache.ts";
import { ServerPut } from "./put.ts";
import { QueuedRequest } from "./queued_request.ts";
import type { BoundedRequest, RequestLimits } from "./request_limits.ts";
import type { ResumablePuts } from "./resumable_puts.ts";
import { RequestStream } from "./request_stream.ts";
import { callForShort, type ShortAnswer, type ShortMessage } from "./short_answer.ts";

/** What all sessions of a server share. */
export interface SharedByClients {
  readonly limits: RequestLimits;
  readonly listings: ListingCache;
  readonly calls: CallQueue;
  readonly work: BackgroundWork;
  readonly resumable: ResumablePuts;
}

/** What a runner is made with. */
export interface RequestRunnerOptions {
  readonly store: FileStore;
  readonly rights: ReadonlySet<Right>;
  /** Who the client is: what it has sent of a file is offered only to the same. Undefined: nothing is. */
  readonly principal: string | undefined;
  readonly shared: SharedByClients;
  /** What the client's requests and calls count for: see `NetAddress.source`. */
  readonly source: string;
  readonly now: () => TransferStart;
  readonly wake: () => void;
  readonly onEvent: (event: TransferEvent) => void;
  /** A request has ended; its handler had moved so many bytes. */
  readonly onMoved: (bytes: number) => void;
}

/** How a request is begun. */
export interface StartOptions {
  /** Whether the request arrived before {@link RequestRunner.drain}. */
  readonly isInTime: boolean;
  /** Whether the request may be held back instead of being refused as busy. */
  readonly mayWait: boolean;
  /** Called once, when the request has ended. */
  readonly onEnded: () => void;
}

/** A call to the store, and the steps that follow it. */
interface StoreSteps<Result> {
  readonly call: (done: Done<Result>) => void;
  /** Carries the request out. */
  readonly begin: (result: Result) => void;
  /** Releases the result if the request has ended in the meantime. */
  readonly undo?: (result: Result) => void;
}

interface Running {
  readonly handler: ServerHandler;
  readonly onEnded: () => void;
}

/** See the module's description. */
export class RequestRunner implements ServerContext {
  readonly #options: RequestRunnerOptions;
  readonly #running = new Map<Stream, Running>();
  /** Requests that count against the {@link RequestLimits}. */
  readonly #counted = new Map<Stream, BoundedRequest>();
  /** Large transfers, for which the calls of other clients pause. */
  readonly #large = new Set<Stream>();
  /** Calls to the store that wait or run; their requests may have ended in the meantime. */
  readonly #calls = new Map<Stream, StoreCall | "running">();
  /** Handlers that have work for the background from time to time. */
  readonly #tasks = new Map<Stream, BackgroundTask>();
  #draining = false;

  constructor(options: RequestRunnerOptions) {
    this.#options = options;
  }

  get wake(): () => void {
    return this.#options.wake;
  }

  /** Whether requests are refused from now on. */
  get isDraining(): boolean {
    return this.#draining;
  }

  /** Refuses new requests from now on; those in progress continue. */
  drain(): void {
    this.#draining = true;
  }

  /** The handler of a request; undefined if it has ended. */
  handlerOf(stream: Stream): ServerHandler | undefined {
    return this.#running.get(stream)?.handler;
  }

  /** Begins a request, or refuses it; returns false, and does neither, if it is to wait until another one has ended. */
  start(stream: Stream, request: RequestMessage, { isInTime, mayWait, onEnded }: StartOptions): boolean {
    const refuse = (refusal: Pick<Refusal, "reason" | "message">): true => {
      const name = "name" in request ? request.name : "";
      this.#running.set(stream, { handler: new QueuedRequest(stream, { context: this }), onEnded });
      this.refuse(stream, { operation: request.type, name, ...refusal });
      return true;
    };
    if (!isInTime) return refuse({ reason: RefusalReason.shuttingDown, message: "it is shutting down" });
    const forbidden = refusalForRights(request, this.#options.rights);
    if (forbidden !== undefined) return refuse({ reason: RefusalReason.denied, message: forbidden });
    if (request.type === "get" && request.inline !== true && stream.isReceiveComplete) {
      const reason = "a get must leave its half of the stream open until its result";
      this.refuseBadRequest(stream, { reason, onEnded });
      return true;
    }
    const kind = boundedKind(request);
    if (kind !== undefined) {
      const busy = this.#options.shared.limits.begin(kind, this.#options.source);
      if (busy !== undefined) return mayWait ? false : refuse(busy);
      this.#counted.set(stream, kind);
    }
    this.#running.set(stream, { handler: new QueuedRequest(stream, { context: this }), onEnded });
    this.#callStore(stream, request);
    return true;
  }

  /** Refuses what is not a request, or not one that can be carried out here. */
  refuseBadRequest(stream: Stream, { reason, onEnded }: { reason: string; onEnded: () => void }): void {
    const message = `the request was not understood: ${reason}; client and server may be of different versions`;
    this.#running.set(stream, { handler: new QueuedRequest(stream, { context: this }), onEnded });
    this.refuse(stream, { operation: "request", name: "", reason: RefusalReason.badRequest, message });
  }

  /** The connection was served: what works in the background may have got more to do. */
  onProcess(): void {
    const { work } = this.#options.shared;
    work.noteTraffic();
    for (const task of this.#tasks.values()) work.add(task);
  }

  works(stream: Stream, task: BackgroundTask): void {
    this.#tasks.set(stream, task);
    this.#options.shared.work.add(task);
  }

  now(): TransferStart {
    return this.#options.now();
  }

  report(event: TransferEvent): void {
    if (isChange(event)) this.#options.shared.listings.invalidate();
    this.#options.onEvent(event);
  }

  refuse(stream: Stream, refusal: Refusal): void {
    const { operation, name, reason, message } = refusal;
    answerRefused(stream, { reason, message });
    this.report({ kind: "refused", operation, name, reason: message });
    this.ended(stream);
  }

  released(stream: Stream): void {
    const { shared, source } = this.#options;
    const call = this.#calls.get(stream);
    if (call !== undefined && call !== "running" && shared.calls.remove(source, call)) this.#calls.delete(stream);
    const kind = this.#counted.get(stream);
    // The request counts until its call to the store has ended.
    if (kind === undefined || this.#calls.has(stream)) return;
    this.#counted.delete(stream);
    shared.limits.end(kind, source);
  }

  /**
   * Lets the client of a transfer read as slowly as it likes: from now on it counts as a pipe, and other clients do not
   * wait for it. Returns false if there are too many pipes.
   */
  pause(stream: Stream): boolean {
    const { shared: { limits }, source } = this.#options;
    if (this.#counted.get(stream) !== "transfer" || limits.begin("pipe", source) !== undefined) return false;
    this.#counted.set(stream, "pipe");
    limits.end("transfer", source);
    this.#endLarge(stream);
    return true;
  }

  ended(stream: Stream): void {
    const { resumable, work } = this.#options.shared;
    const running = this.#running.get(stream);
    this.#running.delete(stream);
    if (running?.handler instanceof ServerPut) resumable.end(running.handler);
    const task = this.#tasks.get(stream);
    if (task !== undefined) work.remove(task);
    this.#tasks.delete(stream);
    this.#endLarge(stream);
    this.released(stream);
    if (running === undefined) return;
    this.#options.onMoved(running.handler.movedBytes);
    running.onEnded();
  }

  #endLarge(stream: Stream): void {
    if (this.#large.delete(stream)) this.#options.shared.calls.endLarge(this.#options.source);
  }

  #callStore(stream: Stream, request: RequestMessage): void {
    const { store, shared } = this.#options;
    switch (request.type) {
      case "put":
        return this.#put(stream, request);
      case "get":
        return this.#get(stream, request);
      case "list": {
        const { path = "", recursive = false, pattern } = request;
        const query = { path, recursive, ...(pattern === undefined ? {} : { pattern }) };
        // Not in the queue: concurrent requests share one call.
        this.#calls.set(stream, "running");
        return this.#run<Listing>(stream, request, {
          call: (done) => shared.listings.get({ store, query }, done),
          begin: (list) => this.#adopt(stream, new ServerList(stream, { context: this, list })),
        }, () => {});
      }
      case "stat":
        return request.digest === true ? this.#digest(stream, request) : this.#answerShort(stream, request);
      default:
        return this.#answerShort(stream, request);
    }
  }

  #put(stream: Stream, request: PutMessage): void {
    const { store, shared: { resumable } } = this.#options;
    const resume = this.#resumeOf(request);
    this.#enqueue<WritableFile>(stream, request, {
      call: (done) => {
        if (resume !== undefined) resumable.takeOver(resume.purpose, request, this);
        const refusesLate = stream instanceof RequestStream && !stream.isReading;
        store.create(request.name, { ...request, resume, refusesLate }, done);
      },
      begin: (file) => {
        if (file.heldBytes > 0 && request.resumable !== true) return this.#answerPartial(stream, file);
        const put = new ServerPut(stream, { context: this, request, file });
        if (resume !== undefined) resumable.begin(resume.purpose, request, { put, owner: this });
        this.#adopt(stream, put, request);
      },
      undo: (file) => file.keep(),
    });
  }

  /** There is a part of the file, of which the client does not know: it is to ask again. */
  #answerPartial(stream: Stream, file: WritableFile): void {
    file.keep();
    answerRefused(stream, {
      reason: RefusalReason.partial,
      message: "a part of it is there; the client can ask which",
    });
    this.ended(stream);
  }

  /** Where a file continues. A client learns nothing by hashes of what it may not read, and may not replace. */
  #resumeOf({ sizeBytes, overwrite }: PutMessage): CreateOptions["resume"] {
    const { principal, rights } = this.#options;
    if (sizeBytes < RESUMABLE_BYTES || principal === undefined) return undefined;
    return { purpose: principal, reusesOld: overwrite && rights.has("overwrite") && rights.has("read") };
  }

  #get(stream: Stream, request: GetMessage): void {
    this.#enqueue<ReadableFile>(stream, request, {
      call: (done) => this.#options.store.open(request.name, done),
      begin: (file) => {
        const handler = stream instanceof RequestStream
          ? new InlineGet(stream, { context: this, file })
          : new ServerGet(stream, { context: this, request, file });
        this.#adopt(stream, handler, file.info);
      },
      undo: (file) => file.close(),
    });
  }

  #answerShort(stream: Stream, request: ShortMessage): void {
    this.#enqueue<ShortAnswer>(stream, request, {
      call: (done) => callForShort(this.#options.store, request, done),
      begin: ({ messages, event }) => {
        stream.write(encodeMessages(messages));
        stream.finish();
        if (event !== undefined) this.report(event);
        this.ended(stream);
      },
    });
  }

  /** An entry with its checksum, if it is a file. */
  #digest(stream: Stream, request: StatMessage): void {
    const { store } = this.#options;
    this.#enqueue<FileInfo>(stream, request, {
      call: (done) => store.stat(request.name, done),
      begin: ({ kind }) => {
        if (kind !== "file") return this.#answerShort(stream, request);
        this.#enqueue<ReadableFile>(stream, request, {
          call: (done) => store.open(request.name, done),
          begin: (file) => this.#adopt(stream, new ServerDigest(stream, { context: this, file })),
          undo: (file) => file.close(),
        });
      },
    });
  }

  /** Calls the store when it is this client's turn. */
  #enqueue<Result>(stream: Stream, request: RequestMessage, steps: StoreSteps<Result>): void {
    const call: StoreCall = (ended) => {
      this.#calls.set(stream, "running");
      this.#run(stream, request, steps, ended);
    };
    this.#calls.set(stream, call);
    this.#options.shared.calls.add(this.#options.source, call);
  }

  /** Calls the store, and continues with the result unless the request has ended in the meantime. */
  #run<Result>(stream: Stream, request: RequestMessage, steps: StoreSteps<Result>, ended: () => void): void {
    const queued = this.#running.get(stream);
    let isLater = false;
    steps.call((result) => {
      ended();
      this.#calls.delete(stream);
      if (this.#running.get(stream) !== queued) {
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
    const reason = refusalForStoreError(error.kind);
    this.refuse(stream, { operation: request.type, name, reason, message: error.message });
  }

  #adopt(stream: Stream, handler: ServerHandler & { start(): void }, { sizeBytes = 0 } = {}): void {
    if (sizeBytes >= LARGE_TRANSFER_BYTES) {
      this.#large.add(stream);
      this.#options.shared.calls.beginLarge(this.#options.source);
    }
    this.#running.set(stream, { ...this.#running.get(stream)!, handler });
    handler.start();
  }
}

function answerRefused(stream: Stream, { reason, message }: Pick<Refusal, "reason" | "message">): void {
  stream.write(encodeMessage({ type: "refused", reason, message }));
  stream.finish();
  stream.stopReading(ApplicationErrorCode.refused);
}

/** What a request counts as against the {@link RequestLimits}, if it does. A checksum needs an open file. */
function boundedKind(request: RequestMessage): BoundedRequest | undefined {
  if (request.type === "put" && request.unsized === true) return "pipe";
  if (request.type === "put" || request.type === "get") return "transfer";
  if (request.type === "stat" && request.digest === true) return "transfer";
  return request.type === "list" ? "list" : undefined;
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
