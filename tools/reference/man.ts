/**
 * Man pages, in the language of man(7).
 *
 * @module
 */

import type { Entry, Page } from "./model.ts";

/** The page's file, such as `sluice-send.1`. */
export function manFileOf({ name }: Page): string {
  return `${name.replaceAll(" ", "-")}.1`;
}

/** The text of a page; `others` are those that it refers to. */
export function manPageOf(page: Page, { version, others }: { version: string; others: readonly Page[] }): string {
  const title = page.name.replaceAll(" ", "-");
  const lines = [
    `.TH ${title.toUpperCase().replaceAll("-", "\\-")} 1 "" "Sluice ${version}" "Sluice"`,
    ".SH NAME",
    `${escape(title)} \\- ${escape(page.description.replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    `.B ${escape(page.usage)}`,
  ];
  if (page.aliases.length > 0) lines.push(".SH OTHER NAMES", escape(page.aliases.join(", ")));
  for (
    const [heading, entries] of [
      ["COMMANDS", page.commands],
      ["ARGUMENTS", page.arguments],
      ["OPTIONS", page.options],
      ["LIMITS", page.limits],
    ] as const
  ) {
    if (entries.length > 0) lines.push(`.SH ${heading}`, ...entries.flatMap(entryLines));
  }
  if (page.notes.join("") !== "") lines.push(".SH NOTES", ".nf", ...page.notes.map(escape), ".fi");
  const see = others.filter((other) => other !== page).map((other) =>
    `.BR ${escape(other.name.replaceAll(" ", "-"))} (1)`
  );
  lines.push(".SH SEE ALSO", ...see.map((line, index) => index + 1 < see.length ? `${line},` : line));
  return `${lines.join("\n")}\n`;
}

function entryLines({ flags, description, setting }: Entry): string[] {
  const place = setting?.table === undefined ? setting?.key : `${setting.table}.${setting.key}`;
  const where = setting === undefined ? [] : [".br", escape(`${setting.variable}, ${place}`)];
  return [".TP", `.B ${escape(flags)}`, escape(description), ...where];
}

/** A backslash and a hyphen have meanings of their own, and so has a dot or an apostrophe at the beginning of a line. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}
