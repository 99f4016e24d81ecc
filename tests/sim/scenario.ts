/**
 * Named scenarios: one file over one link on which something happens, with the longest simulated time that it may take,
 * over a few seeds and in both directions. What a scenario is about must have happened, and the right bytes must be there.
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

/** Which way the file goes. */
export type Direction = "put" | "get";

/** See the module's description. */
export interface Scenario {
  readonly name: string;
  /** The link that the file takes, and the one that its acknowledgements take. Default of the latter: the same. */
  readonly there: LinkOptions;
  readonly back?: LinkOptions;
  readonly sizeBytes: number;
  /** The longest that it may take in either direction, from the client's start to its outcome. */
  readonly limitUs: number;
  /** Default: both. */
  readonly directions?: readonly Direction[];
  /** Default: 1, 2 and 3. */
  readonly seeds?: readonly number[];
  readonly config?: Partial<ConnectionConfig>;
  /** Sets up what happens on the way. */
  readonly script?: (run: Run) => void;
  /** Fails where what the scenario is about has not happened; called when the file is there. */
  readonly check: (run: Run) => void;
}

/** One run of a scenario. */
export class Run {
  readonly world: World;
  readonly direction: Direction;
  /** The link that the file takes, and the other. */
  readonly there: Link;
  readonly back: Link;
  /** Which scenario, direction and seed: for messages. */
  readonly words: string;

  constructor(scenario: Scenario, direction: Direction, seed: number, trace?: (event: TraceEvent) => void) {
    const { name, sizeBytes, config } = scenario;
    const there = packets(scenario.there);
    const back = packets(scenario.back ?? scenario.there);
    const isPut = direction === "put";
    this.direction = direction;
    this.words = `${name}, ${direction}, seed ${seed}`;
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

  /** Counters of the side that sends the file. */
  get sender(): ConnectionStats {
    if (this.direction === "put") return this.world.statsOf(0);
    return [...this.world.server.connections][0]!.stats;
  }

  /** Changes both links. */
  change(options: LinkOptions): void {
    this.there.change(options);
    this.back.change(options);
  }

  /** Fails with the scenario's words. */
  assert(holds: boolean, what: string): void {
    assert(holds, `${this.words}: ${what}`);
  }
}

/** Runs a scenario once, with all of its checks; returns the simulated time that it took. */
export async function runScenario(scenario: Scenario, direction: Direction, seed: number): Promise<number> {
  const run = new Run(scenario, direction, seed);
  const { world, words } = run;
  const { limitUs } = scenario;
  const isDone = await world.run(4 * limitUs);
  assert(isDone, `${words}: not done after ${seconds(4 * limitUs)} s, the bound is ${seconds(limitUs)} s`);
  const { outcome } = world.results[0]!;
  assert(outcome.kind === "done", `${words}: ended after ${seconds(world.endUs)} s with ${JSON.stringify(outcome)}`);
  assert(world.endUs <= limitUs, `${words}: took ${seconds(world.endUs)} s, the bound is ${seconds(limitUs)} s`);
  const { endUs } = world;
  scenario.check(run);
  await world.finish();
  return endUs;
}

/** Makes a test of each scenario in each direction. */
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

/** What a bound is made of. */
export interface Bound {
  readonly sizeBytes: number;
  readonly rateBitsPerSecond: number;
  readonly roundTripUs: number;
  /** Share of the line's time in which it carries new bytes of the file: the rest is headers, repairs and pauses. */
  readonly share: number;
  /** Round trips of handshake, start and end. */
  readonly roundTrips: number;
  /** What the disturbance takes by itself. Default: 0. */
  readonly extraUs?: number;
}

/** The time that the file takes on the line, with the share that is used of it; round trips; and the disturbance. */
export function boundUs({ sizeBytes, rateBitsPerSecond, roundTripUs, share, roundTrips, extraUs = 0 }: Bound): number {
  return Math.round(sizeBytes * 8e6 / rateBitsPerSecond / share + roundTrips * roundTripUs + extraUs);
}

/** A link in whole IP packets, as large as an Ethernet's at most. */
function packets(link: LinkOptions): LinkOptions {
  return { overheadBytes: HEADER_BYTES, mtuBytes: ETHERNET_IPV4_BYTES, ...link };
}

function seconds(us: number): string {
  return (us / SECOND_US).toFixed(2);
}
