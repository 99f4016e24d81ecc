/**
 * A whole world in one process: a server, any number of clients with goals, impaired links, one virtual clock, one seed.
 * {@link InvariantChecker} checks invariants while it runs; {@link World.finish} checks the final state: every file is
 * complete and correct, nothing is open, no timer is set.
 *
 * @module
 */

import { invariant, InvariantError } from "../base/invariant.ts";
import { Random } from "../base/random.ts";
import {
  type ConnectionConfig,
  type ConnectionObserver,
  type ConnectionStats,
  KEY_BYTES,
  KeyPair,
} from "../protocol/mod.ts";
import type { LimitSample } from "../app/client/api.ts";
import { ClientHost, type Goal, type GoalOutcome } from "./client_host.ts";
import type { SimulatedDisk } from "./disk/disk.ts";
import type { DiskFaults } from "./disk/faults.ts";
import type { FileInode } from "./disk/inode.ts";
import type { LinkOptions, LinkStats } from "../netem/link.ts";
import { type Connected, Network } from "./network.ts";
import type { NodeId, TraceEvent } from "./node.ts";
import type { ProcessorOptions } from "./processor.ts";
import { ServerHost } from "./server_host.ts";
import type { AccessSource } from "../app/server/access.ts";
import type { ServerLimits } from "../app/server/limits.ts";
import { Quiescence } from "./quiescence.ts";

/** One client of a world. */
export interface ClientPlan {
  readonly goals: readonly Goal[];
  /** From the client to the server. Default: the world's. */
  readonly up?: LinkOptions;
  /** From the server to the client. Default: the world's. */
  readonly down?: LinkOptions;
  /** When it connects. Default: 0. */
  readonly startUs?: number;
  /** Faults of its disk. Default: none. */
  readonly disk?: DiskFaults;
  /** Other work of its processor. Default: the world's. */
  readonly processor?: ProcessorOptions;
  /** How long it waits for a silent server, milliseconds. Default: the program's. */
  readonly timeoutMs?: number;
  /**
   * How long it goes on by itself where it fails for the time being, milliseconds, or "default" for the program's. Default:
   * 0, so that what ends an operation is seen.
   */
  readonly retryForMs?: number | "default";
  /** The client whose private key it has, in a world with access control. Default: its own. */
  readonly keyOf?: number;
  /** Whether files that shrink are compressed. Default: no, so that as many bytes are on the wire as files have. */
  readonly compress?: boolean;
  /** Hears what limits its transfers. */
  readonly onSample?: (sample: LimitSample) => void;
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
  /** For both endpoints. */
  readonly config?: Partial<ConnectionConfig>;
  /** For the server program. */
  readonly limits?: Partial<ServerLimits>;
  /** How long the disks take to make a file durable. Default: 0. */
  readonly commitUs?: number;
  /** Faults of the server's disk. Default: none. */
  readonly serverDisk?: DiskFaults;
  /** Other work of all processors. Default: none. */
  readonly processor?: ProcessorOptions;
  readonly trace?: (event: TraceEvent) => void;
  /** How many datagrams their sockets send in one call. Default: 1. */
  readonly maxSegments?: number;
  /** Looks into all connections. */
  readonly observer?: ConnectionObserver;
  /** The server's access control, clients by {@link clientKey}. Default: none. */
  readonly access?: AccessSource;
}

/** The outcome of one goal. */
export interface GoalResult {
  readonly client: number;
  readonly goal: Goal;
  readonly outcome: GoalOutcome;
  /** When its client connected, and when the goal had its outcome. */
  readonly startUs: number;
  readonly endUs: number;
}

const SERVER_ADDRESS = "10.255.0.1:65432";

/** A server that could not start is started again after so long. */
const RETRY_US = 1_000_000;

/** In this time all connections are closed without their clients: an idle timeout and three PTO. */
const SETTLE_US = 200_000_000;

/**
 * A file's content repeats after so many bytes, as drawing all of a large file would take longer than its transfer. It is
 * a prime, so that data which is misplaced by a round number of bytes is detected.
 */
const CONTENT_PERIOD_BYTES = 65_521;

/** The same of a file with runs of zeros, and the longest of its runs, of zeros or of data. */
const RUNS_PERIOD_BYTES = 1_000_003;
const MAX_RUN_BYTES = 300_000;

/** The private key of a client. */
function identityOf(index: number): Uint8Array {
  return new Uint8Array(KEY_BYTES).fill(index + 1);
}

/** The public key of a client, in a world with access control. */
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
  readonly #quiescence = new Quiescence();
  readonly #random: Random;
  readonly #results: GoalResult[] = [];
  readonly #stats: (ConnectionStats | undefined)[] = [];
  /** The content drawn for files, by their names. */
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
      quiescence: this.#quiescence,
      maxSegments: options.maxSegments,
      observer: options.observer,
      diskFaults: this.#diskFaults(options.serverDisk),
      processor: options.processor,
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

  /** Outcomes so far, in their order. */
  get results(): readonly GoalResult[] {
    return this.#results;
  }

  /** Whether every goal has an outcome, except those of clients that are down. */
  get isDone(): boolean {
    return this.#waiting === 0;
  }

  /** When the last goal had its outcome. */
  get endUs(): number {
    return this.#results.at(-1)?.endUs ?? 0;
  }

  /** Equal runs have equal digests. */
  get digest(): string {
    return this.network.digest;
  }

  /** The links between a client and the server. */
  linkOf(client: number): { readonly up: Connected["ab"]; readonly down: Connected["ba"] } {
    const { ab, ba } = this.#links[client]!;
    return { up: ab, down: ba };
  }

  /** The counters of all links: sums, and of delays the maximum. */
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

  /** Statistics of a client's connection when its last goal had its outcome. */
  statsOf(client: number): ConnectionStats {
    const stats = this.#stats[client] ?? this.clients[client]!.connection?.stats;
    invariant(stats !== undefined, "a client that has connected has statistics");
    return stats;
  }

  /** The content of a goal's file, to be repeated. Two clients that put files of one name put different ones. */
  content(client: number, goal: Goal): Uint8Array {
    if (goal.kind === "list") return new Uint8Array(0);
    const name = goal.kind === "put" ? `file ${goal.name} of client ${client}` : `file ${goal.name}`;
    const sizeBytes = Math.min(goal.sizeBytes, periodOf(goal));
    const key = `${name} ${goal.zeros} ${goal.shrinks}`;
    let drawn = this.#contents.get(key);
    if (drawn === undefined || drawn.length < sizeBytes) {
      drawn = drawContent(this.#random.fork(name), { ...goal, sizeBytes });
      this.#contents.set(key, drawn);
    }
    return drawn.subarray(0, sizeBytes);
  }

  /** Runs the world until every goal has an outcome; resolves to false if one has none by `untilUs`. */
  async run(untilUs: number): Promise<boolean> {
    await this.#runUntil(untilUs, () => this.isDone);
    return this.isDone;
  }

  /** Runs the world until a time. */
  async runUntil(untilUs: number): Promise<void> {
    await this.#runUntil(untilUs, () => false);
  }

  /** Schedules an action of the test's script. */
  at(timeUs: number, action: () => void): void {
    this.network.at(timeUs, action);
  }

  /** Starts the server again, if it is down. */
  restartServer(): void {
    if (this.server.isDown) this.#startServer();
  }

  /** Starts a client again, if it is down: it pursues the goals that have no outcome. */
  restartClient(client: number): void {
    if (this.clients[client]!.isDown) this.clients[client]!.start(this.#nowUs);
  }

  /** Gives a client another address, as a NAT does that lost its binding. */
  rebind(client: number, newAddress: string): void {
    this.network.rebind(this.#nodes[client]!, this.clients[client]!.addresses[0]!, newAddress);
  }

  /** Lets everything end, and checks the final state. Throws InvariantError. */
  async finish(): Promise<void> {
    await this.runUntil(this.network.nowUs + SETTLE_US);
    for (const host of [this.server, ...this.clients]) {
      if (host.isDown) continue;
      if (host.connectionCount > 0) {
        throw new InvariantError(`${host.address} still has ${host.connectionCount} connections`);
      }
      if (host.pollTimeout() !== Infinity) throw new InvariantError(`${host.address} still has a timer`);
    }
    invariant(this.network.inTransit === 0, "datagrams are still in transit");
    this.#checkStores();
    this.#checkResults(({ disk }) => disk);
    // What was reported as done survives a power failure.
    const random = this.#random.fork("after all");
    const survivors = new Map([this.server, ...this.clients].map((host) => [host, host.disk.crashed(random)] as const));
    this.#checkResults((host) => survivors.get(host)!);
  }

  /** Goals without an outcome. */
  get #waiting(): number {
    let count = this.#goalCount - this.#results.length;
    if (count === 0) return 0;
    for (const client of this.clients) {
      if (client.isDown) count -= client.goalCount - client.outcomeCount;
    }
    return count;
  }

  readonly #nowUs = (): number => this.network.nowUs;

  /** A failing disk can prevent the start: then the start is repeated later. */
  #startServer(): void {
    this.server.start(this.#nowUs, () => this.network.at(this.network.nowUs + RETRY_US, () => this.restartServer()));
  }

  /** Time advances only at quiescence. */
  async #runUntil(untilUs: number, until: () => boolean): Promise<void> {
    const options = { untilUs, until: () => this.#quiescence.isDisturbed || until() };
    do {
      await this.#quiescence.reached();
      this.#throwBugs();
      this.network.run(options);
    } while (this.#quiescence.isDisturbed);
  }

  #throwBugs(): void {
    for (const { process: program } of [this.server, ...this.clients]) {
      if (program?.bug !== undefined) throw program.bug;
    }
  }

  /** A commit consists of three slow calls: the file's fsync, its link or rename, and the folder's fsync. */
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
      ...(this.#options.access === undefined ? {} : { identity: identityOf(plan.keyOf ?? index) }),
      random: this.#random.fork(`client ${index}`),
      config: this.#options.config ?? {},
      timeoutMs: plan.timeoutMs,
      retryForMs: plan.retryForMs === "default" ? undefined : plan.retryForMs ?? 0,
      compress: plan.compress ?? false,
      onSample: plan.onSample,
      stays: plan.stays ?? false,
      content: (goal) => this.content(index, goal),
      quiescence: this.#quiescence,
      maxSegments: this.#options.maxSegments,
      observer: this.#options.observer,
      diskFaults: this.#diskFaults(plan.disk),
      processor: plan.processor ?? this.#options.processor,
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
      // It may have been killed before, and even started again.
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
    for (const { address, disk, partialFiles, isDown } of [this.server, ...this.clients]) {
      if (isDown) continue;
      if (disk.openDescriptors !== 0) throw new InvariantError(`${address} has ${disk.openDescriptors} files open`);
      if (partialFiles !== 0 && !disk.meter.faultCounts.has("EIO unlink")) {
        throw new InvariantError(`${address} keeps ${partialFiles} partial files`);
      }
    }
  }

  /** A file that was reported as stored is there, and every file is complete and correct. */
  #checkResults(diskOf: (host: ServerHost | ClientHost) => SimulatedDisk): void {
    for (const { client, goal, outcome } of this.#results) {
      if (goal.kind === "list") continue;
      const host = goal.kind === "put" ? this.server : this.clients[client]!;
      const found = diskOf(host).fileAt(host.pathOf(goal.name));
      if (outcome.kind === "done" && found === undefined) throw new InvariantError(`${goal.name} is missing`);
      if (found === undefined) continue;
      // Without hard links an empty file claims the name until the complete one replaces it. It can stay if the power
      // fails between the two, or if it cannot be removed after another failure.
      const isClaim = found.sizeBytes === 0 && host.disk.meter.faults.hasNoLinks === true;
      if (isClaim && outcome.kind !== "done") continue;
      const isComplete = goal.kind === "put"
        ? this.#isOneOfPutFiles(goal, found)
        : this.#isComplete(client, goal, found);
      if (!isComplete) throw new InvariantError(`${goal.name} differs`);
    }
  }

  /** Whether a server's file is that of a client that put a file of that name, and whose file may be there. */
  #isOneOfPutFiles({ name }: { readonly name: string }, found: FileInode): boolean {
    const puts = this.clients.flatMap((_, client) =>
      this.#options.clients[client]!.goals.flatMap((goal) =>
        goal.kind === "put" && goal.name === name ? [{ client, goal }] : []
      )
    );
    const replacing = puts.filter(({ goal }) => goal.overwrite === true);
    // A client that lost its connection takes a file of the same bytes for its own, as small ones of two clients can be.
    const winners = this.#results.filter((result) => {
      const { goal, outcome } = result;
      if (goal.kind !== "put" || goal.name !== name || outcome.kind !== "done" || goal.overwrite === true) return false;
      return !replacing.some((other) => this.#isSameFile(result, other));
    });
    const [winner] = winners;
    if (winner !== undefined && !winners.every((other) => this.#isSameFile(winner, other))) {
      throw new InvariantError(`${winners.length} clients were told that their ${name} was stored`);
    }
    const possible = winner !== undefined && replacing.length === 0 ? [winner] : puts;
    return possible.some(({ client, goal }) => this.#isComplete(client, goal as StoredGoal, found));
  }

  #isSameFile(one: Pick<GoalResult, "client" | "goal">, other: Pick<GoalResult, "client" | "goal">): boolean {
    if ((one.goal as StoredGoal).sizeBytes !== (other.goal as StoredGoal).sizeBytes) return false;
    const theirs = this.content(other.client, other.goal);
    return this.content(one.client, one.goal).every((byte, at) => byte === theirs[at]);
  }

  #isComplete(client: number, goal: StoredGoal, found: FileInode): boolean {
    return found.sizeBytes === goal.sizeBytes && found.repeats(this.content(client, goal));
  }
}

/** A goal that has a file. */
type StoredGoal = Exclude<Goal, { kind: "list" }>;

/** After so many bytes the content of a file repeats. */
function periodOf({ shrinks, zeros }: StoredGoal): number {
  if (typeof zeros === "number") return Infinity;
  if (shrinks === true) return RUNS_PERIOD_BYTES;
  return zeros === "runs" ? RUNS_PERIOD_BYTES : CONTENT_PERIOD_BYTES;
}

/** The beginning of a file's content: the same for every size. */
function drawContent(
  random: Random,
  { sizeBytes, zeros, shrinks }: Pick<StoredGoal, "sizeBytes" | "zeros" | "shrinks">,
): Uint8Array {
  if (zeros === "all") return new Uint8Array(sizeBytes);
  const content = random.bytes(sizeBytes);
  if (shrinks === true) return content.map((byte) => byte % 16);
  if (zeros === undefined) return content;
  if (typeof zeros === "number") return content.fill(0, 0, zeros);
  // Some begin and end with the blocks of a disk, as holes do.
  const runs = random.fork("runs");
  const edge = (at: number): number => runs.chance(0.5) ? Math.ceil(at / 4096) * 4096 : at;
  for (let at = 0, end = 0; at < sizeBytes; at = edge(end + runs.integer(1, MAX_RUN_BYTES))) {
    end = edge(at + runs.integer(1, MAX_RUN_BYTES));
    content.fill(0, at, Math.min(end, sizeBytes));
  }
  return content;
}
