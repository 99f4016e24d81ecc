/**
 * The commands that look after what a server has stored, for the command line and for the interactive session.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { createCommand, type Parsed, parseWith } from "./command_line.ts";
import type { CliContext } from "./context.ts";
import { type PlacedNames, readNames } from "./places.ts";

/** What a listing is sorted by: the name, the largest size or the latest time first. */
export type SortKey = "name" | "size" | "time";

/** A command that looks after what is stored. Names are those on the server. */
export type ManagementTask =
  | {
    readonly kind: "list";
    /** A folder, a file, or a pattern; the client's own folder if undefined. */
    readonly target: string | undefined;
    readonly recursive: boolean;
    /** Kinds and targets, too. */
    readonly long: boolean;
    readonly sort: SortKey;
  }
  | { readonly kind: "stat"; readonly names: readonly string[]; readonly checksum: boolean }
  | {
    readonly kind: "remove";
    /** Names or patterns, at least one. */
    readonly names: readonly string[];
    readonly recursive: boolean;
    /** Whether to remove several entries, or a folder, without a question. */
    readonly isConfirmed: boolean;
  }
  | { readonly kind: "move"; readonly name: string; readonly newName: string; readonly force: boolean }
  | { readonly kind: "make-folders"; readonly names: readonly string[] }
  | { readonly kind: "space" };

/** Takes a task, and the server if a place among its arguments names one. */
type Accept = (task: ManagementTask, server?: string) => void;

/** How names are read: as they are, or also as places ({@link readNames}). */
export type ReadNames = (command: Command, names: readonly string[], everything: string) => PlacedNames;

/** As they are. */
const PLAIN: ReadNames = (_command, names) => ({ names, server: undefined });

/** As places if they are such, unless the command line names a server by an option. */
export const PLACED: ReadNames = (command, names, everything) => {
  if (names.length === 0 || command.parent?.getOptionValueSource("server") === "cli") {
    return { names, server: undefined };
  }
  const placed = readNames(names, everything);
  return "error" in placed ? command.error(`error: ${placed.error}`) : placed;
};

/** Adds the commands to a program; each calls `accept` when it was parsed. */
export function addManagement(program: Command, accept: Accept, read: ReadNames = PLAIN): void {
  addList(program, accept, read);
  add(program, "stat", "print all that the server knows of entries")
    .alias("info")
    .argument("<name...>", "names on the server")
    .option("-c, --checksum", "also the SHA-256 of files, computed by the server")
    .action((given: string[], { checksum = false }: { checksum?: boolean }, command: Command) => {
      const { names, server } = read(command, given, "");
      accept({ kind: "stat", names, checksum }, server);
    });
  add(program, "rm", "remove files and folders from the server")
    .aliases(["remove", "delete"])
    .argument("<name...>", 'names on the server, or patterns such as "*.tmp"')
    .option("-r, --recursive", "folders with all that is in them")
    .option("-y, --yes", "without a question")
    .action((given: string[], options: { recursive?: boolean; yes?: boolean }, command: Command) => {
      const { recursive = false, yes = false } = options;
      const { names, server } = read(command, given, "");
      accept({ kind: "remove", names, recursive, isConfirmed: yes }, server);
    });
  add(program, "mv", "move or rename an entry on the server")
    .aliases(["move", "rename"])
    .argument("<from>", "its name")
    .argument("<to>", "its new name, or the folder to move it into")
    .option("-f, --force", "replace a file that has the new name")
    .action((from: string, to: string, { force = false }: { force?: boolean }, command: Command) => {
      const { names: [name, newName], server } = read(command, [from, to], "");
      accept({ kind: "move", name: name!, newName: newName!, force }, server);
    });
  add(program, "mkdir", "make folders on the server, and those above them")
    .argument("<folder...>", "names of the folders")
    .action((given: string[], _options: unknown, command: Command) => {
      const { names, server } = read(command, given, "");
      accept({ kind: "make-folders", names }, server);
    });
  add(program, "df", "print how much can be stored").alias("space").action(() => accept({ kind: "space" }));
}

function add(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpOption("-h, --help", "print this help");
}

function addList(program: Command, accept: Accept, read: ReadNames): void {
  interface Options {
    readonly long?: boolean;
    readonly recursive?: boolean;
    readonly sort: SortKey;
  }
  add(program, "list", "list the server's files and folders")
    .alias("ls")
    .argument("[target]", 'a folder, a file, or a pattern such as "*.pdf" or "photos/**/*.jpg"')
    .option("-l, --long", "with kinds, and what links lead to")
    .option("-R, --recursive", "also what is in the folders below")
    .addOption(new Option("--sort <key>", "name, size or time").choices(["name", "size", "time"]).default("name"))
    .action((given: string | undefined, { long = false, recursive = false, sort }: Options, command: Command) => {
      const { names: [target], server } = read(command, given === undefined ? [] : [given], "");
      accept({ kind: "list", target: target === "" ? undefined : target, long, recursive, sort }, server);
    });
}

/**
 * The task that the words of a line ask for; undefined if its command is not one of these. Prints help and usage errors.
 */
export function parseManagement(
  words: readonly string[],
  context: Pick<CliContext, "build" | "console">,
): Parsed<ManagementTask> | undefined {
  const program = createCommand("", context);
  let task: ManagementTask | undefined;
  addManagement(program, (accepted) => {
    task = accepted;
  });
  const isKnown = program.commands.some((each) => each.name() === words[0] || each.aliases().includes(words[0]!));
  return isKnown ? parseWith(program, words, { value: () => task! }) : undefined;
}
