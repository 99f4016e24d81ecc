/**
 * A mutant: one mistake that a programmer might have made, as data, and how it is put into a source.
 *
 * @module
 */

/** One way to break the core. */
export interface Mutant {
  /** Short and unique: what `--only` takes. */
  readonly id: string;
  /** What is wrong then, in one sentence without its full stop. */
  readonly broken: string;
  /** The source, by its path from the root. */
  readonly file: string;
  /** What stands there; it occurs exactly once, so that a rename cannot turn the mutant off unnoticed. */
  readonly text: string;
  /** What stands there instead. */
  readonly becomes: string;
  /** The test files that are expected to catch it, the cheapest first. */
  readonly caughtBy: readonly string[];
}

/** How often `text` occurs in `source`, overlaps not counted. */
export function countOf(source: string, text: string): number {
  return source.split(text).length - 1;
}

/** The source with the mistake in it. Throws Error unless there is exactly one place for it, and a difference. */
export function mutate(source: string, mutant: Mutant): string {
  const { id, file, text, becomes } = mutant;
  const count = text === "" ? 0 : countOf(source, text);
  if (count !== 1) throw new Error(`${id}: its text occurs ${count} times in ${file}, and must once: ${text}`);
  if (text === becomes) throw new Error(`${id}: changes nothing`);
  const at = source.indexOf(text);
  return source.slice(0, at) + becomes + source.slice(at + text.length);
}
