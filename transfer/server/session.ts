/**
 * The server's side of one connection: on each stream that the client opens come requests, which are answered.
 *
 * Participants: the connection (events in, streams); one `server_stream.ts` for each stream, which reads its requests;
 * `request_runner.ts`, which carries them out. Goals: any number of concurrent requests, none of which blocks another;
 * when a request or the connection ends, every file is closed. Non-goals: which clients may connect, and when bytes are
 * sent.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import { type CloseReason, type Connection, type ConnectionEvent, type Stream } from "../../protocol/mod.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { TransferEvent } from "../events.ts";
import type { FileStore } from "../file_store.ts";
import { ALL_RIGHTS, type Right } from "../rights.ts";
import { MIN_MOVED_BYTES, StallWatch } from "../stall_watch.ts";
import { RequestRunner, type SharedByClients } from "./request_runner.ts";
import { ServerStream } from "./server_stream.ts";

export type { SharedByClients };

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

/** Serves one client. */
export class ServerSession {
  readonly #options: ServerSessionOptions;
  readonly #runner: RequestRunner;
  /** Streams with a request in progress, or one that is incomplete. */
  readonly #streams = new Map<Stream, ServerStream>();
  /** Streams to be told of the next call of {@link process}. */
  readonly #watching = new Set<ServerStream>();
  readonly #stalls: StallWatch;
  /** Bytes of requests that have ended. */
  #movedBytes = 0;

  constructor(options: ServerSessionOptions) {
    const { connection, store, rights = ALL_RIGHTS, principal, shared, nowUs, wake } = options;
    this.#options = options;
    this.#stalls = new StallWatch(shared.limits.bounds.stallTimeoutUs);
    this.#runner = new RequestRunner({
      store,
      rights,
      principal,
      shared,
      // The address when the client connected: requests and calls count for it.
      source: connection.remote.source,
      now: () => ({ atUs: nowUs(), retransmittedBytes: connection.stats.retransmittedBytes }),
      wake,
      onEvent: (event) => this.#onEvent(event),
      onMoved: (bytes) => this.#movedBytes += bytes,
    });
  }

  /** The number of streams with requests in progress. */
  get activeCount(): number {
    return this.#streams.size;
  }

  /** Refuses new requests from now on; those in progress continue. */
  drain(): void {
    this.#runner.drain();
    for (const stream of [...this.#streams.values()]) stream.onDrain();
  }

  /** Handles the events of the connection. To be called after every datagram and timeout. */
  process(): void {
    for (let event = this.#options.connection.pollEvent(); event !== undefined;) {
      this.#handle(event);
      event = this.#options.connection.pollEvent();
    }
    this.#runner.onProcess();
    const watching = [...this.#watching];
    this.#watching.clear();
    for (const stream of watching) stream.onProcess();
    if (this.#streams.size > 0) this.#lookForStall();
  }

  #onEvent(event: TransferEvent): void {
    // A completed file is progress, however small it is.
    if (event.kind === "received" || event.kind === "sent") this.#movedBytes += MIN_MOVED_BYTES;
    this.#options.onEvent(event);
  }

  #handle(event: ConnectionEvent): void {
    switch (event.kind) {
      case "stream-opened":
        this.#onOpened(event.stream);
        break;
      case "stream-readable":
        this.#streams.get(event.stream)?.onReadable();
        break;
      case "stream-reset":
        // A stream that has been answered keeps its answer: a refused client resets its half, and must learn why.
        this.#streams.get(event.stream)?.onReset(event.code);
        break;
      case "stream-stopped":
        this.#streams.get(event.stream)?.onStopped(event.code);
        break;
      case "stream-delivered":
        this.#streams.get(event.stream)?.onDelivered();
        break;
      case "source-failed":
        // A file that the client has completely is closed, even where an acknowledgement was lost.
        if (!this.#streams.has(event.stream)) event.stream.reset(ApplicationErrorCode.noError);
        this.#streams.get(event.stream)?.onSourceFailed(event.error);
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

  #onOpened(stream: Stream): void {
    if (this.#streams.size === 0) this.#stalls.restart(this.#options.nowUs());
    const served = new ServerStream(stream, {
      runner: this.#runner,
      watch: (served) => this.#watching.add(served),
      onEnded: () => {
        this.#movedBytes += served.movedBytes;
        this.#streams.delete(stream);
      },
    });
    this.#streams.set(stream, served);
  }

  /** Aborts the transfers of a client that responds but makes no progress; a silent one is left to the idle timeout. */
  #lookForStall(): void {
    const { connection, nowUs, wakeIn } = this.#options;
    const atUs = nowUs();
    if (atUs < this.#stalls.dueUs) return;
    const streams = [...this.#streams.values()];
    const movedBytes = streams.reduce((sum, stream) => sum + stream.movedBytes, this.#movedBytes);
    const isWaiting = streams.some(({ isUnderWay }) => isUnderWay);
    const heardCount = connection.stats.datagramsReceived;
    const isStalled = this.#stalls.isStalled(atUs, { isWaiting, movedBytes, heardCount });
    wakeIn(this.#stalls.dueUs - atUs);
    if (isStalled) { for (const stream of streams) if (stream.isUnderWay) stream.onStalled(); }
  }

  #onClosed(reason: CloseReason): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.onConnectionClosed(reason);
    this.#options.onClosed?.(reason);
  }
}
