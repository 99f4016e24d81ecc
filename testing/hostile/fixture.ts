/**
 * The fixture of the attacks: a world of `sim/` with one honest client that puts and gets a file, and machines that follow
 * the scripts of attacks.
 *
 * What must hold: nothing throws; the honest client has its files, whole, about as soon as if it were alone; what the
 * server keeps stays within its limits; no unvalidated address is sent more than three times what came from it; a broken rule
 * ends the connection with its code; and when the attackers have been silent for long enough, nothing of theirs is left.
 *
 * @module
 */

import { InvariantError } from "../../base/invariant.ts";
import { type Random } from "../../base/random.ts";
import { type ConnectionConfig, TransportErrorCode } from "../../protocol/mod.ts";
import { AMPLIFICATION_FACTOR, MAX_ACK_RANGES, MAX_REMEMBERED_CLOSED } from "../../protocol/limits.ts";
import type { ServerLimits } from "../../app/server/limits.ts";
import { type ClientPlan, World } from "../../sim/world.ts";
import type { TraceEvent } from "../../sim/node.ts";
import { HostileNode, Scene, type Script } from "./hostile_peer.ts";

/** One way to misbehave. */
export interface Attack {
  /** In a few words, with hyphens. */
  readonly name: string;
  /** The rule that it breaks: how the server must end the connection of the attack's first peer. Absent: none. */
  readonly closesWith?: TransportErrorCode;
  /** What it does. It draws from the scene's generator alone. */
  readonly script: (scene: Scene) => Script;
}

/** What the server kept at most, for those who want to see it. */
export interface Peaks {
  connections: number;
  streams: number;
  bufferedBytes: number;
  /** What the streams of all connections take in memory. */
  memoryBytes: number;
  connectionBytes: number;
  sentPackets: number;
  ackRanges: number;
  openFiles: number;
  /** The same, shortly before the attackers are silent. */
  openFilesLate: number;
  /** Files of transfers on the server's disk, under way or kept for the next try. */
  partialFiles: number;
  partialFilesLate: number;
  /** Transfers that were begun, in all. */
  transfers: number;
  rememberedIds: number;
}

/** Few streams, and windows in which just every message fits: limits are to be reached soon. */
export const FIXTURE_CONFIG = {
  idleTimeoutUs: 5_000_000,
  keepAliveUs: 1_000_000,
  transferKeepAliveUs: 1_000_000,
  orderedWindowBytes: 131_090,
  connectionWindowBytes: 4 * 131_090,
  maxStreams: 16,
} satisfies Partial<ConnectionConfig>;

/** Connections that the server takes. */
export const FIXTURE_CONNECTIONS = 32;

/** What the server does at most at a time: little, so that each bound is reached. */
export const FIXTURE_LIMITS = {
  maxConnections: FIXTURE_CONNECTIONS,
  maxConnectionsPerAddress: 4,
  maxHandshakes: 500,
  maxHandshakesPerAddress: 20,
  maxAnswers: 2_000,
  maxTransfers: 128,
  maxTransfersPerAddress: 16,
  maxLists: 32,
  maxListsPerAddress: 4,
  maxMemoryMiB: 8,
  maxMemoryPerConnectionMiB: 1.5,
  stallTimeoutS: 8,
} satisfies Partial<ServerLimits>;

/** What the server's disk holds. Attackers that announce files which fill it would have each other refused. */
export const DISK_BYTES: number = 2 ** 30;

/** A file that attackers may get, and its size. */
export const BAIT = { name: "bait", sizeBytes: 400_000 } as const;

/** A file that attackers may replace, large enough that its upload resumes. */
export const BAIT_TO_UPDATE = { name: "update", sizeBytes: 1_500_000 } as const;

/** Attacks begin when the honest client is connected, which would be refused by a server that is full. */
const ATTACK_FROM_US = 200_000;

/** By then every script is at its end, or is cut off: the attackers are silent. */
const SILENT_FROM_US = 30_000_000;

/** After so long a silence nothing of the attackers is left: an idle timeout, or three of the longest PTOs that count. */
const GONE_WITHIN_US = 65_000_000;

/** How often the server is looked into. */
const LOOK_EVERY_US = 50_000;

/** The honest client may take so many times what its link takes, and this on top, whatever others do. */
const HONEST_FACTOR = 3;
const HONEST_GRACE_US = 1_000_000;

/** Packets sent of which the server must remember each: more than the largest window here holds, and probes. */
const MAX_SENT_PACKETS = 8_192;

/** How many datagrams of the honest client an attack can record and replay, perhaps before they arrive. */
const OVERHEARD = 64;

const OWN_ADDRESSES = 48;
const FORGED_ADDRESSES = 16;

/** Open for an upload that may resume: its partial file, and the lock on that. */
const OPEN_FOR_TRANSFER = 2;

/** Open beside files on their way: folders that are synced. */
const OPEN_BESIDES = 4;

/** An attacker's addresses are those of so many machines, each with ports. */
const OWN_MACHINES = 6;

/** What a single datagram may make the server take beyond its bound. */
const MEMORY_SLACK_BYTES = 2 ** 20;
/** What one may take, and what a datagram may add to it before it is closed. */
const MAX_CONNECTION_BYTES = (FIXTURE_LIMITS.maxMemoryPerConnectionMiB + 0.1) * 2 ** 20;

/** Another honest client comes in the middle of an attack that is alone, and has to be served as well. */
const LATE_US = 3_000_000;
const LATE_BYTES = 100_000;

const LATE_CLIENT: ClientPlan = {
  goals: [{ kind: "put", name: "late-put", sizeBytes: LATE_BYTES }, { kind: "list" }],
  startUs: LATE_US,
};

/** Runs attacks, each from a machine of its own, against one server. Throws where anything happens that must not. */
export async function runAttacks(attacks: readonly Attack[], random: Random): Promise<Peaks> {
  return await new HostileFixture(attacks, random).run();
}

class HostileFixture {
  readonly #attacks: readonly Attack[];
  readonly #random: Random;
  readonly #rateBitsPerSecond: number;
  readonly #delayUs: number;
  readonly #sizeBytes: number;
  readonly #world: World;
  readonly #nodes: HostileNode[];
  readonly #overheard: Uint8Array[] = [];
  readonly #peaks: Peaks = {
    connections: 0,
    streams: 0,
    bufferedBytes: 0,
    memoryBytes: 0,
    connectionBytes: 0,
    sentPackets: 0,
    ackRanges: 0,
    openFiles: 0,
    openFilesLate: 0,
    partialFiles: 0,
    partialFilesLate: 0,
    transfers: 0,
    rememberedIds: 0,
  };
  #next = 0;

  constructor(attacks: readonly Attack[], random: Random) {
    this.#attacks = attacks;
    this.#random = random;
    this.#rateBitsPerSecond = random.pick([2e6, 5e6, 20e6]);
    this.#delayUs = random.integer(1_000, 40_000);
    // So much that it takes some seconds, in which the attackers have begun.
    this.#sizeBytes = Math.floor(this.#rateBitsPerSecond / 8 * random.integer(1, 2));
    this.#world = this.#makeWorld();
    this.#nodes = attacks.map((attack, index) => this.#makeNode(attack, index));
  }

  async run(): Promise<Peaks> {
    const world = this.#world;
    for (let atUs = ATTACK_FROM_US; atUs < SILENT_FROM_US + GONE_WITHIN_US; atUs += LOOK_EVERY_US) {
      world.at(atUs, () => this.#look());
    }
    world.at(SILENT_FROM_US - 1, () => {
      const { events, disk: { openDescriptors, temporaryFiles } } = world.server;
      this.#peaks.transfers = (events.get("sending") ?? 0) + (events.get("receiving") ?? 0);
      this.#peaks.openFilesLate = openDescriptors;
      this.#peaks.partialFilesLate = temporaryFiles;
    });
    if (!await world.run(this.#honestWithinUs)) throw new InvariantError("the honest client is kept waiting");
    for (const { goal, outcome } of world.results) {
      if (outcome.kind !== "done") throw new InvariantError(`the honest ${goal.kind} ended with ${outcome.kind}`);
    }
    await world.runUntil(SILENT_FROM_US);
    this.#checkCodes();
    for (const node of this.#nodes) node.fallSilent();
    await world.runUntil(SILENT_FROM_US + GONE_WITHIN_US);
    if (world.server.connectionCount > 0) throw new InvariantError("a connection outlives the silence of its peer");
    await world.finish();
    this.#checkAmplification();
    return this.#peaks;
  }

  /** What the honest client's link takes: three round trips for the handshake and the last answer, and its bytes. */
  get #honestWithinUs(): number {
    const linkUs = 6 * this.#delayUs + this.#sizeBytes * 8e6 / this.#rateBitsPerSecond;
    const lateUs = this.#attacks.length === 1 ? LATE_US + HONEST_GRACE_US : 0;
    return Math.max(HONEST_FACTOR * linkUs + HONEST_GRACE_US, HONEST_FACTOR * linkUs + lateUs);
  }

  #makeWorld(): World {
    const link = { rateBitsPerSecond: this.#rateBitsPerSecond, delayUs: this.#delayUs, queueBytes: 100_000 };
    const world = new World({
      seed: this.#random.nextUint32(),
      clients: [
        {
          goals: [
            { kind: "put", name: "honest-put", sizeBytes: this.#sizeBytes },
            { kind: "get", name: "honest-get", sizeBytes: this.#sizeBytes },
          ],
        },
        ...(this.#attacks.length > 1 ? [] : [LATE_CLIENT]),
      ],
      up: link,
      down: link,
      config: { ...FIXTURE_CONFIG, sendPolicy: { kind: this.#random.pick(["bbr", "cubic"] as const) } },
      limits: FIXTURE_LIMITS,
      trace: (event) => this.#overhear(event),
    });
    world.server.put(BAIT.name, this.#random.bytes(1000), { sizeBytes: BAIT.sizeBytes, modifiedMs: 1 });
    const { name, sizeBytes } = BAIT_TO_UPDATE;
    world.server.put(name, this.#random.bytes(1000), { sizeBytes, modifiedMs: 1 });
    world.server.disk.meter.faults = { capacityBytes: DISK_BYTES };
    return world;
  }

  #makeNode({ name, script }: Attack, index: number): HostileNode {
    const { network, server } = this.#world;
    const random = this.#random.fork(`${name} ${index}`);
    const address = (kind: number, number: number): string =>
      `192.${kind}.${index}.${1 + (kind === 0 ? number % OWN_MACHINES : number)}:${9000 + number}`;
    const node = new HostileNode({
      own: Array.from({ length: OWN_ADDRESSES }, (_, number) => address(0, number)),
      forged: Array.from({ length: FORGED_ADDRESSES }, (_, number) => address(1, number)),
      server: server.addresses[0]!,
      secrets: random.fork("secrets"),
    });
    const id = network.addNode(node);
    const link = { rateBitsPerSecond: random.pick([5e6, 50e6, 500e6]), delayUs: random.integer(500, 60_000) };
    // The server was there first.
    network.connect(id, 0, { ab: link, ba: link });
    const scene = new Scene(node, { random, overheard: this.#overheard });
    node.follow(script(scene), ATTACK_FROM_US + random.integer(0, 500_000));
    return node;
  }

  #overhear({ kind, from, bytes }: TraceEvent): void {
    if (kind !== "transmit" || from !== this.#world.clients[0]!.addresses[0]) return;
    // The first for good, among them the handshake, and of the others the latest.
    const heard = this.#overheard.length;
    const at = heard < OVERHEARD ? heard : OVERHEARD / 2 + this.#next++ % (OVERHEARD / 2);
    this.#overheard[at] = bytes.slice();
  }

  /** Notes what the server keeps, and that it is not too much. */
  #look(): void {
    const { server } = this.#world;
    const endpoint = server.process!.watcher.endpoint!;
    const connections = [...server.connections];
    const peaks = this.#peaks;
    peaks.partialFiles = Math.max(peaks.partialFiles, server.disk.temporaryFiles);
    this.#bound("connections", server.connectionCount, FIXTURE_CONNECTIONS);
    this.#bound("rememberedIds", endpoint.rememberedCount, MAX_REMEMBERED_CLOSED);
    this.#bound(
      "openFiles",
      server.disk.openDescriptors,
      OPEN_FOR_TRANSFER * FIXTURE_LIMITS.maxTransfers + OPEN_BESIDES,
    );
    if (endpoint.connectionCount !== connections.length) throw new InvariantError("a connection is lost");
    // Reasons are a handful of fixed words: nothing that a peer sends may make new ones.
    if (endpoint.drops.size > 20) throw new InvariantError("too many reasons to drop");
    let bufferedBytes = 0;
    let memoryBytes = 0;
    for (const connection of connections) {
      const { packetsRemembered, rangesRemembered } = connection.stats;
      this.#bound("streams", connection.openStreamCount, 2 * FIXTURE_CONFIG.maxStreams);
      this.#bound("sentPackets", packetsRemembered, MAX_SENT_PACKETS);
      this.#bound("ackRanges", rangesRemembered, 4 * MAX_ACK_RANGES);
      bufferedBytes += connection.bufferedBytes;
      memoryBytes += connection.streamMemoryBytes;
      this.#bound("connectionBytes", connection.streamMemoryBytes, MAX_CONNECTION_BYTES);
    }
    this.#bound("memoryBytes", memoryBytes, FIXTURE_LIMITS.maxMemoryMiB * 2 ** 20 + MEMORY_SLACK_BYTES);
    peaks.bufferedBytes = Math.max(peaks.bufferedBytes, bufferedBytes);
    this.#checkAmplification();
  }

  #bound(what: keyof Peaks, value: number, bound: number): void {
    this.#peaks[what] = Math.max(this.#peaks[what], value);
    if (value > bound) throw new InvariantError(`${what}: the server keeps ${value}, at most ${bound} are allowed`);
  }

  #checkAmplification(): void {
    for (const { addresses, proven, sentBytes, receivedBytes } of this.#nodes) {
      for (const address of addresses) {
        const sent = sentBytes.get(address) ?? 0;
        const received = receivedBytes.get(address) ?? 0;
        if (received > AMPLIFICATION_FACTOR * sent && !proven.has(address)) {
          throw new InvariantError(`${address}, which is not proven, was sent ${received} bytes for ${sent}`);
        }
      }
    }
  }

  /** A server that is full may have refused the connection on which a rule was to be broken. */
  #checkCodes(): void {
    this.#attacks.forEach(({ name, closesWith }, index) => {
      const peer = this.#nodes[index]!.peers[0];
      if (closesWith === undefined || peer?.closedWith === TransportErrorCode.connectionRefused) return;
      if (peer?.closedWith === closesWith) return;
      // Beside others it may never have come in.
      if (this.#attacks.length > 1 && (peer?.largestReceived ?? -1) < 0) return;
      throw new InvariantError(`${name} was answered with ${peer?.closedWith ?? "nothing"}, not with ${closesWith}`);
    });
  }
}
