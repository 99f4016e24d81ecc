/**
 * What the programs say of themselves in their help, as data for the reference page and the man pages: there is no other
 * text of the options than that of the command line's own definitions.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { createClientProgram } from "../../cli/client_arguments.ts";
import { VERSION } from "../../cli/command_line.ts";
import type { CliContext } from "../../cli/context.ts";
import { createServerProgram } from "../../cli/server_arguments.ts";
import { settingName, variableOf } from "../../cli/settings.ts";

/** An option, or an argument. */
export interface Entry {
  /** As typed, such as `-a, --as <name>`. */
  readonly flags: string;
  readonly description: string;
  /** The environment variable and the key of the config file; undefined if it is no setting. */
  readonly setting: { readonly variable: string; readonly table: string | undefined; readonly key: string } | undefined;
}

/** A program, or a command of one. */
export interface Page {
  /** Such as `sluice send`. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly usage: string;
  readonly description: string;
  readonly arguments: readonly Entry[];
  readonly options: readonly Entry[];
  /** Options that the help has on a page of its own. */
  readonly limits: readonly Entry[];
  /** Commands with their descriptions. */
  readonly commands: readonly Entry[];
  /** Examples and notes, as lines. */
  readonly notes: readonly string[];
}

/** What it takes to build a command line that nobody types. */
const CONTEXT: Pick<CliContext, "build" | "console" | "entryAt" | "environment" | "readConfig" | "readText"> = {
  console: undefined as unknown as CliContext["console"],
  build: () => ({ commit: undefined, deno: "", target: "" }),
  entryAt: () => undefined,
  environment: () => undefined,
  readConfig: () => undefined,
  readText: () => "",
};

/** All pages: the client, its commands, the server. */
export function referencePages(): Page[] {
  const client = createClientProgram(CONTEXT, () => {});
  const server = createServerProgram({ name: "sluice-server", context: CONTEXT }, () => {});
  const commands = client.commands.filter((command) => command.name() !== "serve");
  return [
    pageOf(client, { name: client.name(), table: undefined }),
    ...commands.flatMap((command) => commandPages(command, client.name())),
    pageOf(server, { name: server.name(), table: "serve" }),
  ];
}

/** The version that the pages are of. */
export const REFERENCE_VERSION = VERSION;

/** The page of a command, and of those below it. */
function commandPages(command: Command, parent: string): Page[] {
  const name = `${parent} ${command.name()}`;
  const page = pageOf(command, { name, table: command.name() });
  return [page, ...command.commands.flatMap((each) => commandPages(each, name))];
}

function pageOf(command: Command, { name, table }: { name: string; table: string | undefined }): Page {
  const help = command.createHelp();
  const entryOf = (option: Option): Entry => {
    const key = settingName(option);
    return {
      flags: option.flags,
      description: help.optionDescription(option),
      setting: key === undefined ? undefined : { variable: variableOf(table, key), table, key },
    };
  };
  const argumentOf = (argument: Argument): Entry => ({
    flags: argument.name().toUpperCase() + (argument.variadic ? "..." : ""),
    description: help.argumentDescription(argument),
    setting: undefined,
  });
  return {
    name,
    aliases: command.aliases(),
    usage: `${name} ${command.usage()}`,
    description: command.description(),
    arguments: command.registeredArguments.map(argumentOf),
    options: command.options.filter((option) => !option.hidden).map(entryOf),
    limits: command.options.filter((option) => option.hidden).map(entryOf),
    commands: command.commands.map((each) => ({
      flags: [each.name(), ...each.aliases()].join(", "),
      description: each.description(),
      setting: undefined,
    })),
    notes: notesOf(command),
  };
}

/** What the help has behind its options. */
function notesOf(command: Command): string[] {
  let text = "";
  // A command is an emitter of events, which the types of commander keep to themselves; `addHelpText` listens to this one.
  const emitter = command as unknown as { emit(event: string, context: unknown): void };
  emitter.emit("afterHelp", { error: false, command, write: (part: string) => void (text += part) });
  return text.trim().split("\n");
}
