/**
 * The corpus as it is kept with the tests: a file of inputs for each target, and one of inputs and scenes that once
 * failed, so that they do not fail again.
 *
 * @module
 */

import path from "node:path";
import { fromHex } from "../wire_values.ts";
import { Corpus, readInputs } from "./corpus.ts";
import { type Failure, feedAll } from "./runner.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** Where it is, from the repository's root. */
export const CORPUS_FOLDER = "tests/fuzz/corpus";

const FOLDER = path.join(import.meta.dirname!, "../..", CORPUS_FOLDER);
const REGRESSIONS = "regressions.txt";

/** Each takes away from what the one before has left. */
const SHRINKING_PASSES = 8;

/** A try that once failed: an input, or what a scene is played from. */
export type Regression =
  | { readonly target: string; readonly input: Uint8Array }
  | { readonly target: string; readonly seed: number; readonly tryNumber: number };

/** The inputs that are kept for a target; none where it has no file. */
export function keptInputs(target: string): Uint8Array[] {
  return readInputs(readFile(`${target}.txt`));
}

/** All inputs that are kept, by target. */
export function allKeptInputs(targets: Iterable<string>): Map<string, Uint8Array[]> {
  return new Map([...targets].map((name) => [name, keptInputs(name)]));
}

/** Keeps what these inputs show and those that are kept do not; returns how many inputs were not there before. */
export function keep(name: string, inputs: readonly Uint8Array[], { write }: { readonly write: boolean }): number {
  const target = TARGETS.get(name)!;
  const corpus = new Corpus();
  const before = keptInputs(name);
  feedAll(target, corpus, before);
  feedAll(target, corpus, inputs);
  const known = new Set(before.map(String));
  const added = corpus.inputs.filter((input) => !known.has(String(input))).length;
  if (write) {
    shrink(target, corpus);
    Deno.writeTextFileSync(path.join(FOLDER, `${name}.txt`), corpus.toText());
  }
  return added;
}

/** Leaves out of each input what it shows the same without. */
function shrink(target: Target, corpus: Corpus): void {
  for (let pass = 0; pass < SHRINKING_PASSES; pass++) {
    const before = corpus.toText().length;
    for (const input of corpus.inputs) {
      for (let count = Math.ceil(input.length / 2); count >= 1; count = Math.floor(count / 2)) {
        for (let at = 0; at < input.length; at += count) {
          const rest = Uint8Array.from([...input.subarray(0, at), ...input.subarray(at + count)]);
          feedAll(target, corpus, [rest]);
        }
      }
    }
    if (corpus.toText().length === before) return;
  }
}

/** Keeps a try that failed; returns the file's path. */
export function keepFailure({ target, seed, tryNumber, input, what }: Failure): string {
  const isScene = TARGETS.get(target)!.kind === "scene";
  const title = what.split("\n", 1)[0]!;
  const line = `${target} ${isScene ? `seed ${seed} try ${tryNumber}` : input} # ${title}\n`;
  const file = path.join(FOLDER, REGRESSIONS);
  Deno.writeTextFileSync(file, line, { append: true });
  return path.join(CORPUS_FOLDER, REGRESSIONS);
}

/** All that once failed. */
export function regressions(): Regression[] {
  const lines = readFile(REGRESSIONS).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, target, rest] = /^(\S+)\s+([^#]*)/.exec(line)!;
    const scene = /^seed (\d+) try (\d+)/.exec(rest!);
    if (scene === null) return { target: target!, input: fromHex(rest!) };
    return { target: target!, seed: Number(scene[1]), tryNumber: Number(scene[2]) };
  });
}

function readFile(name: string): string {
  try {
    return Deno.readTextFileSync(path.join(FOLDER, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
