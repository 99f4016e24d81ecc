/**
 * Errors and warnings about the files of a command. Where many files have the same problem, only the first few are
 * printed, and their number at the end: when a connection ends, so do all transfers on it.
 *
 * @module
 */

import { quote } from "../base/display_text.ts";
import type { CliSession } from "./context.ts";
import { type Message, tellMessage } from "./results.ts";

/** So many problems that differ only in the file are printed. */
const MAX_ALIKE = 10;

/** What happened to a file. */
export interface Problem extends Omit<Message, "name"> {
  readonly severity: "error" | "warning";
  /** The file, by each name that the text may have for it: {@link quote} puts it there. */
  readonly names: readonly [file: string, ...others: string[]];
}

/** See the module's description. */
export class ProblemList {
  readonly #session: Pick<CliSession, "console" | "json" | "view">;
  /** By the text without names: how many there are, and the first one. */
  readonly #alike = new Map<string, { readonly first: Problem; count: number }>();

  constructor(session: Pick<CliSession, "console" | "json" | "view">) {
    this.#session = session;
  }

  add(problem: Problem): void {
    const { severity, text, names } = problem;
    const reason = names.reduce((rest, name) => rest.replaceAll(quote(name), ""), `${severity}: ${text}`);
    const group = this.#alike.get(reason) ?? { first: problem, count: 0 };
    this.#alike.set(reason, group);
    group.count++;
    // A program is told of each.
    if (this.#session.json || group.count <= MAX_ALIKE) {
      tellMessage(this.#session, { ...problem, name: names[0] === "" ? undefined : names[0] });
    }
  }

  /** Prints the numbers of those that were not printed. */
  finish(): void {
    if (this.#session.json) return;
    for (const { first: { severity, names }, count } of this.#alike.values()) {
      if (count <= MAX_ALIKE) continue;
      const text = `and ${count - MAX_ALIKE} more for the same reason as ${quote(names[0])}`;
      tellMessage(this.#session, { severity, text });
    }
  }
}
