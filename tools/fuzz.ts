/**
 * Fuzzing: feeds hostile input to the decoders and to live endpoints, and runs scenes with hostile peers, for some minutes.
 *
 *     deno task fuzz [--minutes N] [--jobs N] [--seed N] [--target NAME] [--keep]
 *     deno task fuzz --target NAME --input HEX
 *     deno task fuzz --target NAME --seed N --try N
 *
 * The second command repeats an input, the third a scene; a failure prints the command that repeats it. Inputs that fail
 * are written to the corpus in `tests/fuzz/corpus/`, other new ones only with `--keep`.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { allKeptInputs, CORPUS_FOLDER, keep, keepFailure } from "../testing/fuzz/corpus_folder.ts";
import { type Failure, run, type RunPlan, type RunReport, runTry, type TargetReport } from "../testing/fuzz/runner.ts";
import { TARGETS } from "../testing/fuzz/targets.ts";
import { fromHex } from "../testing/wire_values.ts";
import { print, runTool, UsageError, wholeNumber } from "./tool.ts";

interface Plan {
  readonly minutes: number;
  readonly jobs: number;
  readonly seed: number;
  readonly targets: readonly string[];
  readonly keeps: boolean;
  /** The only input, in hex, or the number of the only try. */
  readonly input: string | undefined;
  readonly onlyTry: number | undefined;
}

/** Job 0 has the given seed, job 1 the next number, and so on. */
const MAX_JOBS = 256;

const USAGE = `usage: deno task fuzz [OPTIONS]
  --minutes N    duration (default: 1)
  --jobs N       number of threads (default: 1)
  --seed N       seed of the first thread (default: random)
  --target NAME  only this target
  --keep         write new inputs to the corpus
  --input HEX    feed this input to --target and exit
  --try N        run this try of --seed for --target and exit
targets: ${[...TARGETS.keys()].join(", ")}`;

/** Reads the command line. Throws UsageError. */
function parsePlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "1" },
      jobs: { type: "string", default: "1" },
      seed: { type: "string", default: String(randomInt(2 ** 32)) },
      target: { type: "string" },
      keep: { type: "boolean", default: false },
      input: { type: "string" },
      try: { type: "string" },
    },
  });
  const minutes = Number(values.minutes);
  const jobs = wholeNumber("jobs", values.jobs, { min: 1, max: MAX_JOBS });
  const seed = wholeNumber("seed", values.seed);
  const onlyTry = values.try === undefined ? undefined : wholeNumber("try", values.try);
  const targets = [...TARGETS.keys()].filter((name) => values.target === undefined || name === values.target);
  if (!(minutes > 0)) throw new UsageError(`--minutes: expected a number above 0, not "${values.minutes}"`);
  if (targets.length === 0) throw new UsageError(`--target: no such target: "${values.target}"`);
  const kind = values.target === undefined ? undefined : TARGETS.get(values.target)!.kind;
  if (onlyTry !== undefined && kind !== "scene") throw new UsageError("--try: needs a --target that is a scene");
  if (values.input !== undefined && kind !== "input") {
    throw new UsageError("--input: needs a --target that takes inputs");
  }
  return { minutes, jobs, seed, targets, keeps: values.keep, input: values.input, onlyTry };
}

/** Runs a plan, with several jobs in workers; the first failure ends all of them. */
async function runJobs({ minutes, jobs, seed, targets }: Plan): Promise<RunReport[]> {
  const inputs = allKeptInputs(targets);
  const plans = Array.from({ length: jobs }, (_, job): RunPlan => ({ minutes, seed: seed + job, targets, inputs }));
  if (jobs === 1) return [await run(plans[0]!)];
  const workers = plans.map(() =>
    new Worker(new URL("../testing/fuzz/worker.ts", import.meta.url), { type: "module" })
  );
  const reports: RunReport[] = [];
  await new Promise<void>((resolve, reject) => {
    workers.forEach((worker, job) => {
      worker.onerror = ({ message }) => reject(new Error(`job ${job}: ${message}`));
      worker.onmessage = ({ data }: MessageEvent<RunReport>) => {
        reports.push(data);
        if (data.failure !== undefined || reports.length === jobs) resolve();
      };
      worker.postMessage(plans[job]);
    });
  });
  for (const worker of workers) worker.terminate();
  return reports;
}

/** One row for each target, over all jobs. */
function printTable(plan: Plan, reports: readonly RunReport[]): void {
  const columns = ["target", "tries", "per second", "inputs", "new", "heap MB, start and end"];
  const rows = plan.targets.map((name) => {
    const parts = reports.map(({ targets }) => targets.find((target) => target.name === name)!);
    return rowOf(name, parts, plan.keeps);
  });
  const widths = columns.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  for (const row of [columns, ...rows]) {
    print(row.map((cell, at) => at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)).join("  "));
  }
  const added = rows.reduce((sum, row) => sum + (Number(row[4]) || 0), 0);
  if (added === 0) print("no new inputs");
  else if (plan.keeps) print(`${added} new inputs written to ${CORPUS_FOLDER}`);
  else print(`${added} new inputs; --keep writes them to ${CORPUS_FOLDER}`);
}

function rowOf(name: string, parts: readonly TargetReport[], write: boolean): string[] {
  const sum = (value: (part: TargetReport) => number): number => parts.reduce((all, part) => all + value(part), 0);
  const perSecond = sum(({ tries, ms }) => ms === 0 ? 0 : tries / (ms / 1000));
  const isFed = TARGETS.get(name)!.kind === "input";
  const inputs = parts.flatMap((part) => part.inputs);
  const megabytes = (bytes: (part: TargetReport) => number): string =>
    parts.map((part) => (bytes(part) / 1e6).toFixed(1)).join("+");
  return [
    name,
    String(sum(({ tries }) => tries)),
    perSecond.toFixed(perSecond < 10 ? 1 : 0),
    isFed ? String(Math.max(...parts.map((part) => part.inputs.length))) : "",
    isFed ? String(keep(name, inputs, { write })) : "",
    `${megabytes((part) => part.heapStartBytes)} ${megabytes((part) => part.heapEndBytes)}`,
  ];
}

function report(failure: Failure): void {
  const { target, tryNumber, seed, input, what } = failure;
  print(`FAILED: ${target}, try ${tryNumber}, seed ${seed}`);
  print(what);
  print(`last input: ${input}`);
  print(`written to ${keepFailure(failure)}; the tests run it from now on`);
  const options = TARGETS.get(target)!.kind === "scene" ? `--seed ${seed} --try ${tryNumber}` : `--input "${input}"`;
  print(`to repeat: deno task fuzz --target ${target} ${options}`);
}

/** Repeats one input or one try; resolves to whether it passed. */
async function repeat({ targets, seed, input, onlyTry }: Plan): Promise<boolean> {
  const name = targets[0]!;
  const target = TARGETS.get(name)!;
  if (input !== undefined && target.kind === "input") {
    print([...target.feed(fromHex(input))].join("; "));
    return true;
  }
  const failure = await runTry(name, { seed, tryNumber: onlyTry! });
  if (failure !== undefined) print(failure.what);
  return failure === undefined;
}

async function main(): Promise<number> {
  const plan = parsePlan(Deno.args);
  let failure: Failure | undefined;
  if (plan.input !== undefined || plan.onlyTry !== undefined) {
    if (!await repeat(plan)) return 1;
  } else {
    print(`seed ${plan.seed}, ${plan.minutes} min, ${plan.jobs} threads: ${plan.targets.join(", ")}`);
    const rssBytes = Deno.memoryUsage().rss;
    const reports = await runJobs(plan);
    printTable(plan, reports);
    print(
      `resident memory: ${megabytes(rssBytes)} MB at the start, ${megabytes(Deno.memoryUsage().rss)} MB at the end`,
    );
    failure = reports.find((one) => one.failure !== undefined)?.failure;
  }
  if (failure !== undefined) report(failure);
  else print("no failures");
  return failure === undefined ? 0 : 1;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

if (import.meta.main) await runTool(USAGE, main);
