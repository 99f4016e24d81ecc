/**
 * The reference page, `docs/REFERENCE.md`.
 *
 * @module
 */

import type { Entry, Page } from "./model.ts";

const HEAD = `# Reference

Every command and option of Sluice, as \`--help\` has them. \`deno task reference\` writes this page from the programs; a
test compares the two. An option of which a variable and a key are shown may be set by the environment or in the config
file as well: the command line counts before the environment, the environment before the config file, the config file
before the default. In the file, a key such as \`send.update\` is \`update\` in the table \`[send]\`.
`;

/** The whole page. */
export function markdownOf(pages: readonly Page[]): string {
  const contents = pages.map(({ name }) => `- [${name}](#${name.replaceAll(" ", "-")})\n`).join("");
  return [HEAD, contents, ...pages.map(sectionOf)].join("\n");
}

function sectionOf(page: Page): string {
  const parts = [`## ${page.name}\n`, sentence(page.description), codeOf([page.usage])];
  if (page.aliases.length > 0) parts.push(`Also: ${page.aliases.map((alias) => `\`${alias}\``).join(", ")}.\n`);
  if (page.commands.length > 0) parts.push(tableOf("command", page.commands));
  if (page.arguments.length > 0) parts.push(tableOf("argument", page.arguments));
  if (page.options.length > 0) parts.push(tableOf("option", page.options));
  if (page.limits.length > 0) parts.push(tableOf("limit", page.limits));
  if (page.notes.join("") !== "") parts.push(codeOf(page.notes));
  return parts.join("\n");
}

function tableOf(title: string, entries: readonly Entry[]): string {
  const hasSettings = entries.some(({ setting }) => setting !== undefined);
  const rows = entries.map(({ flags, description, setting }) => {
    const cells = [`\`${flags.replaceAll("|", "\\|")}\``, escapeCell(description)];
    if (!hasSettings) return cells;
    const key = setting?.table === undefined ? setting?.key : `${setting.table}.${setting.key}`;
    return [...cells, setting === undefined ? "" : `\`${setting.variable}\` \`${key}\``];
  });
  const head = [title, "meaning", ...hasSettings ? ["variable, key"] : []];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function codeOf(lines: readonly string[]): string {
  return `\`\`\`\n${lines.join("\n")}\n\`\`\`\n`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}\n`;
}

/** A bar would end a cell, and a line of asterisks be set in italics. */
function escapeCell(text: string): string {
  return text.replace(/[\\|*_<>[\]]/g, "\\$&");
}
