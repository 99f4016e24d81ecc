/**
 * An impaired link as a process of its own, on every platform that Deno runs on:
 *
 *     relay.ts '{"target":"127.0.0.1:65432","up":{"rateBitsPerSecond":1e8,"delayUs":25000},"down":{},"seed":1}'
 *
 * It prints the port that clients use instead of the server's, as a line of JSON; when its standard input ends it prints
 * its counters and exits. It relays datagrams only: how TCP reacts to a lost datagram is up to the kernel.
 *
 * Accuracy: the link's time is that at which a datagram was read from the socket, and datagrams that are due leave
 * whenever the relay runs: when a datagram comes, every tenth of a millisecond at 100 Mbit/s, and when a timer fires.
 * What is due within half a millisecond is polled for, and nothing later, as a relay that always polls would take a core
 * from the programs that it measures. What arrives while it is not running waits in the kernel's buffer of 208 KiB; more
 * is lost: 12 ms of 100 Mbit/s, but 1.2 ms of 1 Gbit/s, which is too fast for such a relay. {@link RelayedLine} reports
 * its delay and what it saw, so that each measurement tells how accurate it is.
 *
 * @module
 */

import { NetAddress } from "../base/net_address.ts";
import { Random } from "../base/random.ts";
import { nowUs } from "../io/clock.ts";
import { LinkDriver } from "../io/link_driver.ts";
import { UdpSocket } from "../io/udp_socket.ts";
import type { Delivery } from "../netem/delivery.ts";
import type { LinkOptions } from "../netem/link.ts";
import { printLine, type RelayedLine, untilInputEnds } from "./lines.ts";

/** What the relay is given. Infinite values are left out: JSON has none. */
export interface RelayTask {
  /** Where clients' datagrams go: an IP literal and a port. */
  readonly target: string;
  readonly up: LinkOptions;
  readonly down: LinkOptions;
  readonly seed: number;
}

/** See the module's description. */
const POLL_BELOW_US = 500;

/** A measurement has one client, and each has a socket of its own towards the server. */
const MAX_CLIENTS = 16;

const HOST = "127.0.0.1";

/** A socket to send from, and where to. */
interface Hop {
  readonly socket: UdpSocket;
  readonly to: NetAddress;
}

/** One direction of the relay: its link, and how much later than due datagrams left. */
class Direction {
  readonly link: LinkDriver<Hop>;
  #sent = 0;
  #lateUs = 0;
  #maxLateUs = 0;

  constructor(link: LinkOptions, seed: number) {
    this.link = new LinkDriver({
      link,
      random: new Random(seed),
      pollBelowUs: POLL_BELOW_US,
      deliver: (delivery) => this.#deliver(delivery),
    });
  }

  get meanLateUs(): number {
    return this.#sent === 0 ? 0 : this.#lateUs / this.#sent;
  }

  get maxLateUs(): number {
    return this.#maxLateUs;
  }

  #deliver({ arrivalUs, bytes, route }: Delivery<Hop>): Promise<void> {
    const lateUs = nowUs() - arrivalUs;
    this.#sent++;
    this.#lateUs += lateUs;
    this.#maxLateUs = Math.max(this.#maxLateUs, lateUs);
    return route!.socket.send(bytes, bytes.length, route!.to);
  }
}

/** See the module's description. */
export class Relay {
  readonly #target: NetAddress;
  readonly #front = UdpSocket.open({ hostname: HOST, port: 0 });
  /** What leads to the server, by the client's address. */
  readonly #clients = new Map<string, Hop>();
  readonly #up: Direction;
  readonly #down: Direction;

  constructor({ target, up, down, seed }: RelayTask) {
    this.#target = NetAddress.parse(target);
    this.#up = new Direction(up, seed);
    this.#down = new Direction(down, seed + 1);
    void this.#front.receiveAll({
      datagram: (bytes, from) => {
        const hop = this.#clients.get(from.text) ?? this.#addClient(from);
        if (hop !== undefined) this.#up.link.send(bytes, hop);
      },
      batchEnded() {},
    });
  }

  /** Where clients send to. */
  get port(): number {
    return this.#front.port;
  }

  get report(): RelayedLine {
    const { sent, sentBytes, lost, queueDropped, meanQueueDelayUs, maxQueueDelayUs } = this.#up.link.stats;
    return {
      kind: "relayed",
      sent,
      sentBytes,
      lost,
      queueDropped,
      meanQueueDelayUs,
      maxQueueDelayUs,
      meanLateUs: Math.max(this.#up.meanLateUs, this.#down.meanLateUs),
      maxLateUs: Math.max(this.#up.maxLateUs, this.#down.maxLateUs),
    };
  }

  /** Drops what is in transit. */
  close(): void {
    this.#up.link.close();
    this.#down.link.close();
    this.#front.close();
    for (const { socket } of this.#clients.values()) socket.close();
  }

  #addClient(address: NetAddress): Hop | undefined {
    if (this.#clients.size === MAX_CLIENTS) return undefined;
    const hop = { socket: UdpSocket.open({ hostname: HOST, port: 0 }), to: this.#target };
    this.#clients.set(address.text, hop);
    const back = { socket: this.#front, to: address };
    void hop.socket.receiveAll({ datagram: (bytes) => this.#down.link.send(bytes, back), batchEnded() {} });
    return hop;
  }
}

if (import.meta.main) {
  const relay = new Relay(JSON.parse(Deno.args[0] ?? "{}") as RelayTask);
  printLine({ kind: "listening", port: relay.port });
  await untilInputEnds();
  printLine(relay.report);
  relay.close();
}
