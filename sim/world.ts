/**
 * A whole world in one process: a server, any number of clients with goals, links that misbehave, one virtual clock,
 * one seed. The hosts check while it runs what must be true at any time; {@link World.finish} checks what must be true
 * when all is over: no file is half there or wrong, nothing is open, nobody waits for anything.
 *
 * @module
 */

import { invariant, InvariantError } from "../base/invariant.ts";
import { Random } from "../base/random.ts";
import { type ConnectionConfig, type ConnectionStats, KEY_BYTES, KeyPair } from "../protocol/mod.ts";
import { ClientHost, type Goal, type GoalOutcome } from "./client_host.ts";
import type { SimulatedDisk } from "./disk/disk.ts";
import type { DiskFaults } from "./disk/faults.ts";
import type { FileInode } from "./disk/inode.ts";
import type { LinkOptions, LinkStats } from "../netem/link.ts";
import { type Connected, Network } from "./network.ts";
import type { NodeId, TraceEvent } from "./node.ts";
import { ServerHost } from "./server_host.ts";
import type { AccessSource } from "../app/server/access.ts";
import type { ServerLimits } from "../app/server/limits.ts";
import { Turn } from "./quiescence.ts";

/** One client of a world. */
export interface ClientPlan {
  readonly goals: readonly Goal[];
  /** From the client to the server. Default: the world's. */
  readonly up?: LinkOptions;
  /** From the server to the client. Default: the world's. */
  readonly down?: LinkOptions;
  /** When it connects. Default: 0. */
  readonly startUs?: number;
  /** What its disk does wrong. Default: nothing. */
  readonly disk?: DiskFaults;
  /** It keeps its connection when its goals have outcomes. Default: it closes it. */
  readonly stays?: boolean;
}

/** How a world is made. Times in microseconds. */
export interface WorldOptions {
  readonly seed: number;
  readonly clients: readonly ClientPlan[];
  /** Default: a perfect link. */
  readonly up?: LinkOptions;
  readonly down?: LinkOptions;
  /** Of both sides. */
  readonly config?: Partial<ConnectionConfig>;
  /** Of the server program. */
  readonly limits?: Partial<ServerLimits>;
  /** How long the disks take to make a file durable. Default: 0. */
  readonly commitUs?: number;
  /** What the server's disk does wrong. Default: nothing. */
  readonly serverDisk?: DiskFaults;
  readonly trace?: (event: TraceEvent) => void;
  /** Of all connections. Default: nothing is encrypted. */
  readonly isEncrypted?: boolean;
  /** Who may do what on the server, clients by {@link clientKey}; for encrypted worlds. Default: everybody everything. */
  readonly access?: AccessSource;
  /** The server takes others in the clear all the same. */
  readonly takesPlaintext?: boolean;
}

/** What became of one goal. */
export interface GoalResult {
  readonly client: number;
  readonly goal: Goal;
  readonly outcome: GoalOutcome;
  /** When its client connected, and when it ended. */
  readonly startUs: number;
  readonly endUs: number;
}

const SERVER_ADDRESS = "10.255.0.1:65432";

/** After so long a server that could not start is started again. */
const RETRY_US = 1_000_000;

/** All connections end in this time by themselves, once their clients are gone: an idle timeout and three PTO. */
const SETTLE_US = 200_000_000;

/**
 * A file's content repeats after so many bytes, as drawing all of a large one would take longer than its transfer. A
 * prime: what is put into a wrong place by any round number of bytes is seen.
 */
const CONTENT_PERIOD_BYTES = 65_521;

/** The private key of a client. */
function identityOf(index: number): Uint8Array {
  return new Uint8Array(KEY_BYTES).fill(index + 1);
}

/** By which a server knows a client of a world in which it asks for permission. */
export function clientKey(index: number): Uint8Array {
  return new KeyPair(identityOf(index)).publicKey;
}

/** See the module's description. */
export class World {
  readonly network: Network;
  readonly server: ServerHost;
  readonly clients: readonly ClientHost[];
  readonly #links: readonly Connected[];
  readonly #nodes: readonly NodeId[];
  readonly #options: WorldOptions;
  readonly #turn = new Turn();
  readonly #random: Random;
  readonly #results: GoalResult[] = [];
  readonly #stats: (ConnectionStats | undefined)[] = [];
  /** What was drawn for files, by their names. */
  readonly #contents = new Map<string, Uint8Array>();
  readonly #goalCount: number;
  readonly #serverNode: NodeId;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#goalCount = options.clients.reduce((sum, { goals }) => sum + goals.length, 0);
    this.network = new Network({
      seed: options.seed,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
    });
    this.server = new ServerHost({
      address: SERVER_ADDRESS,
      random: this.#random.fork("server"),
      config: options.config ?? {},
      turn: this.#turn,
      isEncrypted: options.isEncrypted ?? false,
      takesPlaintext: options.takesPlaintext ?? false,
      diskFaults: this.#diskFaults(options.serverDisk),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.access === undefined ? {} : { access: options.access }),
    });
    this.#serverNode = this.network.addNode(this.server);
    this.clients = options.clients.map((plan, index) => this.#makeClient(plan, index));
    this.#nodes = this.clients.map((client) => this.network.addNode(client));
    this.#links = this.#nodes.map((node, index) => {
      const plan = options.clients[index]!;
      return this.network.connect(node, this.#serverNode, {
        ab: plan.up ?? options.up ?? {},
        ba: plan.down ?? options.down ?? {},
      });
    });
    options.clients.forEach((plan, index) => this.#prepare(plan, index));
    this.#startServer();
  }

  /** Outcomes so far, in the order in which they came. */
  get results(): readonly GoalResult[] {
    return this.#results;
  }

  /** Whether every goal has an outcome, but for those of clients that were killed. */
  get isDone(): boolean {
    return this.#waiting === 0;
  }

  /** When the last goal had its outcome. */
  get endUs(): number {
    return this.#results.at(-1)?.endUs ?? 0;
  }

  /** Equal for equal runs. */
  get digest(): string {
    return this.network.digest;
  }

  /** Both directions between a client and the server. */
  linkOf(client: number): { readonly up: Connected["ab"]; readonly down: Connected["ba"] } {
    const { ab, ba } = this.#links[client]!;
    return { up: ab, down: ba };
  }

  /** All links' counters, added up; delays are the worst. */
  get linkStats(): LinkStats {
    const sum: Record<keyof LinkStats, number> = {
      sent: 0,
      delivered: 0,
      lost: 0,
      queueDropped: 0,
      blackedOut: 0,
      tooBig: 0,
      corrupted: 0,
      duplicated: 0,
      reordered: 0,
      sentBytes: 0,
      deliveredBytes: 0,
      meanQueueDelayUs: 0,
      maxQueueDelayUs: 0,
    };
    for (const { ab, ba } of this.#links) {
      for (const { stats } of [ab, ba]) {
        for (const key of Object.keys(sum) as (keyof LinkStats)[]) {
          sum[key] = key.endsWith("DelayUs") ? Math.max(sum[key], stats[key]) : sum[key] + stats[key];
        }
      }
    }
    return sum;
  }

  /** Counters of a client's connection when its last goal had its outcome. */
  statsOf(client: number): ConnectionStats {
    const stats = this.#stats[client] ?? this.clients[client]!.connection?.stats;
    invariant(stats !== undefined, "a client that has connected has counters");
    return stats;
  }

  /** What the file of a client's goal holds, over and over. Two that put files of one name put different ones. */
  content(client: number, goal: Goal): Uint8Array {
    if (goal.kind === "list") return new Uint8Array(0);
    const name = goal.kind === "put" ? `file ${goal.name} of client ${client}` : `file ${goal.name}`;
    const sizeBytes = Math.min(goal.sizeBytes, CONTENT_PERIOD_BYTES);
    let drawn = this.#contents.get(name);
    if (drawn === undefined || drawn.length < sizeBytes) {
      drawn = this.#random.fork(name).bytes(sizeBytes);
      this.#contents.set(name, drawn);
    }
    return drawn.subarray(0, sizeBytes);
  }

  /** Lets the world run until every goal has an outcome; resolves to false if some has none by `untilUs`. */
  async run(untilUs: number): Promise<boolean> {
    await this.#runUntil(untilUs, () => this.isDone);
    return this.isDone;
  }

  /** Lets the world run until a time, whatever happens. */
  async runUntil(untilUs: number): Promise<void> {
    await this.#runUntil(untilUs, () => false);
  }

  /** Something happens at a time of the script. */
  at(timeUs: number, action: () => void): void {
    this.network.at(timeUs, action);
  }

  /** Power on for the server, which was killed. */
  restartServer(): void {
    if (this.server.isDown) this.#startServer();
  }

  /** Power on for a client, if it was killed: it sets out anew for what it has not heard the end of. */
  restartClient(client: number): void {
    if (this.clients[client]!.isDown) this.clients[client]!.start(this.#nowUs);
  }

  /** Gives a client another address, as a NAT does that forgot. */
  rebind(client: number, newAddress: string): void {
    this.network.rebind(this.#nodes[client]!, this.clients[client]!.addresses[0]!, newAddress);
  }

  /** Ends the world, and checks what must be true then. Throws InvariantError. */
  async finish(): Promise<void> {
    await this.runUntil(this.network.nowUs + SETTLE_US);
    for (const host of [this.server, ...this.clients]) {
      if (host.isDown) continue;
      const who = host.addresses[0];
      if (host.connectionCount > 0) throw new InvariantError(`${who} still has ${host.connectionCount} connections`);
      if (host.pollTimeout() !== Infinity) throw new InvariantError(`${who} still has a timer`);
    }
    invariant(this.network.inTransit === 0, "datagrams are still in transit");
    this.#checkStores();
    this.#checkResults(({ disk }) => disk);
    // What was said to be done outlives a power failure, whatever it takes.
    const random = this.#random.fork("after all");
    const survivors = new Map([this.server, ...this.clients].map((host) => [host, host.disk.crashed(random)] as const));
    this.#checkResults((host) => survivors.get(host)!);
  }

  /** Goals without an outcome. */
  get #waiting(): number {
    let count = this.#goalCount - this.#results.length;
    if (count === 0) return 0;
    for (const client of this.clients) {
      if (client.isDown) count -= client.goalCount - client.outcomes;
    }
    return count;
  }

  readonly #nowUs = (): number => this.network.nowUs;

  /** A disk that fails does not let it start: then somebody tries again. */
  #startServer(): void {
    this.server.start(this.#nowUs, () => this.network.at(this.network.nowUs + RETRY_US, () => this.restartServer()));
  }

  /** Time goes on only when the programs have done all that they can do without it. */
  async #runUntil(untilUs: number, until: () => boolean): Promise<void> {
    const options = { untilUs, until: () => this.#turn.isDue || until() };
    do {
      await this.#turn.over();
      this.#throwBugs();
      this.network.run(options);
    } while (this.#turn.isDue);
  }

  #throwBugs(): void {
    for (const { process: program } of [this.server, ...this.clients]) {
      if (program?.bug !== undefined) throw program.bug;
    }
  }

  /** A commit takes three calls that wait: the file's sync, its link or rename, and the folder's sync. */
  #diskFaults(faults: DiskFaults = {}): DiskFaults {
    const { commitUs = 0 } = this.#options;
    const callUs = Math.ceil(commitUs / 3);
    return { delayUs: { min: callUs, max: callUs }, ...faults };
  }

  #makeClient(plan: ClientPlan, index: number): ClientHost {
    return new ClientHost({
      address: `10.${Math.floor(index / 250)}.${index % 250}.2:40000`,
      serverAddress: SERVER_ADDRESS,
      goals: plan.goals,
      ...(this.#options.access === undefined ? {} : { identity: identityOf(index) }),
      random: this.#random.fork(`client ${index}`),
      config: this.#options.config ?? {},
      stays: plan.stays ?? false,
      content: (goal) => this.content(index, goal),
      turn: this.#turn,
      isEncrypted: this.#options.isEncrypted ?? false,
      diskFaults: this.#diskFaults(plan.disk),
      onOutcome: (goal, outcome) => this.#onOutcome(index, goal, outcome),
    });
  }

  #prepare(plan: ClientPlan, index: number): void {
    for (const goal of plan.goals) {
      if (goal.kind === "get" && goal.isAbsent !== true && !this.server.has(goal.name)) {
        this.server.put(goal.name, this.content(index, goal), { sizeBytes: goal.sizeBytes, modifiedMs: 1000 });
      }
    }
    this.network.at(plan.startUs ?? 0, () => {
      // It may have been killed before, and even have come back.
      const client = this.clients[index]!;
      if (!client.isDown && client.process === undefined) client.start(this.#nowUs);
    });
  }

  #onOutcome(client: number, goal: Goal, outcome: GoalOutcome): void {
    const { startUs = 0 } = this.#options.clients[client]!;
    this.#results.push({ client, goal, outcome, startUs, endUs: this.network.nowUs });
    this.#stats[client] = this.clients[client]!.connection?.stats;
  }

  #checkStores(): void {
    for (const { address, disk, halfFiles, isDown } of [this.server, ...this.clients]) {
      if (isDown) continue;
      if (disk.openDescriptors !== 0) throw new InvariantError(`${address} has ${disk.openDescriptors} files open`);
      if (halfFiles !== 0 && !disk.meter.faultCounts.has("EIO unlink")) {
        throw new InvariantError(`${address} keeps ${halfFiles} half files`);
      }
    }
  }

  /** Whoever was told that a file is there finds it, whole; and no file is anywhere but whole. */
  #checkResults(diskOf: (host: ServerHost | ClientHost) => SimulatedDisk): void {
    for (const { client, goal, outcome } of this.#results) {
      if (goal.kind === "list") continue;
      const host = goal.kind === "put" ? this.server : this.clients[client]!;
      const found = diskOf(host).fileAt(host.pathOf(goal.name));
      if (outcome.kind === "done" && found === undefined) throw new InvariantError(`${goal.name} is not there`);
      if (found === undefined) continue;
      // Without hard links an empty file stands for a name until the whole one replaces it; what fails between the two
      // can leave it there, where the power does, or where it cannot be removed either.
      const isClaim = found.sizeBytes === 0 && host.disk.meter.faults.hasNoLinks === true;
      if (isClaim && outcome.kind !== "done") continue;
      const isWhole = goal.kind === "put" ? this.#isOneOfThose(goal, found) : this.#isWhole(client, goal, found);
      if (!isWhole) throw new InvariantError(`${goal.name} differs`);
    }
  }

  /** Whether a server's file is the whole one of one of those who put a file of that name, and may be. */
  #isOneOfThose({ name }: { readonly name: string }, found: FileInode): boolean {
    const putters = this.clients.flatMap((_, client) =>
      this.#options.clients[client]!.goals.flatMap((goal) =>
        goal.kind === "put" && goal.name === name ? [{ client, goal }] : []
      )
    );
    const winners = this.#results.filter(({ goal, outcome }) =>
      goal.kind === "put" && goal.name === name && outcome.kind === "done" && goal.overwrite !== true
    );
    if (winners.length > 1) throw new InvariantError(`${winners.length} were told that their ${name} was stored`);
    const canReplace = putters.some(({ goal }) => goal.overwrite === true);
    const possible = winners.length === 1 && !canReplace ? [winners[0]!] : putters;
    return possible.some(({ client, goal }) => this.#isWhole(client, goal as StoredGoal, found));
  }

  #isWhole(client: number, goal: StoredGoal, found: FileInode): boolean {
    return found.sizeBytes === goal.sizeBytes && found.repeats(this.content(client, goal));
  }
}

/** A goal that has a file. */
type StoredGoal = Exclude<Goal, { kind: "list" }>;
