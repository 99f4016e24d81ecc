/**
 * Worlds drawn from a seed: how many clients, what they want, how bad their links are, and what happens to them in
 * the middle. First all may go wrong and nothing may be wrong; then the links heal, and everything must end.
 *
 * @module
 */

import { InvariantError } from "../protocol/invariant.ts";
import { type ConnectionConfig, Random } from "../protocol/mod.ts";
import type { LinkOptions, LinkStats } from "./link.ts";
import type { TraceEvent } from "./network.ts";
import { type ClientPlan, type Goal, type GoalResult, World, type WorldOptions } from "./world.ts";

/** What happens to a world beside its links' faults. */
export type Incident =
  | { readonly kind: "rebind"; readonly atUs: number; readonly client: number; readonly address: string }
  | { readonly kind: "cancel"; readonly atUs: number; readonly client: number }
  | { readonly kind: "kill-client"; readonly atUs: number; readonly client: number }
  | { readonly kind: "kill-server"; readonly atUs: number }
  | { readonly kind: "restart-server"; readonly atUs: number }
  | { readonly kind: "drain-server"; readonly atUs: number }
  | { readonly kind: "fill-disk"; readonly atUs: number }
  | { readonly kind: "narrow-mtu"; readonly atUs: number; readonly client: number; readonly mtuBytes: number };

/** A world as drawn. */
export interface SwarmPlan {
  readonly world: WorldOptions;
  readonly incidents: readonly Incident[];
  /** Outcomes of requests that are no fault. */
  readonly allowed: ReadonlySet<GoalResult["outcome"]["kind"]>;
}

/** What became of one. */
export interface SwarmResult {
  readonly seed: number;
  readonly transfers: number;
  readonly done: number;
  /** Bytes of the files that came over. */
  readonly fileBytes: number;
  /** When the last request had its outcome. */
  readonly endUs: number;
  /** Virtual time gone by until all was over. */
  readonly simulatedUs: number;
  readonly links: LinkStats;
  readonly incidents: readonly Incident["kind"][];
  readonly digest: string;
}

/** A seed that did not go as it must. */
export class SwarmError extends Error {
  override readonly name = "SwarmError";
  constructor(readonly seed: number, why: string, options?: ErrorOptions) {
    super(`seed ${seed}: ${why}\nreplay it with: deno task sim --seed ${seed} --verbose`, options);
  }
}

/** From here on the links do no harm. */
const HEAL_US = 90_000_000;

/** By then everything has ended: idle timeouts of what was killed late, and transfers that began to heal only now. */
const DEADLINE_US = 300_000_000;

/** The slowest line carries all of its world's bytes in this time. */
const LONGEST_TRANSFER_S = 40;

const HEALED: LinkOptions = {
  loss: 0,
  burst: undefined,
  duplicate: 0,
  corrupt: 0,
  reorder: undefined,
  jitterUs: 0,
  blackouts: [],
};

/** Draws a world. The same seed gives the same. */
export function planSwarm(seed: number): SwarmPlan {
  const random = new Random(seed).fork("swarm");
  const goals = drawGoals(random.fork("goals"));
  const bytes = goals.flat().reduce((sum, goal) => sum + (goal.kind === "list" ? 0 : goal.sizeBytes), 0);
  const links = random.fork("links");
  const clients = goals.map((wanted): ClientPlan => ({
    goals: wanted,
    ...drawLinks(links, bytes * 8 / LONGEST_TRANSFER_S),
    startUs: links.chance(0.5) ? 0 : links.integer(0, 3_000_000),
  }));
  const incidents = drawIncidents(random.fork("incidents"), clients.length);
  const allowed = new Set<GoalResult["outcome"]["kind"]>(["done"]);
  if (clients.some(({ up, down }) => isHard(up!) || isHard(down!))) allowed.add("unreachable");
  for (const { kind } of incidents) {
    if (kind === "cancel") allowed.add("interrupted");
    if (kind === "drain-server" || kind === "fill-disk") allowed.add("refused");
    if (kind === "kill-server") allowed.add("failed").add("unreachable");
  }
  const commitUs = random.chance(0.5) ? 0 : random.integer(1, 200_000);
  return { world: { seed, clients, commitUs, config: drawConfig(random.fork("config")) }, incidents, allowed };
}

/** Draws a world and runs it to its end. Throws SwarmError. */
export function runSwarm(seed: number, options: { trace?: (event: TraceEvent) => void } = {}): SwarmResult {
  const plan = planSwarm(seed);
  const { incidents } = plan;
  try {
    const world = new World({ ...plan.world, ...options });
    for (const incident of incidents) world.at(incident.atUs, () => happen(world, incident));
    world.at(HEAL_US, () => heal(world));
    if (!world.run(DEADLINE_US)) throw new SwarmError(seed, describeUnfinished(world));
    world.finish();
    for (const { outcome, goal, client } of world.results) {
      if (plan.allowed.has(outcome.kind)) continue;
      const isIdle = world.clients[client]!.closedFor?.kind === "idle-timeout";
      if (isIdle && maySilence(plan.world.clients[client]!)) continue;
      const message = "message" in outcome ? outcome.message : "";
      throw new SwarmError(seed, `client ${client}'s ${goal.kind} ended as ${outcome.kind}: ${message}`);
    }
    return summarize(seed, world, incidents);
  } catch (error) {
    if (error instanceof SwarmError) throw error;
    throw new SwarmError(seed, error instanceof InvariantError ? error.message : String(error), { cause: error });
  }
}

function drawGoals(random: Random): Goal[][] {
  let name = 0;
  const clientCount = random.pick([1, 1, 1, 1, 2, 2, 3, 5]);
  return Array.from({ length: clientCount }, () => {
    const goalCount = random.pick([1, 1, 1, 2, 3, 10]);
    return Array.from({ length: goalCount }, (): Goal => {
      if (random.chance(0.05)) return { kind: "list" };
      const sizeBytes = random.integer(0, random.pick([0, 1, 1500, 1500, 30_000, 30_000, 300_000, 300_000, 2_000_000]));
      return { kind: random.chance(0.5) ? "put" : "get", name: `file-${name++}`, sizeBytes };
    });
  });
}

function drawConfig(random: Random): Partial<ConnectionConfig> {
  return {
    congestion: random.chance(0.85) ? "bbr" : "cubic",
    maxStreams: random.pick([1, 2, 8, 128]),
    orderedWindowBytes: random.pick([16_384, 65_536, 262_144]),
    connectionWindowBytes: random.pick([65_536, 1_048_576, 16_777_216]),
    directWindowBytes: random.pick([65_536, 1_048_576, 1_073_741_824]),
    maxDatagramBytes: random.pick([1200, 1472, 1472, 1472, 8972, 16_384]),
    maxAckDelayUs: random.pick([0, 25_000, 25_000, 100_000]),
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
    jitterUs: Math.round(some(0.3, Math.min(delayUs, 50_000))),
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
  };
}

function drawBlackout(random: Random): { fromUs: number; untilUs: number } {
  const fromUs = random.integer(0, 5_000_000);
  return { fromUs, untilUs: fromUs + Math.round(logUniform(random, 10_000, 30_000_000)) };
}

function drawIncidents(random: Random, clientCount: number): Incident[] {
  const incidents: Incident[] = [];
  const atUs = (): number => random.integer(0, random.pick([200_000, 2_000_000, 20_000_000]));
  const client = (): number => random.integer(0, clientCount - 1);
  if (random.chance(0.15)) {
    const address = random.chance(0.5) ? "10.9.9.9:1111" : `10.0.0.2:${random.integer(50_000, 60_000)}`;
    incidents.push({ kind: "rebind", atUs: atUs(), client: client(), address });
  }
  if (random.chance(0.07)) incidents.push({ kind: "cancel", atUs: atUs(), client: client() });
  if (random.chance(0.07)) incidents.push({ kind: "kill-client", atUs: atUs(), client: client() });
  if (random.chance(0.07)) {
    const killUs = atUs();
    incidents.push({ kind: "kill-server", atUs: killUs });
    if (random.chance(0.7)) incidents.push({ kind: "restart-server", atUs: killUs + random.integer(1, 5_000_000) });
  }
  if (random.chance(0.05)) incidents.push({ kind: "drain-server", atUs: atUs() });
  if (random.chance(0.05)) incidents.push({ kind: "fill-disk", atUs: atUs() });
  if (random.chance(0.1)) {
    incidents.push({ kind: "narrow-mtu", atUs: atUs(), client: client(), mtuBytes: random.integer(1200, 1400) });
  }
  return incidents;
}

function happen(world: World, incident: Incident): void {
  switch (incident.kind) {
    case "rebind":
      // A token is for one address: who moves in the middle of the handshake must begin it again.
      if (world.clients[incident.client]!.connection?.state !== "established") return;
      return world.rebind(incident.client, incident.address);
    case "cancel":
      return world.clients[incident.client]!.cancel(world.network.nowUs);
    case "kill-client":
      return world.clients[incident.client]!.kill();
    case "kill-server":
      return world.server.kill();
    case "restart-server":
      return world.server.restart();
    case "drain-server":
      return world.server.drain();
    case "fill-disk":
      world.server.store.capacityBytes = 0;
      return;
    case "narrow-mtu":
      world.linkOf(incident.client).up.change({ mtuBytes: incident.mtuBytes });
      world.linkOf(incident.client).down.change({ mtuBytes: incident.mtuBytes });
      return;
  }
}

function heal(world: World): void {
  for (let client = 0; client < world.clients.length; client++) {
    const { up, down } = world.linkOf(client);
    up.change(HEALED);
    down.change(HEALED);
  }
}

/** A handshake may fail by chance: seven Hellos in ten seconds. */
function isHard({ loss = 0, burst, corrupt = 0, blackouts = [] }: LinkOptions): boolean {
  return loss + corrupt > 0.1 || burst !== undefined || blackouts.some((out) => out.untilUs - out.fromUs > 1_000_000);
}

/** A burst lasts for a number of datagrams: where few are sent, longer than the idle timeout. */
function maySilence({ up, down }: ClientPlan): boolean {
  return [up, down].some((link) => link?.burst !== undefined && link.burst.leaveProbability < 0.2);
}

function describeUnfinished(world: World): string {
  const waiting = world.clients.flatMap((client, index) => {
    if (client.isDown || client.isDone) return [];
    const { connection } = client;
    return [`client ${index} (${connection?.state}, ${JSON.stringify(connection?.stats)})`];
  });
  return `not all had ended after ${DEADLINE_US / 1_000_000} s: ${waiting.join("; ")}`;
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

/** A number whose logarithm is as likely anywhere between the two bounds. */
function logUniform(random: Random, min: number, max: number): number {
  return min * (max / min) ** random.float();
}
