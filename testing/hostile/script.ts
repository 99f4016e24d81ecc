/**
 * A whole script with an attacker on the path: real sessions at both endpoints put, get and list, while their datagrams
 * are changed, repeated, cut short, held back, or replaced by what the grammar makes for the same connection. The hosts of
 * `sim/` hold both endpoints to their limits, and nothing may throw, whatever arrives. Then one endpoint is switched off, and
 * the other must end by itself: every request has an outcome, no partial file stays, no timer runs.
 *
 * What the attacker can do is drawn with the rest: it has no keys, or it is a man in the middle, and seals what it likes.
 * Without keys it can make neither endpoint believe that the other broke a rule, nor that it sent anything that it did not.
 *
 * @module
 */

import { InvariantError } from "../../base/invariant.ts";
import { type Random } from "../../base/random.ts";
import { PacketType, RESET_TOKEN_BYTES } from "../../protocol/wire/packet.ts";
import { ClientHost, type Goal } from "../../sim/client_host.ts";
import type { Machine } from "../../sim/machine.ts";
import { ServerHost } from "../../sim/server_host.ts";
import { Quiescence } from "../../sim/quiescence.ts";
import { encodeFrames } from "../wire_values.ts";
import { encodeParameters } from "../../protocol/wire/parameters.ts";
import { anyFrames, anyParameters, garbage, mutated } from "../fuzz/input.ts";
import { ManInTheMiddle, type Opened } from "./man_in_the_middle.ts";

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

/** A body that a datagram of any size has room for. */
const MAX_BODY_BYTES = 60_000;

/** Connections that end soon after they have become silent. */
const IMPATIENT = { idleTimeoutUs: 1_000_000 };

const CLIENT = "10.0.0.1:4000";
const SERVER = "10.0.0.2:5000";
const THIRD_ADDRESS = "10.0.0.3:6000";

/** What the attacker on the path has. */
type Power = "nothing" | "keys";

interface Underway {
  readonly atUs: number;
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** Runs a conversation; throws where an end does what it must not. */
export async function converse(random: Random, note: (input: Uint8Array) => void): Promise<void> {
  await new Script(random, note).run();
}

class Script {
  readonly #random: Random;
  readonly #note: (input: Uint8Array) => void;
  readonly #hostility: number;
  readonly #power: Power;
  readonly #manInTheMiddle: ManInTheMiddle;
  readonly #fileBytes: number;
  /** Of the file that is put. */
  readonly #content: Uint8Array;
  readonly #quiescence = new Quiescence();
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
    const secret = random.fork("power");
    this.#power = secret.pick<Power>(["nothing", "keys"]);
    this.#manInTheMiddle = new ManInTheMiddle(secret);
    this.#fileBytes = Math.floor(200_000 * random.float() ** 3);
    const config = { ...IMPATIENT, sendPolicy: { kind: random.pick(["bbr", "cubic"] as const) } };
    const machine = { config, quiescence: this.#quiescence };
    this.#server = new ServerHost({ ...machine, address: SERVER, random: random.fork("server") });
    this.#content = random.fork("content").bytes(this.#fileBytes);
    this.#server.put("there", random.bytes(random.integer(0, 50_000)), { modifiedMs: 1 });
    this.#client = new ClientHost({
      // What an attack ends stays ended.
      retryForMs: 0,
      compress: false,
      ...machine,
      address: CLIENT,
      serverAddress: SERVER,
      goals: this.#goals(),
      random: random.fork("client"),
      stays: random.chance(0.3),
      content: () => this.#content,
      onOutcome: () => {},
    });
    for (const host of [this.#server, this.#client]) {
      host.attach((bytes, to) => this.#send({ from: host.address, to, bytes: bytes.slice() }));
    }
  }

  async run(): Promise<void> {
    const nowUs = (): number => this.#nowUs;
    this.#server.start(nowUs);
    await this.#quiescence.reached();
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
    if (this.#power === "nothing") this.#checkUndeceived();
  }

  /** Without keys the attacker has deceived neither endpoint. */
  #checkUndeceived(): void {
    for (const { checkers } of [this.#server, this.#client]) {
      const ends = checkers.flatMap(({ closeReasons }) => closeReasons);
      if (ends.includes("violation")) throw new InvariantError("an end takes for the other's what is none of it");
    }
    const there = this.#client.contents("there");
    const kept = this.#server.contents("new");
    if (there !== undefined && !isSame(there, this.#server.contents("there")!)) {
      throw new InvariantError("a file that was got is another");
    }
    if (kept !== undefined && !isSame(kept, this.#content)) throw new InvariantError("a file that was put is another");
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
      await this.#quiescence.reached();
      for (const { process: program } of [this.#server, this.#client]) {
        if (program?.bug !== undefined) throw program.bug;
      }
      while (!this.#quiescence.isDisturbed && this.#nowUs < untilUs && this.#step());
    } while (this.#quiescence.isDisturbed);
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
    const towards = sent.to === SERVER ? "server" : "client";
    const opened = this.#power === "keys" ? this.#manInTheMiddle.open(sent.bytes, towards) : undefined;
    const bytes = opened?.seal(opened.body) ?? sent.bytes;
    const datagram = { ...sent, bytes, atUs: this.#nowUs + DELAY_US };
    if (this.#isHostile()) this.#attack(datagram, opened);
    else this.#underway.push(datagram);
  }

  #isHostile(): boolean {
    const isOver = this.#nowUs >= HOSTILE_UNTIL_US || this.#hostile >= MAX_HOSTILE;
    return !isOver && this.#random.chance(this.#hostility);
  }

  /** What the attacker makes of a datagram. */
  #attack(datagram: Underway, opened: Opened | undefined): void {
    const random = this.#random;
    this.#hostile++;
    this.#seen.push(datagram);
    if (random.chance(0.5)) this.#underway.push(datagram);
    const bytes = opened === undefined ? this.#spoilt(datagram.bytes) : this.#resealed(opened, datagram.bytes);
    const from = random.chance(0.05) ? THIRD_ADDRESS : datagram.from;
    this.#underway.push({ ...datagram, from, bytes });
    if (random.chance(0.2)) this.#underway.push({ ...random.pick(this.#seen), atUs: datagram.atUs });
  }

  /** Changed without keys. */
  #spoilt(bytes: Uint8Array): Uint8Array {
    return this.#power === "nothing" && this.#random.chance(0.3) ? this.#patched(bytes) : this.#changed(bytes);
  }

  /** The head of one datagram, and the end of another, or anything, or nothing. */
  #patched(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    const head = bytes.subarray(0, random.integer(0, bytes.length));
    const other = random.pick(this.#seen).bytes;
    const end = random.pick([new Uint8Array(0), garbage(random), other.subarray(random.integer(0, other.length))]);
    return Uint8Array.of(...head, ...end);
  }

  /** The same packet with another body, under keys that are good. */
  #resealed({ body, seal, type }: Opened, bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    if (type === PacketType.hello || random.chance(0.1)) return this.#changed(bytes);
    const skipped = random.integer(0, 3);
    if (random.chance(0.3)) return seal(mutated(random, body).subarray(0, MAX_BODY_BYTES), skipped);
    const frames = encodeFrames(anyFrames(random));
    if (type === PacketType.serverHello) {
      const resetToken = body.subarray(0, RESET_TOKEN_BYTES);
      return seal(Uint8Array.of(...resetToken, ...encodeParameters(anyParameters(random))), 0);
    }
    // Behind what it carries, so that a ClientFinish keeps the parameters without which no connection begins.
    const isAlone = type === PacketType.data && random.chance(0.7);
    return seal(isAlone ? frames : Uint8Array.of(...body, ...frames).subarray(0, MAX_BODY_BYTES), skipped);
  }

  #changed(bytes: Uint8Array): Uint8Array {
    return this.#random.chance(0.05) ? garbage(this.#random) : mutated(this.#random, bytes);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
