/**
 * Errors and warnings about the files of a command. Where many files have the same problem, only the first few are
 * printed, and their number at the end: when a connection ends, so do all transfers on it.
 *
 * @module
 */

import { quote, sanitizeForDisplay } from "../base/display_text.ts";
import type { CliSession } from "./context.ts";

/** So many problems that differ only in the file are printed. */
const MAX_ALIKE = 4;

/** What happened to a file. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly text: string;
  /** The file, by each name that the text may have for it: {@link quote} puts it there. */
  readonly names: readonly [file: string, ...others: string[]];
}

/** See the module's description. */
export class ProblemList {
  readonly #session: Pick<CliSession, "console" | "view">;
  readonly #isSummary: boolean;
  /** By the text without names: how many there are, and the first one. */
  readonly #alike = new Map<string, { readonly first: Problem; count: number }>();

  constructor(session: Pick<CliSession, "console" | "view">, options: { readonly isSummary: boolean }) {
    this.#session = session;
    this.#isSummary = options.isSummary;
  }

  add(problem: Problem): void {
    const { severity, text, names } = problem;
    const reason = names.reduce((rest, name) => rest.replaceAll(quote(name), ""), `${severity}: ${text}`);
    const group = this.#alike.get(reason) ?? { first: problem, count: 0 };
    this.#alike.set(reason, group);
    group.count++;
    if (!this.#isSummary || group.count <= MAX_ALIKE) this.#print(`${severity}: ${sanitizeForDisplay(text)}`);
  }

  /** Prints the numbers of those that were not printed. */
  finish(): void {
    if (!this.#isSummary) return;
    for (const { first: { severity, names }, count } of this.#alike.values()) {
      if (count <= MAX_ALIKE) continue;
      this.#print(`${severity}: and ${count - MAX_ALIKE} more for the same reason as ${quote(names[0])}`);
    }
  }

  #print(line: string): void {
    const { console, view } = this.#session;
    view.print(() => console.err(line));
  }
}
