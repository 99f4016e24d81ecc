/**
 * Text on a terminal, in columns: Chinese and emoji take two, combining marks none.
 *
 * @module
 */

import stringWidth from "string-width";

/** What people see as one character, of any number of code points (UAX #29). */
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Columns that a line takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** Fills a line up to `columns`, at its end or, for numbers, at its start. */
export function pad(text: string, columns: number, options: { readonly align?: "left" | "right" } = {}): string {
  const blank = " ".repeat(Math.max(0, columns - widthOf(text)));
  return options.align === "right" ? blank + text : text + blank;
}

/** The start of a line, at most `columns` wide. */
export function cut(text: string, columns: number): string {
  return takeGraphemes([...graphemes.segment(text)].map(({ segment }) => segment), columns).join("");
}

/** Exactly `columns` wide: a longer text keeps its end, where file names differ, after an ellipsis. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return pad(text, columns);
  const reversed = [...graphemes.segment(text)].map(({ segment }) => segment).reverse();
  return pad(`…${takeGraphemes(reversed, columns - 1).reverse().join("")}`, columns);
}

function takeGraphemes(from: readonly string[], columns: number): string[] {
  const taken: string[] = [];
  let left = columns;
  for (const grapheme of from) {
    left -= widthOf(grapheme);
    if (left < 0) break;
    taken.push(grapheme);
  }
  return taken;
}
