/**
 * What simulated worlds have reached: packets, frames, states, ends, faults. Each section lists everything that there is from
 * the beginning, so that what is never reached shows as 0. Where a section follows from a union, the compiler holds its list
 * to it.
 *
 * Packets are counted as they are delivered, damaged ones included. Frames are counted where a connection has decrypted them
 * ({@link ConnectionObserver}).
 *
 * @module
 */

import type { RetryEvent } from "../app/client/api.ts";
import type { ServerEvent } from "../app/server/api.ts";
import type { FailureKind } from "../transfer/failure.ts";
import { ConnectionState } from "../protocol/connection_state.ts";
import { Reader } from "../base/bytes.ts";
import { type CloseReason, type ConnectionObserver, DROP_REASONS } from "../protocol/mod.ts";
import { AckFrame, type FrameHandler, readFrames } from "../protocol/wire/frame.ts";
import { PacketHeader, PacketType } from "../protocol/wire/packet.ts";
import type { TraceEvent } from "./node.ts";

/** How often each thing happened, by the section of the table and its name. */
export type Tally = Record<string, Record<string, number>>;

const PACKETS = new Map<number, string>(Object.entries(PacketType).map(([name, type]) => [type, name]));

/** Frames, those of some types by what they state. */
const FRAMES = [
  "ping",
  "ack",
  "ack with ranges",
  "reset stream",
  "stop sending",
  "stream",
  "stream end",
  "zeros",
  "rate limit",
  "max data",
  "max stream data",
  "max streams",
  "path challenge",
  "path response",
  "connection close",
  "application close",
  "parameters",
] as const;

/** The members of a union: the compiler asks for each, and for no other. */
function all<Name extends string>(members: Readonly<Record<Name, true>>): Name[] {
  return Object.keys(members) as Name[];
}

const ENDS = all<CloseReason["kind"]>({
  "local": true,
  "peer": true,
  "violation": true,
  "idle-timeout": true,
  "handshake-timeout": true,
  "reset": true,
  "server-key": true,
  "version": true,
});

const OUTCOMES = all<Exclude<FailureKind, "usage"> | "done">({
  "done": true,
  "failed": true,
  "not-found": true,
  "refused": true,
  "unreachable": true,
  "local-disk": true,
  "interrupted": true,
});

const SERVER_EVENTS = all<ServerEvent["kind"]>({
  "listening": true,
  "socket": true,
  "exposed": true,
  "unlisted": true,
  "root-created": true,
  "connected": true,
  "receiving": true,
  "received": true,
  "sending": true,
  "sent": true,
  "listed": true,
  "made": true,
  "removed": true,
  "moved": true,
  "refused": true,
  "failed": true,
  "access-denied": true,
  "access-changed": true,
  "access-unreadable": true,
  "folder-unavailable": true,
  "address-changed": true,
  "disconnected": true,
  "dropped": true,
  "fault": true,
  "draining": true,
  "stopped": true,
});

const RETRIES = all<RetryEvent["kind"]>({
  "connection-lost": true,
  "unavailable": true,
  "connected": true,
  "resumed": true,
});

/** Sections whose names are known beforehand. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "packets": [...[...PACKETS.values()].filter((name) => name !== "unknownVersion"), "malformed"],
  "frames": FRAMES,
  "drops": DROP_REASONS,
  "connection states": Object.values(ConnectionState),
  "connection ends": ENDS,
  "outcomes": OUTCOMES,
  "retries": RETRIES,
  "server events": SERVER_EVENTS,
};

/** See the module's description. Hot: it reads every datagram delivered, and every frame received. */
export class Coverage implements ConnectionObserver, FrameHandler {
  readonly #sections = new Map<string, Map<string, number>>();
  readonly #frames: Map<string, number>;
  readonly #packets: Map<string, number>;
  readonly #header = new PacketHeader();
  readonly #reader = new Reader();
  readonly #reading = { ack: new AckFrame() };

  constructor() {
    for (const [section, names] of Object.entries(KNOWN)) for (const name of names) this.count(section, name, 0);
    this.#frames = this.#sections.get("frames")!;
    this.#packets = this.#sections.get("packets")!;
  }

  /** Something happened, so many times. */
  count(section: string, name: string, times = 1): void {
    let names = this.#sections.get(section);
    if (names === undefined) this.#sections.set(section, names = new Map());
    names.set(name, (names.get(name) ?? 0) + times);
  }

  /** Adds what another run reached. */
  add(tally: Tally): void {
    for (const [section, names] of Object.entries(tally)) {
      for (const [name, times] of Object.entries(names)) this.count(section, name, times);
    }
  }

  /** All of it. */
  get tally(): Tally {
    return Object.fromEntries([...this.#sections].map(([section, names]) => [section, Object.fromEntries(names)]));
  }

  /** What never happened, as `section: name`. */
  get missing(): string[] {
    const missing: string[] = [];
    for (const [section, names] of this.#sections) {
      for (const [name, times] of names) if (times === 0) missing.push(`${section}: ${name}`);
    }
    return missing;
  }

  /** For {@link NetworkOptions.trace}: counts the packets that are delivered. */
  readonly trace = ({ kind, bytes }: TraceEvent): void => {
    if (kind !== "deliver") return;
    const isPacket = this.#header.decode(bytes);
    this.#bump(this.#packets, isPacket ? PACKETS.get(this.#header.type)! : "malformed");
  };

  /** For {@link WorldOptions.observer}: counts the frames that are received. */
  onPacketOpened({ headerEnd }: PacketHeader, datagram: Uint8Array, payloadEnd: number): void {
    readFrames(this.#reader.reset(datagram, headerEnd, payloadEnd), this, this.#reading);
  }

  // --- FrameHandler ---

  onPing(): void {
    this.#bumpFrame("ping");
  }

  onAck(ack: AckFrame): void {
    this.#bumpFrame("ack");
    if (ack.rangeCount > 1) this.#bumpFrame("ack with ranges");
  }

  onResetStream(): void {
    this.#bumpFrame("reset stream");
  }

  onStopSending(): void {
    this.#bumpFrame("stop sending");
  }

  onStream(_id: number, _offset: number, _buffer: Uint8Array, _start: number, _end: number, fin: boolean): void {
    this.#bumpFrame(fin ? "stream end" : "stream");
  }

  onZeros(): void {
    this.#bumpFrame("zeros");
  }

  onRateLimit(): void {
    this.#bumpFrame("rate limit");
  }

  onMaxData(): void {
    this.#bumpFrame("max data");
  }

  onMaxStreamData(): void {
    this.#bumpFrame("max stream data");
  }

  onMaxStreams(): void {
    this.#bumpFrame("max streams");
  }

  onPathChallenge(): void {
    this.#bumpFrame("path challenge");
  }

  onPathResponse(): void {
    this.#bumpFrame("path response");
  }

  onConnectionClose(isApplication: boolean): void {
    this.#bumpFrame(isApplication ? "application close" : "connection close");
  }

  onParameters(): void {
    this.#bumpFrame("parameters");
  }

  #bumpFrame(name: (typeof FRAMES)[number]): void {
    this.#bump(this.#frames, name);
  }

  #bump(names: Map<string, number>, name: string): void {
    names.set(name, (names.get(name) ?? 0) + 1);
  }
}
