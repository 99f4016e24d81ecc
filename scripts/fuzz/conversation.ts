/**
 * A whole conversation with somebody on the path who can write packets with good checksums: real sessions at both
 * ends put, get and list, while their datagrams are changed, repeated, held back, or replaced by what the grammar
 * makes for the same connection. The hosts of `sim/` hold both ends to their limits, and nothing may throw, whatever
 * comes. Then one end is switched off, and the other must find its end: every request has an outcome, no file is half
 * there, no timer runs.
 *
 * @module
 */

import { InvariantError, type Random } from "../../protocol/mod.ts";
import { CRC32_BYTES } from "../../protocol/wire/crc32.ts";
import { CONNECTION_ID_BYTES } from "../../protocol/wire/connection_id.ts";
import { PacketHeader, PacketType } from "../../protocol/wire/packet.ts";
import { ClientHost, type Goal } from "../../sim/client_host.ts";
import type { Machine } from "../../sim/machine.ts";
import { ServerHost } from "../../sim/server_host.ts";
import { Turn } from "../../sim/turn.ts";
import { encodeFrames, encodePacket } from "../../tests/wire/wire_values.ts";
import { toHex } from "../../transfer/hex.ts";
import { anyFrames, garbage, mutated, resealed } from "./input.ts";

/** One way; also the least time between two looks at the hosts. */
const DELAY_US = 5_000;

/** Hostile datagrams are sent up to here; then the ends are left alone with what they have been made to believe. */
const HOSTILE_UNTIL_US = 3_000_000;

/** One end is switched off. */
const TALK_UNTIL_US = 20_000_000;

/** The other has noticed by then: an idle timeout, or three probe timeouts of a path made to seem slow. */
const END_US = 600_000_000;

/** No further hostile datagrams after so many: a forged acknowledgement can make a sender fast. */
const MAX_HOSTILE = 1_000;

/** Connections that end soon after they have become silent. */
const IMPATIENT = { idleTimeoutUs: 1_000_000 };

const CLIENT = "10.0.0.1:4000";
const SERVER = "10.0.0.2:5000";
const STRANGER = "10.0.0.3:6000";

interface Underway {
  readonly atUs: number;
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** Runs a conversation; throws where an end does what it must not. */
export async function converse(random: Random, note: (input: Uint8Array) => void): Promise<void> {
  await new Conversation(random, note).run();
}

class Conversation {
  readonly #random: Random;
  readonly #note: (input: Uint8Array) => void;
  readonly #hostility: number;
  readonly #fileBytes: number;
  readonly #turn = new Turn();
  readonly #server: ServerHost;
  readonly #client: ClientHost;
  /** In the order of arrival: the delay is the same for all. */
  readonly #underway: Underway[] = [];
  /** Datagrams seen before, to be repeated. */
  readonly #seen: Underway[] = [];
  #nowUs = 0;
  #hostile = 0;

  constructor(random: Random, note: (input: Uint8Array) => void) {
    this.#random = random;
    this.#note = note;
    this.#hostility = random.float() ** 2;
    this.#fileBytes = Math.floor(200_000 * random.float() ** 3);
    const config = { ...IMPATIENT, congestion: random.pick(["bbr", "cubic"] as const) };
    const machine = { config, turn: this.#turn };
    this.#server = new ServerHost({ ...machine, address: SERVER, random: random.fork("server") });
    this.#server.put("there", random.bytes(random.integer(0, 50_000)), { modifiedMs: 1 });
    this.#client = new ClientHost({
      ...machine,
      address: CLIENT,
      serverAddress: SERVER,
      goals: this.#goals(),
      random: random.fork("client"),
      stays: random.chance(0.3),
      content: () => random.fork("content").bytes(this.#fileBytes),
      onOutcome: () => {},
    });
    for (const host of [this.#server, this.#client]) {
      host.attach((bytes, to) => this.#send({ from: host.address, to, bytes: bytes.slice() }));
    }
  }

  async run(): Promise<void> {
    const nowUs = (): number => this.#nowUs;
    this.#server.start(nowUs);
    await this.#turn.over();
    this.#client.start(nowUs);
    await this.#talk(TALK_UNTIL_US);
    const [survivor, other] = this.#random.chance(0.5)
      ? [this.#server, this.#client] as const
      : [this.#client, this.#server] as const;
    other.kill();
    await this.#talk(END_US);
    if (survivor.connectionCount > 0) throw new InvariantError("a connection outlives its idle timeout");
    if (survivor.pollTimeout() !== Infinity) throw new InvariantError("a timer outlives its connection");
    if (survivor === this.#client && !this.#client.isDone) throw new InvariantError("a request has no outcome");
    const { openDescriptors, temporaryFiles } = survivor.disk;
    if (openDescriptors > 0 || temporaryFiles > 0) throw new InvariantError("half a file stays");
  }

  #goals(): Goal[] {
    const goals: Goal[] = [
      { kind: "put", name: "new", sizeBytes: this.#fileBytes },
      { kind: "get", name: "there", sizeBytes: 0 },
      { kind: "list" },
    ];
    return goals.slice(0, this.#random.integer(1, goals.length));
  }

  /** Lets time pass until `untilUs`, or until nothing will ever happen again. */
  async #talk(untilUs: number): Promise<void> {
    do {
      await this.#turn.over();
      for (const { process: program } of [this.#server, this.#client]) {
        if (program?.bug !== undefined) throw program.bug;
      }
      while (!this.#turn.isDue && this.#nowUs < untilUs && this.#step());
    } while (this.#turn.isDue);
  }

  /** Goes to the next thing that happens; false if nothing ever will. */
  #step(): boolean {
    const next = this.#underway[0];
    const atUs = Math.min(next?.atUs ?? Infinity, this.#client.pollTimeout(), this.#server.pollTimeout());
    if (atUs === Infinity) return false;
    this.#nowUs = Math.max(this.#nowUs, atUs);
    if (next !== undefined && next.atUs <= this.#nowUs) this.#deliver(this.#underway.shift()!);
    for (const host of [this.#client, this.#server]) {
      if (host.pollTimeout() <= this.#nowUs) host.handleTimeout(this.#nowUs);
    }
    return true;
  }

  #deliver({ bytes, from, to }: Underway): void {
    this.#note(bytes);
    const host: Machine | undefined = to === SERVER ? this.#server : to === CLIENT ? this.#client : undefined;
    host?.receive(this.#nowUs, bytes.slice(), from);
  }

  #send(sent: Omit<Underway, "atUs">): void {
    const datagram = { ...sent, atUs: this.#nowUs + DELAY_US };
    if (this.#isHostile()) this.#attack(datagram);
    else this.#underway.push(datagram);
  }

  #isHostile(): boolean {
    const isOver = this.#nowUs >= HOSTILE_UNTIL_US || this.#hostile >= MAX_HOSTILE;
    return !isOver && this.#random.chance(this.#hostility);
  }

  /** What the one on the path makes of a datagram. */
  #attack(datagram: Underway): void {
    const random = this.#random;
    this.#hostile++;
    this.#seen.push(datagram);
    if (random.chance(0.5)) this.#underway.push(datagram);
    const bytes = random.chance(0.5) ? this.#forged(datagram.bytes) : this.#changed(datagram.bytes);
    const from = random.chance(0.05) ? STRANGER : datagram.from;
    this.#underway.push({ ...datagram, from, bytes });
    if (random.chance(0.2)) this.#underway.push({ ...random.pick(this.#seen), atUs: datagram.atUs });
  }

  #changed(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    if (random.chance(0.05)) return garbage(random);
    const changed = mutated(random, bytes);
    return random.chance(0.8) ? resealed(changed) : changed;
  }

  /** A packet of the same connection, with frames of the attacker's own. */
  #forged(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    const header = new PacketHeader();
    if (!header.decode(bytes)) return bytes;
    const frames = anyFrames(random);
    if (header.type === PacketType.data && random.chance(0.7)) {
      const to = toHex(bytes.subarray(header.destinationIdStart, header.destinationIdStart + CONNECTION_ID_BYTES));
      return encodePacket({ packet: "data", to, number: header.packetNumber + random.integer(0, 3), frames });
    }
    if (header.type !== PacketType.data && header.type !== PacketType.initial) return this.#changed(bytes);
    // Behind what it carries, so that an Initial keeps the parameters without which no connection begins.
    const payload = bytes.subarray(0, bytes.length - CRC32_BYTES);
    return resealed(Uint8Array.from([...payload, ...encodeFrames(frames), ...new Uint8Array(CRC32_BYTES)]));
  }
}
