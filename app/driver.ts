/**
 * The loop that turns a socket and a clock into a transport: receives and feeds, drains transmits, drains events,
 * keeps one timer.
 *
 * Facts of the platform that shape it: a timer fires no sooner than about 2.1 ms after it was set, or 0.3 ms where
 * the system's own calls are loaded, which the pacer's bursts make up for; a datagram's
 * buffer may be read until its `send` resolves, so one flush runs at a time; everything between two turns of the
 * event loop is time in which the kernel's receive buffer fills, so a flush is cut into turns.
 *
 * A socket takes and gives datagrams in batches; one that has no calls for that has batches of one. What a batch brought is
 * answered when all of it has been read: with one acknowledgement, one reading of the clock, and one setting of the timer.
 *
 * @module
 */

import type { NetAddress } from "../base/net_address.ts";
import { type Connection, type DropReason, type Endpoint } from "../protocol/mod.ts";
import type { DatagramSocket, Platform, Timer } from "./platform.ts";
import { SendBatch } from "./send_batch.ts";

/** The application of one connection. */
export interface Session {
  /** Called after everything that may have given the connection something to say. */
  process(): void;
}

/** What a driver is made with. */
export interface DriverOptions {
  readonly platform: Platform;
  readonly endpoint: Endpoint;
  readonly socket: DatagramSocket;
  /** A peer has connected: makes its application. `wake` is to be called when that wants to send from elsewhere. */
  readonly accept?: (connection: Connection, wake: () => void) => Session;
  /** A datagram was not taken, and why. */
  readonly onDropped?: (reason: DropReason) => void;
  /** The connection is over; nothing more is called for it. */
  readonly onEnded?: (connection: Connection) => void;
  /** A bug or a dead socket: the driver has stopped. */
  readonly onFatal: (error: unknown) => void;
}

interface Entry {
  readonly connection: Connection;
  session: Session | undefined;
  isQueued: boolean;
  /** Datagrams that went out in the turn that it has. */
  sentInTurn: number;
}

/** Datagrams of one connection that go out before the next connection has its turn, at least, ... */
const TURN_DATAGRAMS = 16;

/** ... and in batches, so many of the largest. */
const TURN_BATCHES = 1.5;

/** Runs the connections of one socket. */
export class Driver {
  readonly #options: DriverOptions;
  readonly #platform: Platform;
  readonly #endpoint: Endpoint;
  readonly #socket: DatagramSocket;
  readonly #entries = new Map<Connection, Entry>();
  readonly #queue: Entry[] = [];
  /** Whose turn it is. */
  #served: Entry | undefined;
  readonly #batch: SendBatch;
  readonly #turnDatagrams: number;
  /** While a batch is read: when it came. */
  #arrivedUs: number | undefined;
  readonly #timer: Timer;
  /** Connections that were woken: what wakes one often comes in crowds, and is sent together. */
  readonly #woken = new Set<Entry>();
  readonly #wakeTimer: Timer;
  #armedUs = Infinity;
  /** The earliest deadline of what was served in this flush. */
  #wantedUs = Infinity;
  /** While connections are gathered that are served together. */
  #isGathering = false;
  #isFlushing = false;
  /** Where a flush waits for the socket, resolves when that is over. */
  #flushing: Promise<void> = Promise.resolve();
  #isStopped = false;
  #receiving: Promise<void> = Promise.resolve();

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.#timer = options.platform.timer(() => this.#onTimer());
    this.#wakeTimer = options.platform.timer(() => this.#touchWoken());
    this.#endpoint = options.endpoint;
    options.platform.watcher?.onEndpoint(options.endpoint);
    this.#socket = options.socket;
    const { maxSegments } = options.socket;
    this.#batch = new SendBatch(maxSegments);
    this.#turnDatagrams = Math.max(TURN_DATAGRAMS, Math.floor(TURN_BATCHES * maxSegments));
  }

  /** Starts receiving. */
  start(): void {
    const receiving = this.#socket.receiveAll({
      datagram: (bytes, remote) => this.#onDatagram(bytes, remote),
      batchEnded: () => this.#onBatchEnded(),
    });
    this.#receiving = receiving.catch((error) => this.#fail(error));
  }

  /** Connects to a server, see {@link Endpoint.connect}; `makeSession` makes the connection's application. */
  connect<S extends Session>(
    remote: NetAddress,
    makeSession: (connection: Connection, wake: () => void) => S,
    serverKey?: Uint8Array,
  ): S {
    const connection = this.#endpoint.connect(this.#platform.nowUs(), remote, serverKey);
    const entry = this.#register(connection);
    const session = makeSession(connection, () => this.#wake(entry));
    entry.session = session;
    this.#touch(entry);
    return session;
  }

  /** Closes a connection, telling the peer why. */
  closeConnection(connection: Connection, close: { code: number; reason: string }): void {
    const entry = this.#entries.get(connection);
    if (entry === undefined) return;
    connection.close(this.#platform.nowUs(), close.code, close.reason);
    this.#touch(entry);
  }

  /** Resolves when everything that may be sent now has been sent. */
  async flushed(): Promise<void> {
    this.#touchWoken();
    while (this.#isFlushing) await this.#flushing;
    await this.#socket.drained();
  }

  /** Stops at once: socket closed, timers cleared. Resolves when the port is free again. Idempotent. */
  stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#disarm();
      this.#wakeTimer.clear();
      this.#woken.clear();
      this.#entries.clear();
      this.#queue.length = 0;
      // A datagram that waits for the socket is read from it.
      if (!this.#isFlushing) this.#batch.release();
      this.#socket.close();
    }
    return this.#receiving;
  }

  // --- input ---

  #onDatagram(bytes: Uint8Array, remote: NetAddress): void {
    if (this.#isStopped) return;
    const nowUs = this.#arrivedUs ??= this.#platform.nowUs();
    const result = this.#endpoint.handleDatagram(nowUs, bytes, remote);
    if (result.reason !== undefined) this.#options.onDropped?.(result.reason);
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
        this.#answer(result.answer.slice(), remote);
        break;
      case "drop":
        break;
    }
  }

  /** What the datagrams of a batch gave the connections to say goes out. */
  #onBatchEnded(): void {
    this.#arrivedUs = undefined;
    if (this.#queue.length > 0 && !this.#isFlushing) this.#flush();
  }

  #answer(bytes: Uint8Array, remote: NetAddress): void {
    this.#socket.send(bytes, bytes.length, remote)?.catch((error) => this.#fail(error));
  }

  #accept(connection: Connection): void {
    const entry = this.#register(connection);
    entry.session = this.#options.accept!(connection, () => this.#wake(entry));
    this.#touch(entry);
  }

  #register(connection: Connection): Entry {
    const entry: Entry = { connection, session: undefined, isQueued: false, sentInTurn: 0 };
    this.#entries.set(connection, entry);
    return entry;
  }

  // --- output ---

  /** Something happened to this connection: its application hears of it, and what it has to say goes out. */
  #touch(entry: Entry): void {
    if (entry.isQueued || this.#isStopped) return;
    entry.isQueued = true;
    this.#queue.push(entry);
    if (!this.#isFlushing && !this.#isGathering && this.#arrivedUs === undefined) this.#flush();
  }

  /** Its application has something to say: it is heard in the next turn of the event loop. */
  #wake(entry: Entry): void {
    if (this.#isStopped) return;
    if (this.#woken.size === 0) this.#wakeTimer.set(0);
    this.#woken.add(entry);
  }

  #touchWoken(): void {
    const woken = [...this.#woken];
    // Before: the timer is set again by whatever is woken from now on, also while these wait for their turn.
    this.#woken.clear();
    this.#isGathering = true;
    for (const entry of woken) this.#touch(entry);
    this.#serveGathered();
  }

  #serveGathered(): void {
    this.#isGathering = false;
    if (this.#queue.length > 0 && !this.#isFlushing) this.#flush();
    else this.#armWanted();
  }

  /** Runs to its end at once as long as the socket takes datagrams so; else it goes on whenever that has taken one. */
  #flush(): void {
    this.#isFlushing = true;
    let sending: Promise<void> | undefined;
    try {
      sending = this.#serveQueue();
      this.#armWanted();
    } catch (error) {
      this.#fail(error);
    }
    if (sending === undefined) this.#isFlushing = false;
    else this.#flushing = sending.then(this.#goOn, this.#onSendFailed);
  }

  // Made once, as they are handed on with every datagram that is waited for.
  readonly #goOn = (): void => this.#flush();
  readonly #onSendFailed = (error: unknown): void => {
    this.#isFlushing = false;
    this.#fail(error);
  };

  /** Serves one connection after the other; returns what is to be waited for before it is called again, if anything. */
  #serveQueue(): Promise<void> | undefined {
    for (let entry = this.#served ?? this.#nextTurn(); entry !== undefined; entry = this.#nextTurn()) {
      while (this.#fillBatch(entry)) {
        const { bytes, segmentBytes } = this.#batch;
        const sending = this.#socket.send(bytes, segmentBytes, entry.connection.remote);
        if (sending !== undefined) return sending;
      }
      if (this.#isStopped) return undefined;
      this.#settle(entry, entry.sentInTurn >= this.#turnDatagrams);
    }
    return undefined;
  }

  /** Gives the next connection its turn. */
  #nextTurn(): Entry | undefined {
    const entry = this.#served = this.#queue.shift();
    if (entry === undefined) return undefined;
    entry.isQueued = false;
    this.#woken.delete(entry);
    entry.sentInTurn = 0;
    entry.session?.process();
    return entry;
  }

  /** Fills the batch with what a connection has to send; false if it has nothing, or has had its turn. */
  #fillBatch(entry: Entry): boolean {
    if (this.#batch.takeRest()) return true;
    const count = this.#turnDatagrams - entry.sentInTurn;
    if (count <= 0) return false;
    const filled = this.#batch.fill(this.#platform.nowUs(), entry.connection, count);
    entry.sentInTurn += filled;
    return filled > 0;
  }

  /** A connection has had its turn; it may have more to send than that allowed. */
  #settle(entry: Entry, hasMore: boolean): void {
    const { connection } = entry;
    if (hasMore) this.#touch(entry);
    entry.session?.process();
    if (connection.isClosed) this.#end(entry);
    else this.#wantedUs = Math.min(this.#wantedUs, connection.pollTimeout());
    this.#platform.watcher?.onServed(connection);
  }

  #end(entry: Entry): void {
    if (!this.#entries.delete(entry.connection)) return;
    this.#endpoint.forget(this.#platform.nowUs(), entry.connection);
    this.#options.onEnded?.(entry.connection);
  }

  // --- the timer ---

  /**
   * Sees to it that `#onTimer` runs by `deadlineUs`. A timer that is set for earlier stays: it finds nothing due,
   * and is set anew. That is cheaper than setting it for every packet; and it is set once for all that were served together,
   * as a short timer takes a thread, which cannot be called back.
   */
  #arm(deadlineUs: number): void {
    if (deadlineUs >= this.#armedUs || this.#isStopped) return;
    this.#armedUs = deadlineUs;
    this.#timer.set(deadlineUs - this.#platform.nowUs());
  }

  #armWanted(): void {
    this.#arm(this.#wantedUs);
    this.#wantedUs = Infinity;
  }

  #disarm(): void {
    this.#armedUs = Infinity;
    this.#timer.clear();
  }

  #onTimer(): void {
    this.#armedUs = Infinity;
    const now = this.#platform.nowUs();
    this.#isGathering = true;
    for (const entry of this.#entries.values()) {
      const deadlineUs = entry.connection.pollTimeout();
      if (deadlineUs <= now) {
        entry.connection.handleTimeout(now);
        this.#touch(entry);
      } else {
        this.#wantedUs = Math.min(this.#wantedUs, deadlineUs);
      }
    }
    this.#serveGathered();
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    void this.stop();
    this.#options.onFatal(error);
  }
}
