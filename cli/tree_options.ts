/**
 * The options of `send` and `get` that compare, select and mirror.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { DEFAULT_TIME_WINDOW_US, type IfDifferent } from "../app/client/tree/plan.ts";
import { type PathPattern, patternsOf } from "./path_filter.ts";
import { CollectingOption } from "./settings.ts";

/** How to transfer files and folders. */
export interface TreeOptions {
  readonly ifDifferent: IfDifferent;
  /** Remove from folders at the destination what the source does not have. */
  readonly mirror: boolean;
  /** Do so without asking. */
  readonly isConfirmed: boolean;
  /** Compare the content of files of one size, instead of their times. */
  readonly checksum: boolean;
  /** Give files and folders exactly the mode of their source. */
  readonly modes: boolean;
  /** Only print what would be done. */
  readonly dryRun: boolean;
  readonly patterns: readonly PathPattern[];
  /** Times that differ by less are the same, microseconds. */
  readonly timeWindowUs: number;
}

/** What no option changes. */
export const DEFAULT_TREE_OPTIONS: TreeOptions = {
  ifDifferent: "leave",
  mirror: false,
  isConfirmed: false,
  checksum: false,
  modes: false,
  dryRun: false,
  patterns: [],
  timeWindowUs: DEFAULT_TIME_WINDOW_US,
};

/** Whether the options ask for a comparison, so that single files are compared first as well. */
export function mustCompare(options: TreeOptions): boolean {
  const { ifDifferent, checksum, dryRun, mirror, patterns } = options;
  return ifDifferent === "update" || checksum || dryRun || mirror || patterns.length > 0;
}

/** What commander makes of the options that {@link addTreeOptions} adds. */
export interface RawTreeOptions {
  readonly force?: boolean;
  readonly update?: boolean;
  readonly delete?: boolean;
  readonly yes?: boolean;
  readonly checksum?: boolean;
  readonly modes?: boolean;
  readonly dryRun?: boolean;
  readonly modifyWindow?: number;
}

/**
 * Adds the options. `patterns` gets those of the command line in their order; `readText` reads a file, and throws
 * SluiceError.
 */
export function addTreeOptions(
  command: Command,
  { patterns, readText }: { readonly patterns: PathPattern[]; readonly readText: (file: string) => string },
): Command {
  const take = (kind: PathPattern["kind"]) => (pattern: string) => {
    patterns.push({ kind, pattern });
    return pattern;
  };
  const takeFile = (file: string) => {
    patterns.push(...patternsOf(readText(file)));
    return file;
  };
  const collecting = (flags: string, description: string) => new CollectingOption(flags, description, patterns);
  return command
    .option("-u, --update", "replace what is older than the source")
    .option("-c, --checksum", "compare files of one size by content, not by time")
    .option("--modes", "give files and folders exactly the permissions of their source")
    .option("-n, --dry-run", "print what would be done, and do nothing")
    .option("--delete", "remove from folders what the source does not have; asks on a terminal")
    .option("-y, --yes", "do not ask before --delete removes")
    .addOption(
      collecting("--exclude <pattern>", "leave out what matches, a pattern as in .gitignore").argParser(
        take("exclude"),
      ),
    )
    .addOption(
      collecting("--include <pattern>", "do not leave out what matches; the last match decides").argParser(
        take("include"),
      ),
    )
    .addOption(collecting("--exclude-from <file>", "leave out what matches a line of a file").argParser(takeFile))
    .option("--modify-window <seconds>", "times that differ by less are the same (0.001; FAT keeps 2)", readWindow);
}

/** The options as the command line gives them. */
export function treeOptions(raw: RawTreeOptions, patterns: readonly PathPattern[]): TreeOptions {
  return {
    ifDifferent: raw.force === true ? "replace" : raw.update === true ? "update" : "leave",
    mirror: raw.delete ?? false,
    isConfirmed: raw.yes ?? false,
    checksum: raw.checksum ?? false,
    modes: raw.modes ?? false,
    dryRun: raw.dryRun ?? false,
    patterns,
    timeWindowUs: raw.modifyWindow ?? DEFAULT_TIME_WINDOW_US,
  };
}

function readWindow(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds <= 86_400) return Math.round(seconds * 1e6);
  throw new InvalidArgumentError("It must be a number of seconds from 0 to 86400.");
}
