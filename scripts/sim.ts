/**
 * Runs simulated transfers under random faults, each world from its own seed, and stops at the first that goes wrong.
 *
 * ```
 * deno task sim [--seeds N] [--first-seed N] [--seed N] [--verbose]
 * ```
 *
 * `--seed N` replays one world. Without `--first-seed` another one is drawn each time, and printed.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import type { LinkStats } from "../sim/link.ts";
import { planSwarm, runSwarm, type SwarmResult } from "../sim/swarm.ts";

/** Seeds run unless told otherwise: several thousand transfers, well within two minutes. */
const DEFAULT_SEEDS = 1000;

/** Seeds drawn at random stay below this, so that they are short to type. */
const MAX_RANDOM_SEED = 1_000_000_000;

/** What is added up over all worlds. */
const FAULTS: readonly (readonly [string, keyof LinkStats])[] = [
  ["lost", "lost"],
  ["dropped by full queues", "queueDropped"],
  ["in blackouts", "blackedOut"],
  ["too big for the path", "tooBig"],
  ["damaged", "corrupted"],
  ["duplicated", "duplicated"],
  ["reordered", "reordered"],
];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readOptions(): { firstSeed: number; count: number; verbose: boolean } {
  const { values } = parseArgs({
    options: {
      "seeds": { type: "string" },
      "seed": { type: "string" },
      "first-seed": { type: "string" },
      "verbose": { type: "boolean", default: false },
    },
  });
  const integer = (name: "seeds" | "seed" | "first-seed"): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw new TypeError(`--${name} wants a whole number, not "${text}"`);
    }
    return Number(text);
  };
  const seed = integer("seed");
  return {
    firstSeed: seed ?? integer("first-seed") ?? Math.floor(Math.random() * MAX_RANDOM_SEED),
    count: seed === undefined ? integer("seeds") ?? DEFAULT_SEEDS : 1,
    verbose: values.verbose,
  };
}

/** One world, in a few lines. */
function describe(result: SwarmResult): string {
  const { seed, done, transfers, fileBytes, endUs, incidents, digest } = result;
  const happened = incidents.length === 0 ? "" : `, ${incidents.join(", ")}`;
  return `seed ${seed}: ${done} of ${transfers} transfers, ${fileBytes} bytes, ` +
    `${(endUs / 1e6).toFixed(2)} s simulated${happened}, digest ${digest}`;
}

/** All worlds. */
function summarize(results: readonly SwarmResult[], elapsedS: number): string {
  const sum = (value: (result: SwarmResult) => number): number => results.reduce((all, one) => all + value(one), 0);
  const incidents = new Map<string, number>();
  for (const kind of results.flatMap((result) => result.incidents)) incidents.set(kind, (incidents.get(kind) ?? 0) + 1);
  const slowest = results.reduce((worst, one) => one.endUs > worst.endUs ? one : worst);
  return [
    `${results.length} worlds, ${sum((one) => one.transfers)} transfers, ${sum((one) => one.done)} of them done ` +
    `(the rest as they had to end: cancelled, refused, or killed)`,
    `${(sum((one) => one.fileBytes) / 1e6).toFixed(0)} MB of files, ` +
    `${(sum((one) => one.simulatedUs) / 3.6e9).toFixed(1)} hours simulated in ${elapsedS.toFixed(1)} s`,
    `${sum((one) => one.links.sent)} datagrams: ` +
    FAULTS.map(([name, key]) => `${sum((one) => one.links[key])} ${name}`).join(", "),
    `incidents: ${[...incidents].map(([kind, count]) => `${count} ${kind}`).join(", ") || "none"}`,
    `slowest: seed ${slowest.seed}, ${(slowest.endUs / 1e6).toFixed(1)} s simulated`,
  ].join("\n");
}

function main(): number {
  const { firstSeed, count, verbose } = readOptions();
  say(count === 1 ? `seed ${firstSeed}` : `seeds ${firstSeed} to ${firstSeed + count - 1}`);
  const results: SwarmResult[] = [];
  const startMs = performance.now();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    if (verbose && count === 1) say(JSON.stringify(planSwarm(seed), describeInfinity, 2));
    try {
      results.push(runSwarm(seed));
    } catch (error) {
      say(error instanceof Error ? `FAILED ${error.message}` : String(error));
      if (verbose && error instanceof Error) say(String((error.cause as Error | undefined)?.stack ?? error.stack));
      return 1;
    }
    if (verbose) say(describe(results.at(-1)!));
  }
  if (results.length > 0) say(summarize(results, (performance.now() - startMs) / 1000));
  return 0;
}

/** JSON has no infinity, and no sets. */
function describeInfinity(_key: string, value: unknown): unknown {
  if (value === Infinity) return "Infinity";
  return value instanceof Set ? [...value] : value;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\nusage: deno task sim [--seeds N] [--first-seed N] [--seed N] [--verbose]\n`);
  process.exitCode = 2;
}
