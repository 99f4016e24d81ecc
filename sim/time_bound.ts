/**
 * An upper bound on the time that a client's requests take over its links: for worlds with no fault but a little loss.
 *
 * @module
 */

import type { ConnectionConfig } from "../protocol/mod.ts";
import type { LinkOptions } from "../netem/link.ts";
import type { Goal } from "./client_host.ts";
import type { ClientPlan } from "./world.ts";

/** With more than this share of datagrams lost or corrupted, the time is a matter of chance. */
const MAX_LOSS = 0.06;
/** CUBIC interprets every loss as congestion. */
const MAX_CUBIC_LOSS = 0.001;

/** For the handshake, the startup, the end, and losses that a timeout detects. */
const ROUND_TRIPS = 12;
/** For the request and its result, and to wait for others. */
const ROUND_TRIPS_PER_GOAL = 2;
/** Until the flow-control credit that a window used has been replaced. */
const ROUND_TRIPS_PER_WINDOW = 2;
/** For lost Hellos and first packets, which are repeated before a round trip has been measured. */
const START_US = 2_000_000;
/** What a request sends besides its file. */
const GOAL_BYTES = 200;
/** Every path carries datagrams of this size. */
const DATAGRAM_BYTES = 1200;

/** A queue must hold so many of datagrams larger than most paths carry: with room for two, each burst loses one. */
const MIN_QUEUE_DATAGRAMS = 4;
const USUAL_DATAGRAM_BYTES = 1_500;

/** What the bound depends on besides the plan. */
export interface BoundOptions {
  readonly config: Partial<ConnectionConfig>;
  /** The longest time that the disks take to make a file durable. */
  readonly commitUs: number;
}

/** The bound, microseconds from when the client connects; undefined if faults make the time a matter of chance. */
export function timeBoundUs(plan: ClientPlan, { config, commitUs }: BoundOptions): number | undefined {
  const { goals, up = {}, down = {} } = plan;
  const { sendPolicy, directWindowBytes = Infinity, connectionWindowBytes = Infinity } = config;
  const maxLoss = sendPolicy?.kind === "cubic" ? MAX_CUBIC_LOSS : MAX_LOSS;
  if (!isMild(up, maxLoss) || !isMild(down, maxLoss)) return undefined;
  if (!hasRoom(up, config) || !hasRoom(down, config)) return undefined;
  const windowBytes = Math.min(directWindowBytes, connectionWindowBytes);
  const windows = goals.reduce((sum, goal) => sum + fileBytes(goal) / windowBytes, 0);
  const roundTrips = ROUND_TRIPS + ROUND_TRIPS_PER_GOAL * goals.length + ROUND_TRIPS_PER_WINDOW * windows;
  const transferUs = serializationUs(up, bytesOf(goals, "put")) + serializationUs(down, bytesOf(goals, "get"));
  // Twice the time at the full rate: for retransmissions, and for a rate that is approached from below.
  return START_US + 2 * transferUs + roundTrips * (oneWayUs(up) + oneWayUs(down)) + (goals.length + 1) * commitUs;
}

function isMild({ loss = 0, corrupt = 0, burst, blackouts = [], pauses = [] }: LinkOptions, maxLoss: number): boolean {
  return loss + corrupt <= maxLoss && burst === undefined && blackouts.length === 0 && pauses.length === 0;
}

/** Whether a queue holds more than a few of the largest datagrams that path and endpoints allow. */
function hasRoom(
  { mtuBytes = Infinity, queueBytes = Infinity }: LinkOptions,
  config: Partial<ConnectionConfig>,
): boolean {
  const datagramBytes = Math.min(mtuBytes, config.maxDatagramBytes ?? USUAL_DATAGRAM_BYTES);
  return datagramBytes <= USUAL_DATAGRAM_BYTES || queueBytes >= MIN_QUEUE_DATAGRAMS * datagramBytes;
}

function bytesOf(goals: readonly Goal[], kind: "put" | "get"): number {
  return goals.reduce((sum, goal) => sum + (goal.kind === kind ? fileBytes(goal) + GOAL_BYTES : 0), 0);
}

function fileBytes(goal: Goal): number {
  return goal.kind === "list" ? 0 : goal.sizeBytes;
}

function serializationUs({ rateBitsPerSecond = Infinity, loss = 0, corrupt = 0 }: LinkOptions, bytes: number): number {
  return bytes * 8e6 / rateBitsPerSecond / (1 - loss - corrupt);
}

/** The longest one-way delay, without queueing. */
function oneWayUs(link: LinkOptions): number {
  const { delayUs = 0, randomWalkUs = 0, reorder } = link;
  return delayUs + randomWalkUs + (reorder?.extraDelayUs ?? 0) + serializationUs(link, DATAGRAM_BYTES);
}
