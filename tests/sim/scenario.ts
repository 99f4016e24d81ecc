/**
 * Named scenarios: one file over one link with a disturbance, with a bound on the simulated time, over a few seeds and in
 * both directions. The disturbance must have happened, and the file must be complete and correct.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ConnectionConfig, ConnectionStats } from "../../protocol/mod.ts";
import type { Link, LinkOptions } from "../../netem/link.ts";
import type { TraceEvent } from "../../sim/node.ts";
import { sample } from "../../testing/effort.ts";
import { World } from "../../sim/world.ts";
import { ETHERNET_IPV4_BYTES, HEADER_BYTES } from "./goals.ts";

export const SECOND_US = 1_000_000;
export const MBIT = 1_000_000;
export const MB = 1_000_000;

/** A whole packet: the simulators that these scenarios come from count their queues in packets. */
export const PACKET_BYTES = ETHERNET_IPV4_BYTES + HEADER_BYTES;

/** The direction of the file. */
export type Direction = "put" | "get";

/** See the module's description. */
export interface Scenario {
  readonly name: string;
  /** The link of the file, and that of its acknowledgements. Default of the latter: the same. */
  readonly there: LinkOptions;
  readonly back?: LinkOptions;
  readonly sizeBytes: number;
  /** Bound on the time in either direction, from the client's start to its outcome. */
  readonly limitUs: number;
  /** Default: both. */
  readonly directions?: readonly Direction[];
  /** Default: 1, 2 and 3. */
  readonly seeds?: readonly number[];
  readonly config?: Partial<ConnectionConfig>;
  /** Schedules the disturbance. */
  readonly script?: (run: Run) => void;
  /** Fails if the disturbance has not happened; called when the transfer is done. */
  readonly check: (run: Run) => void;
}

/** One run of a scenario. */
export class Run {
  readonly world: World;
  readonly direction: Direction;
  /** The link of the file, and the other one. */
  readonly there: Link;
  readonly back: Link;
  /** Scenario, direction and seed, for messages. */
  readonly label: string;

  constructor(scenario: Scenario, direction: Direction, seed: number, trace?: (event: TraceEvent) => void) {
    const { name, sizeBytes, config } = scenario;
    const there = packets(scenario.there);
    const back = packets(scenario.back ?? scenario.there);
    const isPut = direction === "put";
    this.direction = direction;
    this.label = `${name}, ${direction}, seed ${seed}`;
    this.world = new World({
      seed,
      up: isPut ? there : back,
      down: isPut ? back : there,
      clients: [{ goals: [{ kind: direction, name: "file", sizeBytes }] }],
      ...(config === undefined ? {} : { config }),
      ...(trace === undefined ? {} : { trace }),
    });
    const { up, down } = this.world.linkOf(0);
    this.there = isPut ? up : down;
    this.back = isPut ? down : up;
    scenario.script?.(this);
  }

  /** Statistics of the sender of the file. */
  get sender(): ConnectionStats {
    if (this.direction === "put") return this.world.statsOf(0);
    return [...this.world.server.connections][0]!.stats;
  }

  /** Changes both links. */
  change(options: LinkOptions): void {
    this.there.change(options);
    this.back.change(options);
  }

  /** Fails with the label of the run. */
  assert(holds: boolean, what: string): void {
    assert(holds, `${this.label}: ${what}`);
  }
}

/** Runs a scenario once, with its checks; returns the simulated time that it took. */
export async function runScenario(scenario: Scenario, direction: Direction, seed: number): Promise<number> {
  const run = new Run(scenario, direction, seed);
  const { world, label } = run;
  const { limitUs } = scenario;
  const isDone = await world.run(4 * limitUs);
  assert(isDone, `${label}: not done after ${seconds(4 * limitUs)} s, the bound is ${seconds(limitUs)} s`);
  const { outcome } = world.results[0]!;
  assert(outcome.kind === "done", `${label}: ended after ${seconds(world.endUs)} s with ${JSON.stringify(outcome)}`);
  assert(world.endUs <= limitUs, `${label}: took ${seconds(world.endUs)} s, the bound is ${seconds(limitUs)} s`);
  const { endUs } = world;
  scenario.check(run);
  await world.finish();
  return endUs;
}

/** Registers a test for each scenario and direction. */
export function testScenarios(scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios) {
    const { name, directions = ["put", "get"], seeds = [1, 2, 3], limitUs } = scenario;
    for (const direction of directions) {
      Deno.test(`World: ${name}: a ${direction} is done in ${seconds(limitUs)} s`, async () => {
        for (const seed of sample(seeds, 1)) await runScenario(scenario, direction, seed);
      });
    }
  }
}

/** The parts of a bound. */
export interface Bound {
  readonly sizeBytes: number;
  readonly rateBitsPerSecond: number;
  readonly roundTripUs: number;
  /** Share of the rate used for new bytes of the file: the rest is headers, retransmissions and idle time. */
  readonly share: number;
  /** Round trips of handshake, startup and end. */
  readonly roundTrips: number;
  /** The cost of the disturbance. Default: 0. */
  readonly extraUs?: number;
}

/** The sum of serialization at the share used, round trips, and disturbance. */
export function boundUs({ sizeBytes, rateBitsPerSecond, roundTripUs, share, roundTrips, extraUs = 0 }: Bound): number {
  return Math.round(sizeBytes * 8e6 / rateBitsPerSecond / share + roundTrips * roundTripUs + extraUs);
}

/** A link that counts whole IP packets, with Ethernet's MTU. */
function packets(link: LinkOptions): LinkOptions {
  return { overheadBytes: HEADER_BYTES, mtuBytes: ETHERNET_IPV4_BYTES, ...link };
}

function seconds(us: number): string {
  return (us / SECOND_US).toFixed(2);
}
