/**
 * Feeds the decoders and whole conversations hostile input until the time is over.
 *
 *     deno task fuzz [--minutes N] [--seed N] [--target NAME] [--try N]
 *
 * Every try draws from a generator of its own, which the seed, the target's name and the try's number determine: so
 * a failure is replayed alone, by the command that is printed with it.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { Random } from "../protocol/mod.ts";
import { toHex } from "../transfer/hex.ts";
import { type Target, TARGETS } from "./fuzz/targets.ts";

/** A target has its turn for so long, then the next. */
const TURN_MS = 250;

/** What a person asked for. */
interface Plan {
  readonly minutes: number;
  readonly seed: number;
  readonly targets: ReadonlyMap<string, Target>;
  /** This try alone. */
  readonly onlyTry: number | undefined;
}

/** A try that failed. */
interface Failure {
  readonly target: string;
  readonly tryNumber: number;
  readonly input: Uint8Array;
  readonly error: unknown;
}

// deno-lint-ignore no-console -- this program talks to a person
const say = (line: string) => console.log(line);

/** The plan, or what is wrong with the arguments. */
function parsePlan(args: readonly string[]): Plan | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: String(randomInt(2 ** 32)) },
      target: { type: "string" },
      try: { type: "string" },
    },
  });
  const minutes = Number(values.minutes);
  const seed = Number(values.seed);
  const onlyTry = values.try === undefined ? undefined : Number(values.try);
  const targets = new Map([...TARGETS].filter(([name]) => values.target === undefined || name === values.target));
  if (!(minutes > 0)) return `--minutes ${values.minutes}: a number above 0, please`;
  if (!Number.isSafeInteger(seed) || seed < 0) return `--seed ${values.seed}: a whole number, please`;
  if (targets.size === 0) return `--target ${values.target}: there are ${[...TARGETS.keys()].join(", ")}`;
  if (onlyTry !== undefined && !Number.isSafeInteger(onlyTry)) return `--try ${values.try}: a whole number, please`;
  return { minutes, seed, targets, onlyTry };
}

/** One try; undefined if nothing is wrong. */
async function runTry(name: string, target: Target, tryNumber: number, root: Random): Promise<Failure | undefined> {
  let input: Uint8Array = new Uint8Array(0);
  try {
    await target(root.fork(`${name} ${tryNumber}`), (bytes) => {
      input = bytes;
    });
    return undefined;
  } catch (error) {
    return { target: name, tryNumber, input: input.slice(), error };
  }
}

/** Tries until the time is over or one fails. */
async function runAll(plan: Plan, tries: Map<string, { count: number; ms: number }>): Promise<Failure | undefined> {
  const root = new Random(plan.seed);
  const endMs = performance.now() + plan.minutes * 60_000;
  while (performance.now() < endMs) {
    for (const [name, target] of plan.targets) {
      const tally = tries.get(name) ?? { count: 0, ms: 0 };
      tries.set(name, tally);
      const startMs = performance.now();
      while (performance.now() < Math.min(startMs + TURN_MS, endMs)) {
        const failure = await runTry(name, target, tally.count++, root);
        if (failure !== undefined) return failure;
      }
      tally.ms += performance.now() - startMs;
    }
  }
  return undefined;
}

function report(failure: Failure, seed: number): void {
  const { target, tryNumber, input, error } = failure;
  say(`FAILED: ${target}, try ${tryNumber}, seed ${seed}`);
  say(error instanceof Error ? error.stack ?? error.message : String(error));
  say(`last input, ${input.length} bytes: ${toHex(input)}`);
  say(`again: deno task fuzz --seed ${seed} --target ${target} --try ${tryNumber}`);
}

async function main(): Promise<number> {
  const plan = parsePlan(Deno.args);
  if (typeof plan === "string") {
    say(plan);
    return 2;
  }
  say(`seed ${plan.seed}, ${plan.minutes} min: ${[...plan.targets.keys()].join(", ")}`);
  const tries = new Map<string, { count: number; ms: number }>();
  let failure: Failure | undefined;
  if (plan.onlyTry === undefined) {
    failure = await runAll(plan, tries);
  } else {
    const root = new Random(plan.seed);
    for (const [name, target] of plan.targets) failure ??= await runTry(name, target, plan.onlyTry, root);
  }
  for (const [name, { count, ms }] of tries) {
    if (ms > 0) say(`${name.padEnd(14)} ${count} tries, ${Math.round(count / (ms / 1000))} a second`);
  }
  if (failure !== undefined) report(failure, plan.seed);
  else say("nothing found");
  return failure === undefined ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
