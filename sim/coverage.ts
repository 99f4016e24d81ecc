/**
 * What simulated worlds have reached: packets, frames, states, ends, faults. Everything that there is stands in the
 * table from the beginning, so that what is never reached shows as 0.
 *
 * @module
 */

import type { ServerEvent } from "../app/server/api.ts";
import type { FailureKind } from "../transfer/failure.ts";
import { ConnectionState } from "../protocol/connection_state.ts";
import { Reader } from "../base/bytes.ts";
import { type CloseReason } from "../protocol/mod.ts";
import { AckFrame, type FrameHandler, readFrames } from "../protocol/wire/frame.ts";
import { CRC32_BYTES } from "../protocol/wire/crc32.ts";
import { PacketHeader, PacketType } from "../protocol/wire/packet.ts";
import type { TraceEvent } from "./node.ts";

/** How often each thing happened, by the section of the table and its name. */
export type Tally = Record<string, Record<string, number>>;

const PACKETS = new Map<number, string>(Object.entries(PacketType).map(([name, type]) => [type, name]));

const FRAMES = [
  "ping",
  "ack",
  "ack with ranges",
  "partial ack",
  "reset stream",
  "stop sending",
  "stream",
  "stream end",
  "max data",
  "max stream data",
  "max streams",
  "path challenge",
  "path response",
  "connection close",
  "application close",
  "parameters",
] as const;

const ENDS: readonly CloseReason["kind"][] = [
  "local",
  "peer",
  "violation",
  "idle-timeout",
  "handshake-timeout",
  "reset",
  "version",
];

const OUTCOMES: readonly (FailureKind | "done")[] = [
  "done",
  "failed",
  "not-found",
  "refused",
  "unreachable",
  "local-disk",
  "interrupted",
];

const SERVER_EVENTS: readonly ServerEvent["kind"][] = [
  "listening",
  "connected",
  "address-changed",
  "receiving",
  "received",
  "sending",
  "sent",
  "listed",
  "refused",
  "failed",
  "disconnected",
  "draining",
  "stopped",
];

/** Sections whose names are known beforehand. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "packets": [...PACKETS.values()].filter((name) => name !== "unknownVersion"),
  "frames": FRAMES,
  "connection states": Object.values(ConnectionState),
  "connection ends": ENDS,
  "outcomes": OUTCOMES,
  "server events": SERVER_EVENTS,
};

/** See the module's description. Hot where it is given a network's trace: it reads every datagram delivered. */
export class Coverage implements FrameHandler {
  readonly #sections = new Map<string, Map<string, number>>();
  readonly #frames: Map<string, number>;
  readonly #packets: Map<string, number>;
  readonly #header = new PacketHeader();
  readonly #reader = new Reader();
  readonly #ack = new AckFrame();

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

  /** For {@link NetworkOptions.trace}: looks into what is delivered. */
  readonly trace = ({ kind, bytes }: TraceEvent): void => {
    if (kind !== "deliver") return;
    const header = this.#header;
    if (!header.decode(bytes)) return this.#bump(this.#packets, "malformed");
    this.#bump(this.#packets, PACKETS.get(header.type)!);
    if (header.type !== PacketType.data && header.type !== PacketType.clientFinish) return;
    // Damaged ones among them count for what they seem to be; there are few.
    const end = bytes.length - CRC32_BYTES;
    if (header.headerEnd <= end) readFrames(this.#reader.reset(bytes, header.headerEnd, end), this, this.#ack);
  };

  // --- FrameHandler ---

  onPing(): void {
    this.#bump(this.#frames, "ping");
  }

  onAck(ack: AckFrame): void {
    this.#bump(this.#frames, ack.isPartial ? "partial ack" : "ack");
    if (ack.rangeCount > 1) this.#bump(this.#frames, "ack with ranges");
  }

  onResetStream(): void {
    this.#bump(this.#frames, "reset stream");
  }

  onStopSending(): void {
    this.#bump(this.#frames, "stop sending");
  }

  onStream(_id: number, _offset: number, _buffer: Uint8Array, _start: number, _end: number, fin: boolean): void {
    this.#bump(this.#frames, fin ? "stream end" : "stream");
  }

  onMaxData(): void {
    this.#bump(this.#frames, "max data");
  }

  onMaxStreamData(): void {
    this.#bump(this.#frames, "max stream data");
  }

  onMaxStreams(): void {
    this.#bump(this.#frames, "max streams");
  }

  onPathChallenge(): void {
    this.#bump(this.#frames, "path challenge");
  }

  onPathResponse(): void {
    this.#bump(this.#frames, "path response");
  }

  onConnectionClose(isApplication: boolean): void {
    this.#bump(this.#frames, isApplication ? "application close" : "connection close");
  }

  onParameters(): void {
    this.#bump(this.#frames, "parameters");
  }

  #bump(names: Map<string, number>, name: string): void {
    names.set(name, (names.get(name) ?? 0) + 1);
  }
}
