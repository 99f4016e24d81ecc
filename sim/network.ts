/**
 * A simulated network: nodes with addresses, links between them, one virtual clock, one seed. The same nodes, links
 * and seed give the same run, delivery for delivery; {@link Network.digest} proves it.
 *
 * A node is anything with `receive`, `pollTransmit`, `pollTimeout` and `handleTimeout`. The event loop takes the earliest
 * of deliveries, deadlines and scripted actions, lets the node handle it, then sends what the node has to send and asks
 * for its next deadline.
 *
 * Hot: more than 300,000 datagrams a second go through one loop.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { invariant, InvariantError } from "../base/invariant.ts";
import { Random } from "../base/random.ts";
import { Delivery, DeliveryPool } from "../netem/delivery.ts";
import { EventHeap, ScheduledEvent } from "../netem/event_heap.ts";
import { Link, type LinkOptions } from "../netem/link.ts";
import { MAX_DATAGRAM_BYTES } from "../protocol/mod.ts";
import type { NodeId, SimNode, TraceEvent, Transmit } from "./node.ts";

/** How a network is made. */
export interface NetworkOptions {
  /** An integer from 0 to 2^53-1. */
  readonly seed: number;
  /** Links nodes that were not connected, in each direction. Default: they cannot reach each other. */
  readonly defaultLink?: LinkOptions;
  /** Called for everything that happens. */
  readonly trace?: (event: TraceEvent) => void;
}

/** When {@link Network.run} returns. */
export interface RunOptions {
  /** At this time at the latest; events due at this time are still handled. Default: Infinity. */
  readonly untilUs?: number;
  /** As soon as this is true; evaluated at the start and after each event. */
  readonly until?: () => boolean;
}

/** How a run ended. */
export interface RunResult {
  /** `done`: `until` was true; `deadline`: `untilUs` was reached; `idle`: no event is scheduled. */
  readonly reason: "done" | "deadline" | "idle";
  readonly nowUs: number;
  /** Events handled in this run: deliveries, deadlines, actions. */
  readonly events: number;
}

/** The addresses between which a datagram travels, as the network sees them. */
export interface Route {
  readonly from: string;
  readonly to: string;
  /** Stands for both addresses in the digest. */
  readonly hash: number;
}

/** The links between two nodes, one in each direction. */
export interface Connected {
  readonly ab: Link<Route>;
  readonly ba: Link<Route>;
}

/** Deadlines and actions handled at one instant before the run is considered hung. */
const MAX_ITERATIONS_PER_INSTANT = 100_000;
/** Datagrams sent at one instant before the run is considered hung: more than any window holds. */
const MAX_TRANSMITS_PER_INSTANT = 1_000_000;
const NO_NODE: NodeId = -1;
const NO_BYTES = new Uint8Array(0);
const TWO_32 = 0x1_0000_0000;
/** Mixes the bits of the digest's input; odd, so that the multiplication is a bijection. */
const DIGEST_FACTOR = 0x9e3779b1;

/** A node's deadline. */
class Timer extends ScheduledEvent {
  constructor(readonly node: NodeEntry) {
    super();
  }
}

/** A step of the test's script. */
class Action extends ScheduledEvent {
  constructor(readonly run: () => void) {
    super();
  }
}

/** A node, its timer, its addresses and its links. */
class NodeEntry {
  readonly timer: Timer = new Timer(this);
  /** From each address as the node knows it to the address that the other nodes see. */
  readonly outer = new Map<string, string>();
  /** Links to the other nodes, by their IDs. */
  readonly links: (Link<Route> | undefined)[] = [];

  constructor(readonly id: NodeId, readonly node: SimNode) {}
}

/** The node that has an address, and that address as the node knows it. */
interface AddressEntry {
  readonly owner: NodeEntry;
  readonly inner: string;
}

/** See the module's description. */
export class Network {
  readonly #random: Random;
  readonly #defaultLink: LinkOptions | undefined;
  readonly #trace: ((event: TraceEvent) => void) | undefined;
  readonly #queue = new EventHeap<Delivery<Route> | Timer | Action>();
  readonly #pool = new DeliveryPool<Route>();
  readonly #nodes: NodeEntry[] = [];
  readonly #addresses = new Map<string, AddressEntry>();
  readonly #routes = new Map<string, Map<string, Route>>();
  readonly #buffer = new Uint8Array(MAX_DATAGRAM_BYTES);
  #bufferView = NO_BYTES;
  #digest = 0;
  #nowUs = 0;
  #delivered = 0;
  #unroutable = 0;
  #iterationsNow = 0;
  #transmitsNow = 0;

  constructor(options: NetworkOptions) {
    this.#random = new Random(options.seed);
    this.#defaultLink = options.defaultLink;
    this.#trace = options.trace;
  }

  /** The virtual time. It starts at 0. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Datagrams that reached a node. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Datagrams to addresses that no node has, or that no link leads to. */
  get unroutable(): number {
    return this.#unroutable;
  }

  /** Datagrams in transit. */
  get inTransit(): number {
    return this.#pool.inUse;
  }

  /** A digest of every delivery so far: its time, its addresses, its bytes. Equal runs have equal digests. */
  get digest(): string {
    return `${this.#digest.toString(16).padStart(8, "0")}-${this.#delivered}`;
  }

  /** Puts a node on the network, with its addresses. */
  addNode(node: SimNode): NodeId {
    const entry = new NodeEntry(this.#nodes.length, node);
    this.#nodes.push(entry);
    for (const address of node.addresses) {
      invariant(!this.#addresses.has(address), "an address belongs to one node");
      this.#addresses.set(address, { owner: entry, inner: address });
      entry.outer.set(address, address);
    }
    const transmit = { from: node.addresses[0]!, to: "", length: 0 };
    node.attach?.((datagram, to) => {
      transmit.to = to;
      this.#transmit(entry, datagram, transmit);
    });
    return entry.id;
  }

  /**
   * Links two nodes that were not linked, each direction with options of its own, or with an existing link of this
   * network: then all nodes that use it share its bottleneck and its queue.
   */
  connect(
    a: NodeId,
    b: NodeId,
    options: { readonly ab: LinkOptions | Link<Route>; readonly ba: LinkOptions | Link<Route> },
  ): Connected {
    invariant(a !== b, "a node is connected to another one");
    return { ab: this.#addLink(a, b, options.ab), ba: this.#addLink(b, a, options.ba) };
  }

  /** The link from `a` to `b`, to read its counters or change it; undefined if there is none. */
  link(a: NodeId, b: NodeId): Link<Route> | undefined {
    return this.#linkBetween(this.#entry(a), this.#entry(b));
  }

  /**
   * Gives a node another address on the network, as a NAT does that lost its binding: the node does not notice, the
   * other nodes receive its datagrams from `newAddress`, and those sent to `oldAddress`, or in transit to it, are lost.
   */
  rebind(node: NodeId, oldAddress: string, newAddress: string): void {
    const address = this.#addresses.get(oldAddress);
    invariant(
      address !== undefined && address.owner.id === node,
      "a node can only be rebound from an address of its own",
    );
    invariant(!this.#addresses.has(newAddress), "an address belongs to one node");
    this.#addresses.delete(oldAddress);
    this.#addresses.set(newAddress, address);
    address.owner.outer.set(address.inner, newAddress);
  }

  /** Runs `action` at `timeUs`, or now if that is past; it may change nodes, links and addresses. */
  at(timeUs: number, action: () => void): void {
    this.#queue.schedule(new Action(action), Math.max(this.#nowUs, timeUs));
  }

  /**
   * Sends what a node has to send, and asks for its deadline: for callers that change a node in `until`. At the start
   * of a run and after each action, the network does this for all nodes.
   */
  wake(node: NodeId): void {
    this.#settle(this.#entry(node));
  }

  /**
   * Lets time pass until one of the options' conditions is met. If no event is left, the time becomes `untilUs` if that
   * is finite. Throws InvariantError if a node stays busy without time passing.
   */
  run(options: RunOptions): RunResult {
    const { untilUs = Infinity, until } = options;
    this.#settleAll();
    for (let events = 0;; events++) {
      if (until?.() === true) return { reason: "done", nowUs: this.#nowUs, events };
      const event = this.#queue.popUntil(untilUs);
      if (event === undefined) {
        const reason = this.#queue.size === 0 ? "idle" : "deadline";
        if (untilUs !== Infinity) this.#advance(Math.max(this.#nowUs, untilUs));
        return { reason, nowUs: this.#nowUs, events };
      }
      this.#advance(event.timeUs);
      if (event instanceof Delivery) this.#arrive(event);
      else if (event instanceof Timer) this.#expire(event.node);
      else this.#act(event);
    }
  }

  #advance(timeUs: number): void {
    if (timeUs === this.#nowUs) return;
    this.#nowUs = timeUs;
    this.#iterationsNow = 0;
    this.#transmitsNow = 0;
  }

  #arrive(delivery: Delivery<Route>): void {
    const { from, to } = delivery.route!;
    // Looked up again: the address may belong to another node by now.
    const address = this.#addresses.get(to);
    if (address === undefined) {
      this.#dropUnroutable(from, to, delivery.bytes);
    } else {
      this.#delivered++;
      this.#digestDelivery(delivery);
      const { owner, inner } = address;
      this.#trace?.({
        kind: "deliver",
        nowUs: this.#nowUs,
        node: owner.id,
        from,
        to,
        bytes: delivery.bytes,
        copies: 1,
      });
      owner.node.receive(this.#nowUs, delivery.bytes, from, inner);
      this.#settle(owner);
    }
    this.#pool.release(delivery);
  }

  #expire(entry: NodeEntry): void {
    if (++this.#iterationsNow > MAX_ITERATIONS_PER_INSTANT) this.#failHanging(entry, "its deadline is due again");
    this.#trace?.({
      kind: "timeout",
      nowUs: this.#nowUs,
      node: entry.id,
      from: "",
      to: "",
      bytes: NO_BYTES,
      copies: 0,
    });
    entry.node.handleTimeout(this.#nowUs);
    this.#settle(entry);
  }

  #act(action: Action): void {
    invariant(++this.#iterationsNow <= MAX_ITERATIONS_PER_INSTANT, "actions follow each other without time passing");
    action.run();
    this.#settleAll();
  }

  #settleAll(): void {
    for (const entry of this.#nodes) this.#settle(entry);
  }

  /** Sends all that the node has to send now, and sets its timer. */
  #settle(entry: NodeEntry): void {
    const { node, timer } = entry;
    for (;;) {
      const transmit = node.pollTransmit(this.#nowUs, this.#buffer);
      if (transmit === undefined) break;
      const { length } = transmit;
      invariant(
        length >= 0 && length <= MAX_DATAGRAM_BYTES,
        "the length of a datagram is that of what was written to the buffer",
      );
      if (this.#bufferView.length !== length) this.#bufferView = this.#buffer.subarray(0, length);
      this.#transmit(entry, this.#bufferView, transmit);
    }
    const dueUs = node.pollTimeout();
    invariant(!Number.isNaN(dueUs), "a deadline is a number");
    if (dueUs === Infinity) return this.#queue.cancel(timer);
    const timeUs = Math.max(this.#nowUs, Math.ceil(dueUs));
    if (!timer.isScheduled || timer.timeUs !== timeUs) this.#queue.schedule(timer, timeUs);
  }

  #transmit(entry: NodeEntry, bytes: Uint8Array, { from, to }: Transmit): void {
    if (++this.#transmitsNow > MAX_TRANSMITS_PER_INSTANT) this.#failHanging(entry, "it sends without end");
    const outerFrom = entry.outer.get(from);
    invariant(outerFrom !== undefined, "a node sends from one of its own addresses");
    const target = this.#addresses.get(to)?.owner;
    const link = target === undefined ? undefined : this.#linkBetween(entry, target);
    if (link === undefined) return this.#dropUnroutable(outerFrom, to, bytes);
    const deliveries = link.transmit(this.#nowUs, bytes);
    const copies = deliveries.length;
    this.#trace?.({ kind: "transmit", nowUs: this.#nowUs, node: entry.id, from: outerFrom, to, bytes, copies });
    if (copies === 0) return;
    const route = this.#route(outerFrom, to);
    for (let n = 0; n < copies; n++) {
      const delivery = deliveries[n]!;
      delivery.route = route;
      this.#queue.schedule(delivery, delivery.arrivalUs);
    }
  }

  #dropUnroutable(from: string, to: string, bytes: Uint8Array): void {
    this.#unroutable++;
    this.#trace?.({ kind: "unroutable", nowUs: this.#nowUs, node: NO_NODE, from, to, bytes, copies: 0 });
  }

  #digestDelivery({ bytes, route }: Delivery<Route>): void {
    let mixed = Math.imul(this.#digest ^ route!.hash, DIGEST_FACTOR);
    mixed = Math.imul(mixed ^ this.#nowUs % TWO_32, DIGEST_FACTOR);
    mixed = Math.imul(mixed ^ this.#nowUs / TWO_32, DIGEST_FACTOR);
    this.#digest = crc32(bytes, (mixed ^ bytes.length) >>> 0);
  }

  #route(from: string, to: string): Route {
    let routes = this.#routes.get(from);
    if (routes === undefined) {
      routes = new Map();
      this.#routes.set(from, routes);
    }
    let route = routes.get(to);
    if (route === undefined) {
      route = { from, to, hash: crc32(`${from} ${to}`) };
      routes.set(to, route);
    }
    return route;
  }

  #linkBetween(from: NodeEntry, to: NodeEntry): Link<Route> | undefined {
    const link = from.links[to.id];
    if (link !== undefined || this.#defaultLink === undefined) return link;
    return this.#addLink(from.id, to.id, this.#defaultLink);
  }

  #addLink(from: NodeId, to: NodeId, options: LinkOptions | Link<Route>): Link<Route> {
    const { links } = this.#entry(from);
    invariant(links[this.#entry(to).id] === undefined, "two nodes are connected once");
    const link = options instanceof Link ? options : this.#makeLink(from, to, options);
    invariant(link.pool === this.#pool, "a shared link belongs to this network");
    links[to] = link;
    return link;
  }

  #makeLink(from: NodeId, to: NodeId, options: LinkOptions): Link<Route> {
    // Labelled by its ends, so that a link added elsewhere does not change what this one draws.
    return new Link(options, { random: this.#random.fork(`link ${from} to ${to}`), pool: this.#pool });
  }

  #entry(node: NodeId): NodeEntry {
    const entry = this.#nodes[node];
    invariant(entry !== undefined, "a node is on this network");
    return entry;
  }

  #failHanging({ id, outer }: NodeEntry, how: string): never {
    const addresses = [...outer.values()].join(", ");
    throw new InvariantError(`node ${id} (${addresses}) hangs at ${this.#nowUs} us: ${how} and again`);
  }
}
