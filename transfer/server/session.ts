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

import { sourceOf } from "../../base/source_address.ts";
import { type CloseReason, type Connection, type ConnectionEvent, type Stream } from "../../protocol/mod.ts";
import type { TransferEvent } from "../events.ts";
import { type FileStore, StoreError } from "../file_store.ts";
import { ApplicationErrorCode, type ServerHandler } from "../handler.ts";
import { readMessage } from "../message_reader.ts";
import {
  encodeMessage,
  type GetMessage,
  type ListMessage,
  type Message,
  type PutMessage,
  refusalForStoreError,
  RefusalReason,
  type StatMessage,
} from "../messages.ts";
import { ALL_RIGHTS, refusalForRights, type Right } from "../rights.ts";
import type { Refusal, ServerContext, TransferStart } from "./context.ts";
import { ServerGet } from "./get.ts";
import { ServerList } from "./list.ts";
import { ServerPut } from "./put.ts";
import { ServerWait } from "./wait.ts";
import { ServerWork, type Work } from "./work.ts";
import { MIN_MOVED_BYTES, StallWatch } from "../stall_watch.ts";

/** What a client may ask for. */
type Request = PutMessage | GetMessage | StatMessage | ListMessage;

/** What a session is made with. */
export interface ServerSessionOptions {
  readonly connection: Connection;
  readonly store: FileStore;
  /** What the client may do. Default: everything. */
  readonly rights?: ReadonlySet<Right>;
  /** Microseconds of the clock that the connection goes by. */
  readonly nowUs: () => number;
  /** What the sessions of a server do together. */
  readonly work: ServerWork;
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
  readonly #handlers = new Map<Stream, ServerHandler | undefined>();
  readonly #work: ServerWork;
  /** What is counted against the bounds of {@link ServerWork}. */
  readonly #counted = new Map<Stream, Work>();
  /** Whom it is counted for: where the client was when it came. */
  readonly #source: string;
  readonly #stalls: StallWatch;
  /** Bytes of transfers that have ended. */
  #movedBytes = 0;
  #draining = false;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
    this.#work = options.work;
    this.#source = sourceOf(options.connection.remote);
    this.#stalls = new StallWatch(this.#work.limits.stallTimeoutUs);
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
    if (this.#handlers.size > 0) this.#lookForStall();
  }

  now(): TransferStart {
    const { connection, nowUs } = this.#options;
    return { atUs: nowUs(), retransmittedBytes: connection.stats.retransmittedBytes };
  }

  report(event: TransferEvent): void {
    if (event.kind === "received") this.#work.forgetList();
    // However small, a file that is through is progress.
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

  released(stream: Stream): void {
    const work = this.#counted.get(stream);
    if (work === undefined) return;
    this.#counted.delete(stream);
    this.#work.end(work, this.#source);
  }

  ended(stream: Stream): void {
    this.#movedBytes += this.#handlers.get(stream)?.movedBytes ?? 0;
    this.#handlers.delete(stream);
    this.released(stream);
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
    const forbidden = refusalForRights(request, this.#options.rights ?? ALL_RIGHTS);
    if (forbidden !== undefined) {
      return this.refuse(stream, { operation, name, reason: RefusalReason.denied, message: forbidden });
    }
    if (operation !== "stat") {
      const work = operation === "list" ? "list" : "transfer";
      const refusal = this.#work.begin(work, this.#source);
      if (refusal !== undefined) return this.refuse(stream, { operation, name, ...refusal });
      this.#counted.set(stream, work);
    }
    this.#await(stream, request);
  }

  /** Carries a request out when it is its turn, if it is still wanted then. */
  #await(stream: Stream, request: Request): void {
    const waiting = new ServerWait(stream, { context: this });
    this.#handlers.set(stream, waiting);
    let isLater = false;
    const carryOut = (begin: () => void): void => {
      if (this.#handlers.get(stream) !== waiting) return;
      try {
        begin();
      } catch (error) {
        this.#refuseForStore(stream, error, request);
      }
      if (isLater) this.wake();
    };
    if (request.type === "list") {
      this.#work.inTurnWithList(this.#source, this.store, (list) => {
        carryOut(() => this.#adopt(stream, new ServerList(stream, { context: this, list: list() })));
      });
    } else {
      this.#work.inTurn(this.#source, () => carryOut(() => this.#begin(stream, request)));
    }
    isLater = true;
  }

  #refuseForStore(stream: Stream, error: unknown, request: Request): void {
    if (!(error instanceof StoreError)) throw error;
    const name = "name" in request ? request.name : "";
    this.refuse(stream, {
      operation: request.type,
      name,
      reason: refusalForStoreError(error.kind),
      message: error.message,
    });
  }

  /** Throws StoreError. */
  #begin(stream: Stream, request: Exclude<Request, ListMessage>): void {
    switch (request.type) {
      case "put":
        return this.#adopt(stream, new ServerPut(stream, { context: this, request }));
      case "get":
        return this.#adopt(stream, new ServerGet(stream, { context: this, request }));
      case "stat":
        return this.#answerStat(stream, request.name);
    }
  }

  #adopt(stream: Stream, handler: ServerPut | ServerGet | ServerList): void {
    this.#handlers.set(stream, handler);
    handler.start();
  }

  /** Throws StoreError. */
  #answerStat(stream: Stream, name: string): void {
    stream.write(encodeMessage({ type: "entry", ...this.store.stat(name) }));
    stream.finish();
    stream.stopReading(ApplicationErrorCode.noError);
    this.report({ kind: "listed", count: 1 });
    this.ended(stream);
  }

  #refuseBadRequest(stream: Stream, reason: string): void {
    const message = `the request was not understood: ${reason}; client and server may be of different versions`;
    this.refuse(stream, { operation: "get", name: "", reason: RefusalReason.badRequest, message });
  }

  /** The request has not arrived, and will not. */
  #giveUp(stream: Stream, code: number = ApplicationErrorCode.cancelled): void {
    stream.reset(code);
    stream.stopReading(code);
    this.ended(stream);
  }

  /** A client that is there and does not go on gives its places up. One that is not heard of is the connection's. */
  #lookForStall(): void {
    const { connection, nowUs } = this.#options;
    const atUs = nowUs();
    if (atUs < this.#stalls.dueUs) return;
    let movedBytes = this.#movedBytes;
    for (const handler of this.#handlers.values()) movedBytes += handler?.movedBytes ?? 0;
    const isWaiting = [...this.#handlers.values()].some((handler) => handler?.isUnderWay ?? true);
    const heardCount = connection.stats.datagramsReceived;
    if (!this.#stalls.isStalled(atUs, { isWaiting, movedBytes, heardCount })) return;
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
