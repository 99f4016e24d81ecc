/**
 * Mutation testing: makes one mistake at a time in a copy of the checkout, and checks that a test fails.
 *
 *     deno task mutants [--only ID,...] [--jobs N] [--list]
 *
 * The mutants are data, in `tools/mutants/`. Exit code 1: a mutant survived, so a test is missing.
 *
 * @module
 */

import path from "node:path";
import { parseArgs } from "node:util";
import { FILE_MUTANTS } from "./mutants/files.ts";
import { type Mutant, testOf } from "./mutants/mutant.ts";
import { COMMAND_LINE_MUTANTS } from "./mutants/command_line.ts";
import { PEER_MUTANTS } from "./mutants/peers.ts";
import { RESUMING_MUTANTS } from "./mutants/resuming.ts";
import { SOCKET_MUTANTS } from "./mutants/sockets.ts";
import { TRANSPORT_MUTANTS } from "./mutants/transport.ts";
import { print, runTool, UsageError, wholeNumber } from "./tool.ts";
import { copyCheckout, runTests, tryMutant } from "./mutants/trial.ts";

/** All mutants, in the order in which they are tried. */
export const MUTANTS: readonly Mutant[] = [
  ...TRANSPORT_MUTANTS,
  ...PEER_MUTANTS,
  ...COMMAND_LINE_MUTANTS,
  ...FILE_MUTANTS,
  ...RESUMING_MUTANTS,
  ...SOCKET_MUTANTS,
];

const USAGE = `usage: deno task mutants [OPTIONS]
  --only ID,...  only these mutants
  --jobs N       number of mutants to try at the same time (default: the number of cores, at most 4)
  --list         print the mutants and exit`;

interface Options {
  readonly mutants: readonly Mutant[];
  readonly jobs: number;
  readonly list: boolean;
}

/** Reads the command line. Throws UsageError. */
function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      jobs: { type: "string", default: String(Math.min(navigator.hardwareConcurrency, 4)) },
      list: { type: "boolean", default: false },
    },
  });
  const mutants = values.only?.split(",").map((id) => {
    const mutant = MUTANTS.find((one) => one.id === id);
    if (mutant === undefined) throw new UsageError(`--only: no such mutant: "${id}"; --list prints them`);
    return mutant;
  });
  return {
    mutants: mutants ?? MUTANTS,
    jobs: wholeNumber("jobs", values.jobs, { min: 1, max: 99 }),
    list: values.list,
  };
}

/** Tries the mutants in copies of the checkout below `folder`, and prints each result. Resolves to the exit code. */
async function tryAll({ mutants, jobs }: Options, folder: string): Promise<number> {
  const root = path.join(import.meta.dirname!, "..");
  const copies = Array.from({ length: Math.min(jobs, mutants.length) }, (_, job) => path.join(folder, `job-${job}`));
  for (const copy of copies) copyCheckout(root, copy);
  const tests = [...new Set(mutants.map(testOf))];
  print(`running ${tests.length} test files without mutants`);
  const { kind, output } = await runTests(copies[0]!, tests, 3_600_000);
  if (kind !== "passed") {
    print(`${output}\ntests fail without any mutant; fix them first`);
    return 1;
  }
  let caught = 0;
  const waiting = [...mutants];
  await Promise.all(copies.map(async (copy) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { kind, failed } = await tryMutant(copy, mutant);
      const isCaught = kind === "failed" || kind === "timed-out";
      if (isCaught) caught++;
      const verdict = isCaught ? "caught" : kind === "broken" ? "DOES NOT LOAD" : "SURVIVED";
      const what = kind === "timed-out" ? "time-out" : failed ?? mutant.broken;
      print(`${verdict}  ${mutant.id.padEnd(24)} ${testOf(mutant)}: ${what}`);
    }
  }));
  print(`${mutants.length} mutants, ${caught} caught, ${mutants.length - caught} not caught`);
  return caught === mutants.length ? 0 : 1;
}

async function main(): Promise<number> {
  const options = parseOptions(Deno.args);
  if (options.list) {
    for (const { id, broken } of options.mutants) print(`${id.padEnd(24)} ${broken}`);
    return 0;
  }
  const folder = Deno.makeTempDirSync({ prefix: "sluice-mutants-" });
  const removeFolder = (): void => Deno.removeSync(folder, { recursive: true });
  Deno.addSignalListener("SIGINT", () => {
    removeFolder();
    Deno.exit(130);
  });
  try {
    return await tryAll(options, folder);
  } finally {
    removeFolder();
  }
}

if (import.meta.main) await runTool(USAGE, main);
