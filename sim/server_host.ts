/**
 * The server's machine in the simulated world: an endpoint, a store, and a session for each client. It can be killed
 * in the middle of anything, and started again with an empty memory and the same disk.
 *
 * @module
 */

import { type Connection, type ConnectionConfig, Endpoint, type Random } from "../protocol/mod.ts";
import type { TransferEvent } from "../transfer/events.ts";
import { ApplicationErrorCode } from "../transfer/handler.ts";
import { ServerSession } from "../transfer/server_session.ts";
import { Host } from "./host.ts";
import { MemoryStore } from "./memory_store.ts";

/** What the server's machine is made with. */
export interface ServerHostOptions {
  readonly address: string;
  readonly random: Random;
  readonly config: Partial<ConnectionConfig>;
  readonly maxConnections?: number;
  /** Completes a commit when the simulated disk is done. */
  readonly schedule: (run: () => void) => void;
}

/** See the module's description. */
export class ServerHost extends Host {
  readonly store: MemoryStore;
  /** What its sessions reported, by kind. */
  readonly events = new Map<TransferEvent["kind"], number>();
  readonly #options: ServerHostOptions;
  #lostHandles = 0;
  #lostPartials = 0;
  #starts = 0;
  #isDraining = false;

  constructor(options: ServerHostOptions) {
    super({ addresses: [options.address], endpoint: makeEndpoint(options) });
    this.#options = options;
    // A commit that was under way when the machine was killed never completes.
    this.store = new MemoryStore({
      schedule: (run) => {
        const start = this.#starts;
        options.schedule(() => {
          if (start === this.#starts) run();
        });
      },
    });
  }

  /** Files that its process has open; those of a process that was killed are closed. */
  get openHandles(): number {
    return this.store.openHandles - this.#lostHandles;
  }

  /** Half files on its disk, but for those that a killed process could not remove. */
  get partialFiles(): number {
    return this.store.partialFiles - this.#lostPartials;
  }

  override kill(): void {
    super.kill();
    this.#starts++;
    this.#lostHandles = this.store.openHandles;
    this.#lostPartials = this.store.partialFiles;
  }

  /** Power on. */
  restart(): void {
    this.endpoint = makeEndpoint(this.#options);
    this.isDown = false;
  }

  /** Refuses new requests and connections; what is under way goes on. */
  drain(): void {
    this.#isDraining = true;
    this.endpoint.refuseNew();
    for (const { session } of this.entries) (session as ServerSession).drain();
  }

  /** Closes every connection. */
  closeAll(nowUs: number): void {
    this.nowUs = nowUs;
    for (const entry of this.entries) {
      entry.connection.close(nowUs, ApplicationErrorCode.shuttingDown, "the server is shutting down");
      this.touch(entry);
    }
  }

  protected override accept(connection: Connection): void {
    const entry = this.register(connection);
    const session = new ServerSession({
      connection,
      store: this.store,
      wake: () => this.touch(entry),
      onEvent: ({ kind }) => this.events.set(kind, (this.events.get(kind) ?? 0) + 1),
    });
    if (this.#isDraining) session.drain();
    entry.session = session;
    this.touch(entry);
  }
}

function makeEndpoint(options: ServerHostOptions): Endpoint {
  return new Endpoint({
    isServer: true,
    randomBytes: (count) => options.random.bytes(count),
    config: options.config,
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
  });
}
