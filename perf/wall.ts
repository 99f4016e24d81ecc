/**
 * Runs transfers in wall time: a server and a client, each a process of its own, on loopback, with a relay between them,
 * or at the ends of another link; beside them, if that is wanted, processes that keep cores busy.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { Child, commandOf } from "./child.ts";
import type { Contestant, Figures, Measurement } from "./figures.ts";
import type { EndLine, RelayedLine } from "./lines.ts";
import type { ClientTask, Protocol, ServerTask } from "./peer_types.ts";
import type { Ends, Options, Transfer } from "./plan.ts";
import type { RelayTask } from "./relay.ts";
import { linkOptionsOf, possibleBitsPerSecond, type Scenario } from "./scenarios.ts";
import { receiveDropsOf } from "./udp_counters.ts";
import { run, Veth } from "./veth.ts";

const PEER = path.join(import.meta.dirname!, "peer.ts");
const RELAY = path.join(import.meta.dirname!, "relay.ts");
const BUSY = path.join(import.meta.dirname!, "busy.ts");
const LOOPBACK: Ends = { clientPrefix: [], serverPrefix: [], serverHost: "127.0.0.1" };
const GIB = 2 ** 30;
/** The limit of getRandomValues. */
const CHUNK_BYTES = 65_536;

/** How long a process may take to start, on a machine that is busy. */
const START_LIMIT_MS = 60_000;

/** A transfer is given up after so many times its minimum time, and so much more. */
const LIMIT_FACTOR = 12;
const LIMIT_EXTRA_MS = 30_000;

/** The rate from which the minimum time is computed if there is no link. */
const LOOPBACK_BITS_PER_SECOND = 400_000_000;

const PROTOCOLS: Readonly<Record<Contestant, Protocol>> = { send: "sluice", get: "sluice", tcp: "tcp", quic: "quic" };

/** The reports of the processes of one transfer. */
interface Outcome {
  readonly client: EndLine;
  readonly server: EndLine;
  /** From the start of the client's process to its report. */
  readonly secondsWithStart: number;
  readonly relayed: RelayedLine | undefined;
  readonly receiveDropped: number | undefined;
}

/**
 * Runs transfers in wall time. Its files are in a temporary folder. Disposal, at any time, ends its processes, and removes
 * that folder and the link.
 */
export class WallRunner implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "sluice-perf-" });
  readonly #options: Options;
  readonly #children: Child[] = [];
  readonly #busy: Child[] = [];
  readonly #certificates = new Map<string, Promise<Certificate>>();
  #veth: Veth | undefined;
  /** What tears down the link of a lab. */
  #tearDown: (() => void) | undefined;
  #count = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Sets up the link of a transfer, in place of the last one. Throws LinkError. */
  useLink({ scenario, place }: Transfer): void {
    this.#removeLink();
    const { lab, mtuBytes } = this.#options;
    if (place === "veth") this.#veth = new Veth(mtuBytes);
    if (place !== "lab") return;
    changeLab(lab?.up, scenario);
    this.#tearDown = () => changeLab(lab?.down, scenario);
  }

  /** Makes the transfer once. A failure is reported in the measurement. */
  async run(transfer: Transfer, seed: number): Promise<Measurement> {
    const { scenario, place, contestant, sizeBytes } = transfer;
    const measured = { scenario: scenario.name, place, contestant, sizeBytes, runs: 1 };
    const folder = path.join(this.#folder, String(++this.#count));
    await Deno.mkdir(path.join(folder, "root"), { recursive: true });
    try {
      await this.#keepBusy();
      const outcome = await this.#transfer(transfer, folder, seed);
      return { ...measured, figures: figuresOf(transfer, outcome) };
    } catch (error) {
      return { ...measured, figures: {}, failure: error instanceof Error ? error.message : String(error) };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill();
    try {
      this.#removeLink();
    } finally {
      fs.rmSync(this.#folder, { recursive: true, maxRetries: 10, retryDelay: 20 });
    }
  }

  #removeLink(): void {
    const [veth, tearDown] = [this.#veth, this.#tearDown];
    this.#veth = this.#tearDown = undefined;
    veth?.[Symbol.dispose]();
    tearDown?.();
  }

  get #ends(): Ends {
    return this.#veth?.ends ?? (this.#tearDown === undefined ? LOOPBACK : this.#options.lab!);
  }

  async #transfer(transfer: Transfer, folder: string, seed: number): Promise<Outcome> {
    const { scenario, place, contestant, sizeBytes } = transfer;
    const { clientPrefix, serverPrefix, serverHost: host } = this.#ends;
    const root = path.join(folder, "root");
    const protocol = PROTOCOLS[contestant];
    const keys = protocol === "quic" ? await this.#certificateFor(host) : undefined;
    const both = { protocol, host, isLink: place === "relay" };
    const file = path.join(folder, "file");
    await writeRandomFile(contestant === "get" ? path.join(root, "file") : file, sizeBytes);
    const serverTask: ServerTask = { ...both, root, ...keys };
    await using server = this.#start(PEER, ["server", serverTask], serverPrefix);
    const { port } = await server.next("listening", START_LIMIT_MS);
    await using relay = place === "relay" ? this.#start(RELAY, [relayTask(scenario, { port, seed })]) : undefined;
    const clientTask: ClientTask = {
      ...both,
      port: (await relay?.next("listening", START_LIMIT_MS))?.port ?? port,
      direction: contestant === "get" ? "down" : "up",
      file,
      ...(keys === undefined ? {} : { certificate: keys.certificate }),
    };
    const droppedBefore = await this.#receiveDropped();
    await using client = this.#start(PEER, ["client", clientTask], clientPrefix);
    try {
      const end = await client.next("end", limitMs(transfer));
      const secondsWithStart = (performance.now() - client.startedMs) / 1000;
      const serverEnd = await server.next("end", START_LIMIT_MS);
      relay?.endInput();
      const relayed = await relay?.next("relayed", START_LIMIT_MS);
      const dropped = await this.#receiveDropped();
      const receiveDropped = dropped === undefined ? undefined : dropped - droppedBefore!;
      return { client: end, server: serverEnd, secondsWithStart, relayed, receiveDropped };
    } catch (error) {
      client.kill();
      throw error;
    }
  }

  /** Starts a program of ours behind a prefix; objects among its arguments are tasks. */
  #start(program: string, args: readonly (string | object)[], prefix: readonly string[] = []): Child {
    const words = args.map((arg) => typeof arg === "string" ? arg : JSON.stringify(arg));
    const child = new Child(commandOf(prefix, program, words));
    this.#children.push(child);
    return child;
  }

  /** Starts what keeps cores busy, all at a time: one that is busy holds up the start of the others. */
  async #keepBusy(): Promise<void> {
    const missing = this.#options.busyCount - this.#busy.length;
    const started = Array.from({ length: missing }, () => this.#start(BUSY, []));
    this.#busy.push(...started);
    await Promise.all(started.map((child) => child.next("ready", START_LIMIT_MS)));
  }

  /** What full receive buffers have dropped so far at both ends, which may be in one network namespace. */
  async #receiveDropped(): Promise<number | undefined> {
    const { clientPrefix, serverPrefix } = this.#ends;
    const prefixes = new Map([clientPrefix, serverPrefix].map((prefix) => [prefix.join(" "), prefix]));
    let sum = 0;
    for (const prefix of prefixes.values()) {
      const dropped = await receiveDropsOf(prefix);
      if (dropped === undefined) return undefined;
      sum += dropped;
    }
    return sum;
  }

  #certificateFor(host: string): Promise<Certificate> {
    const made = this.#certificates.get(host) ?? makeCertificate(host, this.#folder);
    this.#certificates.set(host, made);
    return made;
  }
}

/** Sets up or tears down the link of a scenario, if there is a command for it. Throws LinkError. */
function changeLab(command: readonly string[] | undefined, scenario: Scenario): void {
  if (command === undefined) return;
  const [file, ...args] = command.map((word) => word.replaceAll("{}", scenario.name));
  run(file!, args);
}

function relayTask({ name, link }: Scenario, { port, seed }: { port: number; seed: number }): RelayTask {
  if (link === undefined) throw new Error(`${name}: a relayed scenario needs a link`);
  return { target: `${LOOPBACK.serverHost}:${port}`, ...linkOptionsOf(link), seed };
}

function limitMs({ scenario: { link }, sizeBytes }: Transfer): number {
  const possible = link === undefined ? LOOPBACK_BITS_PER_SECOND : possibleBitsPerSecond(link);
  return LIMIT_EXTRA_MS + LIMIT_FACTOR * sizeBytes * 8 / possible * 1000;
}

function figuresOf({ scenario: { link }, contestant, sizeBytes }: Transfer, outcome: Outcome): Figures {
  const { client, server, secondsWithStart, relayed, receiveDropped } = outcome;
  const seconds = client.seconds!;
  const sender = contestant === "get" ? server.sender : client.sender;
  const bits = sizeBytes * 8;
  const possible = link === undefined ? undefined : possibleBitsPerSecond(link);
  return {
    seconds,
    secondsWithStart,
    goodputBitsPerSecond: bits / seconds,
    ...(possible === undefined ? {} : {
      shareOfPossible: bits / seconds / possible,
      shareWithStart: bits / secondsWithStart / possible,
    }),
    ...(sender === undefined ? {} : {
      retransmittedShare: sender.retransmittedBytes / sizeBytes,
      sentBytesPerFileByte: sender.sentBytes / sizeBytes,
      spuriousShare: sender.spuriousLosses / sender.datagramsSent,
      queueDelayMeanMs: sender.queueDelayMeanMs,
      queueDelayMaxMs: sender.queueDelayMaxMs,
    }),
    // The relay measures the queue directly, and what was sent by any protocol.
    ...(relayed === undefined || sender === undefined ? {} : {
      relayMissedShare: Math.max(0, 1 - relayed.sent / sender.datagramsSent),
    }),
    ...(relayed === undefined ? {} : {
      sentBytesPerFileByte: relayed.sentBytes / sizeBytes,
      queueDelayMeanMs: relayed.meanQueueDelayUs / 1000,
      queueDelayMaxMs: relayed.maxQueueDelayUs / 1000,
      relayLateMeanMs: relayed.meanLateUs / 1000,
      relayLateMaxMs: relayed.maxLateUs / 1000,
      queueDropped: relayed.queueDropped,
    }),
    clientCpuSecondsPerGib: client.cpuSeconds / (sizeBytes / GIB),
    serverCpuSecondsPerGib: server.cpuSeconds / (sizeBytes / GIB),
    cpuSecondsPerGib: (client.cpuSeconds + server.cpuSeconds) / (sizeBytes / GIB),
    ...(receiveDropped === undefined ? {} : { receiveDropped }),
    clientPeakBytes: client.peakMemoryBytes,
    serverPeakBytes: server.peakMemoryBytes,
  };
}

async function writeRandomFile(filePath: string, sizeBytes: number): Promise<void> {
  using file = await Deno.open(filePath, { write: true, create: true, truncate: true });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let written = 0; written < sizeBytes;) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - written));
    crypto.getRandomValues(part);
    written += file.writeSync(part);
  }
}
