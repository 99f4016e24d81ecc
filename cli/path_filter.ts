/**
 * The options `--include` and `--exclude`: patterns as in .gitignore.
 *
 * As with grep, the last pattern that matches decides; what no pattern matches is included, unless the first pattern is
 * one to include. A pattern that matches a folder decides for all in it.
 *
 * @module
 */

import ignore from "ignore";
import type { Select, Selection } from "../app/client/tree/entry.ts";

/** One pattern; their order counts. */
export interface PathPattern {
  readonly kind: "include" | "exclude";
  /** A line of a .gitignore; "!" at its beginning reverses the kind. */
  readonly pattern: string;
}

/** Selects everything. */
export const selectAll: Select = () => "included";

/** What the patterns select. */
export function selectBy(patterns: readonly PathPattern[]): Select {
  if (patterns.length === 0) return selectAll;
  const rules = ignore({ ignoreCase: false });
  for (const { kind, pattern } of patterns) rules.add({ pattern: kind === "exclude" ? pattern : negated(pattern) });
  const isDefaultIncluded = patterns[0]!.kind === "exclude";
  const remembered = new Map<string, Selection>();
  const select = (path: string, isFolder: boolean): Selection => {
    if (path === "") return isDefaultIncluded ? "included" : "within";
    const { ignored, unignored } = rules.test(isFolder ? `${path}/` : path);
    if (ignored) return "excluded";
    if (unignored) return "included";
    const folder = selectFolder(path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
    return folder === "within" && !isFolder ? "excluded" : folder;
  };
  // Only for folders above others: each is asked for as often as it has entries.
  const selectFolder = (path: string): Selection => {
    const known = remembered.get(path);
    if (known !== undefined) return known;
    const selection = select(path, true);
    remembered.set(path, selection);
    return selection;
  };
  return (path, { isFolder }) => isFolder ? selectFolder(path) : select(path, false);
}

function negated(pattern: string): string {
  return pattern.startsWith("!") ? pattern.slice(1) : `!${pattern}`;
}

/** The patterns to exclude of a file of them: its lines, as of a .gitignore. */
export function patternsOf(text: string): PathPattern[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((pattern) => ({ kind: "exclude", pattern }));
}
