/**
 * Holds the connections of one program to what must be true at any time.
 *
 * Hot: it looks at a connection whenever that was served.
 *
 * @module
 */

import type { Watcher } from "../app/platform.ts";
import { InvariantError } from "../base/invariant.ts";
import type { ConnectionState } from "../protocol/connection_state.ts";
import type { CloseReason, Connection, Endpoint } from "../protocol/mod.ts";

/** What was seen of a connection. */
class Watched {
  state: ConnectionState | undefined;
  serves = 0;
  /** The largest congestion window, bytes. */
  maxWindowBytes = 0;
}

/** Every so many servings the costlier checks are made. */
const CHECK_EVERY = 4;

/**
 * Datagrams in flight beyond the congestion window: a window may fall after they were sent, and probes do not ask for
 * it: two for each of the timeouts of a blackout.
 */
const IN_FLIGHT_SLACK = 64;

/** See the module's description. */
export class Watch implements Watcher {
  readonly #who: string;
  readonly #nowUs: () => number;
  readonly #watched = new Map<Connection, Watched>();
  /** Every state in which a connection was seen, once for each. */
  readonly states: ConnectionState[] = [];
  /** Why connections ended. */
  readonly ends: CloseReason["kind"][] = [];
  #endpoint: Endpoint | undefined;
  #last: Connection | undefined;

  /** `who` is the machine, in messages. */
  constructor(who: string, nowUs: () => number) {
    this.#who = who;
    this.#nowUs = nowUs;
  }

  /** The program's; undefined until it has one. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** Connections that have not ended. */
  get connections(): Iterable<Connection> {
    return this.#watched.keys();
  }

  /** The connection that was served last, though it may have ended since. */
  get lastConnection(): Connection | undefined {
    return this.#last;
  }

  get connectionCount(): number {
    return Math.max(this.#watched.size, this.#endpoint?.connectionCount ?? 0);
  }

  onEndpoint(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
  }

  onServed(connection: Connection): void {
    this.#last = connection;
    let watched = this.#watched.get(connection);
    if (watched === undefined) this.#watched.set(connection, watched = new Watched());
    const { state } = connection;
    if (state !== watched.state) {
      watched.state = state;
      this.states.push(state);
    }
    const hasTimer = connection.pollTimeout() !== Infinity;
    if (connection.isClosed) {
      if (hasTimer) this.#fail("a closed connection has a timer");
      this.#check(connection, watched);
      this.#watched.delete(connection);
      this.ends.push(connection.closeReason!.kind);
      return;
    }
    if (!hasTimer) this.#fail("a connection that is not closed has no timer");
    if (++watched.serves % CHECK_EVERY === 0) this.#check(connection, watched);
  }

  #check(connection: Connection, watched: Watched): void {
    const { config } = this.#endpoint!;
    const { bytesInFlight, congestionWindowBytes, datagramBytes } = connection.stats;
    watched.maxWindowBytes = Math.max(watched.maxWindowBytes, congestionWindowBytes);
    if (bytesInFlight > watched.maxWindowBytes + IN_FLIGHT_SLACK * datagramBytes) {
      this.#fail(`${bytesInFlight} bytes in flight, the window never was above ${watched.maxWindowBytes}`);
    }
    const { bufferedBytes, openStreamCount, streamMemoryBytes } = connection;
    // The connection's window is no bound here: while one stream takes a file, others may use what that widened.
    if (bufferedBytes > openStreamCount * config.orderedWindowBytes) {
      this.#fail(`${bufferedBytes} bytes are held for ${openStreamCount} streams`);
    }
    if (openStreamCount === 0 ? streamMemoryBytes !== 0 : streamMemoryBytes < bufferedBytes) {
      this.#fail(`${streamMemoryBytes} bytes are counted for ${openStreamCount} streams that hold ${bufferedBytes}`);
    }
    // A client may have streams that its server is through with, and has let it open others for; and the server as many
    // again whose answers are not acknowledged.
    if (!connection.isClient && openStreamCount > 2 * config.maxStreams) {
      this.#fail(`${openStreamCount} streams are open`);
    }
  }

  #fail(what: string): never {
    throw new InvariantError(`${this.#who} at ${this.#nowUs()} us: ${what}`);
  }
}
