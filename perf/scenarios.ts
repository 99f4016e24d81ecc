/**
 * What is measured: one table, for simulated and for wall time.
 *
 * A scenario is a link and a size of file for each place where it is run. The goals are for files of 100 MB; where the
 * figure settles earlier, or the place is slow, a smaller one does, and `--size` takes any other.
 *
 * @module
 */

import type { LinkOptions } from "../netem/link.ts";

/** Where a scenario is run. */
export type Place =
  /** In the simulator: tells how good the algorithms are, and is the same on every machine. */
  | "simulated"
  /** Two processes on this machine, with nothing between them. */
  | "loopback"
  /** Two processes on this machine, and `relay.ts` between them, which is the link. Datagrams alone pass it. */
  | "relay"
  /** Two processes, each behind a command that puts it at its end of an emulated link, or of a real one. */
  | "lab";

/** The places, in the order in which they are run. */
export const PLACES: readonly Place[] = ["simulated", "loopback", "relay", "lab"];

/** A link, and what goes wrong on it in both directions. */
export interface LinkShape {
  /** Of whole IP packets. */
  readonly rateBitsPerSecond: number;
  /** Of the way back. Default: the same. */
  readonly returnRateBitsPerSecond?: number;
  /** One way; the mean where it varies. */
  readonly delayUs: number;
  /** The delay of each packet is this much more or less, drawn for it alone, so that packets change their order. */
  readonly jitterUs?: number;
  /** The delay wanders by this much more or less, and the order stays. */
  readonly randomWalkUs?: number;
  readonly loss?: number;
  /** Room before the line, in bandwidth-delay products. Default: 1. */
  readonly queueRoundTrips?: number;
}

/** One row of the table. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** Undefined where there is nothing between both ends. */
  readonly link?: LinkShape;
  /** Size of the file at each place where the scenario is run. */
  readonly sizes: Readonly<Partial<Record<Place, number>>>;
}

const MB = 1_000_000;
const MBIT = 1_000_000;
const MS = 1000;

const WAN: LinkShape = { rateBitsPerSecond: 100 * MBIT, delayUs: 25 * MS };
const FAR: LinkShape = { rateBitsPerSecond: 100 * MBIT, delayUs: 50 * MS };
const SIZES = { simulated: 100 * MB, relay: 25 * MB, lab: 100 * MB };

/**
 * The table. A userspace relay carries no gigabit, so it is spared the fast links. The first seven and loopback are
 * those for which there are goals.
 */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "clean-lan",
    about: "1 Gbit/s, 1 ms",
    link: { rateBitsPerSecond: 1000 * MBIT, delayUs: 500 },
    sizes: { simulated: 100 * MB, lab: 100 * MB },
  },
  { name: "wan", about: "100 Mbit/s, 50 ms", link: WAN, sizes: SIZES },
  { name: "wan-1", about: "100 Mbit/s, 100 ms, 1 % loss", link: { ...FAR, loss: 0.01 }, sizes: SIZES },
  { name: "wan-10", about: "100 Mbit/s, 100 ms, 10 % loss", link: { ...FAR, loss: 0.1 }, sizes: SIZES },
  { name: "wan-20", about: "100 Mbit/s, 100 ms, 20 % loss", link: { ...FAR, loss: 0.2 }, sizes: SIZES },
  {
    name: "lfn",
    about: "500 Mbit/s, 200 ms, 0.1 % loss",
    link: { rateBitsPerSecond: 500 * MBIT, delayUs: 100 * MS, loss: 0.001 },
    sizes: { simulated: 500 * MB, lab: 500 * MB },
  },
  {
    name: "reorder",
    about: "100 Mbit/s, 50 ms, jitter of 10 ms that reorders",
    link: { ...WAN, jitterUs: 10 * MS },
    sizes: SIZES,
  },
  { name: "loopback", about: "this machine to itself", sizes: { loopback: 256 * 1024 * 1024 } },
  {
    name: "short-queue",
    about: "100 Mbit/s, 50 ms, queue of a tenth of a round trip",
    link: { ...WAN, queueRoundTrips: 0.1 },
    sizes: { simulated: 50 * MB, relay: 25 * MB },
  },
  {
    name: "random-walk",
    about: "100 Mbit/s, 50 ms, jitter of 10 ms that keeps the order",
    link: { ...WAN, randomWalkUs: 10 * MS },
    sizes: { simulated: 50 * MB },
  },
  {
    name: "thin-return",
    about: "10 Mbit/s, 100 kbit/s back, 50 ms",
    link: { rateBitsPerSecond: 10 * MBIT, returnRateBitsPerSecond: 0.1 * MBIT, delayUs: 25 * MS },
    sizes: { simulated: 10 * MB, relay: 5 * MB },
  },
];

/** Size of every file under `--smoke`: enough to pass through each stage once. */
export const SMOKE_BYTES = 200_000;

/** IPv4's and UDP's headers: a link's rate counts whole packets. */
const OVERHEAD_BYTES = 28;

/** UDP payload of the largest packet that an Ethernet takes. */
const MTU_BYTES = 1472;

/** No queue is smaller: a few dozen packets, as in the cheapest box. */
const LEAST_QUEUE_BYTES = 64 * 1024;

/** Both directions of a link, as `netem/link.ts` takes them: `up` towards the server. */
export function linkOptionsOf(shape: LinkShape): { up: LinkOptions; down: LinkOptions } {
  const { rateBitsPerSecond, returnRateBitsPerSecond = rateBitsPerSecond, delayUs, loss = 0 } = shape;
  const { jitterUs = 0, randomWalkUs = 0, queueRoundTrips = 1 } = shape;
  const direction = (rate: number): LinkOptions => ({
    rateBitsPerSecond: rate,
    delayUs: delayUs - randomWalkUs,
    jitterUs,
    randomWalkUs: 2 * randomWalkUs,
    loss,
    queueBytes: Math.round(Math.max(leastQueueBytes(shape), rate / 8 * 2 * delayUs / 1e6 * queueRoundTrips)),
    overheadBytes: OVERHEAD_BYTES,
    mtuBytes: MTU_BYTES,
  });
  return { up: direction(rateBitsPerSecond), down: direction(returnRateBitsPerSecond) };
}

/** What the link can carry of a file, bits per second: its losses are taken off, its headers are not. */
export function possibleBitsPerSecond({ rateBitsPerSecond, loss = 0 }: LinkShape): number {
  return rateBitsPerSecond * (1 - loss);
}

/** A short queue that is asked for is short. */
function leastQueueBytes({ queueRoundTrips = 1 }: LinkShape): number {
  return queueRoundTrips < 1 ? 0 : LEAST_QUEUE_BYTES;
}
