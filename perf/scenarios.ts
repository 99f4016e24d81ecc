/**
 * What is measured: one table. Simulated scenarios tell how good the algorithms are, whatever the machine; those in
 * wall time tell what the machine makes of the whole program.
 *
 * @module
 */

import type { LinkOptions } from "../sim/link.ts";

const MBIT = 1_000_000;

/** A transfer over a simulated link, the same in both directions. */
export interface SimulatedScenario {
  readonly name: string;
  readonly rateBitsPerSecond: number;
  readonly roundTripUs: number;
  /** Room before the line, in bandwidth-delay products. */
  readonly queueRoundTrips: number;
  /** What goes wrong on it besides. */
  readonly faults: LinkOptions;
  readonly sizeBytes: number;
}

/** A transfer through real sockets on loopback, each end a process of its own. */
export interface WallScenario {
  readonly name: string;
  readonly direction: "up" | "down";
  readonly sizeBytes: number;
}

/** A LAN: as fast as most wires, and next to no delay; the queue is that of a switch, not of a round trip. */
const LAN = { rateBitsPerSecond: 1000 * MBIT, roundTripUs: 400, queueRoundTrips: 10, sizeBytes: 50_000_000 };
const WAN = { rateBitsPerSecond: 100 * MBIT, roundTripUs: 50_000, queueRoundTrips: 1, sizeBytes: 50_000_000 };
const FAR = { rateBitsPerSecond: 100 * MBIT, roundTripUs: 100_000, queueRoundTrips: 1, sizeBytes: 50_000_000 };

/** In simulated time. */
export const SIMULATED: readonly SimulatedScenario[] = [
  { name: "LAN 1 Gbit/s, 0.4 ms", ...LAN, faults: {} },
  { name: "WAN 100 Mbit/s, 50 ms", ...WAN, faults: {} },
  { name: "WAN, short queue", ...WAN, queueRoundTrips: 0.1, faults: {} },
  { name: "WAN, reordering 5 % by 10 ms", ...WAN, faults: { reorder: { probability: 0.05, extraDelayUs: 10_000 } } },
  { name: "WAN, jitter 20 ms", ...WAN, faults: { jitterUs: 20_000 } },
  { name: "100 ms, 1 % loss", ...FAR, faults: { loss: 0.01 } },
  { name: "100 ms, 10 % loss", ...FAR, faults: { loss: 0.1 } },
  { name: "100 ms, 20 % loss", ...FAR, faults: { loss: 0.2 } },
];

/** In wall time. */
export const WALL: readonly WallScenario[] = [
  { name: "loopback up", direction: "up", sizeBytes: 256 * 1024 * 1024 },
  { name: "loopback down", direction: "down", sizeBytes: 256 * 1024 * 1024 },
];

/** Size of every file under `--smoke`: enough to pass through each stage once. */
export const SMOKE_BYTES = 300_000;
