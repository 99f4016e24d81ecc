/**
 * A bad link of our own, as a process of its own, on every platform that Deno runs on:
 *
 *     relay.ts '{"target":"127.0.0.1:65432","up":{"rateBitsPerSecond":1e8,"delayUs":25000},"down":{},"seed":1}'
 *
 * It prints the port to which clients send instead, as a line of JSON; when its standard input ends it prints what it
 * did, and ends. It relays datagrams alone: what a lost datagram means to TCP is the kernel's affair.
 *
 * Accuracy: the link reckons in whole microseconds from when a datagram was read from the socket, and whatever is due
 * leaves whenever the relay is awake: when a datagram comes, every tenth of a millisecond at 100 Mbit/s, and when it is
 * time. `setTimeout` fires 2.1 ms after it was set at the soonest, so what is due very soon is polled for; not what is
 * due a little later, as a relay that always polls takes a core from the programs that it is there to measure. What
 * arrives while it has no core itself waits in the kernel's buffer of 208 KiB, and beyond it is lost: 12 ms of 100
 * Mbit/s, 1.2 ms of 1 Gbit/s, at which no relay like this is to be trusted. {@link RelayedLine} says how late it was
 * and what it saw, so that each measurement tells how far to believe it.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { nowUs } from "../io/clock.ts";
import { UdpSocket } from "../io/udp_socket.ts";
import type { Delivery, Route } from "../netem/delivery.ts";
import type { LinkOptions } from "../netem/link.ts";
import { printLine, type RelayedLine, untilInputEnds } from "./lines.ts";
import { RelayQueue } from "./relay_queue.ts";

/** What the relay is told. Infinite values are left out: JSON has none. */
export interface RelayTask {
  /** Where clients' datagrams go: an IP literal and a port. */
  readonly target: string;
  readonly up: LinkOptions;
  readonly down: LinkOptions;
  readonly seed: number;
}

/** What is due sooner than this is polled for; see the module's description. */
const POLL_BELOW_US = 500;

/** A measurement has one client, and each has a socket of its own towards the server. */
const MAX_CLIENTS = 16;

const HOST = "127.0.0.1";

/** One client's way through the relay. */
interface Client {
  /** Its datagrams leave through this socket. */
  readonly socket: UdpSocket;
  readonly up: Route;
}

/** See the module's description. */
export class Relay {
  readonly #target: string;
  readonly #front = UdpSocket.open({ hostname: HOST, port: 0 });
  readonly #clients = new Map<string, Client>();
  readonly #up: RelayQueue;
  readonly #down: RelayQueue;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedUs = Infinity;
  #isPolling = false;

  constructor({ target, up, down, seed }: RelayTask) {
    this.#target = target;
    this.#up = new RelayQueue(up, seed);
    this.#down = new RelayQueue(down, seed + 1);
    void this.#front.receiveAll((datagram, from) => {
      const client = this.#clients.get(from) ?? this.#addClient(from);
      if (client === undefined) return;
      this.#up.accept(nowUs(), datagram, client.up);
      this.#release();
    });
  }

  /** Where clients send to. */
  get port(): number {
    return this.#front.port;
  }

  get report(): RelayedLine {
    const { sent, sentBytes, lost, queueDropped, meanQueueDelayUs, maxQueueDelayUs } = this.#up.linkStats;
    const [up, down] = [this.#up.lateness, this.#down.lateness];
    return {
      kind: "relayed",
      sent,
      sentBytes,
      lost,
      queueDropped,
      meanQueueDelayUs,
      maxQueueDelayUs,
      late: { meanUs: Math.max(up.meanUs, down.meanUs), maxUs: Math.max(up.maxUs, down.maxUs) },
    };
  }

  /** Drops what is under way. */
  close(): void {
    clearTimeout(this.#timer);
    this.#front.close();
    for (const { socket } of this.#clients.values()) socket.close();
  }

  #addClient(address: string): Client | undefined {
    if (this.#clients.size === MAX_CLIENTS) return undefined;
    const socket = UdpSocket.open({ hostname: HOST, port: 0 });
    const down: Route = { from: this.#target, to: address, hash: 0 };
    const client: Client = { socket, up: { from: address, to: this.#target, hash: 0 } };
    this.#clients.set(address, client);
    void socket.receiveAll((datagram) => {
      this.#down.accept(nowUs(), datagram, down);
      this.#release();
    });
    return client;
  }

  /** Sees to it that the next datagram leaves when it is due. */
  #arm(): void {
    const dueUs = Math.min(this.#up.nextUs, this.#down.nextUs);
    if (dueUs === Infinity || this.#isPolling) return;
    const waitUs = dueUs - nowUs();
    if (waitUs < POLL_BELOW_US) {
      this.#isPolling = true;
      setImmediate(() => {
        this.#isPolling = false;
        this.#release();
      });
    } else if (dueUs < this.#armedUs) {
      clearTimeout(this.#timer);
      this.#armedUs = dueUs;
      this.#timer = setTimeout(() => {
        this.#armedUs = Infinity;
        this.#release();
      }, (waitUs - POLL_BELOW_US) / 1000);
    }
  }

  #release(): void {
    const now = nowUs();
    for (let delivery = this.#up.takeDue(now); delivery !== undefined; delivery = this.#up.takeDue(now)) {
      this.#send(this.#clients.get(delivery.route!.from)!.socket, this.#up, delivery);
    }
    for (let delivery = this.#down.takeDue(now); delivery !== undefined; delivery = this.#down.takeDue(now)) {
      this.#send(this.#front, this.#down, delivery);
    }
    this.#arm();
  }

  #send(socket: UdpSocket, queue: RelayQueue, delivery: Delivery): void {
    void socket.send(delivery.bytes, delivery.route!.to).then(() => queue.free(delivery));
  }
}

if (import.meta.main) {
  const relay = new Relay(JSON.parse(Deno.args[0] ?? "{}") as RelayTask);
  printLine({ kind: "listening", port: relay.port });
  await untilInputEnds();
  printLine(relay.report);
  relay.close();
}
