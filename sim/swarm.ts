/**
 * Runs worlds drawn from a seed. First safety under faults: whatever fails, no file may be wrong. Then the links heal, and
 * liveness: everything must end.
 *
 * @module
 */

import { InvariantError } from "../base/invariant.ts";
import { DEFAULT_CONFIG, NO_RATE_LIMIT } from "../protocol/mod.ts";
import type { Coverage } from "./coverage.ts";
import type { DiskFaults } from "./disk/faults.ts";
import type { LinkOptions, LinkStats } from "../netem/link.ts";
import type { Machine } from "./machine.ts";
import type { TraceEvent } from "./node.ts";
import {
  type Incident,
  INCIDENT_KINDS,
  MAX_DISK_US,
  MAX_FOLDERS,
  MAX_LOOKUP_US,
  PATIENT_MS,
  type PlanOptions,
  planSwarm,
  type SwarmPlan,
} from "./swarm_plan.ts";
import { unionOf } from "../netem/intervals.ts";
import { timeBoundUs } from "./time_bound.ts";
import type { GoalOutcome } from "./client_host.ts";
import { type ClientPlan, type GoalResult, World, type WorldOptions } from "./world.ts";

/** The result of a world. */
export interface SwarmResult {
  readonly seed: number;
  readonly transfers: number;
  readonly done: number;
  /** Bytes of the files that were transferred. */
  readonly fileBytes: number;
  /** When the last request had its outcome. */
  readonly endUs: number;
  /** Virtual time until everything had ended. */
  readonly simulatedUs: number;
  readonly links: LinkStats;
  readonly incidents: readonly Incident["kind"][];
  readonly digest: string;
}

/** The world of a seed failed. */
export class SwarmError extends Error {
  override readonly name = "SwarmError";
  constructor(readonly seed: number, why: string, options?: ErrorOptions) {
    super(`seed ${seed}: ${why}\nreplay it with: deno task sim --seed ${seed} --verbose`, options);
  }
}

/** From this time on the links have no impairments. */
const HEAL_US = 90_000_000;

/** By this time everything has ended, including idle timeouts and transfers that could proceed only after healing. */
const DEADLINE_US = 300_000_000;

/** At most so many look-ups, of both disks, delay a request one after the other. */
const LOOKUPS_PER_REQUEST = 24;

/** In addition, for each folder above its file. */
const LOOKUPS_PER_FOLDER = 12;

/** A server that is told to stop lets transfers continue for so long. */
const STOP_GRACE_MS = 120_000;

const HEALED: LinkOptions = {
  loss: 0,
  burst: undefined,
  duplicate: 0,
  corrupt: 0,
  reorder: undefined,
  randomWalkUs: 0,
  blackouts: [],
  pauses: [],
};

/** How a world is drawn and watched. */
export interface SwarmOptions extends PlanOptions {
  /** Records what the world reaches. */
  readonly coverage?: Coverage;
  readonly trace?: (event: TraceEvent) => void;
}

/** Draws a world and runs it to its end. Rejects with SwarmError. */
export async function runSwarm(seed: number, options: SwarmOptions = {}): Promise<SwarmResult> {
  const { coverage, trace = coverage?.trace } = options;
  const plan = planSwarm(seed, options);
  const { incidents } = plan;
  try {
    const world = new World({
      ...plan.world,
      ...(trace === undefined ? {} : { trace }),
      ...(coverage === undefined ? {} : { observer: coverage }),
    });
    for (const incident of incidents) world.at(incident.atUs, () => apply(world, incident, plan));
    world.at(HEAL_US, () => heal(world));
    // A client that is started again has goals again.
    await world.runUntil(Math.max(0, ...incidents.map(({ kind, atUs }) => kind === "restart-client" ? atUs : 0)));
    if (!await world.run(DEADLINE_US)) throw new SwarmError(seed, describeUnfinished(world));
    await world.finish();
    for (const result of world.results) {
      requireAllowed(world, plan, result);
      if (incidents.length === 0) requireInTime(plan, result);
    }
    if (coverage !== undefined) count(coverage, world, incidents);
    return summarize(seed, world, incidents);
  } catch (error) {
    if (error instanceof SwarmError) throw error;
    throw new SwarmError(seed, error instanceof InvariantError ? error.message : String(error), { cause: error });
  }
}

function apply(world: World, incident: Incident, plan: SwarmPlan): void {
  switch (incident.kind) {
    case "kill-server":
      return world.server.kill();
    case "cut-servers-power":
      return world.server.cutPower();
    case "restart-server":
      return world.restartServer();
    case "stop-server":
      if (!world.server.isDown) world.server.stop(STOP_GRACE_MS);
      return;
    case "fill-servers-disk":
      return breakDisk(world, world.server, { faults: { capacityBytes: 0 }, untilUs: incident.untilUs });
    case "break-servers-disk": {
      const { errorRates, untilUs } = incident;
      return breakDisk(world, world.server, { faults: { errorRates }, untilUs });
    }
    default:
      return applyToClient(world, incident, plan.world);
  }
}

/** An incident of one client, or of its links. */
function applyToClient(world: World, incident: Extract<Incident, { client: number }>, plan: WorldOptions): void {
  const links = plan.clients[incident.client]!;
  const client = world.clients[incident.client]!;
  const { up, down } = world.linkOf(incident.client);
  switch (incident.kind) {
    case "rebind":
      // Address validation fails if the address changes during the handshake, which then begins again.
      if (client.connection?.state === "established") world.rebind(incident.client, incident.address);
      return;
    case "cancel":
      return client.cancel();
    case "kill-client":
      return client.kill();
    case "cut-clients-power":
      return client.cutPower();
    case "fill-clients-disk":
      return breakDisk(world, client, { faults: { capacityBytes: 0 }, untilUs: incident.untilUs });
    case "break-clients-disk": {
      const { errorRates, untilUs } = incident;
      return breakDisk(world, client, { faults: { errorRates }, untilUs });
    }
    case "restart-client":
      return world.restartClient(incident.client);
    case "narrow-mtu":
      up.change({ mtuBytes: incident.mtuBytes });
      down.change({ mtuBytes: incident.mtuBytes });
      return;
    case "partition": {
      const link = incident.direction === "up" ? up : down;
      const cut = { fromUs: incident.atUs, untilUs: incident.untilUs };
      return link.change({ blackouts: unionOf([...plan[incident.direction]?.blackouts ?? [], cut]) });
    }
    case "delay-spike":
      for (const [link, { delayUs = 0 }] of [[up, links.up!], [down, links.down!]] as const) {
        link.change({ delayUs: delayUs + incident.delayUs });
        world.at(incident.untilUs, () => link.change({ delayUs }));
      }
      return;
    case "change-link":
      for (const [link, { rateBitsPerSecond = Infinity }] of [[up, links.up!], [down, links.down!]] as const) {
        link.change({ rateBitsPerSecond: rateBitsPerSecond * incident.factor });
        world.at(incident.untilUs, () => link.change({ rateBitsPerSecond }));
      }
      return;
    case "limit-rate":
      world.at(incident.untilUs, () => client.setRateLimit(NO_RATE_LIMIT));
      return client.setRateLimit({
        bytesPerSecond: incident.bitsPerSecond / 8,
        isBackground: incident.isBackground,
      });
    case "set-rate":
      return client.setSendPolicy(
        incident.bitsPerSecond === undefined
          ? plan.config?.sendPolicy ?? DEFAULT_CONFIG.sendPolicy
          : { kind: "fixed", rateBytesPerSecond: incident.bitsPerSecond / 8 },
      );
  }
}

/** Adds faults to a disk for a while. */
function breakDisk(
  world: World,
  { disk }: Machine,
  { faults, untilUs }: { faults: DiskFaults; untilUs: number },
): void {
  disk.meter.faults = { ...disk.meter.faults, ...faults };
  world.at(untilUs, () => {
    const healed: { -readonly [Name in keyof DiskFaults]: DiskFaults[Name] } = { ...disk.meter.faults };
    for (const name of Object.keys(faults) as (keyof DiskFaults)[]) delete healed[name];
    disk.meter.faults = healed;
  });
}

function heal(world: World): void {
  for (let client = 0; client < world.clients.length; client++) {
    const { up, down } = world.linkOf(client);
    up.change(HEALED);
    down.change(HEALED);
  }
}

/** A request must be done, unless something happened that excuses its failure. */
function requireAllowed(world: World, plan: SwarmPlan, { client, goal, outcome }: GoalResult): void {
  const isAbsent = goal.kind === "get" && goal.isAbsent === true;
  if (outcome.kind === "done") {
    if (!isAbsent) return;
    throw new SwarmError(plan.world.seed, `client ${client} received a file that does not exist`);
  }
  const happened = new Set(plan.incidents.map(({ kind }) => kind));
  const happenedToClient = new Set(
    plan.incidents.flatMap((incident) => "client" in incident && incident.client === client ? [incident.kind] : []),
  );
  const links = plan.world.clients[client]!;
  const allowed = new Set<GoalOutcome["kind"]>(isAbsent ? ["not-found"] : []);
  if (!isPatient(links)) {
    if (canFailHandshake(links.up!) || canFailHandshake(links.down!) || happenedToClient.has("partition")) {
      allowed.add("unreachable");
    }
    if (world.clients[client]!.closeReason?.kind === "idle-timeout" && canSilence(links)) allowed.add("failed");
  }
  // A listing cannot be aborted: it fails with the connection.
  if (happenedToClient.has("cancel")) allowed.add(goal.kind === "list" ? "failed" : "interrupted").add("interrupted");
  const hasServerEnded = happened.has("kill-server") || happened.has("cut-servers-power");
  if (hasServerEnded && !(isPatient(links) && comesBack(plan))) allowed.add("failed").add("unreachable");
  if (happened.has("fill-servers-disk")) allowed.add("refused");
  if (world.server.failedStarts > 0) allowed.add("unreachable");
  if (happened.has("break-servers-disk")) allowed.add("refused").add("failed").add("not-found");
  if (happenedToClient.has("fill-clients-disk") || happenedToClient.has("break-clients-disk")) {
    allowed.add("local-disk");
  }
  // A connected client is refused or sees the connection close; a later one gets no response.
  if (happened.has("stop-server")) allowed.add("refused").add("failed").add("unreachable");
  // A server with few transfers at a time is busy.
  if (plan.world.limits !== undefined && !isPatient(links)) allowed.add("refused");
  // The client stored the file before it was killed, or the server has not noticed that it was.
  if (goal.kind === "put" && happenedToClient.has("restart-client")) allowed.add("refused");
  // The server still answers the lists of the client that was killed, and has a bound for each address.
  if (goal.kind === "list" && happenedToClient.has("restart-client")) allowed.add("refused");
  if (goal.kind === "put" && isShared(plan, goal.name)) allowed.add("refused");
  if (allowed.has(outcome.kind)) return;
  throw new SwarmError(
    plan.world.seed,
    `client ${client}'s ${goal.kind} ended as ${outcome.kind}: ${outcome.message}`,
  );
}

/** Whether the server is started again after its last end. */
function comesBack({ incidents }: SwarmPlan): boolean {
  const lastOf = (...kinds: Incident["kind"][]) =>
    Math.max(...incidents.map(({ kind, atUs }) => kinds.includes(kind) ? atUs : -Infinity));
  return lastOf("restart-server") > lastOf("kill-server", "cut-servers-power");
}

/** Whether a client goes on for as long as anything lasts that passes. */
function isPatient({ retryForMs }: ClientPlan): boolean {
  return retryForMs === PATIENT_MS;
}

/** Without incidents, a request must be done within its time bound, unless a busy server lets it wait. */
function requireInTime({ world }: SwarmPlan, { client, startUs, endUs }: GoalResult): void {
  const { config = {}, limits, processor } = world;
  if (limits !== undefined || processor !== undefined) return;
  const hasFolders = world.clients.some(({ goals }) =>
    goals.some((goal) => goal.kind !== "list" && goal.name.includes("/"))
  );
  const lookups = LOOKUPS_PER_REQUEST + (hasFolders ? LOOKUPS_PER_FOLDER * MAX_FOLDERS : 0);
  const lookupsUs = world.serverDisk?.lookupDelayUs === undefined ? 0 : lookups * MAX_LOOKUP_US;
  // The entries of new folders are made durable before the file's.
  const commitUs = (hasFolders ? 5 : 4) * MAX_DISK_US + lookupsUs;
  const boundUs = timeBoundUs(world.clients[client]!, { config, commitUs });
  if (boundUs === undefined || endUs - startUs <= boundUs) return;
  throw new SwarmError(world.seed, `client ${client} took ${endUs - startUs} us, more than the bound of ${boundUs}`);
}

/** Whether more than one client puts a file of that name. */
function isShared({ world }: SwarmPlan, name: string): boolean {
  const puts = world.clients.flatMap(({ goals }) => goals.filter((goal) => goal.kind === "put" && goal.name === name));
  return puts.length > 1;
}

/** Whether so much is lost that a handshake may fail by chance, though it repeats its packets for ten seconds. */
function canFailHandshake({ loss = 0, burst, corrupt = 0, blackouts = [] }: LinkOptions): boolean {
  return loss + corrupt > 0.1 || burst !== undefined || blackouts.some((out) => out.untilUs - out.fromUs > 1_000_000);
}

/** Whether a burst, which is a number of datagrams, can last longer than the idle timeout when few are sent. */
function canSilence({ up, down }: ClientPlan): boolean {
  return [up, down].some((link) => link?.burst !== undefined && link.burst.leaveProbability < 0.2);
}

function describeUnfinished(world: World): string {
  const waiting = world.clients.flatMap((client, index) => {
    if (client.isDown || client.isDone) return [];
    const { connection } = client;
    return [`client ${index} (${connection?.state}, ${JSON.stringify(connection?.stats)})`];
  });
  return `not everything had ended after ${DEADLINE_US / 1_000_000} s: ${waiting.join("; ")}`;
}

function count(coverage: Coverage, world: World, incidents: readonly Incident[]): void {
  for (const kind of INCIDENT_KINDS) coverage.count("incidents", kind, 0);
  for (const { kind } of incidents) coverage.count("incidents", kind);
  for (const { goal, outcome } of world.results) {
    coverage.count("outcomes", outcome.kind);
    coverage.count("requests", goal.kind === "put" && goal.overwrite === true ? "put over" : goal.kind);
  }
  for (const { retries } of world.clients) {
    for (const [kind, times] of retries) coverage.count("retries", kind, times);
  }
  for (const [kind, times] of world.server.events) coverage.count("server events", kind, times);
  for (const host of [world.server, ...world.clients]) {
    const { operations, faultCounts } = host.disk.meter;
    for (const [operation, times] of Object.entries(operations)) coverage.count("disk operations", operation, times);
    for (const [fault, times] of faultCounts) coverage.count("disk faults", fault, times);
    for (const { endpoint, states, closeReasons } of host.checkers) {
      for (const [reason, times] of endpoint?.drops ?? []) coverage.count("drops", reason, times);
      for (const state of states) coverage.count("connection states", state);
      for (const reason of closeReasons) coverage.count("connection ends", reason);
    }
  }
}

function summarize(seed: number, world: World, incidents: readonly Incident[]): SwarmResult {
  const done = world.results.filter(({ outcome }) => outcome.kind === "done");
  return {
    seed,
    transfers: world.results.length,
    done: done.length,
    fileBytes: done.reduce((sum, { goal }) => sum + (goal.kind === "list" ? 0 : goal.sizeBytes), 0),
    endUs: world.endUs,
    simulatedUs: world.network.nowUs,
    links: world.linkStats,
    incidents: incidents.map(({ kind }) => kind),
    digest: world.digest,
  };
}
