/**
 * A peer that sends whatever it is told, in authentic packets, and the machine on the simulated network from which such peers
 * send. A peer follows no rule of its own: it knows only what it must to be heard, the handshake, the connection IDs, the
 * token and its packet numbers.
 *
 * @module
 */

import { type Random } from "../../base/random.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { TransportErrorCode } from "../../protocol/mod.ts";
import { NoiseClient, type ServerAnswer } from "../../protocol/handshake/noise_handshake.ts";
import { RangeSet } from "../../base/range_set.ts";
import * as wire from "../../protocol/wire/frame.ts";
import { CONNECTION_ID_BYTES } from "../../protocol/wire/connection_id.ts";
import {
  PacketHeader,
  PACKETS_PER_KEY,
  PacketType,
  writeClientFinishHeader,
  writeDataHeader,
  writeHello,
} from "../../protocol/wire/packet.ts";
import type { TransportParameters } from "../../protocol/wire/parameters.ts";
import type { SimNode, Transmit } from "../../sim/node.ts";
import { encodeFrames, type FrameValue, fromHex } from "../wire_values.ts";
import { written } from "../fuzz/target.ts";

/** A course of action: each number it yields is how long it waits then, in microseconds. */
export type Script = Generator<number, void, void>;

/** An answer takes no longer than this, in microseconds; a script looks every so often whether it has come. */
const ANSWER_WITHIN_US = 1_000_000;
const LOOK_EVERY_US = 10_000;

/** Room for the longest header, of a ClientFinish packet, and for a tag. */
const HEADER_AND_TAG_BYTES = 1_000;

/** What a peer says of itself unless told otherwise. */
const PARAMETERS: TransportParameters = {
  maxIdleTimeoutMs: 60_000,
  maxDatagramBytes: 65_507,
  initialMaxData: 2 ** 30,
  initialMaxStreamData: 2 ** 30,
  initialMaxStreams: 0,
  maxAckDelayUs: 25_000,
  receiveBurstBytes: 65_536,
};

/** The machine: scripts, peers, addresses, and what went to and came from each of these. */
export class HostileNode implements SimNode {
  readonly addresses: readonly string[];
  /** Bytes by address of this machine. */
  readonly sentBytes = new Map<string, number>();
  readonly receivedBytes = new Map<string, number>();
  /** Addresses at which it has proven to receive. */
  readonly proven = new Set<string>();
  readonly server: string;
  nowUs = 0;
  readonly #peers = new Map<number, HostilePeer>();
  /** The last of its addresses are somebody else's: it can forge them, and hears nothing of what is sent to them. */
  readonly #ownAddresses: number;
  /** Its peers' private keys are drawn from here. */
  readonly secrets: Random;
  #isSilent = false;
  readonly #scripts: { readonly script: Script; dueUs: number }[] = [];
  readonly #outbox: { readonly from: string; readonly bytes: Uint8Array }[] = [];

  constructor(options: { own: readonly string[]; forged: readonly string[]; server: string; secrets: Random }) {
    this.secrets = options.secrets;
    this.addresses = [...options.own, ...options.forged];
    this.#ownAddresses = options.own.length;
    this.server = options.server;
  }

  /** Those that have spoken or will, in the order in which they were made. */
  get peers(): readonly HostilePeer[] {
    return [...this.#peers.values()];
  }

  /** Takes a peer in. */
  add(peer: HostilePeer): void {
    this.#peers.set(peer.id, peer);
  }

  /** An address of its own; the same for the same number. */
  own(index: number): string {
    return this.addresses[index % this.#ownAddresses]!;
  }

  /** An address from which it can send, but at which it does not receive. */
  forged(index: number): string {
    return this.addresses[this.#ownAddresses + index % (this.addresses.length - this.#ownAddresses)]!;
  }

  /** Follows a script from `atUs` on. */
  follow(script: Script, atUs: number): void {
    this.#scripts.push({ script, dueUs: atUs });
  }

  /** Says nothing any more, and hears nothing. */
  fallSilent(): void {
    this.#isSilent = true;
    this.#scripts.length = 0;
    this.#outbox.length = 0;
  }

  /** Sends anything, from any of its addresses. */
  send(bytes: Uint8Array, from: string): void {
    if (!this.#isSilent) this.#outbox.push({ from, bytes });
  }

  receive(nowUs: number, datagram: Uint8Array, _from: string, to: string): void {
    this.nowUs = nowUs;
    add(this.receivedBytes, to, datagram.length);
    if (this.#isSilent || this.addresses.indexOf(to) >= this.#ownAddresses) return;
    const header = new PacketHeader();
    if (!header.decode(datagram)) throw new Error("the server sent what is no packet");
    if (header.type === PacketType.reset) return;
    this.#peers.get(header.destinationId)?.receive(datagram, { header, to });
  }

  pollTransmit(_nowUs: number, buffer: Uint8Array): Transmit | undefined {
    const next = this.#outbox.shift();
    if (next === undefined) return undefined;
    buffer.set(next.bytes);
    add(this.sentBytes, next.from, next.bytes.length);
    return { length: next.bytes.length, to: this.server, from: next.from };
  }

  pollTimeout(): number {
    return this.#scripts.reduce((earliest, { dueUs }) => Math.min(earliest, dueUs), Infinity);
  }

  handleTimeout(nowUs: number): void {
    this.nowUs = nowUs;
    for (const running of this.#scripts.filter(({ dueUs }) => dueUs <= nowUs)) {
      const { value, done } = running.script.next();
      if (done === true) this.#scripts.splice(this.#scripts.indexOf(running), 1);
      else running.dueUs = nowUs + Math.ceil(value);
    }
  }
}

/** One connection's worth of lies. */
export class HostilePeer implements wire.FrameHandler {
  /** Its own connection ID. */
  readonly id: number;
  /** Where its packets come from. It may change it. */
  address: string;
  /** The server's connection ID, and the token, in hex, once a ServerHello has come. */
  serverId = "";
  token = "";
  nextNumber = 0;
  /** Acknowledges what comes, as an honest peer does; answers challenges. */
  isAcking = true;
  isAnswering = true;
  parameters = PARAMETERS;
  /** The largest packet number of the server's, or -1. */
  largestReceived = -1;
  /** Stream bytes that have come, copies included. */
  streamBytes = 0;
  /** How many streams it may open by what the server said last; what its first word gave is not looked at. */
  maxStreams = 0;
  /** How far it may send by what the server said last: in all, and on each stream. */
  maxData = 0;
  readonly maxStreamData = new Map<number, number>();
  /** How the server closed the connection: its transport error code. */
  closedWith: number | undefined;
  readonly #node: HostileNode;
  readonly #noise: NoiseClient;
  #answer: ServerAnswer | undefined;
  readonly #received = new RangeSet();
  readonly #reader = new Reader();
  #isEliciting = false;
  #challenge: string | undefined;

  constructor(node: HostileNode, options: { id: number; address: string }) {
    this.#node = node;
    this.id = options.id;
    this.address = options.address;
    const { secrets } = node;
    this.#noise = new NoiseClient({
      localId: options.id,
      staticKey: secrets.bytes(32),
      ephemeralKey: secrets.bytes(32),
    });
    node.add(this);
  }

  /** Goes through the handshake; then the server has a connection, unless it is full. */
  *connect(frames: readonly FrameValue[] = [{ frame: "ping" }]): Script {
    yield* this.greet();
    this.clientFinish(frames);
    const untilUs = this.#node.nowUs + ANSWER_WITHIN_US;
    while (this.largestReceived < 0 && this.closedWith === undefined && this.#node.nowUs < untilUs) {
      yield LOOK_EVERY_US;
    }
  }

  /** Sends a Hello and waits for the ServerHello. */
  *greet(): Script {
    this.#hello(new Uint8Array(0));
    const untilUs = this.#node.nowUs + ANSWER_WITHIN_US;
    while (this.serverId === "" && this.#node.nowUs < untilUs) yield LOOK_EVERY_US;
  }

  #hello(cookie: Uint8Array): void {
    const hello = { sourceId: this.id, handshake: this.#noise.hello, cookie };
    this.raw(written((writer) => writeHello(writer, hello)));
  }

  /** Sends a ClientFinish packet: its parameters, then `frames`. */
  clientFinish(frames: readonly FrameValue[]): void {
    this.clientFinishOf(encodeFrames([{ frame: "parameters", parameters: this.parameters }, ...frames]));
  }

  /** Sends a ClientFinish packet with these bytes for frames. */
  clientFinishOf(bytes: Uint8Array): void {
    const packet = this.sealedClientFinish(bytes);
    if (packet === undefined) return;
    this.#node.proven.add(this.address);
    this.raw(packet);
  }

  /** A ClientFinish packet with these bytes for frames, not sent; undefined before the ServerHello. */
  sealedClientFinish(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#answer === undefined) return undefined;
    const packetNumber = this.nextNumber++;
    const common = { handshake: this.#answer.handshake, sourceId: this.id, packetNumber };
    const clientFinish = { ...common, destinationId: fromHex(this.serverId), token: fromHex(this.token) };
    return this.#sealed(bytes, packetNumber, (writer) => writeClientFinishHeader(writer, clientFinish));
  }

  /** Sends frames in a Data packet. */
  send(...frames: readonly FrameValue[]): void {
    this.payload(encodeFrames(frames));
  }

  /** Sends these bytes where frames should be. */
  payload(bytes: Uint8Array, number: number = this.nextNumber++): void {
    if (this.#answer === undefined) return;
    this.raw(this.#sealed(bytes, number, (writer) => writeDataHeader(writer, fromHex(this.serverId), number)));
  }

  #sealed(bytes: Uint8Array, number: number, writeHeader: (writer: Writer) => void): Uint8Array {
    const writer = new Writer().reset(new Uint8Array(bytes.length + HEADER_AND_TAG_BYTES));
    writeHeader(writer);
    const headerEnd = writer.position;
    writer.bytes(bytes);
    // The key of such a number is thousands of millions of keys away, for the peer as well: it is left unsealed.
    if (number >= PACKETS_PER_KEY) return writer.buffer;
    return writer.buffer.slice(0, this.#answer!.protection.seal(writer.buffer, headerEnd, writer.position, number));
  }

  /** Sends a datagram as it is. */
  raw(bytes: Uint8Array): void {
    this.#node.send(bytes, this.address);
  }

  /** Stream data. */
  say(streamId: number, bytes: Uint8Array, { offset = 0, fin = false } = {}): void {
    this.send({ frame: "stream", streamId, offset, data: bytes.toHex(), fin });
  }

  receive(datagram: Uint8Array, { header, to }: { header: PacketHeader; to: string }): void {
    if (header.type === PacketType.serverHello) return this.#onServerHello(datagram, header);
    if (header.type === PacketType.cookie) return this.#hello(datagram.slice(header.tokenStart, header.tokenEnd));
    if (header.type === PacketType.refusal) return void (this.closedWith = TransportErrorCode.connectionRefused);
    if (header.type !== PacketType.data || to !== this.address || this.#answer === undefined) return;
    this.largestReceived = Math.max(this.largestReceived, header.packetNumber);
    this.#isEliciting = false;
    const end = this.#answer.protection.open(datagram, header.headerEnd, header.packetNumber);
    if (end < 0) throw new Error("the server sent a packet that is not sealed");
    const error = wire.readFrames(this.#reader.reset(datagram, header.headerEnd, end), this);
    if (error !== undefined) throw new Error(`the server sent a bad frame: ${error.message}`);
    this.#received.add(header.packetNumber, header.packetNumber + 1);
    if (this.#isEliciting && this.isAcking) this.acknowledge();
    if (this.#challenge !== undefined && this.isAnswering) {
      this.#node.proven.add(this.address);
      this.send({ frame: "pathResponse", data: this.#challenge });
    }
    this.#challenge = undefined;
  }

  /** Acknowledges what has come, or what else it is told. */
  acknowledge(ranges: readonly (readonly [number, number])[] = this.receivedRanges(), delayUs = 0): void {
    if (ranges.length > 0) this.send({ frame: "ack", delayUs, ranges });
  }

  /** The newest packet numbers that have come: ranges, newest first. */
  receivedRanges(): [number, number][] {
    const { length } = this.#received;
    const count = Math.min(length, 32);
    return Array.from({ length: count }, (_, i) => {
      const at = length - 1 - i;
      return [this.#received.start(at), this.#received.end(at)];
    });
  }

  #onServerHello(datagram: Uint8Array, header: PacketHeader): void {
    if (this.#answer !== undefined) return;
    const answer = this.#noise.onServerHello(datagram, header);
    if (answer === undefined) throw new Error("the server sent a ServerHello that is not authentic");
    this.#answer = answer;
    const { sourceIdStart: at, tokenStart, tokenEnd } = header;
    this.serverId = datagram.subarray(at, at + CONNECTION_ID_BYTES).toHex();
    this.token = datagram.subarray(tokenStart, tokenEnd).toHex();
  }

  onPing(): void {
    this.#isEliciting = true;
  }
  onAck(): void {}
  onResetStream(): void {
    this.#isEliciting = true;
  }
  onStopSending(): void {
    this.#isEliciting = true;
  }
  onStream(_streamId: number, _offset: number, _buffer: Uint8Array, start: number, end: number): void {
    this.#isEliciting = true;
    this.streamBytes += end - start;
  }
  onZeros(_streamId: number, _offset: number, length: number): void {
    this.#isEliciting = true;
    this.streamBytes += length;
  }
  onRateLimit(): void {
    this.#isEliciting = true;
  }
  onMaxData(value: number): void {
    this.#isEliciting = true;
    this.maxData = Math.max(this.maxData, value);
  }
  onMaxStreamData(streamId: number, value: number): void {
    this.#isEliciting = true;
    this.maxStreamData.set(streamId, Math.max(this.maxStreamData.get(streamId) ?? 0, value));
  }
  onMaxStreams(value: number): void {
    this.#isEliciting = true;
    this.maxStreams = Math.max(this.maxStreams, value);
  }
  onPathChallenge(buffer: Uint8Array, at: number): void {
    this.#isEliciting = true;
    this.#challenge = buffer.subarray(at, at + wire.PATH_DATA_BYTES).toHex();
  }
  onPathResponse(): void {
    this.#isEliciting = true;
  }
  onConnectionClose(isApplication: boolean, code: number): void {
    if (!isApplication) this.closedWith = code;
  }
  onParameters(): void {
    throw new Error("the server sent PARAMETERS in a packet");
  }
}

/** What an attack's script has at hand. */
export class Scene {
  readonly random: Random;
  /** Datagrams that the honest client sent a while ago, as somebody on their way saw them: the first, and the latest. */
  readonly overheard: readonly Uint8Array[];
  readonly #node: HostileNode;

  constructor(node: HostileNode, options: { random: Random; overheard: readonly Uint8Array[] }) {
    this.#node = node;
    this.random = options.random;
    this.overheard = options.overheard;
  }

  get nowUs(): number {
    return this.#node.nowUs;
  }

  /** One of the attacker's own addresses; the same for the same number. */
  own(index: number): string {
    return this.#node.own(index);
  }

  /** An address from which the attacker can send, but at which nothing is received. */
  forged(index: number): string {
    return this.#node.forged(index);
  }

  /** A peer that has not spoken yet. */
  peer(address = this.own(0)): HostilePeer {
    return new HostilePeer(this.#node, { id: this.random.integer(1, 2 ** 53 - 1), address });
  }

  /** A peer with a connection. */
  *connected(adjust: (peer: HostilePeer) => void = () => {}): Generator<number, HostilePeer, void> {
    const peer = this.peer();
    adjust(peer);
    yield* peer.connect();
    return peer;
  }

  /** Sends a datagram as it is. */
  raw(bytes: Uint8Array, from = this.own(0)): void {
    this.#node.send(bytes, from);
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
