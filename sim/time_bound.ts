/**
 * How long a client's requests may take, by its link: for worlds in which nothing happens but a little loss.
 *
 * @module
 */

import type { ConnectionConfig } from "../protocol/mod.ts";
import type { LinkOptions } from "../netem/link.ts";
import type { Goal } from "./client_host.ts";
import type { ClientPlan } from "./world.ts";

/** With more than this share of datagrams lost or damaged, chance decides how long it takes. */
const MAX_LOSS = 0.06;
/** CUBIC takes every loss for congestion. */
const MAX_CUBIC_LOSS = 0.001;

/** For the handshake, the start, the end, and losses that a timeout finds. */
const ROUND_TRIPS = 12;
/** A request that waits for others to end, and one that reports. */
const ROUND_TRIPS_A_GOAL = 2;
/** A window of flow control is used up, and widened by the next. */
const ROUND_TRIPS_A_WINDOW = 2;
/** A lost Hello is repeated, or a first packet that met no round trip to go by. */
const START_US = 2_000_000;
/** What a request takes of the line besides its file. */
const GOAL_BYTES = 200;
/** A path carries datagrams of this size. */
const DATAGRAM_BYTES = 1200;

/** Where datagrams are larger than on most paths, a queue must hold so many: of two, one is lost in each burst. */
const MIN_QUEUE_DATAGRAMS = 4;
const USUAL_DATAGRAM_BYTES = 1_500;

/** What the bound depends on. */
export interface BoundOptions {
  readonly config: Partial<ConnectionConfig>;
  /** The longest that the disks take to make a file durable. */
  readonly commitUs: number;
}

/** The bound, microseconds from when the client connects; undefined where faults make it a matter of chance. */
export function timeBoundUs(plan: ClientPlan, { config, commitUs }: BoundOptions): number | undefined {
  const { goals, up = {}, down = {} } = plan;
  const { congestion, directWindowBytes = Infinity, connectionWindowBytes = Infinity } = config;
  const maxLoss = congestion === "cubic" ? MAX_CUBIC_LOSS : MAX_LOSS;
  if (!isMild(up, maxLoss) || !isMild(down, maxLoss)) return undefined;
  if (!hasRoom(up, config) || !hasRoom(down, config)) return undefined;
  const windowBytes = Math.min(directWindowBytes, connectionWindowBytes);
  const windows = goals.reduce((sum, goal) => sum + fileBytes(goal) / windowBytes, 0);
  const roundTrips = ROUND_TRIPS + ROUND_TRIPS_A_GOAL * goals.length + ROUND_TRIPS_A_WINDOW * windows;
  const lineUs = lineTimeUs(up, bytesOf(goals, "put")) + lineTimeUs(down, bytesOf(goals, "get"));
  // Twice the line's time: for what loss repeats, and for a rate that is found from below.
  return START_US + 2 * lineUs + roundTrips * (oneWayUs(up) + oneWayUs(down)) + (goals.length + 1) * commitUs;
}

function isMild({ loss = 0, corrupt = 0, burst, blackouts = [], pauses = [] }: LinkOptions, maxLoss: number): boolean {
  return loss + corrupt <= maxLoss && burst === undefined && blackouts.length === 0 && pauses.length === 0;
}

/** Whether a queue takes more than a few of the largest datagrams that path and programs allow. */
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

function lineTimeUs({ rateBitsPerSecond = Infinity, loss = 0, corrupt = 0 }: LinkOptions, bytes: number): number {
  return bytes * 8e6 / rateBitsPerSecond / (1 - loss - corrupt);
}

/** The longest that a datagram is under way, without a queue. */
function oneWayUs(link: LinkOptions): number {
  const { delayUs = 0, randomWalkUs = 0, reorder } = link;
  return delayUs + randomWalkUs + (reorder?.extraDelayUs ?? 0) + lineTimeUs(link, DATAGRAM_BYTES);
}
