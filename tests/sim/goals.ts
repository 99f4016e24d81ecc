/**
 * What the goals are measured by: one file over one of the links of `perf/scenarios.ts`, in simulated time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { linkOptionsOf, type LinkShape, possibleBitsPerSecond, SCENARIOS } from "../../perf/scenarios.ts";
import type { LinkOptions } from "../../netem/link.ts";
import { World, type WorldOptions } from "../../sim/world.ts";

/** IPv4 and UDP headers: a link's rate counts whole IP packets. */
export const HEADER_BYTES = 28;

/** UDP payload of an Ethernet frame over IPv4. */
export const ETHERNET_IPV4_BYTES = 1472;

/** The link of a scenario. */
export function linkOf(name: string): LinkShape {
  const link = SCENARIOS.find((scenario) => scenario.name === name)?.link;
  assert(link !== undefined, `there is a scenario ${name}, and it has a link`);
  return link;
}

/** How one transfer went. */
export interface Figures {
  readonly seconds: number;
  /** File bits a second, of the rate less its loss. */
  readonly share: number;
  /** Stream bytes sent again, for each byte of the file. */
  readonly retransmittedShare: number;
  /** Packets declared lost that had arrived, of all datagrams sent. */
  readonly spuriousShare: number;
  /** Time in the queue in the mean over all datagrams, milliseconds. */
  readonly queueMs: number;
  /** Bytes of IP packets that the sender's link was given, for each byte of the file. */
  readonly sentPerByte: number;
  /**
   * How long the line had nothing to carry until a quarter of the file was across it, milliseconds: what the handshake
   * and the start cost, where the file is large.
   */
  readonly startupMs: number;
}

/** One transfer to measure. */
export interface GoalRun {
  readonly seed: number;
  readonly sizeBytes: number;
  /** Default: put. */
  readonly kind?: "put" | "get";
  readonly config?: WorldOptions["config"];
}

/** By when this share of a large file is across, the start is over. */
const START_SHARE = 0.25;
const SAMPLE_US = 1_000;

/** Sends one file over a link, and measures. Fails where it does not arrive whole. */
export async function measure(
  link: LinkShape,
  { seed, sizeBytes, kind = "put", config }: GoalRun,
): Promise<Figures> {
  const { rateBitsPerSecond, delayUs, loss = 0 } = link;
  const { up: there, down: back } = linkOptionsOf(link);
  const world = new World({
    seed,
    up: inFragments(kind === "put" ? there : back),
    down: inFragments(kind === "put" ? back : there),
    ...(config === undefined ? {} : { config }),
    clients: [{ goals: [{ kind, name: "file", sizeBytes }] }],
  });
  const path = world.linkOf(0)[kind === "put" ? "up" : "down"];
  const line = path.stats;
  let startUs = 0;
  const sample = (): void => {
    const { nowUs } = world.network;
    const sentBytes = lineBytes(line.deliveredBytes, line.delivered) - path.backlogBytes(nowUs);
    startUs = nowUs - sentBytes * 8e6 / (rateBitsPerSecond * (1 - loss));
    if (line.deliveredBytes < START_SHARE * sizeBytes) world.at(nowUs + SAMPLE_US, sample);
  };
  world.at(0, sample);
  const leastUs = sizeBytes * 8e6 / rateBitsPerSecond + 20 * delayUs;
  assert(await world.run(20 * leastUs), `seed ${seed}: not done after ${20 * leastUs} us`);
  assert.equal(world.results[0]!.outcome.kind, "done");
  // A sender's counters are at the client where it puts, and at the server where it gets.
  const sender = kind === "put" ? world.statsOf(0) : [...world.server.connections][0]!.stats;
  const seconds = world.endUs / 1e6;
  return {
    seconds,
    share: sizeBytes * 8 / seconds / possibleBitsPerSecond(link),
    retransmittedShare: sender.retransmittedBytes / sizeBytes,
    spuriousShare: sender.spuriousLosses / line.sent,
    queueMs: line.meanQueueDelayUs / 1000,
    sentPerByte: lineBytes(line.sentBytes, line.sent) / sizeBytes,
    startupMs: startUs / 1000,
  };
}

/** As {@link measure}, for each seed. */
export async function measureAll(
  link: LinkShape,
  { seeds, ...run }: Omit<GoalRun, "seed"> & { readonly seeds: readonly number[] },
): Promise<Figures[]> {
  const figures: Figures[] = [];
  for (const seed of seeds) figures.push(await measure(link, { ...run, seed }));
  return figures;
}

/** Sockets forbid no fragmentation here: what is larger than a packet goes in several, and does not vanish. */
function inFragments(link: LinkOptions): LinkOptions {
  return { ...link, mtuBytes: Infinity, fragmentBytes: ETHERNET_IPV4_BYTES };
}

/** What datagrams with so much payload take of the line. Most of those in fragments fill all of them. */
function lineBytes(payloadBytes: number, datagrams: number): number {
  return payloadBytes + HEADER_BYTES * Math.max(datagrams, payloadBytes / ETHERNET_IPV4_BYTES);
}
