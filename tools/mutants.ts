/**
 * Breaks the core on purpose, in one way after the other, and holds the tests to noticing each.
 *
 *     deno task mutants [--only ID,...] [--jobs N] [--json] [--list]
 *
 * The mutants are data, in `tools/mutants/`. Each is tried in a copy of the checkout, so nothing here changes, and
 * tests that are not committed yet count. First the tests that are expected to catch it are run; only where they pass
 * all the others are. Exit code 1 where a mutant survived: then a test is missing.
 *
 * @module
 */

import path from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants/all.ts";
import { Checkout, sourceFiles } from "./mutants/checkout.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { describeVerdict, jsonOf, summaryOf, tableOf } from "./mutants/report.ts";
import { tryMutant, Untouched, UntouchedError, type Verdict } from "./mutants/trial.ts";

/** More copies at once than this are slowed by each other's tests more than they help. */
const MAX_DEFAULT_JOBS = 4;

const USAGE = `deno task mutants [OPTIONS]
  --only ID,...  these mutants alone
  --jobs N       so many at once; without it one for each core, but at most ${MAX_DEFAULT_JOBS}
  --json         verdicts for programs
  --list         what there is to break, and nothing more`;

/** What a person asked for. */
export interface Options {
  readonly mutants: readonly Mutant[];
  readonly jobs: number;
  readonly json: boolean;
  readonly list: boolean;
}

/** Reads the command line. Throws TypeError with what is wrong with it. */
export function parseOptions(args: readonly string[], cores: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      jobs: { type: "string", default: String(Math.min(cores, MAX_DEFAULT_JOBS)) },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    },
  });
  const { json, list } = values;
  if (!/^[1-9]\d?$/.test(values.jobs)) throw new TypeError(`--jobs wants a number from 1 to 99, not "${values.jobs}"`);
  const wanted = values.only?.split(",") ?? MUTANTS.map(({ id }) => id);
  const mutants = wanted.map((id) => {
    const mutant = MUTANTS.find((one) => one.id === id);
    if (mutant === undefined) throw new TypeError(`--only ${id}: there is no such mutant; --list names them`);
    return mutant;
  });
  return { mutants, jobs: Number(values.jobs), json, list };
}

/** Calls `work` for every item, at most `jobs` at once, each with the number of its job from 0 on. */
export async function inJobs<Item>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item, job: number) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const count = Math.min(jobs, items.length);
  await Promise.all(Array.from({ length: count }, async (_, job) => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item, job);
  }));
}

/** Tries the mutants in copies of the checkout below `folder`; the verdicts are in the mutants' order. */
async function tryAll({ mutants, jobs }: Options, folder: string): Promise<Verdict[]> {
  const root = path.join(import.meta.dirname!, "..");
  const files = sourceFiles(root);
  const copyTo = (name: string) => new Checkout(path.join(folder, name), { root, files });
  const untouched = new Untouched(copyTo("untouched"));
  const expected = [...new Set(mutants.flatMap(({ caughtBy }) => caughtBy))];
  tell(`running the ${expected.length} test files that are expected to catch them, on the untouched sources`);
  await inJobs(expected, jobs, async (file) => void await untouched.tookMs([file]));
  const checkouts = Array.from({ length: Math.min(jobs, mutants.length) }, (_, job) => copyTo(`job-${job}`));
  const verdicts = new Map<Mutant, Verdict>();
  await inJobs(mutants, jobs, async (mutant, job) => {
    const verdict = await tryMutant(mutant, { checkout: checkouts[job]!, untouched, files });
    verdicts.set(mutant, verdict);
    tell(`${verdicts.size}/${mutants.length} ${mutant.id}: ${describeVerdict(verdict)}`);
  });
  return mutants.map((mutant) => verdicts.get(mutant)!);
}

/** How it goes on is not what it came to: that alone goes to the standard output. */
function tell(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(Deno.args, navigator.hardwareConcurrency);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    tell(`${error.message}\n${USAGE}`);
    return 2;
  }
  if (options.list) {
    for (const { id, broken } of options.mutants) say(`${id.padEnd(24)} ${broken}`);
    return 0;
  }
  const folder = Deno.makeTempDirSync({ prefix: "sluice-mutants-" });
  const removeFolder = (): void => Deno.removeSync(folder, { recursive: true });
  Deno.addSignalListener("SIGINT", () => {
    removeFolder();
    Deno.exit(130);
  });
  try {
    const verdicts = await tryAll(options, folder);
    say(options.json ? jsonOf(verdicts) : `${tableOf(verdicts)}\n${summaryOf(verdicts)}`);
    return verdicts.every(({ kind }) => kind === "caught") ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UntouchedError)) throw error;
    tell(error.message);
    return 1;
  } finally {
    removeFolder();
  }
}

if (import.meta.main) Deno.exit(await main());
