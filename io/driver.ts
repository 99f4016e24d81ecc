/**
 * The loop that turns a socket and a clock into a transport: receives and feeds, drains transmits, drains events,
 * keeps one timer.
 *
 * Facts of the platform that shape it: a timer fires no sooner than about 2.1 ms after it was set, which the
 * pacer's bursts make up for, and at high rates the acknowledgements that come sooner; a datagram's
 * buffer may be read until its `send` resolves, so one flush runs at a time; everything between two turns of the
 * event loop is time in which the kernel's receive buffer of 208 KiB fills, so a flush is cut into batches.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { Connection, Endpoint } from "../protocol/mod.ts";
import { nowUs } from "./clock.ts";
import type { DatagramSocket } from "./datagram_socket.ts";

/** The application of one connection. */
export interface Session {
  /** Called after everything that may have given the connection something to say. */
  process(): void;
}

/** What a driver is made with. */
export interface DriverOptions {
  readonly endpoint: Endpoint;
  readonly socket: DatagramSocket;
  /** A peer has connected: makes its application. `wake` is to be called when that wants to send from elsewhere. */
  readonly accept?: (connection: Connection, wake: () => void) => Session;
  /** The connection is over; nothing more is called for it. */
  readonly onEnded?: (connection: Connection) => void;
  /** A bug or a dead socket: the driver has stopped. */
  readonly onFatal: (error: unknown) => void;
}

interface Entry {
  readonly connection: Connection;
  session: Session | undefined;
  isQueued: boolean;
}

/** Datagrams of one connection that go out before the next connection has its turn. */
const FLUSH_BATCH = 16;

/** Larger than any datagram. */
const BUFFER_BYTES = 65_536;

/** The longest that `setTimeout` can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Runs the connections of one socket. */
export class Driver {
  readonly #options: DriverOptions;
  readonly #endpoint: Endpoint;
  readonly #socket: DatagramSocket;
  readonly #entries = new Map<Connection, Entry>();
  readonly #queue: Entry[] = [];
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #isFlushing = false;
  #armedUs = Infinity;
  #timeout: ReturnType<typeof setTimeout> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #isStopped = false;
  #receiving: Promise<void> = Promise.resolve();

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#endpoint = options.endpoint;
    this.#socket = options.socket;
  }

  /** Starts receiving. */
  start(): void {
    const receiving = this.#socket.receiveAll((bytes, remote) => this.#onDatagram(bytes, remote));
    this.#receiving = receiving.catch((error) => this.#fail(error));
  }

  /** Connects to a server; `makeSession` makes the connection's application. */
  connect<S extends Session>(remote: string, makeSession: (connection: Connection, wake: () => void) => S): S {
    const connection = this.#endpoint.connect(nowUs(), remote);
    const entry = this.#register(connection);
    const session = makeSession(connection, () => this.#touch(entry));
    entry.session = session;
    this.#touch(entry);
    return session;
  }

  /** Closes a connection, telling the peer why. */
  closeConnection(connection: Connection, close: { code: number; reason: string }): void {
    const entry = this.#entries.get(connection);
    if (entry === undefined) return;
    connection.close(nowUs(), close.code, close.reason);
    this.#touch(entry);
  }

  /** Resolves when everything that may be sent now has been sent. */
  async flushed(): Promise<void> {
    while (this.#isFlushing) await new Promise<void>((resolve) => void setImmediate(resolve));
    await this.#socket.drained();
  }

  /** Stops at once: socket closed, timers cleared. Resolves when the port is free again. Idempotent. */
  stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#disarm();
      this.#entries.clear();
      this.#queue.length = 0;
      this.#socket.close();
    }
    return this.#receiving;
  }

  // --- input ---

  #onDatagram(bytes: Uint8Array, remote: string): void {
    if (this.#isStopped) return;
    const result = this.#endpoint.handleDatagram(nowUs(), bytes, remote);
    switch (result.kind) {
      case "new-connection":
        this.#accept(result.connection!);
        break;
      case "connection": {
        const entry = this.#entries.get(result.connection!);
        if (entry !== undefined) this.#touch(entry);
        break;
      }
      case "answer":
        this.#socket.send(result.answer.slice(), remote).catch((error) => this.#fail(error));
        break;
      case "drop":
        break;
    }
  }

  #accept(connection: Connection): void {
    const entry = this.#register(connection);
    entry.session = this.#options.accept!(connection, () => this.#touch(entry));
    this.#touch(entry);
  }

  #register(connection: Connection): Entry {
    const entry: Entry = { connection, session: undefined, isQueued: false };
    this.#entries.set(connection, entry);
    return entry;
  }

  // --- output ---

  /** Something happened to this connection: its application hears of it, and what it has to say goes out. */
  #touch(entry: Entry): void {
    if (entry.isQueued || this.#isStopped) return;
    entry.isQueued = true;
    this.#queue.push(entry);
    if (!this.#isFlushing) this.#flush().catch((error) => this.#fail(error));
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    try {
      for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
        entry.isQueued = false;
        await this.#serve(entry);
      }
    } finally {
      this.#isFlushing = false;
    }
  }

  async #serve(entry: Entry): Promise<void> {
    const { connection } = entry;
    entry.session?.process();
    let sent = 0;
    for (; sent < FLUSH_BATCH; sent++) {
      const length = connection.pollTransmit(nowUs(), this.#buffer);
      if (length === 0) break;
      await this.#socket.send(this.#buffer.subarray(0, length), connection.remote);
    }
    if (this.#isStopped) return;
    if (sent === FLUSH_BATCH) this.#touch(entry);
    entry.session?.process();
    if (connection.isClosed) this.#end(entry);
    else this.#arm(connection.pollTimeout());
  }

  #end(entry: Entry): void {
    if (!this.#entries.delete(entry.connection)) return;
    this.#endpoint.forget(nowUs(), entry.connection);
    this.#options.onEnded?.(entry.connection);
  }

  // --- the timer ---

  /**
   * Sees to it that `#onTimer` runs by `deadlineUs`. A timer that is set for earlier stays: it finds nothing due,
   * and is set anew. That is cheaper than setting it for every packet.
   */
  #arm(deadlineUs: number): void {
    if (deadlineUs >= this.#armedUs || this.#isStopped) return;
    this.#disarm();
    this.#armedUs = deadlineUs;
    const waitUs = deadlineUs - nowUs();
    if (waitUs <= 0) {
      this.#immediate = setImmediate(() => this.#onTimer());
    } else {
      this.#timeout = setTimeout(() => this.#onTimer(), Math.min(Math.ceil(waitUs / 1000), MAX_TIMEOUT_MS));
    }
  }

  #disarm(): void {
    this.#armedUs = Infinity;
    if (this.#timeout !== undefined) clearTimeout(this.#timeout);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timeout = undefined;
    this.#immediate = undefined;
  }

  #onTimer(): void {
    this.#disarm();
    const now = nowUs();
    let nextUs = Infinity;
    for (const entry of this.#entries.values()) {
      const deadlineUs = entry.connection.pollTimeout();
      if (deadlineUs <= now) {
        entry.connection.handleTimeout(now);
        this.#touch(entry);
      } else if (deadlineUs < nextUs) {
        nextUs = deadlineUs;
      }
    }
    this.#arm(nextUs);
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    void this.stop();
    this.#options.onFatal(error);
  }
}
