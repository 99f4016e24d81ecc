/**
 * Endless flows that share one bottleneck, to test how they affect each other without the memory of files. Each flow has a
 * machine of its own, and all go to one server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { Driver, type DriverOptions, type Session } from "../../app/driver.ts";
import { Random } from "../../base/random.ts";
import { type Connection, type ConnectionConfig, Endpoint, type SendPolicy } from "../../protocol/mod.ts";
import type { Link, LinkOptions } from "../../netem/link.ts";
import { Machine } from "../../sim/machine.ts";
import { Network, type Route } from "../../sim/network.ts";
import { Quiescence } from "../../sim/quiescence.ts";

/** One flow. */
export interface FlowPlan {
  /** The congestion control of its sender. Default: the protocol's. */
  readonly sendPolicy?: SendPolicy;
  /** When it starts. Default: 0. */
  readonly startUs?: number;
}

/** The flows, and the link that they share. */
export interface FlowsOptions {
  readonly seed: number;
  /** All flows go up over one such link; acknowledgements come down over another. */
  readonly link: LinkOptions;
  readonly flows: readonly FlowPlan[];
}

/** The private key of every machine. */
const PRIVATE_KEY = new Uint8Array(32).fill(1);

const SERVER_ADDRESS = "10.255.0.1:65432";
/** More than any test sends. */
const ENDLESS_BYTES = 2 ** 40;

/** Opens a stream as soon as it can, and sends zeros endlessly. */
class SendingSession implements Session {
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

/** Counts what arrives, on a session for each connection. */
class Receiver {
  /** Bytes received from each address, without duplicates. */
  readonly receivedBytes = new Map<string, number>();

  accept(connection: Connection): Session {
    const { remote } = connection;
    let receivedBytes = 0;
    const write = (_offset: number, bytes: Uint8Array): void => {
      receivedBytes += bytes.length;
      this.receivedBytes.set(remote.text, receivedBytes);
    };
    const process = (): void => {
      for (let event = connection.pollEvent(); event !== undefined; event = connection.pollEvent()) {
        if (event.kind === "stream-opened") event.stream.receiveInto({ write }, ENDLESS_BYTES);
      }
    };
    return { process };
  }
}

/** See the module's description. */
export class Flows {
  readonly network: Network;
  /** The link that all flows share. */
  readonly bottleneck: Link;
  readonly #receiver = new Receiver();
  readonly #senders: readonly Machine[];

  constructor({ seed, link, flows }: FlowsOptions) {
    const random = new Random(seed);
    const quiescence = new Quiescence();
    const makeMachine = (address: string, config: Partial<ConnectionConfig>): Machine =>
      new Machine({ address, random: random.fork(address), config, quiescence });
    this.network = new Network({ seed });
    const server = makeMachine(SERVER_ADDRESS, {});
    const serverNode = this.network.addNode(server);
    this.#drive(server, { accept: (connection) => this.#receiver.accept(connection) });
    let shared: { ab: LinkOptions | Link<Route>; ba: LinkOptions | Link<Route> } = { ab: link, ba: link };
    this.#senders = flows.map(({ sendPolicy, startUs = 0 }, index) => {
      const sender = makeMachine(`10.0.${index}.2:40000`, sendPolicy === undefined ? {} : { sendPolicy });
      shared = this.network.connect(this.network.addNode(sender), serverNode, shared);
      this.network.at(startUs, () => {
        this.#drive(sender, {}).connect(
          NetAddress.parse(SERVER_ADDRESS),
          (connection) => new SendingSession(connection),
        );
      });
      return sender;
    });
    this.bottleneck = shared.ab as Link;
  }

  /** Runs a machine's connections. */
  #drive(machine: Machine, options: Pick<DriverOptions, "accept">): Driver {
    const platform = machine.boot(() => this.network.nowUs);
    const isServer = options.accept !== undefined;
    const { config } = platform.linkOptions(false);
    const { host, port } = NetAddress.parse(machine.address);
    const randomBytes = (count: number): Uint8Array => platform.randomBytes(count);
    const driver = new Driver({
      platform,
      endpoint: new Endpoint({ isServer, staticKey: PRIVATE_KEY, randomBytes, config }),
      socket: platform.openSocket({ hostname: host, port }),
      onFatal: (error) => assert.fail(error as Error),
      ...options,
    });
    driver.start();
    return driver;
  }

  /** Lets time pass until `untilUs`; returns the bytes that each flow delivered in this time. */
  run(untilUs: number): number[] {
    const before = this.#totals();
    this.network.run({ untilUs });
    return this.#totals().map((total, index) => total - before[index]!);
  }

  #totals(): number[] {
    return this.#senders.map(({ address }) => this.#receiver.receivedBytes.get(address) ?? 0);
  }
}

/** Jain's fairness index: 1 for equal shares, 1 / n if one flow gets everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum * sum / (shares.length * squares);
}
