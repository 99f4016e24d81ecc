/**
 * The scenarios that are measured, in simulated and in wall time.
 *
 * A scenario is a link and a file size for each place where it is run. The goals are for files of 100 MB; where a figure
 * converges earlier, or the place is slow, the file is smaller, and `--size` sets any other size.
 *
 * @module
 */

import type { LinkOptions } from "../netem/link.ts";
import type { ProcessorOptions } from "../sim/processor.ts";

/** Where a scenario is run. */
export type Place =
  /** In the simulator: judges the algorithms, and is the same on every machine. */
  | "simulated"
  /** Two processes on this machine, with nothing between them. */
  | "loopback"
  /** Two processes on this machine with `relay.ts` between them as the link, which carries datagrams only. */
  | "relay"
  /** Two processes in two network namespaces of this machine, with nothing between them but Ethernet's frames. */
  | "veth"
  /** Two processes, each behind a command that runs it at its end of an emulated or real link. */
  | "lab";

/** The places, in the order in which they are run. */
export const PLACES: readonly Place[] = ["simulated", "loopback", "relay", "veth", "lab"];

/** A link with the same impairments in both directions. */
export interface LinkShape {
  /** Counts whole IP packets. */
  readonly rateBitsPerSecond: number;
  /** The rate of the return direction. Default: the same. */
  readonly returnRateBitsPerSecond?: number;
  /** One way; the mean if it varies. */
  readonly delayUs: number;
  /** Each packet is up to this much earlier or later, independently, so that packets are reordered. */
  readonly jitterUs?: number;
  /** The delay walks at random between this much less and more; packets keep their order. */
  readonly randomWalkUs?: number;
  readonly loss?: number;
  /** Capacity of the queue. Default: a bandwidth-delay product, and at least 64 KiB. */
  readonly queueBytes?: number;
}

/** One row of the table. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** Undefined where nothing limits it: on loopback, and between network namespaces. */
  readonly link?: LinkShape;
  /** Other work of both machines' processors; only where the machines are simulated. Default: none. */
  readonly processor?: ProcessorOptions;
  /** The resolution of the programs' timers where they are simulated. Default: exact. */
  readonly timerTickUs?: number;
  /** Size of the file at each place where the scenario is run. */
  readonly sizes: Readonly<Partial<Record<Place, number>>>;
}

const MB = 1_000_000;
const MIB = 1024 * 1024;
const MBIT = 1_000_000;
const MS = 1000;

const WAN: LinkShape = { rateBitsPerSecond: 100 * MBIT, delayUs: 25 * MS };
const FAR: LinkShape = { rateBitsPerSecond: 100 * MBIT, delayUs: 50 * MS };
const SHORT_QUEUE: LinkShape = { ...WAN, queueBytes: 32_000 };
const SIZES = { simulated: 100 * MB, relay: 25 * MB, lab: 100 * MB };

/**
 * The table. The relay is not run with the fast links, as it cannot carry a gigabit per second. There are goals for the
 * first seven, for wan-busy and for loopback.
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
  {
    name: "wan-busy",
    about: "wan between busy machines: each program is without the processor for 1 to 20 ms at a time",
    link: WAN,
    processor: { runUs: { min: 1 * MS, max: 30 * MS }, awayUs: { min: 1 * MS, max: 20 * MS } },
    sizes: { simulated: 100 * MB },
  },
  { name: "loopback", about: "within this machine", sizes: { loopback: 256 * MIB } },
  { name: "veth", about: "between two network namespaces", sizes: { veth: 256 * MIB } },
  {
    name: "short-queue",
    about: "100 Mbit/s, 50 ms, queue of 32 KB",
    link: SHORT_QUEUE,
    timerTickUs: 300,
    sizes: { simulated: 100 * MB, relay: 25 * MB, lab: 100 * MB },
  },
  {
    name: "short-queue-2ms",
    about: "the same with timers of 2.1 ms",
    link: SHORT_QUEUE,
    timerTickUs: 2_100,
    sizes: { simulated: 100 * MB },
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

/** File size of `--smoke`: enough to go through every stage once. */
export const SMOKE_BYTES = 200_000;

/** Headers of IPv4 and UDP: a link's rate counts whole packets. */
const OVERHEAD_BYTES = 28;

/** UDP payload of the largest IPv4 packet on Ethernet. */
const MTU_BYTES = 1472;

/** The minimum capacity of a queue by default: a few dozen packets, as in the cheapest router. */
const MIN_QUEUE_BYTES = 64 * 1024;

/** Both directions of a link as options of `netem/link.ts`: `up` is towards the server. */
export function linkOptionsOf(shape: LinkShape): { up: LinkOptions; down: LinkOptions } {
  const { rateBitsPerSecond, returnRateBitsPerSecond = rateBitsPerSecond, delayUs, loss = 0 } = shape;
  const { jitterUs = 0, randomWalkUs = 0, queueBytes } = shape;
  const direction = (rate: number): LinkOptions => ({
    rateBitsPerSecond: rate,
    delayUs: delayUs - randomWalkUs,
    jitterUs,
    randomWalkUs: 2 * randomWalkUs,
    loss,
    queueBytes: queueBytes ?? Math.round(Math.max(MIN_QUEUE_BYTES, rate / 8 * 2 * delayUs / 1e6)),
    overheadBytes: OVERHEAD_BYTES,
    mtuBytes: MTU_BYTES,
  });
  return { up: direction(rateBitsPerSecond), down: direction(returnRateBitsPerSecond) };
}

/** The goodput that the link allows, bits per second: the rate without the losses; headers are neglected. */
export function possibleBitsPerSecond({ rateBitsPerSecond, loss = 0 }: LinkShape): number {
  return rateBitsPerSecond * (1 - loss);
}
