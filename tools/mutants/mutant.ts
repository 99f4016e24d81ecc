/**
 * A mutant: a mistake that a programmer might make, as data, and how it is applied to a source file.
 *
 * @module
 */

/** One mistake. */
export interface Mutant {
  /** Short and unique: what `--only` takes. */
  readonly id: string;
  /** What goes wrong, in one sentence without its full stop. */
  readonly broken: string;
  /** The source file, by its path from the root. */
  readonly file: string;
  /** The text to replace; it occurs exactly once in the file, so that a rename cannot disable the mutant unnoticed. */
  readonly text: string;
  /** The text that replaces it. */
  readonly becomes: string;
  /** The test file that has to fail; without it the unit test of `file`. */
  readonly caughtBy?: string;
}

/** The test file that has to catch the mutant, by its path from the root. */
export function testOf({ file, caughtBy }: Mutant): string {
  return caughtBy ?? `tests/unit/${file.replace(/\.ts$/, "_test.ts")}`;
}

/** The source with the mistake in it. Throws Error unless the text occurs exactly once, and changes. */
export function mutate(source: string, { id, file, text, becomes }: Mutant): string {
  const [before, after, ...more] = source.split(text);
  if (text === "" || after === undefined || more.length > 0) {
    throw new Error(`${id}: must occur exactly once in ${file}: ${text}`);
  }
  if (text === becomes) throw new Error(`${id}: changes nothing`);
  return before + becomes + after;
}
