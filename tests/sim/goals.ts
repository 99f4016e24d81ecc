/**
 * Measures the figures of the goals: one file over one of the links of `perf/scenarios.ts`, in simulated time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { linkOptionsOf, type LinkShape, possibleBitsPerSecond, SCENARIOS } from "../../perf/scenarios.ts";
import type { LinkOptions } from "../../netem/link.ts";
import type { ProcessorOptions } from "../../sim/processor.ts";
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

/** How both sides are configured in a scenario. */
export function configOf(name: string): NonNullable<WorldOptions["config"]> {
  const timerTickUs = SCENARIOS.find((scenario) => scenario.name === name)?.timerTickUs;
  return timerTickUs === undefined ? {} : { timerTickUs };
}

/** Other work of the machines of a scenario. */
export function processorOf(name: string): ProcessorOptions | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name)?.processor;
}

/** The figures of one transfer. */
export interface Figures {
  readonly seconds: number;
  /** Goodput as a share of the rate without the loss. */
  readonly share: number;
  /** Stream bytes retransmitted, per byte of the file. */
  readonly retransmittedShare: number;
  /** Packets declared lost that arrived, per datagram sent. */
  readonly spuriousShare: number;
  /** Mean queueing delay of all datagrams, milliseconds. */
  readonly queueMs: number;
  /** Bytes of IP packets that the sender's link was given, per byte of the file. */
  readonly sentPerByte: number;
  /** Datagrams that the receiver sent, nearly all of them ACKs, per datagram of the sender. */
  readonly acksPerDatagram: number;
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
  /** Other work of both machines. Default: none. */
  readonly processor?: ProcessorOptions | undefined;
}

/** The startup is over when this share of a large file was transferred. */
const START_SHARE = 0.25;
const SAMPLE_US = 1_000;

/** Transfers one file over a link, and measures. Fails if it does not arrive complete. */
export async function measure(
  link: LinkShape,
  { seed, sizeBytes, kind = "put", config, processor }: GoalRun,
): Promise<Figures> {
  const { rateBitsPerSecond, delayUs, loss = 0 } = link;
  const { up: there, down: back } = linkOptionsOf(link);
  const world = new World({
    seed,
    up: inFragments(kind === "put" ? there : back),
    down: inFragments(kind === "put" ? back : there),
    ...(config === undefined ? {} : { config }),
    ...(processor === undefined ? {} : { processor }),
    clients: [{ goals: [{ kind, name: "file", sizeBytes }] }],
  });
  const { up, down } = world.linkOf(0);
  const path = kind === "put" ? up : down;
  const returnLine = (kind === "put" ? down : up).stats;
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
  // The sender is the client for a put, and the server for a get.
  const sender = kind === "put" ? world.statsOf(0) : [...world.server.connections][0]!.stats;
  const seconds = world.endUs / 1e6;
  return {
    seconds,
    share: sizeBytes * 8 / seconds / possibleBitsPerSecond(link),
    retransmittedShare: sender.retransmittedBytes / sizeBytes,
    spuriousShare: sender.spuriousLosses / line.sent,
    queueMs: line.meanQueueDelayUs / 1000,
    sentPerByte: lineBytes(line.sentBytes, line.sent) / sizeBytes,
    acksPerDatagram: returnLine.sent / line.sent,
    startupMs: startUs / 1000,
  };
}

/** {@link measure} for each seed. */
export async function measureAll(
  link: LinkShape,
  { seeds, ...run }: Omit<GoalRun, "seed"> & { readonly seeds: readonly number[] },
): Promise<Figures[]> {
  const figures: Figures[] = [];
  for (const seed of seeds) figures.push(await measure(link, { ...run, seed }));
  return figures;
}

/** The sockets allow fragmentation: what is larger than a packet is fragmented, not dropped. */
function inFragments(link: LinkOptions): LinkOptions {
  return { ...link, mtuBytes: Infinity, fragmentBytes: ETHERNET_IPV4_BYTES };
}

/** Bytes on the link for datagrams with so much payload. Most of the fragmented ones fill all fragments. */
function lineBytes(payloadBytes: number, datagrams: number): number {
  return payloadBytes + HEADER_BYTES * Math.max(datagrams, payloadBytes / ETHERNET_IPV4_BYTES);
}
