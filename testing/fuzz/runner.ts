/**
 * Tries one target after another until the time is over or a try fails, and gives account of it. Every try of a scene
 * draws from a generator of its own, which the seed, the target's name and the try's number determine; an input is
 * reported as it is, since it came of a corpus that changes.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { Corpus, hexOf } from "./corpus.ts";
import { makeInput, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** A target has its turn for so long, then the next. */
const TURN_MS = 250;

/** The memory in use is looked at after so many turns of a target, and not after its first, which warm up. */
const TURNS_PER_SAMPLE = 4;

/** What is to be run; it can be sent to a worker. */
export interface RunPlan {
  readonly minutes: number;
  readonly seed: number;
  /** Names of {@link TARGETS}. */
  readonly targets: readonly string[];
  /** What is known already, by target. */
  readonly inputs: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** A try that failed. */
export interface Failure {
  readonly target: string;
  readonly seed: number;
  readonly tryNumber: number;
  /** The last input, in hex. */
  readonly input: string;
  readonly what: string;
}

/** What became of one target. Bytes are those in use on the heap, after garbage was collected if that can be asked. */
export interface TargetReport {
  readonly name: string;
  readonly tries: number;
  readonly ms: number;
  readonly heapStartBytes: number;
  readonly heapEndBytes: number;
  /** The corpus as it is now. */
  readonly inputs: readonly Uint8Array[];
}

/** What became of a run. */
export interface RunReport {
  readonly targets: readonly TargetReport[];
  readonly failure: Failure | undefined;
}

/** Tries until the time is over or one fails. */
export async function run(plan: RunPlan): Promise<RunReport> {
  const runs = plan.targets.map((name) => new TargetRun(name, plan));
  const endMs = performance.now() + plan.minutes * 60_000;
  let failure: Failure | undefined;
  while (failure === undefined && performance.now() < endMs) {
    for (const target of runs) {
      failure ??= await target.takeTurn(Math.min(performance.now() + TURN_MS, endMs));
    }
  }
  return { targets: runs.map((target) => target.report()), failure };
}

/** Plays try `tryNumber` of a scene, or makes and feeds that input; undefined if nothing is wrong. */
export async function runTry(name: string, { seed, tryNumber }: { readonly seed: number; readonly tryNumber: number }) {
  return await new TargetRun(name, { seed, inputs: new Map() }).try(tryNumber);
}

/** Feeds the corpus of a target its inputs. Throws where one fails, naming it. */
export function feedAll(target: Target, corpus: Corpus, inputs: readonly Uint8Array[]): void {
  if (target.kind !== "input") return;
  for (const input of inputs) {
    try {
      corpus.consider(input, target.feed(input));
    } catch (error) {
      throw new Error(`the input ${hexOf(input)} fails`, { cause: error });
    }
  }
}

/** One target, its tally and its corpus. */
class TargetRun {
  readonly #name: string;
  readonly #target: Target;
  readonly #seed: number;
  readonly #root: Random;
  readonly #corpus = new Corpus();
  #tries = 0;
  #ms = 0;
  #turns = 0;
  #heapStartBytes = 0;
  #heapEndBytes = 0;

  constructor(name: string, { seed, inputs }: Pick<RunPlan, "seed" | "inputs">) {
    this.#name = name;
    this.#target = TARGETS.get(name)!;
    this.#seed = seed;
    this.#root = new Random(seed);
    feedAll(this.#target, this.#corpus, inputs.get(name) ?? []);
  }

  async takeTurn(untilMs: number): Promise<Failure | undefined> {
    const startMs = performance.now();
    let failure: Failure | undefined;
    while (failure === undefined && performance.now() < untilMs) failure = await this.try(this.#tries++);
    this.#ms += performance.now() - startMs;
    if (this.#turns++ % TURNS_PER_SAMPLE === 1) this.#sampleMemory();
    return failure;
  }

  async try(tryNumber: number): Promise<Failure | undefined> {
    const random = this.#root.fork(`${this.#name} ${tryNumber}`);
    let input: Uint8Array = new Uint8Array(0);
    try {
      const target = this.#target;
      if (target.kind === "scene") {
        await target.play(random, (bytes) => {
          input = bytes;
        });
      } else {
        input = makeInput(target, random, () => this.#corpus.pick(random));
        this.#corpus.consider(input, target.feed(input));
      }
      return undefined;
    } catch (error) {
      return { target: this.#name, seed: this.#seed, tryNumber, input: hexOf(input), what: describe(error) };
    }
  }

  report(): TargetReport {
    if (this.#heapStartBytes === 0) this.#sampleMemory();
    return {
      name: this.#name,
      tries: this.#tries,
      ms: this.#ms,
      heapStartBytes: this.#heapStartBytes,
      heapEndBytes: this.#heapEndBytes,
      inputs: this.#corpus.inputs,
    };
  }

  #sampleMemory(): void {
    (globalThis as { gc?: () => void }).gc?.();
    this.#heapEndBytes = Deno.memoryUsage().heapUsed;
    if (this.#heapStartBytes === 0) this.#heapStartBytes = this.#heapEndBytes;
  }
}

/** An error with its causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
