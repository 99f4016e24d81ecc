/**
 * Draws a world from a seed: the clients and their goals, the impairments of their links and disks, and the incidents
 * during the run.
 *
 * @module
 */

import { Random } from "../base/random.ts";
import { type ConnectionConfig } from "../protocol/mod.ts";
import { DISK_OPERATIONS, type DiskFaults, type DiskOperation } from "./disk/faults.ts";
import { RESUMABLE_BYTES } from "../transfer/content_sender.ts";
import { MAX_MESSAGE_BYTES } from "../transfer/messages.ts";
import type { LinkOptions } from "../netem/link.ts";
import { type Interval, repeatIntervals } from "../netem/intervals.ts";
import type { Goal } from "./client_host.ts";
import type { DurationBounds } from "./processor.ts";
import type { ClientPlan, WorldOptions } from "./world.ts";

/** An event of a world besides the impairments of its links. One with a duration lasts until `untilUs`. */
export type Incident =
  & { readonly atUs: number }
  & (
    | { readonly kind: "rebind"; readonly client: number; readonly address: string }
    | { readonly kind: "cancel"; readonly client: number }
    | { readonly kind: "kill-client"; readonly client: number }
    | { readonly kind: "restart-client"; readonly client: number }
    | { readonly kind: "cut-clients-power"; readonly client: number }
    | { readonly kind: "kill-server" }
    | { readonly kind: "cut-servers-power" }
    | { readonly kind: "restart-server" }
    | { readonly kind: "stop-server" }
    | { readonly kind: "fill-servers-disk"; readonly untilUs: number }
    | { readonly kind: "fill-clients-disk"; readonly client: number; readonly untilUs: number }
    | { readonly kind: "break-servers-disk"; readonly errorRates: ErrorRates; readonly untilUs: number }
    | {
      readonly kind: "break-clients-disk";
      readonly client: number;
      readonly errorRates: ErrorRates;
      readonly untilUs: number;
    }
    | { readonly kind: "narrow-mtu"; readonly client: number; readonly mtuBytes: number }
    | { readonly kind: "partition"; readonly client: number; readonly direction: Direction; readonly untilUs: number }
    | { readonly kind: "delay-spike"; readonly client: number; readonly delayUs: number; readonly untilUs: number }
    | { readonly kind: "change-link"; readonly client: number; readonly factor: number; readonly untilUs: number }
    | { readonly kind: "set-rate"; readonly client: number; readonly bitsPerSecond: number | undefined }
    | {
      readonly kind: "limit-rate";
      readonly client: number;
      readonly bitsPerSecond: number;
      readonly isBackground: boolean;
      readonly untilUs: number;
    }
  );

/** The probability that an operation of a disk fails. */
export type ErrorRates = NonNullable<DiskFaults["errorRates"]>;

/** From the client to the server, or back. */
export type Direction = "up" | "down";

/** Every kind of incident. */
export const INCIDENT_KINDS: readonly Incident["kind"][] = [
  "rebind",
  "cancel",
  "kill-client",
  "restart-client",
  "cut-clients-power",
  "kill-server",
  "cut-servers-power",
  "restart-server",
  "stop-server",
  "fill-servers-disk",
  "fill-clients-disk",
  "break-servers-disk",
  "break-clients-disk",
  "narrow-mtu",
  "partition",
  "delay-spike",
  "change-link",
  "set-rate",
  "limit-rate",
];

/** A world as it was drawn. */
export interface SwarmPlan {
  readonly world: WorldOptions;
  readonly incidents: readonly Incident[];
}

/** How a world is drawn. */
export interface PlanOptions {
  /** Whether some worlds have disks with slow look-ups; nothing else depends on it. Default: true. */
  readonly slowLookups?: boolean;
  /** Whether some files have runs of zeros; nothing else depends on it. Default: true. */
  readonly zeros?: boolean;
  /** Whether the clients of some worlds go on by themselves; nothing else depends on it. Default: true. */
  readonly retries?: boolean;
  /** Whether in some worlds files lie in folders; nothing else depends on it. Default: true. */
  readonly folders?: boolean;
  /** Whether some clients with large files are interrupted again and again; nothing else depends on it. Default: true. */
  readonly interruptions?: boolean;
  /** Whether in some worlds the programs lose their processors now and then; nothing else depends on it. Default: true. */
  readonly busyProcessors?: boolean;
  /** Whether timers have a resolution, and sockets a buffer; nothing else depends on it. Default: true. */
  readonly timers?: boolean;
  /** Whether in some worlds sockets send many datagrams in one call; nothing else depends on it. Default: true. */
  readonly batches?: boolean;
  /** Whether some clients limit the rate for a while; nothing else depends on it. Default: true. */
  readonly rateLimits?: boolean;
}

/** Folders of a world's files. */
const FOLDERS = ["folder", "folder/below", "other/a/b/c"] as const;

/** The most folders above a file. */
export const MAX_FOLDERS = Math.max(...FOLDERS.map((folder) => folder.split("/").length));

/** How many datagrams a socket sends in one call where it can send several: as many as Linux takes. */
const MAX_SEGMENTS = 64;

/** The slowest link carries all bytes of its world in this time. */
const LONGEST_TRANSFER_S = 40;

/** Draws a world; the same seed and options give the same one. */
export function planSwarm(seed: number, options: PlanOptions = {}): SwarmPlan {
  const { slowLookups = true, zeros = true, retries = true, folders = true, interruptions = true } = options;
  const { busyProcessors = true, timers = true, batches = true, rateLimits = true } = options;
  const random = new Random(seed).fork("swarm");
  const dense = drawAbsent(random.fork("absent"), drawGoals(random.fork("goals")));
  const flat = zeros ? drawZeros(random.fork("zeros"), dense) : dense;
  const goals = folders ? drawFolders(random.fork("folders"), flat) : flat;
  const bytes = goals.flat().reduce((sum, goal) => sum + (goal.kind === "list" ? 0 : goal.sizeBytes), 0);
  const links = random.fork("links");
  const disks = random.fork("disks");
  const lookups = slowLookups ? drawLookups(random.fork("look-ups")) : {};
  const { limits, restarts = [], ...patience } = retries ? drawPatience(random.fork("retries")) : {};
  const compression = random.fork("compression");
  const clients = goals.map((wanted): ClientPlan => ({
    goals: wanted,
    compress: compression.chance(0.4),
    ...drawLinks(links, bytes * 8 / LONGEST_TRANSFER_S),
    startUs: links.chance(0.5) ? 0 : links.integer(0, 3_000_000),
    disk: { ...drawDisk(disks), ...lookups },
    ...patience,
  }));
  const incidents = drawIncidents(random.fork("incidents"), clients);
  const config = { ...drawConfig(random.fork("config")), ...(timers ? drawPlatform(random.fork("timers")) : {}) };
  const serverDisk = { ...drawDisk(disks), ...lookups };
  const segments = batches && random.fork("batches").chance(0.5) ? { maxSegments: MAX_SEGMENTS } : {};
  const processor = busyProcessors ? drawProcessor(random.fork("processors")) : {};
  const world = {
    seed,
    clients,
    serverDisk,
    config,
    ...segments,
    ...(limits === undefined ? {} : { limits }),
    ...processor,
  };
  const interrupted = interruptions ? drawInterruptions(random.fork("interruptions"), clients) : [];
  const limited = rateLimits ? drawRateLimits(random.fork("rate limits"), clients) : [];
  return { world, incidents: [...incidents, ...limited, ...interrupted, ...restarts] };
}

/** In some worlds, a client that limits the rate in each direction for a while, or transfers in the background. */
function drawRateLimits(random: Random, clients: readonly ClientPlan[]): Incident[] {
  if (!random.chance(0.1)) return [];
  const atUs = random.integer(0, 4_000_000);
  return [{
    kind: "limit-rate",
    atUs,
    client: random.integer(0, clients.length - 1),
    bitsPerSecond: random.chance(0.2) ? Infinity : Math.round(logUniform(random, 100_000, 100_000_000)),
    isBackground: random.chance(0.5),
    untilUs: atUs + random.integer(100_000, 5_000_000),
  }];
}

/** The longest time that a disk takes for one call that waits for the device. */
export const MAX_DISK_US = 70_000;

/** The longest time that it takes for one of the other calls by a path. */
export const MAX_LOOKUP_US = 30_000;

/** Faults that a disk has all the time: those that a program survives. */
function drawDisk(random: Random): DiskFaults {
  const maxUs = random.chance(0.4) ? 0 : random.integer(1, MAX_DISK_US);
  return {
    delayUs: { min: random.integer(0, maxUs), max: maxUs },
    shortRate: random.chance(0.2) ? 0.5 * random.float() : 0,
    hasNoLinks: random.chance(0.1),
  };
}

/** In some worlds, how long the disks take for a look-up. */
function drawLookups(random: Random): Pick<DiskFaults, "lookupDelayUs"> {
  if (!random.chance(0.2)) return {};
  const max = random.integer(1, MAX_LOOKUP_US);
  return { lookupDelayUs: { min: random.integer(0, max), max } };
}

/** In some worlds, what other work the processors have: mostly a little, seldom so much that a program hardly runs. */
function drawProcessor(random: Random): Pick<WorldOptions, "processor"> {
  if (!random.chance(0.2)) return {};
  const maxUs = random.pick([20_000, 20_000, 100_000]);
  const bounds = (): DurationBounds => {
    const max = random.integer(1_000, maxUs);
    return { min: random.integer(500, max), max };
  };
  const receiveBufferBytes = random.pick([32 * 1024, 212_992, 212_992, 4 * 1024 * 1024]);
  return { processor: { runUs: bounds(), awayUs: bounds(), receiveBufferBytes } };
}

/** A client that goes on for so long, milliseconds, outlasts whatever passes in a world. */
export const PATIENT_MS = 120_000;

/** Worlds whose clients go on by themselves. */
interface Patience extends Pick<ClientPlan, "retryForMs">, Pick<WorldOptions, "limits"> {
  /** The server ends a few times, and comes back. */
  readonly restarts?: readonly Incident[];
}

/** In some worlds, how long the clients go on by themselves, and in some of these a server that gives them reason to. */
function drawPatience(random: Random): Patience {
  if (!random.chance(0.4)) return {};
  const retryForMs = random.pick([5_000, PATIENT_MS, PATIENT_MS]);
  const limits = random.chance(0.3) ? { limits: { maxTransfers: random.integer(1, 3) } } : {};
  const restarts = Array.from({ length: random.pick([0, 0, 1, 2, 3]) }, (): Incident[] => {
    const atUs = random.integer(0, random.pick([500_000, 2_000_000, 10_000_000]));
    const kind = random.pick(["kill-server", "cut-servers-power"] as const);
    return [{ kind, atUs }, { kind: "restart-server", atUs: atUs + Math.round(logUniform(random, 1_000, 10_000_000)) }];
  });
  return { retryForMs, ...limits, restarts: restarts.flat() };
}

/** The longest that a client runs before it is interrupted again. */
const MAX_RUN_US = 8_000_000;

/** Most clients with a file that is resumed end a few times while they send or receive, and are started again. */
function drawInterruptions(random: Random, clients: readonly ClientPlan[]): Incident[] {
  return clients.flatMap(({ goals, up, down, startUs = 0 }, client): Incident[] => {
    const sizes = goals.map((goal) => goal.kind === "list" ? 0 : goal.sizeBytes);
    if (Math.max(...sizes) < RESUMABLE_BYTES || random.chance(0.3)) return [];
    const rate = Math.min(up?.rateBitsPerSecond ?? Infinity, down?.rateBitsPerSecond ?? Infinity);
    const lineUs = sizes.reduce((sum, size) => sum + size, 0) * 8e6 / rate;
    const incidents: Incident[] = [];
    let atUs = startUs;
    for (let count = random.integer(1, 3); count > 0; count--) {
      atUs += random.integer(0, Math.min(Math.round(1.2 * lineUs) + 300_000, MAX_RUN_US));
      incidents.push({ kind: random.pick(["kill-client", "cut-clients-power"]), atUs, client });
      atUs += random.integer(1_000, 1_000_000);
      incidents.push({ kind: "restart-client", atUs, client });
    }
    return incidents;
  });
}

function drawGoals(random: Random): Goal[][] {
  let names = 0;
  const clientCount = random.pick([1, 1, 1, 1, 2, 2, 3, 5]);
  // Sometimes all clients use the same few names.
  const isCrowded = clientCount > 1 && random.chance(0.2);
  return Array.from({ length: clientCount }, () => {
    const goalCount = random.pick([1, 1, 1, 2, 3, 10]);
    return Array.from({ length: goalCount }, (): Goal => {
      if (random.chance(0.05)) return { kind: "list" };
      const sizeBytes = random.integer(0, random.pick([0, 1, 1500, 1500, 30_000, 30_000, 300_000, 300_000, 2_000_000]));
      if (random.chance(0.5)) return { kind: "get", name: `there-${names++}`, sizeBytes };
      const name = isCrowded && random.chance(0.7) ? `shared-${random.integer(0, 1)}` : `file-${names++}`;
      return { kind: "put", name, sizeBytes, overwrite: random.chance(0.3) };
    });
  });
}

/** Some requests are for files that do not exist. */
function drawAbsent(random: Random, goals: readonly Goal[][]): Goal[][] {
  return goals.map((wanted) => {
    return wanted.map((goal) => goal.kind === "get" && random.chance(0.02) ? { ...goal, isAbsent: true } : goal);
  });
}

/** Some files have runs of zeros, and a few hold nothing else. */
function drawZeros(random: Random, goals: readonly Goal[][]): Goal[][] {
  return goals.map((wanted) => {
    return wanted.map((goal): Goal => {
      if (goal.kind === "list" || !random.chance(0.3)) return goal;
      return { ...goal, zeros: random.pick(["runs", "runs", "runs", "all"]) };
    });
  });
}

/** In some worlds most files lie in folders, of which those that only clients send to are missing at first. */
function drawFolders(random: Random, goals: readonly Goal[][]): Goal[][] {
  if (!random.chance(0.25)) return [...goals];
  const folders = FOLDERS.slice(random.integer(0, FOLDERS.length - 1));
  const placed = (name: string) => {
    const own = random.fork(name);
    return own.chance(0.8) ? `${own.pick(folders)}/${name}` : name;
  };
  return goals.map((wanted) =>
    wanted.map((goal) => goal.kind === "list" ? goal : { ...goal, name: placed(goal.name) })
  );
}

function drawConfig(random: Random): Partial<ConnectionConfig> {
  const sendPolicy = { kind: random.chance(0.85) ? "bbr" : "cubic" } as const;
  const maxStreams = random.pick([1, 2, 8, 128]);
  return {
    sendPolicy,
    maxStreams,
    // Each stream has to take a whole message, at the same time as the others, and credit is given by halves of windows.
    orderedWindowBytes: random.pick([2 * MAX_MESSAGE_BYTES, 196_608, 262_144]),
    connectionWindowBytes: Math.max(random.pick([65_536, 1_048_576, 16_777_216]), 2 * maxStreams * MAX_MESSAGE_BYTES),
    directWindowBytes: random.pick([65_536, 1_048_576, 1_073_741_824]),
    maxDatagramBytes: random.pick([1200, 1472, 1472, 1472, 8972, 16_384]),
    maxAckDelayUs: random.pick([0, 25_000, 25_000, 100_000]),
  };
}

/** Timers are those of Deno, or finer ones of the system, or coarse ones; and some sockets have a large buffer. */
function drawPlatform(random: Random): Pick<ConnectionConfig, "timerTickUs" | "receiveBurstBytes"> {
  return {
    timerTickUs: random.pick([100, 300, 300, 2_100, 2_100, 15_600]),
    receiveBurstBytes: random.pick([65_536, 65_536, 1_048_576]),
  };
}

function drawLinks(random: Random, minRate: number): { up: LinkOptions; down: LinkOptions } {
  const rate = Math.max(minRate, random.chance(0.1) ? Infinity : logUniform(random, 64_000, 1_000_000_000));
  const delayUs = random.chance(0.05) ? 0 : Math.round(logUniform(random, 50, 300_000));
  const up = drawLink(random, { rate, delayUs });
  const isAlike = random.chance(0.5);
  const otherRate = Math.max(minRate, rate * random.pick([1, 1, 0.1, 10]));
  return { up, down: isAlike ? up : drawLink(random, { rate: otherRate, delayUs }) };
}

function drawLink(random: Random, { rate, delayUs }: { rate: number; delayUs: number }): LinkOptions {
  const productBytes = rate === Infinity ? 1_000_000 : rate / 8 * (2 * delayUs + 2000) / 1_000_000;
  const some = (probability: number, max: number): number => random.chance(probability) ? random.float() * max : 0;
  return {
    rateBitsPerSecond: rate === Infinity ? Infinity : Math.round(rate),
    delayUs,
    randomWalkUs: Math.round(some(0.3, Math.min(delayUs, 50_000))),
    loss: random.pick([0, 0, 0.001, 0.01, 0.05, 0.1, 0.2, some(0.5, 0.3)]),
    burst: random.chance(0.2)
      ? { enterProbability: random.float() * 0.02, leaveProbability: 0.05 + random.float() * 0.5, lossInBurst: 0.8 }
      : undefined,
    duplicate: some(0.3, 0.2),
    corrupt: some(0.3, 0.1),
    reorder: random.chance(0.3)
      ? { probability: random.float() * 0.3, extraDelayUs: random.integer(100, 2 * delayUs + 1000) }
      : undefined,
    queueBytes: Math.max(5000, Math.round(productBytes * random.pick([0.1, 0.5, 1, 1, 4, 20]))),
    mtuBytes: random.pick([Infinity, Infinity, 1472, 1472, random.integer(1200, 1472), random.integer(1200, 9000)]),
    blackouts: random.chance(0.15) ? [drawBlackout(random)] : [],
    pauses: random.chance(0.1) ? drawPauses(random) : [],
  };
}

function drawBlackout(random: Random): { fromUs: number; untilUs: number } {
  const fromUs = random.integer(0, 5_000_000);
  return { fromUs, untilUs: fromUs + Math.round(logUniform(random, 10_000, 30_000_000)) };
}

function drawIncidents(random: Random, clients: readonly ClientPlan[]): Incident[] {
  const draws: Draws = {
    random,
    atUs: () => random.integer(0, random.pick([200_000, 2_000_000, 20_000_000])),
    client: () => random.integer(0, clients.length - 1),
    later: (fromUs, maxUs) => fromUs + Math.round(logUniform(random, 10_000, maxUs)),
  };
  return [...drawEnds(draws), ...drawDiskFaults(draws), ...drawLinkChanges(draws)];
}

/** How the incidents of one world are drawn. */
interface Draws {
  readonly random: Random;
  atUs(): number;
  client(): number;
  later(fromUs: number, maxUs: number): number;
}

/** Periodic pauses of the bottleneck, as on Wi-Fi, for at most half of the time. */
function drawPauses(random: Random): Interval[] {
  const lengthUs = random.integer(1_000, 500_000);
  return repeatIntervals({
    firstUs: random.integer(0, 2_000_000),
    lengthUs,
    periodUs: lengthUs + random.integer(lengthUs, 3_000_000),
    untilUs: 20_000_000,
  });
}

/** Programs that are stopped or killed, and started again. */
function drawEnds({ random, atUs, client, later }: Draws): Incident[] {
  const incidents: Incident[] = [];
  if (random.chance(0.07)) incidents.push({ kind: "cancel", atUs: atUs(), client: client() });
  if (random.chance(0.1)) {
    const [endUs, ended] = [atUs(), client()];
    incidents.push({ kind: random.pick(["kill-client", "cut-clients-power"]), atUs: endUs, client: ended });
    if (random.chance(0.7)) incidents.push({ kind: "restart-client", atUs: later(endUs, 5_000_000), client: ended });
  }
  if (random.chance(0.1)) {
    const endUs = atUs();
    incidents.push({ kind: random.pick(["kill-server", "cut-servers-power"]), atUs: endUs });
    if (random.chance(0.7)) incidents.push({ kind: "restart-server", atUs: later(endUs, 5_000_000) });
  }
  if (random.chance(0.05)) incidents.push({ kind: "stop-server", atUs: atUs() });
  return incidents;
}

function drawDiskFaults({ random, atUs, client, later }: Draws): Incident[] {
  const incidents: Incident[] = [];
  const [serverUs, clientUs] = [atUs(), atUs()];
  const [serverUntilUs, clientUntilUs] = [later(serverUs, 30_000_000), later(clientUs, 30_000_000)];
  if (random.chance(0.05)) incidents.push({ kind: "fill-servers-disk", atUs: serverUs, untilUs: serverUntilUs });
  if (random.chance(0.05)) {
    incidents.push({ kind: "fill-clients-disk", atUs: clientUs, client: client(), untilUs: clientUntilUs });
  }
  if (random.chance(0.07)) {
    const errorRates = drawErrorRates(random);
    incidents.push({ kind: "break-servers-disk", atUs: serverUs, errorRates, untilUs: serverUntilUs });
  }
  if (random.chance(0.07)) {
    const errorRates = drawErrorRates(random);
    incidents.push({
      kind: "break-clients-disk",
      atUs: clientUs,
      client: client(),
      errorRates,
      untilUs: clientUntilUs,
    });
  }
  return incidents;
}

/** Some operations fail, sometimes or always. */
function drawErrorRates(random: Random): ErrorRates {
  const failing = DISK_OPERATIONS.filter(() => random.chance(0.3));
  const rate = random.pick([0.01, 0.1, 0.5, 1]);
  return Object.fromEntries(failing.map((operation): [DiskOperation, number] => [operation, rate]));
}

function drawLinkChanges({ random, atUs, client, later }: Draws): Incident[] {
  const incidents: Incident[] = [];
  if (random.chance(0.15)) {
    const address = random.chance(0.5) ? "10.9.9.9:1111" : `10.0.0.2:${random.integer(50_000, 60_000)}`;
    incidents.push({ kind: "rebind", atUs: atUs(), client: client(), address });
  }
  if (random.chance(0.1)) {
    incidents.push({ kind: "narrow-mtu", atUs: atUs(), client: client(), mtuBytes: random.integer(1200, 1400) });
  }
  if (random.chance(0.1)) {
    const fromUs = atUs();
    const direction = random.pick<Direction>(["up", "down"]);
    incidents.push({
      kind: "partition",
      atUs: fromUs,
      client: client(),
      direction,
      untilUs: later(fromUs, 30_000_000),
    });
  }
  if (random.chance(0.1)) {
    const fromUs = atUs();
    const delayUs = Math.round(logUniform(random, 1_000, 2_000_000));
    incidents.push({ kind: "delay-spike", atUs: fromUs, client: client(), delayUs, untilUs: later(fromUs, 5_000_000) });
  }
  if (random.chance(0.1)) {
    const fromUs = atUs();
    const factor = logUniform(random, 0.1, 10);
    incidents.push({ kind: "change-link", atUs: fromUs, client: client(), factor, untilUs: later(fromUs, 10_000_000) });
  }
  if (random.chance(0.08)) {
    const bitsPerSecond = random.chance(0.3) ? undefined : Math.round(logUniform(random, 1_000_000, 1_000_000_000));
    incidents.push({ kind: "set-rate", atUs: atUs(), client: client(), bitsPerSecond });
  }
  return incidents;
}

/** A number whose logarithm is uniform between those of the bounds. */
function logUniform(random: Random, min: number, max: number): number {
  return min * (max / min) ** random.float();
}
