/**
 * The server's machine in the simulated world: the server program and its folder. It can be killed in the middle of
 * anything, and started again with an empty memory and the same disk.
 *
 * @module
 */

import type { Server, ServerEvent } from "../app/api.ts";
import { parseAddress } from "../app/address.ts";
import type { Files } from "../app/platform.ts";
import { startServer } from "../app/server.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { MemoryStore } from "./memory_store.ts";

/** What the server's machine is made with. */
export interface ServerHostOptions extends MachineOptions {
  readonly maxConnections?: number;
  /** How long its disk takes to make a file durable. */
  readonly commitUs: number;
}

/** See the module's description. */
export class ServerHost extends Machine {
  readonly store: MemoryStore;
  /** What the program reported, by kind. */
  readonly events = new Map<ServerEvent["kind"], number>();
  readonly #options: ServerHostOptions;
  #server: Server | undefined;
  #lostHandles = 0;
  #lostPartials = 0;

  constructor(options: ServerHostOptions) {
    super(options);
    this.#options = options;
    this.store = new MemoryStore({ schedule: (run) => this.schedule(run, options.commitUs) });
  }

  /** Files that its program has open; those of one that was killed are closed. */
  get openHandles(): number {
    return this.store.openHandles - this.#lostHandles;
  }

  /** Half files on its disk, but for those that a killed program could not remove. */
  get partialFiles(): number {
    return this.store.partialFiles - this.#lostPartials;
  }

  /** Starts the program, for the first time or again. */
  start(nowUs: () => number): void {
    const store = Object.assign(this.store, { rootPath: "/srv" });
    const files: Files = {
      openStore: () => store,
      openLocal: () => {
        throw new Error("a server opens no files of its user's");
      },
      createLocal: () => {
        throw new Error("a server makes no files of its user's");
      },
    };
    const program = this.boot(nowUs, files);
    const { hostname: host, port } = parseAddress(this.address);
    const { maxConnections } = this.#options;
    const onEvent = ({ kind }: ServerEvent): void => void this.events.set(kind, (this.events.get(kind) ?? 0) + 1);
    startServer(
      { host, port, root: "/srv", onEvent, ...(maxConnections === undefined ? {} : { maxConnections }) },
      program,
    )
      .then((server) => this.#server = server, (error) => program.crash(error));
  }

  override kill(): void {
    super.kill();
    this.#lostHandles = this.store.openHandles;
    this.#lostPartials = this.store.partialFiles;
  }

  /** Ends the program as a user does: refuses new requests and connections, and lets go on what is under way. */
  stop(graceMs: number): void {
    this.#server!.stop({ graceMs }).catch((error) => this.process!.crash(error));
  }

  /** Changes the rate at which it sends to each client, bits per second. */
  setRate(bitsPerSecond: number | undefined): void {
    this.#server!.setRate(bitsPerSecond);
  }
}
