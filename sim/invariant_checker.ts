/**
 * Checks the invariants of one program's connections while it runs.
 *
 * Hot: it checks a connection whenever the driver has served it.
 *
 * @module
 */

import type { Watcher } from "../app/platform.ts";
import { InvariantError } from "../base/invariant.ts";
import type { ConnectionState } from "../protocol/connection_state.ts";
import type { CloseReason, Connection, ConnectionObserver, Endpoint } from "../protocol/mod.ts";
import { PIPE_WINDOW_BYTES } from "../transfer/pipe_window.ts";

/** What was observed of a connection. */
class Observed {
  state: ConnectionState | undefined;
  serves = 0;
  /** The largest congestion window, bytes. */
  maxWindowBytes = 0;
}

/** Every so many times that a connection was served, the more expensive checks run. */
const CHECK_EVERY = 4;

/**
 * Datagrams in flight beyond the largest congestion window: probes are not limited by it, and there are two for each
 * timeout of a blackout.
 */
const IN_FLIGHT_SLACK = 64;

/** See the module's description. */
export class InvariantChecker implements Watcher {
  readonly #machine: string;
  readonly #nowUs: () => number;
  readonly #observer: ConnectionObserver | undefined;
  readonly #observed = new Map<Connection, Observed>();
  /** The states that connections entered, in order. */
  readonly states: ConnectionState[] = [];
  /** Why connections were closed, in order. */
  readonly closeReasons: CloseReason["kind"][] = [];
  #endpoint: Endpoint | undefined;
  #last: Connection | undefined;

  /** `machine` names the machine in messages; `observer` looks into its connections. */
  constructor(machine: string, nowUs: () => number, observer?: ConnectionObserver) {
    this.#machine = machine;
    this.#nowUs = nowUs;
    this.#observer = observer;
  }

  /** The program's endpoint; undefined until it has one. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** Connections that are not closed. */
  get connections(): Iterable<Connection> {
    return this.#observed.keys();
  }

  /** The connection that was served last; it may be closed by now. */
  get lastConnection(): Connection | undefined {
    return this.#last;
  }

  get connectionCount(): number {
    return Math.max(this.#observed.size, this.#endpoint?.connectionCount ?? 0);
  }

  onEndpoint(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
    endpoint.observer = this.#observer;
  }

  onServed(connection: Connection): void {
    this.#last = connection;
    let observed = this.#observed.get(connection);
    if (observed === undefined) this.#observed.set(connection, observed = new Observed());
    const { state } = connection;
    if (state !== observed.state) {
      observed.state = state;
      this.states.push(state);
    }
    const hasTimer = connection.pollTimeout() !== Infinity;
    if (connection.isClosed) {
      if (hasTimer) this.#fail("a closed connection has a timer");
      this.#check(connection, observed);
      this.#observed.delete(connection);
      this.closeReasons.push(connection.closeReason!.kind);
      return;
    }
    if (!hasTimer) this.#fail("a connection that is not closed has no timer");
    if (++observed.serves % CHECK_EVERY === 0) this.#check(connection, observed);
  }

  #check(connection: Connection, observed: Observed): void {
    const { config } = this.#endpoint!;
    const { bytesInFlight, congestionWindowBytes, datagramBytes } = connection.stats;
    observed.maxWindowBytes = Math.max(observed.maxWindowBytes, congestionWindowBytes);
    if (bytesInFlight > observed.maxWindowBytes + IN_FLIGHT_SLACK * datagramBytes) {
      this.#fail(`${bytesInFlight} bytes in flight, but the window never exceeded ${observed.maxWindowBytes}`);
    }
    const { bufferedBytes, openStreamCount, streamMemoryBytes } = connection;
    // The connection's window is not a bound: while one stream receives a file, others may use the credit that it raised.
    if (bufferedBytes > openStreamCount * Math.max(config.orderedWindowBytes, PIPE_WINDOW_BYTES)) {
      this.#fail(`${bufferedBytes} bytes are buffered for ${openStreamCount} streams`);
    }
    if (openStreamCount === 0 ? streamMemoryBytes !== 0 : streamMemoryBytes < bufferedBytes) {
      this.#fail(
        `${streamMemoryBytes} bytes are accounted for ${openStreamCount} streams that buffer ${bufferedBytes}`,
      );
    }
    // A client may still have streams for which its server has already granted others, and a server as many again whose
    // responses are not acknowledged.
    if (!connection.isClient && openStreamCount > 2 * config.maxStreams) {
      this.#fail(`${openStreamCount} streams are open`);
    }
  }

  #fail(what: string): never {
    throw new InvariantError(`${this.#machine} at ${this.#nowUs()} us: ${what}`);
  }
}
