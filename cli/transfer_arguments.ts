/**
 * The commands `send` and `get`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { quote } from "../base/display_text.ts";
import type { CliContext } from "./context.ts";
import type { PathPattern } from "./path_filter.ts";
import { parsePlace, readNames } from "./places.ts";
import { addTreeOptions, type RawTreeOptions, type TreeOptions, treeOptions } from "./tree_options.ts";

const SEND_EXAMPLES = `
Examples:
  sluice send report.pdf --as may.pdf --force
  sluice send photos                      what is there and the same is skipped
  sluice send photos --update --delete    mirrors a folder
  sluice send src --exclude node_modules --exclude "*.log" --dry-run
  tar c photos | sluice send - --as photos.tar
  sluice send --follow /var/log/app.log
  sluice send a.iso b.iso files.example.org:isos/

A pipe is stored when it comes to its end; whether the program before it
failed cannot be seen. A connection that is lost ends the transfer of a pipe.`;

const GET_EXAMPLES = `
Examples:
  sluice get may.pdf june.pdf --output ~/Downloads
  sluice get photos                       into the folder photos
  sluice get photos/ --output copy        what photos has, into copy
  sluice get photos --include "*.jpg"     these, in all folders
  sluice get photos.tar --output - | tar x
  sluice get files.example.org:may.pdf .  (with a port: HOST:PORT:NAME)

Standard output is written as the bytes arrive, and verified at the end:
what was written is right if the exit code is 0.`;

/** The commands that transfer files and folders. */
export type TransferTask =
  | {
    readonly kind: "send";
    /** Paths, at least one. */
    readonly files: readonly string[];
    /** The name to store it under, only with one file; or, with "/" at its end, the folder for all of them. */
    readonly as: string | undefined;
    readonly tree: TreeOptions;
    /** Go on as the file grows; only with one file. */
    readonly follow?: boolean;
  }
  | {
    readonly kind: "get";
    /** Names on the server, at least one. */
    readonly names: readonly string[];
    /** A path, or an existing folder. */
    readonly output: string | undefined;
    readonly tree: TreeOptions;
  };

/** Takes a task, and the server if a place among its arguments names one. */
type Accept = (task: TransferTask, server?: string) => void;

type Context = Pick<CliContext, "readText" | "entryAt">;

/** Adds the commands to a program; each calls `accept` when it was parsed. */
export function addTransfers(program: Command, accept: Accept, context: Context): void {
  addSend(program, accept, context);
  addGet(program, accept, context);
}

function addSend(program: Command, accept: Accept, { entryAt, readText }: Context): void {
  const patterns: PathPattern[] = [];
  const send: Command = program.command("send")
    .alias("put")
    .description("send files and folders; each is stored under its own name")
    .argument(
      "<file...>",
      "files and folders to send, - for standard input; then, if you like, HOST:NAME or HOST:FOLDER/",
    )
    .option("-a, --as <name>", "name on the server (of one file or folder), or FOLDER/ to store all below it")
    .addOption(new Option("-f, --force", "replace what differs on the server").conflicts("update"))
    .option("--follow", "go on as the file grows, until Ctrl-C, or until it is renamed (one file only)");
  addTreeOptions(send, { patterns, readText })
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", SEND_EXAMPLES)
    .action((given: string[], options: RawTreeOptions & { as?: string; follow?: boolean }) => {
      const { follow = false } = options;
      const { files, as = options.as, server } = readTarget(send, given, { as: options.as, entryAt });
      if (follow && files.length > 1) send.error(`error: --follow takes one file, but ${files.length} files are given`);
      if (as !== undefined && files.length > 1 && !as.endsWith("/")) {
        const [what, folder] = server === undefined
          ? ["--as", "--as FOLDER/"]
          : [quote(given.at(-1)!), quote(`${given.at(-1)!}/`)];
        send.error(`error: ${what} names one file, but ${files.length} files are given; ${folder} stores all below it`);
      }
      accept({ kind: "send", files, as, tree: treeOptions(options, patterns), ...(follow ? { follow } : {}) }, server);
    });
}

/** Splits what `send` is given: the last of several words is a place, unless something here has that name. */
function readTarget(
  send: Command,
  given: readonly string[],
  { as, entryAt }: { readonly as: string | undefined; readonly entryAt: Context["entryAt"] },
): { readonly files: readonly string[]; readonly as?: string; readonly server?: string } {
  const last = given.at(-1)!;
  const place = entryAt(last) === undefined ? parsePlace(last) : undefined;
  if (place === undefined) return { files: given };
  if ("error" in place) return send.error(`error: ${quote(last)}: ${place.error}`);
  if (given.length === 1) send.error(`error: ${quote(last)} is where to send to, but there is no file to send`);
  if (as !== undefined) send.error(`error: give ${quote(last)} or --as, not both`);
  if (hasServer(send)) send.error(`error: give ${quote(last)} or --server, not both`);
  return {
    files: given.slice(0, -1),
    server: place.server,
    ...(place.path === "" ? {} : { as: place.path }),
  };
}

/** Whether the command line names a server by an option. */
export function hasServer(command: Command): boolean {
  return command.parent?.getOptionValueSource("server") === "cli";
}

function addGet(program: Command, accept: Accept, { readText }: Context): void {
  const patterns: PathPattern[] = [];
  const get = program.command("get")
    .description("get files and folders; if a file exists here, the new one is saved as NAME_received, with a warning")
    .argument(
      "<name...>",
      "names on the server; of a folder, NAME/ is what it has, and . is all; or HOST:NAME... [PATH]",
    )
    .option(
      "-o, --output <path>",
      "existing folder to save in; path to save at, where nothing is unless it is replaced; or - for standard output",
    )
    .addOption(new Option("-f, --force", "replace what differs here").conflicts("update"));
  addTreeOptions(get, { patterns, readText })
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", GET_EXAMPLES)
    .action((given: string[], options: RawTreeOptions & { output?: string }) => {
      const { names, output = options.output, server } = readSources(get, given, options.output);
      accept({ kind: "get", names, output, tree: treeOptions(options, patterns) }, server);
    });
}

/** Splits what `get` is given: behind places may stand, as for scp, the path to save at. */
function readSources(
  get: Command,
  given: readonly string[],
  output: string | undefined,
): { readonly names: readonly string[]; readonly output?: string; readonly server?: string | undefined } {
  // With --server a name may have any colon.
  if (hasServer(get) || parsePlace(given[0]!) === undefined) return { names: given };
  const last = given.at(-1)!;
  const hasPath = output === undefined && given.length > 1 && parsePlace(last) === undefined;
  const placed = readNames(hasPath ? given.slice(0, -1) : given, ".");
  if ("error" in placed) return get.error(`error: ${placed.error}`);
  return { ...placed, ...(hasPath ? { output: last } : {}) };
}
