/**
 * Two endpoints on a virtual clock with a wire between them that does as it is told: drop the third datagram, hold
 * one back, deliver it twice, flip a bit. Small on purpose; links with rates and queues are in `sim/`.
 *
 * After every step it holds both sides to two promises: the deadline of a connection that was served lies in the
 * future, so that a driver never spins; and a connection that is closed wants nothing more.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { NetAddress } from "../base/net_address.ts";
import { Random } from "../base/random.ts";
import { Writer } from "../base/bytes.ts";
import {
  type Connection,
  type ConnectionConfig,
  type ConnectionEvent,
  Endpoint,
  type EndpointOptions,
  type Stream,
} from "../protocol/mod.ts";
import type { PacketProtection } from "../protocol/crypto/packet_protection.ts";
import { writeDataHeader } from "../protocol/wire/packet.ts";

/** A datagram on its way. */
export interface Passing {
  /** Counts the datagrams of this direction, from 0. */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly nowUs: number;
}

/** One copy of a datagram to deliver. */
export interface Copy {
  readonly extraDelayUs?: number;
  readonly corrupt?: boolean;
}

/** What becomes of a datagram: a copy for each element; none means it is lost. */
export type Fate = readonly Copy[];

/** Decides on every datagram of one direction; undefined lets it pass. */
export type Rule = (datagram: Passing) => Fate | undefined;

/** Passes unharmed. */
export const PASS: Fate = [{}];
/** Is lost. */
export const LOST: Fate = [];

/** A rule that loses the datagrams with these indexes. */
export function losing(...indexes: number[]): Rule {
  return ({ index }) => indexes.includes(index) ? LOST : undefined;
}

/** One direction of the wire. */
class Wire {
  delayUs: number;
  rule: Rule = () => undefined;
  /** Copies of all that was sent, lost or not. */
  readonly sent: { readonly bytes: Uint8Array; readonly sentUs: number }[] = [];

  constructor(delayUs: number) {
    this.delayUs = delayUs;
  }
}

/** One end. */
export class Side {
  readonly name: "client" | "server";
  readonly wire: Wire;
  /** Where its datagrams come from; set it, and it has moved. */
  address: NetAddress;
  endpoint: Endpoint;
  readonly connections: Connection[] = [];
  /** The keys of its connections, by their ID. */
  readonly keys = new Map<number, PacketProtection>();
  /** All that its connections had to say. */
  readonly events: ConnectionEvent[] = [];
  /** What arrived on each stream. */
  readonly received = new Map<number, Uint8Array[]>();
  /** Set it, and streams are left alone. */
  reads = true;
  onEvent: (event: ConnectionEvent) => void = () => {};
  /** Set it, and connections belong to what it makes: events go there, and nothing is noted or read here. */
  makeSession: ((connection: Connection) => { process(): void }) | undefined;
  readonly #sessions = new Map<Connection, { process(): void }>();

  constructor(name: "client" | "server", options: { address: NetAddress; endpoint: Endpoint; delayUs: number }) {
    this.name = name;
    this.address = options.address;
    this.endpoint = options.endpoint;
    this.observe();
    this.wire = new Wire(options.delayUs);
  }

  /** Learns the keys of the endpoint's connections from now on. */
  observe(): void {
    this.endpoint.observer = { onKeys: (localId, protection) => void this.keys.set(localId, protection) };
  }

  /** The connection made last. */
  get connection(): Connection {
    const connection = this.connections.at(-1);
    assert(connection !== undefined, `the ${this.name} has no connection`);
    return connection;
  }

  /** What a connection belongs to; undefined while nobody makes anything for it. */
  sessionOf(connection: Connection): { process(): void } | undefined {
    const known = this.#sessions.get(connection);
    if (known !== undefined || this.makeSession === undefined) return known;
    const session = this.makeSession(connection);
    this.#sessions.set(connection, session);
    return session;
  }

  /** The bytes that arrived on a stream, in order. */
  bytesOn(streamId: number): Uint8Array {
    return new Uint8Array(Buffer.concat(this.received.get(streamId) ?? []));
  }

  /** Events of one kind. */
  heard<K extends ConnectionEvent["kind"]>(kind: K): Extract<ConnectionEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<ConnectionEvent, { kind: K }> => event.kind === kind);
  }
}

/** What a pair is made with. */
export interface PairOptions {
  /** One way. Default 20 ms. */
  readonly delayUs?: number;
  readonly client?: Partial<ConnectionConfig>;
  readonly server?: Partial<ConnectionConfig>;
  readonly serverEndpoint?: Partial<EndpointOptions>;
  readonly clientEndpoint?: Partial<EndpointOptions>;
}

interface Delivery {
  readonly atUs: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly from: NetAddress;
  readonly to: NetAddress;
}

/** The client's private key. */
export const CLIENT_KEY: Uint8Array = new Uint8Array(32).fill(22);
/** The server's private key. */
export const SERVER_KEY: Uint8Array = new Uint8Array(32).fill(11);

const CLIENT_ADDRESS = NetAddress.parse("10.0.0.1:4000");
const SERVER_ADDRESS = NetAddress.parse("10.0.0.2:5000");

/** More steps than this at one instant are a livelock. */
const MAX_STEPS_AT_ONCE = 10_000;

/** A client and a server. Times are microseconds since the pair was made, which is 1 s on its clock. */
export class Pair {
  nowUs = 1_000_000;
  readonly client: Side;
  readonly server: Side;
  readonly #options: PairOptions;
  readonly #random = new Random(7);
  readonly #buffer = new Uint8Array(65_536);
  #deliveries: Delivery[] = [];
  #sequence = 0;
  #stepsAtOnce = 0;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    const delayUs = options.delayUs ?? 20_000;
    const endpoint = new Endpoint({
      isServer: false,
      staticKey: CLIENT_KEY,
      randomBytes: this.randomBytes,
      ...(options.client === undefined ? {} : { config: options.client }),
      ...options.clientEndpoint,
    });
    this.client = new Side("client", { address: CLIENT_ADDRESS, endpoint, delayUs });
    this.server = new Side("server", { address: SERVER_ADDRESS, endpoint: this.#makeServer(), delayUs });
  }

  readonly randomBytes = (count: number): Uint8Array => this.#random.bytes(count);

  /** The server loses all that it knew, its secret included. */
  restartServer(): void {
    this.server.endpoint = this.#makeServer();
    this.server.observe();
    this.server.connections.length = 0;
  }

  /** Starts a connection; nothing is sent before the first step. */
  connect(serverKey?: Uint8Array): Connection {
    const connection = this.client.endpoint.connect(this.nowUs, SERVER_ADDRESS, serverKey);
    this.client.connections.push(connection);
    return connection;
  }

  /** A pair whose handshake is done, both sides sending Data packets. */
  static connected(options: PairOptions = {}): Pair {
    const pair = new Pair(options);
    pair.connect();
    assert(
      pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 5_000_000 }),
      "the handshake was not done within 5 s",
    );
    return pair;
  }

  /** Opens a stream with these bytes on it, and ends it unless told otherwise. */
  send(bytes: Uint8Array, options: { finish?: boolean } = {}): Stream {
    const stream = this.client.connection.openStream();
    assert(stream !== undefined, "no stream may be opened");
    stream.write(bytes);
    if (options.finish ?? true) stream.finish();
    this.serve(this.client);
    return stream;
  }

  /** Serves one side, for when its application has done something. */
  serve(side: Side): void {
    for (const connection of side.connections) this.#serve(side, connection);
    this.#dropClosed(side);
  }

  /** Runs for so long. */
  run(forUs: number): void {
    const untilUs = this.nowUs + forUs;
    this.#serveBoth();
    while (this.#step(untilUs));
    this.nowUs = untilUs;
  }

  /** Runs until the condition holds; false if it does not within the time. */
  runUntil(condition: () => boolean, options: { withinUs: number }): boolean {
    const untilUs = this.nowUs + options.withinUs;
    this.#serveBoth();
    while (!condition()) {
      if (!this.#step(untilUs)) {
        this.nowUs = untilUs;
        return false;
      }
    }
    return true;
  }

  /** Delivers a datagram out of nowhere, and whatever is answered goes on the wire. */
  inject(to: Side, bytes: Uint8Array, from?: NetAddress): void {
    const other = to === this.server ? this.client : this.server;
    this.#receive(to, {
      atUs: this.nowUs,
      sequence: 0,
      bytes: bytes.slice(),
      from: from ?? other.address,
      to: to.address,
    });
  }

  /**
   * A Data packet with frames of the test's own, sealed with the keys of `from`, as if that had sent it to the other side's
   * connection.
   */
  forge(from: Side, writeFrames: (writer: Writer) => void, packetNumber = 100_000): void {
    const to = from === this.server ? this.client : this.server;
    const buffer = new Uint8Array(2000);
    const id = new Uint8Array(8);
    new DataView(id.buffer).setBigUint64(0, BigInt(to.connection.localId));
    const writer = new Writer().reset(buffer);
    const headerEnd = writeDataHeader(writer, id, packetNumber);
    writeFrames(writer);
    const length = from.keys.get(from.connection.localId)!.seal(buffer, headerEnd, writer.position, packetNumber);
    this.inject(to, buffer.subarray(0, length));
  }

  /** Whether anything is on the wire or any timer armed. */
  get isQuiet(): boolean {
    return this.#deliveries.length === 0 && this.#nextTimerUs() === Infinity;
  }

  #makeServer(): Endpoint {
    return new Endpoint({
      isServer: true,
      staticKey: SERVER_KEY,
      randomBytes: this.randomBytes,
      ...(this.#options.server === undefined ? {} : { config: this.#options.server }),
      ...this.#options.serverEndpoint,
    });
  }

  /** Goes to the next thing that happens, if it does by then. */
  #step(untilUs: number): boolean {
    const delivery = this.#deliveries[0];
    const nextUs = Math.max(this.nowUs, Math.min(delivery?.atUs ?? Infinity, this.#nextTimerUs()));
    if (nextUs > untilUs) return false;
    this.#stepsAtOnce = nextUs === this.nowUs ? this.#stepsAtOnce + 1 : 0;
    assert(this.#stepsAtOnce < MAX_STEPS_AT_ONCE, `livelock at ${this.nowUs} us`);
    this.nowUs = nextUs;
    if (delivery !== undefined && delivery.atUs <= nextUs) {
      this.#deliveries.shift();
      const to = this.#sideAt(delivery.to);
      if (to !== undefined) this.#receive(to, delivery);
      return true;
    }
    for (const side of [this.client, this.server]) {
      for (const connection of side.connections) {
        if (connection.pollTimeout() > this.nowUs) continue;
        connection.handleTimeout(this.nowUs);
        this.#serve(side, connection);
      }
      this.#dropClosed(side);
    }
    return true;
  }

  #receive(side: Side, delivery: Delivery): void {
    const result = side.endpoint.handleDatagram(this.nowUs, delivery.bytes, delivery.from);
    switch (result.kind) {
      case "answer":
        this.#post(side, result.answer, delivery.from);
        break;
      case "new-connection":
        side.connections.push(result.connection!);
        this.#serve(side, result.connection!);
        break;
      case "connection":
        this.#serve(side, result.connection!);
        break;
      case "drop":
        break;
    }
    this.#dropClosed(side);
  }

  #serveBoth(): void {
    this.serve(this.client);
    this.serve(this.server);
  }

  #serve(side: Side, connection: Connection): void {
    this.#drain(side, connection);
    // A datagram may come at the very time of a deadline: then that is still to be handled.
    if (connection.pollTimeout() <= this.nowUs) {
      connection.handleTimeout(this.nowUs);
      this.#drain(side, connection);
    }
    const deadlineUs = connection.pollTimeout();
    assert(
      deadlineUs > this.nowUs,
      `the ${side.name}'s deadline ${deadlineUs} is not after ${this.nowUs} though it was served`,
    );
    if (connection.isClosed) assert.equal(deadlineUs, Infinity, "a closed connection has a timer");
    else assert(deadlineUs < Infinity, "a connection that is not closed has no timer: nothing would ever end it");
  }

  #drain(side: Side, connection: Connection): void {
    this.#processEvents(side, connection);
    for (let sent = 0;; sent++) {
      assert(sent < MAX_STEPS_AT_ONCE, `the ${side.name} sends without end at ${this.nowUs} us`);
      const length = connection.pollTransmit(this.nowUs, this.#buffer);
      if (length === 0) break;
      this.#post(side, this.#buffer.subarray(0, length), connection.remote);
    }
    this.#processEvents(side, connection);
  }

  #processEvents(side: Side, connection: Connection): void {
    const session = side.sessionOf(connection);
    if (session !== undefined) return session.process();
    for (let event = connection.pollEvent(); event !== undefined; event = connection.pollEvent()) {
      side.events.push(event);
      side.onEvent(event);
      if (event.kind !== "stream-readable" || !side.reads) continue;
      const { stream } = event;
      if (stream.readableBytes === 0) continue;
      const pieces = side.received.get(stream.id) ?? [];
      pieces.push(stream.peek().slice());
      side.received.set(stream.id, pieces);
      stream.consume(stream.readableBytes);
    }
  }

  #dropClosed(side: Side): void {
    for (const connection of side.connections) {
      if (connection.isClosed) side.endpoint.forget(this.nowUs, connection);
    }
  }

  #post(side: Side, bytes: Uint8Array, to: NetAddress): void {
    const { wire } = side;
    const index = wire.sent.length;
    wire.sent.push({ bytes: bytes.slice(), sentUs: this.nowUs });
    const fate = wire.rule({ index, bytes, nowUs: this.nowUs }) ?? PASS;
    for (const copy of fate) {
      const copied = bytes.slice();
      if (copy.corrupt) copied[copied.length >> 1]! ^= 0x10;
      this.#deliver(copied, { atUs: this.nowUs + wire.delayUs + (copy.extraDelayUs ?? 0), from: side.address, to });
    }
  }

  #deliver(bytes: Uint8Array, way: { atUs: number; from: NetAddress; to: NetAddress }): void {
    const delivery = { ...way, bytes, sequence: this.#sequence++ };
    let at = this.#deliveries.length;
    while (at > 0 && this.#deliveries[at - 1]!.atUs > way.atUs) at--;
    this.#deliveries.splice(at, 0, delivery);
  }

  #sideAt(address: NetAddress): Side | undefined {
    return [this.client, this.server].find((side) => side.address.equals(address));
  }

  #nextTimerUs(): number {
    let nextUs = Infinity;
    for (const side of [this.client, this.server]) {
      for (const connection of side.connections) nextUs = Math.min(nextUs, connection.pollTimeout());
    }
    return nextUs;
  }
}
