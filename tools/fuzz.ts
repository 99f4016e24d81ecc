/**
 * Feeds the decoders and live ends hostile input, and plays scenes with hostile peers, until the time is over.
 *
 *     deno task fuzz [--minutes N] [--jobs N] [--seed N] [--target NAME] [--keep]
 *     deno task fuzz --target NAME --input HEX
 *     deno task fuzz --target NAME --seed N --try N
 *
 * The second line feeds one input again, the third plays a scene again; what is to be typed is printed with a failure.
 * New inputs go from the run to the corpus in `tests/fuzz/corpus/` with `--keep` alone; what fails is always kept there.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { allKeptInputs, CORPUS_FOLDER, keep, keepFailure } from "../testing/fuzz/corpus_folder.ts";
import { type Failure, run, type RunPlan, type RunReport, runTry, type TargetReport } from "../testing/fuzz/runner.ts";
import { TARGETS } from "../testing/fuzz/targets.ts";
import { fromHex } from "../testing/wire_values.ts";

/** What a person asked for. */
interface Plan {
  readonly minutes: number;
  readonly jobs: number;
  readonly seed: number;
  readonly targets: readonly string[];
  readonly keeps: boolean;
  /** This input alone, in hex, or this try alone. */
  readonly input: string | undefined;
  readonly onlyTry: number | undefined;
}

/** Each job has a seed of its own: the first the one that was asked for, the next the next. */
const MAX_JOBS = 256;

// deno-lint-ignore no-console -- this program talks to a person
const say = (line: string) => console.log(line);

/** The plan, or what is wrong with the arguments. */
function parsePlan(args: readonly string[]): Plan | string {
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
  const jobs = Number(values.jobs);
  const seed = Number(values.seed);
  const onlyTry = values.try === undefined ? undefined : Number(values.try);
  const targets = [...TARGETS.keys()].filter((name) => values.target === undefined || name === values.target);
  if (!(minutes > 0)) return `--minutes ${values.minutes}: a number above 0, please`;
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > MAX_JOBS) return `--jobs ${values.jobs}: 1 to ${MAX_JOBS}, please`;
  if (!Number.isSafeInteger(seed) || seed < 0) return `--seed ${values.seed}: a whole number, please`;
  if (targets.length === 0) return `--target ${values.target}: there are ${[...TARGETS.keys()].join(", ")}`;
  if (onlyTry !== undefined && !Number.isSafeInteger(onlyTry)) return `--try ${values.try}: a whole number, please`;
  if (onlyTry !== undefined && TARGETS.get(values.target ?? "")?.kind !== "scene") {
    return "--try: of which --target, and that one that is played? Inputs are fed again with --input";
  }
  if (values.input !== undefined && TARGETS.get(values.target ?? "")?.kind !== "input") {
    return "--input: for which --target, and that one that is fed inputs?";
  }
  return { minutes, jobs, seed, targets, keeps: values.keep, input: values.input, onlyTry };
}

/** Runs a plan in workers, one for each job; the first failure ends all of them. */
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
function sayTable(plan: Plan, reports: readonly RunReport[]): void {
  const columns = ["target", "tries", "a second", "inputs", "new", "heap MB, first and last"];
  const rows = plan.targets.map((name) => {
    const parts = reports.map(({ targets }) => targets.find((target) => target.name === name)!);
    return rowOf(name, parts, plan.keeps);
  });
  const widths = columns.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  for (const row of [columns, ...rows]) {
    say(row.map((cell, at) => at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)).join("  "));
  }
  const added = rows.reduce((sum, row) => sum + (Number(row[4]) || 0), 0);
  if (added === 0) say("no new inputs");
  else if (plan.keeps) say(`${added} new inputs are kept in ${CORPUS_FOLDER}`);
  else say(`${added} new inputs, which --keep would write to ${CORPUS_FOLDER}`);
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
  say(`FAILED: ${target}, try ${tryNumber}, seed ${seed}`);
  say(what);
  say(`last input: ${input}`);
  say(`kept in ${keepFailure(failure)}, and run with the tests from now on`);
  const again = TARGETS.get(target)!.kind === "scene" ? `--seed ${seed} --try ${tryNumber}` : `--input "${input}"`;
  say(`again: deno task fuzz --target ${target} ${again}`);
}

/** One input or one try; true where nothing is wrong. */
async function repeat({ targets, seed, input, onlyTry }: Plan): Promise<boolean> {
  const name = targets[0]!;
  const target = TARGETS.get(name)!;
  if (input !== undefined && target.kind === "input") {
    say([...target.feed(fromHex(input))].join("; "));
    return true;
  }
  const failure = await runTry(name, { seed, tryNumber: onlyTry! });
  if (failure !== undefined) say(failure.what);
  return failure === undefined;
}

async function main(): Promise<number> {
  const plan = parsePlan(Deno.args);
  if (typeof plan === "string") {
    say(plan);
    return 2;
  }
  let failure: Failure | undefined;
  if (plan.input !== undefined || plan.onlyTry !== undefined) {
    if (!await repeat(plan)) return 1;
  } else {
    say(`seed ${plan.seed}, ${plan.minutes} min, ${plan.jobs} at a time: ${plan.targets.join(", ")}`);
    const rssBytes = Deno.memoryUsage().rss;
    const reports = await runJobs(plan);
    sayTable(plan, reports);
    say(`resident: ${megabytes(rssBytes)} MB at first, ${megabytes(Deno.memoryUsage().rss)} MB at last`);
    failure = reports.find((one) => one.failure !== undefined)?.failure;
  }
  if (failure !== undefined) report(failure);
  else say("nothing found");
  return failure === undefined ? 0 : 1;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

if (import.meta.main) Deno.exit(await main());
