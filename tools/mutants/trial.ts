/**
 * Tries a mutant: first the tests that are expected to catch it, and then all others. Before that the same tests have
 * to pass on the untouched sources, which also tells how long they take.
 *
 * @module
 */

import { type Checkout, testsAmong } from "./checkout.ts";
import type { Mutant } from "./mutant.ts";
import { type FailedTest, runTests } from "./test_run.ts";

/** Tests hang where they take so many times as long as on the untouched sources, ... */
const LIMIT_FACTOR = 10;

/** ... and so long at least: a machine may be busy. */
const MIN_LIMIT_MS = 60_000;

/** The untouched tests may take so long, whatever the machine. */
const UNTOUCHED_LIMIT_MS = 60 * 60_000;

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** broken: the tests could not be run, so that it is no mutant. */
  readonly kind: "caught" | "survived" | "broken";
  /** The first test that failed. */
  readonly by: FailedTest | undefined;
  /** It was caught because a test did not end. */
  readonly isTimeOut: boolean;
  /** By one of the files that were expected to. */
  readonly isExpected: boolean;
  /** What its test runs took. */
  readonly seconds: number;
}

/** Tests fail without any mutant, so that they can tell nothing. */
export class UntouchedError extends Error {}

/** The untouched sources: how long their tests take. */
export class Untouched {
  readonly #checkout: Checkout;
  readonly #tookMs = new Map<string, Promise<number>>();

  constructor(checkout: Checkout) {
    this.#checkout = checkout;
  }

  /** Milliseconds that a run of these tests takes; each set is run once. Rejects with UntouchedError where one fails. */
  tookMs(files: readonly string[]): Promise<number> {
    const key = files.join(" ");
    let tookMs = this.#tookMs.get(key);
    if (tookMs === undefined) this.#tookMs.set(key, tookMs = this.#measure(files));
    return tookMs;
  }

  async #measure(files: readonly string[]): Promise<number> {
    const { kind, failed, tookMs, output } = await runTests(this.#checkout.folder, {
      files,
      limitMs: UNTOUCHED_LIMIT_MS,
    });
    if (kind === "passed") return tookMs;
    const what = failed === undefined ? output : `${failed.file}: ${failed.name}`;
    throw new UntouchedError(`the tests do not pass on the untouched sources: ${what}`);
  }
}

/** How long tests may take that took so long on the untouched sources. */
export function limitMsOf(tookMs: number): number {
  return Math.max(MIN_LIMIT_MS, LIMIT_FACTOR * tookMs);
}

/** Tries a mutant in `checkout`, which has these `files`. Rejects with UntouchedError where the untouched tests fail. */
export async function tryMutant(
  mutant: Mutant,
  options: { readonly checkout: Checkout; readonly untouched: Untouched; readonly files: readonly string[] },
): Promise<Verdict> {
  const { checkout, untouched, files } = options;
  const expected = mutant.caughtBy.map((file) => [file]);
  let tookMs = 0;
  return await checkout.withMutant(mutant, async () => {
    for (const tests of [...expected, testsAmong(files)]) {
      const limitMs = limitMsOf(await untouched.tookMs(tests));
      const run = await runTests(checkout.folder, { files: tests, limitMs });
      tookMs += run.tookMs;
      if (run.kind === "passed") continue;
      return {
        mutant,
        kind: run.kind === "broken" ? "broken" : "caught",
        by: run.failed,
        isTimeOut: run.kind === "timed-out",
        isExpected: expected.includes(tests),
        seconds: tookMs / 1000,
      };
    }
    return { mutant, kind: "survived", by: undefined, isTimeOut: false, isExpected: false, seconds: tookMs / 1000 };
  });
}
