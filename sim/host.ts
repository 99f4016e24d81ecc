/**
 * A machine in the simulated world: drives an endpoint as `io/driver.ts` does, on virtual time, and holds every
 * connection to what must be true at any time.
 *
 * Hot: it serves a connection for every datagram.
 *
 * @module
 */

import type { Connection, ConnectionConfig, Endpoint } from "../protocol/mod.ts";
import { InvariantError } from "../protocol/invariant.ts";
import { EventQueue, ScheduledEvent } from "./event_queue.ts";
import type { SimNode, Transmit } from "./network.ts";

/** The application of one connection. */
export interface HostSession {
  process(): void;
  readonly activeCount: number;
}

/** One connection of a host; as an event, its deadline. */
export class HostEntry extends ScheduledEvent {
  session: HostSession | undefined;
  isQueued = false;
  isProcessed = false;
  serves = 0;
  /** When a deadline of its was last handled. */
  handledUs = -1;
  /** The largest congestion window seen, bytes. */
  maxWindowBytes = 0;

  constructor(readonly connection: Connection) {
    super();
  }
}

/** What a host is made with. */
export interface HostOptions {
  readonly addresses: readonly string[];
  readonly endpoint: Endpoint;
}

/** Every so many servings the costlier checks are made. */
const CHECK_EVERY = 4;

/**
 * Datagrams in flight beyond the congestion window: a window may fall after they were sent, and probes do not ask for
 * it: two for each of the timeouts of a blackout.
 */
const IN_FLIGHT_SLACK = 64;

/** See the module's description. */
export abstract class Host implements SimNode {
  readonly addresses: readonly string[];
  endpoint: Endpoint;
  /** The time of the call under way. */
  nowUs = 0;
  /** Switched off: hears nothing and says nothing. */
  isDown = false;
  readonly #entries = new Map<Connection, HostEntry>();
  readonly #deadlines = new EventQueue<HostEntry>();
  readonly #queue: HostEntry[] = [];
  readonly #answers: { readonly bytes: Uint8Array; readonly to: string }[] = [];
  readonly #transmit: { length: number; to: string; from: string };

  constructor(options: HostOptions) {
    this.addresses = options.addresses;
    this.endpoint = options.endpoint;
    this.#transmit = { length: 0, to: "", from: options.addresses[0]! };
  }

  /** Its connections. */
  get entries(): Iterable<HostEntry> {
    return this.#entries.values();
  }

  get connectionCount(): number {
    return this.#entries.size;
  }

  receive(nowUs: number, datagram: Uint8Array, from: string): void {
    if (this.isDown) return;
    this.nowUs = nowUs;
    const result = this.endpoint.handleDatagram(nowUs, datagram, from);
    switch (result.kind) {
      case "new-connection":
        this.accept(result.connection!);
        break;
      case "connection": {
        const entry = this.#entries.get(result.connection!);
        if (entry === undefined) break;
        entry.handledUs = -1;
        this.touch(entry);
        break;
      }
      case "answer":
        if (result.answer.length > 3 * datagram.length) throw new InvariantError("an answer amplifies");
        this.#answers.push({ bytes: result.answer.slice(), to: from });
        break;
      case "drop":
        break;
    }
  }

  pollTransmit(nowUs: number, buffer: Uint8Array): Transmit | undefined {
    this.nowUs = nowUs;
    if (this.#answers.length > 0) {
      const answer = this.#answers.shift()!;
      buffer.set(answer.bytes);
      return this.#send(answer.bytes.length, answer.to);
    }
    for (let entry = this.#queue[0]; entry !== undefined; entry = this.#queue[0]) {
      const { connection, session } = entry;
      if (!entry.isProcessed) {
        entry.isProcessed = true;
        session?.process();
      }
      const length = connection.pollTransmit(nowUs, buffer);
      if (length > 0) return this.#send(length, connection.remote);
      session?.process();
      this.#queue.shift();
      entry.isQueued = false;
      entry.isProcessed = false;
      this.#settle(entry);
    }
    return undefined;
  }

  pollTimeout(): number {
    return this.#deadlines.nextUs;
  }

  handleTimeout(nowUs: number): void {
    this.nowUs = nowUs;
    for (let entry = this.#deadlines.popUntil(nowUs); entry !== undefined;) {
      entry.connection.handleTimeout(nowUs);
      entry.handledUs = nowUs;
      this.touch(entry);
      entry = this.#deadlines.popUntil(nowUs);
    }
  }

  /** The connection has something to say, or its application has something to hear. */
  touch(entry: HostEntry): void {
    if (entry.isQueued) {
      entry.isProcessed = false;
      return;
    }
    if (!this.#entries.has(entry.connection)) return;
    entry.isQueued = true;
    this.#queue.push(entry);
  }

  /** Takes a connection in. */
  protected register(connection: Connection): HostEntry {
    const entry = new HostEntry(connection);
    this.#entries.set(connection, entry);
    return entry;
  }

  /** A peer has connected. */
  protected accept(_connection: Connection): void {
    throw new InvariantError("a client takes no connections");
  }

  /** Power off: nothing more is heard or said, and nobody is told anything. */
  kill(): void {
    this.isDown = true;
    for (const entry of this.#entries.values()) this.#deadlines.cancel(entry);
    this.#entries.clear();
    this.#queue.length = 0;
    this.#answers.length = 0;
  }

  #send(length: number, to: string): Transmit {
    this.#transmit.length = length;
    this.#transmit.to = to;
    return this.#transmit;
  }

  #settle(entry: HostEntry): void {
    const { connection } = entry;
    const deadlineUs = connection.pollTimeout();
    if (connection.isClosed) {
      if (deadlineUs !== Infinity) this.#fail("a closed connection has a timer");
      this.#deadlines.cancel(entry);
      this.#check(entry);
      if (this.#entries.delete(connection)) this.endpoint.forget(this.nowUs, connection);
      return;
    }
    // A datagram may come at the very time of a deadline: then that is still to be handled.
    if (deadlineUs <= this.nowUs && entry.handledUs === this.nowUs) {
      this.#fail(`the deadline ${deadlineUs} has passed though the connection was served`);
    }
    if (deadlineUs === Infinity) this.#fail("a connection that is not closed has no timer");
    if (!entry.isScheduled || entry.timeUs !== deadlineUs) this.#deadlines.schedule(entry, deadlineUs);
    if (++entry.serves % CHECK_EVERY === 0) this.#check(entry);
  }

  #check(entry: HostEntry): void {
    const { connection } = entry;
    const config: ConnectionConfig = this.endpoint.config;
    const { bytesInFlight, congestionWindowBytes, datagramBytes } = connection.stats;
    entry.maxWindowBytes = Math.max(entry.maxWindowBytes, congestionWindowBytes);
    if (bytesInFlight > entry.maxWindowBytes + IN_FLIGHT_SLACK * datagramBytes) {
      this.#fail(`${bytesInFlight} bytes in flight, the window never was above ${entry.maxWindowBytes}`);
    }
    const { heldBytes, openStreamCount } = connection;
    // The connection's window is no bound here: while one stream takes a file, others may use what that widened.
    if (heldBytes > openStreamCount * config.orderedWindowBytes) {
      this.#fail(`${heldBytes} bytes are held for ${openStreamCount} streams`);
    }
    // A client may have streams that its server is through with, and has let it open others for; and the server as many
    // again whose answers are not acknowledged.
    if (!connection.isClient && openStreamCount > 2 * config.maxStreams) {
      this.#fail(`${openStreamCount} streams are open`);
    }
  }

  #fail(what: string): never {
    throw new InvariantError(`${this.addresses[0]} at ${this.nowUs} us: ${what}`);
  }
}
