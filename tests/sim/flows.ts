/**
 * Flows without end that share one bottleneck: for what many do to each other, where files would only take memory.
 * Each flow has a machine of its own, and all go to one server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Connection, type ConnectionConfig, Endpoint, Random } from "../../protocol/mod.ts";
import { Host, type HostSession } from "../../sim/host.ts";
import type { Link, LinkOptions } from "../../sim/link.ts";
import { Network } from "../../sim/network.ts";

/** One flow. */
export interface FlowPlan {
  /** Of its sender. Default: the default. */
  readonly congestion?: ConnectionConfig["congestion"];
  /** When it begins. Default: 0. */
  readonly startUs?: number;
}

/** Some flows, and what they share. */
export interface FlowsOptions {
  readonly seed: number;
  /** All of them go up over one such link; acknowledgements come down over another. */
  readonly link: LinkOptions;
  readonly flows: readonly FlowPlan[];
}

const SERVER_ADDRESS = "10.255.0.1:65432";
/** More than any test sends. */
const ENDLESS_BYTES = 2 ** 40;

/** Opens a stream as soon as it can, and sends zeros for ever. */
class SendingSession implements HostSession {
  readonly activeCount = 1;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  process(): void {
    for (let event = this.#connection.pollEvent(); event !== undefined; event = this.#connection.pollEvent()) {
      assert(event.kind !== "closed", "a flow goes on");
      if (event.kind !== "connected") continue;
      this.#connection.openStream()!.writeFrom({ read: (_offset, into) => void into.fill(0) }, ENDLESS_BYTES);
    }
  }
}

class SendingHost extends Host {
  start(nowUs: number): void {
    this.nowUs = nowUs;
    const entry = this.register(this.endpoint.connect(nowUs, SERVER_ADDRESS));
    entry.session = new SendingSession(entry.connection);
    this.touch(entry);
  }
}

/** Counts what arrives. */
class ReceivingHost extends Host {
  /** Bytes that came from each address, each counted once. */
  readonly receivedBytes = new Map<string, number>();

  protected override accept(connection: Connection): void {
    const entry = this.register(connection);
    const { remote } = connection;
    let receivedBytes = 0;
    const write = (_offset: number, bytes: Uint8Array): void => {
      receivedBytes += bytes.length;
      this.receivedBytes.set(remote, receivedBytes);
    };
    const process = (): void => {
      for (let event = connection.pollEvent(); event !== undefined; event = connection.pollEvent()) {
        if (event.kind === "stream-opened") event.stream.receiveInto({ write }, ENDLESS_BYTES);
      }
    };
    entry.session = { process, activeCount: 1 };
    this.touch(entry);
  }
}

/** See the module's description. */
export class Flows {
  readonly network: Network;
  /** What all flows share on their way up. */
  readonly bottleneck: Link;
  readonly #server: ReceivingHost;
  readonly #senders: readonly SendingHost[];

  constructor({ seed, link, flows }: FlowsOptions) {
    const random = new Random(seed);
    const makeEndpoint = (name: string, config: Partial<ConnectionConfig>): Endpoint => {
      const bytes = random.fork(name);
      return new Endpoint({ isServer: name === "server", randomBytes: (count) => bytes.bytes(count), config });
    };
    this.network = new Network({ seed });
    this.#server = new ReceivingHost({ addresses: [SERVER_ADDRESS], endpoint: makeEndpoint("server", {}) });
    const server = this.network.addNode(this.#server);
    let shared: { ab: LinkOptions | Link; ba: LinkOptions | Link } = { ab: link, ba: link };
    this.#senders = flows.map(({ congestion, startUs = 0 }, index) => {
      const endpoint = makeEndpoint(`flow ${index}`, congestion === undefined ? {} : { congestion });
      const sender = new SendingHost({ addresses: [`10.0.${index}.2:40000`], endpoint });
      shared = this.network.connect(this.network.addNode(sender), server, shared);
      this.network.at(startUs, () => sender.start(this.network.nowUs));
      return sender;
    });
    this.bottleneck = shared.ab as Link;
  }

  /** Lets time pass until `untilUs`; returns the bytes that each flow got across meanwhile. */
  run(untilUs: number): number[] {
    const before = this.#totals();
    this.network.run({ untilUs });
    return this.#totals().map((total, index) => total - before[index]!);
  }

  #totals(): number[] {
    return this.#senders.map(({ addresses }) => this.#server.receivedBytes.get(addresses[0]!) ?? 0);
  }
}

/** Jain's index of shares: 1 where all get the same, 1 / n where one gets everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum * sum / (shares.length * squares);
}
