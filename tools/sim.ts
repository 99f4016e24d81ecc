/**
 * Runs simulated transfers under random faults, each world from its own seed, and stops at the first that goes wrong.
 *
 * ```
 * deno task sim [--seeds N] [--first-seed N] [--jobs N] [--keep-going] [--seed N] [--verbose]
 * ```
 *
 * `--seed N` replays one world. Without `--first-seed` another one is drawn each time, and printed. `--jobs` threads
 * share the seeds. At the end a table says what was reached, and what never was.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { runSwarm, SwarmError, type SwarmResult } from "../sim/swarm.ts";
import { planSwarm } from "../sim/swarm_plan.ts";
import { runSeeds, type Share } from "./sim/seeds.ts";
import { Summary } from "./sim/summary.ts";
import type { Report } from "./sim/worker.ts";

const USAGE = "usage: deno task sim [--seeds N] [--first-seed N] [--jobs N] [--keep-going] [--seed N] [--verbose]";

/** Seeds run unless told otherwise: several thousand transfers, well within two minutes. */
const DEFAULT_SEEDS = 1000;

/** Seeds drawn at random stay below this, so that they are short to type. */
const MAX_RANDOM_SEED = 1_000_000_000;

/** How often a long run says how far it is. */
const PROGRESS_EVERY_S = 10;

/** What a person asked for. */
interface Plan {
  readonly firstSeed: number;
  readonly count: number;
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly verbose: boolean;
  /** One world alone. */
  readonly isReplay: boolean;
}

/** What was typed makes no sense. */
class UsageError extends Error {}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function parse() {
  try {
    return parseArgs({
      options: {
        "seeds": { type: "string" },
        "seed": { type: "string" },
        "first-seed": { type: "string" },
        "jobs": { type: "string" },
        "keep-going": { type: "boolean", default: false },
        "verbose": { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Throws UsageError where the arguments make no sense. */
function readPlan(): Plan {
  const values = parse();
  const integer = (name: "seeds" | "seed" | "first-seed" | "jobs"): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw new UsageError(`--${name} wants a whole number, not "${text}"`);
    }
    return Number(text);
  };
  const seed = integer("seed");
  const jobs = integer("jobs") ?? 1;
  if (jobs < 1) throw new UsageError("--jobs wants 1 or more");
  return {
    firstSeed: seed ?? integer("first-seed") ?? Math.floor(Math.random() * MAX_RANDOM_SEED),
    count: seed === undefined ? integer("seeds") ?? DEFAULT_SEEDS : 1,
    jobs,
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

/** Runs one world and says all that there is to say of it; returns whether it went well. */
async function replay(seed: number, verbose: boolean): Promise<boolean> {
  if (verbose) say(JSON.stringify(planSwarm(seed), describeInfinity, 2));
  try {
    say(describe(await runSwarm(seed)));
    return true;
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    say(`FAILED ${error.message}`);
    if (verbose) say(String((error.cause as Error | undefined)?.stack ?? error.stack));
    return false;
  }
}

/** Runs all seeds, on threads where more than one is asked for; returns whether they went well. */
async function runAll(plan: Plan): Promise<boolean> {
  const { firstSeed, count, jobs, keepGoing, verbose } = plan;
  say(`seeds ${firstSeed} to ${firstSeed + count - 1}`);
  const startMs = performance.now();
  const elapsedS = (): number => (performance.now() - startMs) / 1000;
  const failures: string[] = [];
  let worlds = 0;
  let saidS = 0;
  const listener = {
    onWorlds: (more: number) => {
      worlds += more;
      if (elapsedS() - saidS < PROGRESS_EVERY_S) return;
      saidS = elapsedS();
      process.stderr.write(`${worlds} of ${count} worlds in ${saidS.toFixed(0)} s, ${failures.length} failed\n`);
    },
    onFailed: (message: string) => {
      failures.push(message);
      say(`FAILED ${message}`);
    },
    ...(verbose ? { onResult: (result: SwarmResult) => say(describe(result)) } : {}),
  };
  const summary = jobs === 1
    ? await runSeeds({ firstSeed, count, stride: 1, keepGoing }, listener)
    : await runOnThreads({ firstSeed, count, stride: jobs, keepGoing }, listener);
  say(summary.describe(elapsedS()));
  if (failures.length > 0) say(`${failures.length} FAILED`);
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

try {
  const plan = readPlan();
  const isWell = plan.isReplay ? await replay(plan.firstSeed, plan.verbose) : await runAll(plan);
  process.exitCode = isWell ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}
