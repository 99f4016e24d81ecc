/**
 * Runs transfers in wall time: a server and a client, each a process of its own, on loopback, with a relay between them,
 * or at the ends of another link.
 *
 * @module
 */

import path from "node:path";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { Child, commandOf } from "./child.ts";
import type { Contestant, Figures, Measurement } from "./figures.ts";
import type { EndLine, RelayedLine } from "./lines.ts";
import type { ClientTask, Protocol, ServerTask } from "./peer_types.ts";
import type { Lab, Transfer } from "./plan.ts";
import type { RelayTask } from "./relay.ts";
import { linkOptionsOf, possibleBitsPerSecond, type Scenario } from "./scenarios.ts";

const PEER = path.join(import.meta.dirname!, "peer.ts");
const RELAY = path.join(import.meta.dirname!, "relay.ts");
const LOOPBACK = "127.0.0.1";
const GIB = 2 ** 30;
/** The limit of getRandomValues. */
const CHUNK_BYTES = 65_536;

/** How long a process may take to start. */
const START_LIMIT_MS = 20_000;

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
}

/** Runs transfers in wall time. Its files are in a temporary folder, which is removed on disposal. */
export class WallRunner implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "sluice-perf-" });
  readonly #lab: Lab | undefined;
  #certificate: Promise<Certificate> | undefined;
  #count = 0;

  constructor(lab: Lab | undefined) {
    this.#lab = lab;
  }

  /** Makes the transfer once. A failure is reported in the measurement. */
  async run(transfer: Transfer, seed: number): Promise<Measurement> {
    const { scenario, place, contestant, sizeBytes } = transfer;
    const measured = { scenario: scenario.name, place, contestant, sizeBytes, runs: 1 };
    const folder = path.join(this.#folder, String(++this.#count));
    await Deno.mkdir(path.join(folder, "root"), { recursive: true });
    try {
      const outcome = await this.#transfer(transfer, folder, seed);
      return { ...measured, figures: figuresOf(transfer, outcome) };
    } catch (error) {
      return { ...measured, figures: {}, failure: error instanceof Error ? error.message : String(error) };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #transfer(transfer: Transfer, folder: string, seed: number): Promise<Outcome> {
    const { scenario, place, contestant, sizeBytes } = transfer;
    const lab = place === "lab" ? this.#lab : undefined;
    const root = path.join(folder, "root");
    const protocol = PROTOCOLS[contestant];
    const host = lab?.serverHost ?? LOOPBACK;
    const keys = protocol === "quic" ? await this.#certificateFor(host) : undefined;
    const both = { protocol, host, isLink: place === "relay" };
    const file = path.join(folder, "file");
    await writeRandomFile(contestant === "get" ? path.join(root, "file") : file, sizeBytes);
    const serverTask: ServerTask = { ...both, root, ...keys };
    await using server = startPeer("server", serverTask, lab?.serverPrefix);
    const { port } = await server.next("listening", START_LIMIT_MS);
    await using relay = place === "relay" ? startRelay(scenario, { port, seed }) : undefined;
    const clientTask: ClientTask = {
      ...both,
      port: (await relay?.next("listening", START_LIMIT_MS))?.port ?? port,
      direction: contestant === "get" ? "down" : "up",
      file,
      ...(keys === undefined ? {} : { certificate: keys.certificate }),
    };
    await using client = startPeer("client", clientTask, lab?.clientPrefix);
    try {
      const end = await client.next("end", limitMs(transfer));
      const secondsWithStart = (performance.now() - client.startedMs) / 1000;
      const serverEnd = await server.next("end", START_LIMIT_MS);
      relay?.endInput();
      const relayed = await relay?.next("relayed", START_LIMIT_MS);
      return { client: end, server: serverEnd, secondsWithStart, relayed };
    } catch (error) {
      client.kill();
      throw error;
    }
  }

  #certificateFor(host: string): Promise<Certificate> {
    return this.#certificate ??= makeCertificate(host, this.#folder);
  }
}

/** Sets up or tears down the link of a scenario, if there is a command for it. Rejects if that fails. */
export async function changeLab(command: readonly string[] | undefined, scenario: Scenario): Promise<void> {
  if (command === undefined) return;
  const [file, ...args] = command.map((word) => word.replaceAll("{}", scenario.name));
  const { code } = await new Deno.Command(file!, { args, stdin: "null", stdout: "null", stderr: "inherit" }).output();
  if (code !== 0) throw new Error(`${[file, ...args].join(" ")}: exit code ${code}`);
}

function startPeer(role: "server" | "client", task: ServerTask | ClientTask, prefix: readonly string[] = []): Child {
  return new Child(commandOf(prefix, PEER, [role, JSON.stringify(task)]));
}

function startRelay({ name, link }: Scenario, { port, seed }: { port: number; seed: number }): Child {
  if (link === undefined) throw new Error(`${name}: a relayed scenario needs a link`);
  const task: RelayTask = { target: `${LOOPBACK}:${port}`, ...linkOptionsOf(link), seed };
  return new Child(commandOf([], RELAY, [JSON.stringify(task)]));
}

function limitMs({ scenario: { link }, sizeBytes }: Transfer): number {
  const possible = link === undefined ? LOOPBACK_BITS_PER_SECOND : possibleBitsPerSecond(link);
  return LIMIT_EXTRA_MS + LIMIT_FACTOR * sizeBytes * 8 / possible * 1000;
}

function figuresOf({ scenario: { link }, contestant, sizeBytes }: Transfer, outcome: Outcome): Figures {
  const { client, server, secondsWithStart, relayed } = outcome;
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
