/**
 * The server's machine in the simulated world: the server program and its folder. It can be killed at any point and
 * started again, with the same disk.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { Server, ServerEvent } from "../app/server/api.ts";
import type { AccessSource } from "../app/server/access.ts";
import { NetAddress } from "../base/net_address.ts";
import type { ServerLimits } from "../app/server/limits.ts";
import { startServer } from "../app/server/server.ts";
import type { SendPolicy } from "../protocol/mod.ts";
import type { PutOptions } from "./disk/disk.ts";
import { Machine, type MachineOptions } from "./machine.ts";

/** What the server's machine is made with. */
export interface ServerHostOptions extends MachineOptions {
  /** Limits of the program. */
  readonly limits?: Partial<ServerLimits>;
  /** Access control. Default: none. */
  readonly access?: AccessSource;
}

/** The server's folder. */
const ROOT = "/srv";

/** Its private key, the same after a restart. */
const IDENTITY = new Uint8Array(32).fill(7);

/** See the module's description. */
export class ServerHost extends Machine {
  /** Number of events that the program reported, by kind. */
  readonly events = new Map<ServerEvent["kind"], number>();
  readonly #options: ServerHostOptions;
  /** Starts that failed because of the disk. */
  failedStarts = 0;
  #server: Server | undefined;

  constructor(options: ServerHostOptions) {
    super(options);
    this.#options = options;
  }

  /** The path of a file on the disk. */
  pathOf(name: string): string {
    return `${ROOT}/${name}`;
  }

  /** Whether there is a file of that name. */
  has(name: string): boolean {
    return this.disk.fileAt(this.pathOf(name)) !== undefined;
  }

  /** A file's bytes, or undefined if there is none of that name. */
  contents(name: string): Uint8Array | undefined {
    return this.disk.contents(this.pathOf(name));
  }

  /** Puts a file there, as another program on that machine would. */
  put(name: string, bytes: Uint8Array, options: PutOptions = {}): void {
    this.disk.put(this.pathOf(name), bytes, options);
  }

  /** Starts the program. If the disk makes that fail, the machine is down again, and `onFailed` is called. */
  start(nowUs: () => number, onFailed?: () => void): void {
    this.#server = undefined;
    const program = this.boot(nowUs);
    const { host, port } = NetAddress.parse(this.address);
    const { access = "open", limits = {} } = this.#options;
    const onEvent = ({ kind }: ServerEvent): void => void this.events.set(kind, (this.events.get(kind) ?? 0) + 1);
    startServer({ host, port, root: ROOT, onEvent, access, identity: IDENTITY, limits }, program)
      .then((server) => this.#server = server, (error) => {
        if (!(error instanceof SluiceError) || onFailed === undefined) return program.crash(error);
        this.failedStarts++;
        this.kill();
        onFailed();
      });
  }

  /** Stops the program as a user does: it refuses new requests and connections, and finishes its transfers. */
  stop(graceMs: number): void {
    const { process: program } = this;
    this.#server?.stop({ graceMs }).catch((error) => program!.crash(error));
  }

  /** Changes the policy by which it sends to each client. */
  setSendPolicy(policy: SendPolicy): void {
    this.#server?.setSendPolicy(policy);
  }
}
