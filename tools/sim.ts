/**
 * Runs simulated transfers under random faults, each world from its own seed, and stops at the first failure.
 *
 *     deno task sim [--seeds N] [--first-seed N] [--jobs N] [--keep-going] [--seed N] [--verbose]
 *
 * At the end a table shows what the worlds covered, and what they never did.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runSwarm, SwarmError, type SwarmResult } from "../sim/swarm.ts";
import { planSwarm } from "../sim/swarm_plan.ts";
import { runSeeds, type Share } from "./sim/seeds.ts";
import { Summary } from "./sim/summary.ts";
import type { Report } from "./sim/worker.ts";
import { print, printError, runTool, wholeNumber } from "./tool.ts";

/** Several thousand transfers, well within two minutes. */
const DEFAULT_SEEDS = 1000;

const USAGE = `usage: deno task sim [OPTIONS]
  --seeds N       number of worlds (default: ${DEFAULT_SEEDS})
  --first-seed N  seed of the first world (default: random, and printed)
  --jobs N        number of threads (default: 1)
  --keep-going    go on after a failure
  --seed N        replay one world
  --verbose       print each world; with --seed also its plan`;

/** Seeds drawn at random stay below this, so that they are short to type. */
const MAX_RANDOM_SEED = 1_000_000_000;

/** How often a long run prints its progress. */
const PROGRESS_EVERY_S = 10;

interface Plan {
  readonly firstSeed: number;
  readonly count: number;
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly verbose: boolean;
  /** Whether to replay a single world. */
  readonly isReplay: boolean;
}

/** Reads the command line. Throws UsageError. */
function parsePlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "seeds": { type: "string", default: String(DEFAULT_SEEDS) },
      "seed": { type: "string" },
      "first-seed": { type: "string", default: String(Math.floor(Math.random() * MAX_RANDOM_SEED)) },
      "jobs": { type: "string", default: "1" },
      "keep-going": { type: "boolean", default: false },
      "verbose": { type: "boolean", default: false },
    },
  });
  const { seed } = values;
  return {
    firstSeed: seed === undefined ? wholeNumber("first-seed", values["first-seed"]) : wholeNumber("seed", seed),
    count: seed === undefined ? wholeNumber("seeds", values.seeds) : 1,
    jobs: wholeNumber("jobs", values.jobs, { min: 1 }),
    keepGoing: values["keep-going"],
    verbose: values.verbose,
    isReplay: seed !== undefined,
  };
}

/** One world, in a few lines. */
function describe(result: SwarmResult): string {
  const { seed, done, transfers, fileBytes, endUs, incidents, digest } = result;
  const happened = incidents.length === 0 ? "" : `, ${incidents.join(", ")}`;
  return `seed ${seed}: ${done} of ${transfers} transfers, ${fileBytes} bytes, ` +
    `${(endUs / 1e6).toFixed(2)} s simulated${happened}, digest ${digest}`;
}

/** Runs one world and prints its result; resolves to whether it passed. */
async function replay(seed: number, verbose: boolean): Promise<boolean> {
  if (verbose) print(JSON.stringify(planSwarm(seed), describeInfinity, 2));
  try {
    print(describe(await runSwarm(seed)));
    return true;
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    print(`FAILED ${error.message}`);
    if (verbose) print(String((error.cause as Error | undefined)?.stack ?? error.stack));
    return false;
  }
}

/** Runs all seeds, with several jobs on threads; resolves to whether all passed. */
async function runAll(plan: Plan): Promise<boolean> {
  const { firstSeed, count, jobs, keepGoing, verbose } = plan;
  print(`seeds ${firstSeed} to ${firstSeed + count - 1}`);
  const startMs = performance.now();
  const elapsedS = (): number => (performance.now() - startMs) / 1000;
  const failures: string[] = [];
  let worlds = 0;
  let printedS = 0;
  const listener = {
    onWorlds: (more: number) => {
      worlds += more;
      if (elapsedS() - printedS < PROGRESS_EVERY_S) return;
      printedS = elapsedS();
      printError(`${worlds} of ${count} worlds in ${printedS.toFixed(0)} s, ${failures.length} failed`);
    },
    onFailed: (message: string) => {
      failures.push(message);
      print(`FAILED ${message}`);
    },
    ...(verbose ? { onResult: (result: SwarmResult) => print(describe(result)) } : {}),
  };
  const summary = jobs === 1
    ? await runSeeds({ firstSeed, count, stride: 1, keepGoing }, listener)
    : await runOnThreads({ firstSeed, count, stride: jobs, keepGoing }, listener);
  print(summary.describe(elapsedS()));
  if (failures.length > 0) print(`${failures.length} FAILED`);
  return failures.length === 0;
}

/** Each of `stride` threads takes every `stride`-th seed. Without `keepGoing` the first failure ends them all. */
async function runOnThreads(
  share: Share,
  listener: { onWorlds(worlds: number): void; onFailed(message: string): void },
): Promise<Summary> {
  const summary = new Summary();
  const ended = Promise.withResolvers<void>();
  let running = share.stride;
  const workers = Array.from({ length: share.stride }, (_, index) => {
    const worker = new Worker(new URL("./sim/worker.ts", import.meta.url), { type: "module" });
    worker.onerror = (event) => ended.reject(new Error(event.message));
    worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
      if (report.kind === "progress") return listener.onWorlds(report.worlds);
      if (report.kind === "failed") {
        listener.onFailed(report.message);
        if (!share.keepGoing) ended.resolve();
        return;
      }
      summary.add(report.sums);
      if (--running === 0) ended.resolve();
    };
    worker.postMessage({ ...share, firstSeed: share.firstSeed + index, count: share.count - index } satisfies Share);
    return worker;
  });
  try {
    await ended.promise;
  } finally {
    for (const worker of workers) worker.terminate();
  }
  return summary;
}

/** JSON has no infinity, and no sets. */
function describeInfinity(_key: string, value: unknown): unknown {
  if (value === Infinity) return "Infinity";
  return value instanceof Set ? [...value] : value;
}

async function main(): Promise<number> {
  const plan = parsePlan(Deno.args);
  const hasPassed = plan.isReplay ? await replay(plan.firstSeed, plan.verbose) : await runAll(plan);
  return hasPassed ? 0 : 1;
}

if (import.meta.main) await runTool(USAGE, main);
