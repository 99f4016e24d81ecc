/**
 * The server's command line.
 *
 * @module
 */

import { Command, CommanderError, Option } from "commander";
import { quote } from "../base/display_text.ts";
import type { FaultOptions } from "../app/api.ts";
import type { RateSchedule } from "../app/rate.ts";
import type { ServerOptions } from "../app/server/api.ts";
import { type LimitEntry, SERVER_LIMITS, type ServerLimits } from "../app/server/limits.ts";
import { DEFAULT_HOST, DEFAULT_PORT, parseHost, parsePort } from "./address.ts";
import {
  addNativeOption,
  addSendingOptions,
  addSimulateOption,
  CONFIG_PLACES,
  createCommand,
  type Parsed,
  parseWith,
  type RawSendingOptions,
  sendingOptions,
  STATE_PLACES,
  valueOrThrow,
  wholeNumber,
} from "./command_line.ts";
import { Config } from "./config.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_codes.ts";
import { settingKeys } from "./settings.ts";
import { didYouMean } from "./suggestions.ts";

/** Levels of the log, the least severe first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The parsed command line of the server. */
export interface ServerArguments {
  /** Serve, or print the server's public key. */
  readonly task: "serve" | "key";
  /** What to serve, and how; passed on as it is. */
  readonly serving: ServingOptions;
  /** Where the server's key is; the user's state folder if undefined. */
  readonly stateFolder: string | undefined;
  /** The rate in each direction of all clients together, by the time of day. */
  readonly limit: RateSchedule | undefined;
  /** No access control. */
  readonly open: boolean;
  /** The keys of authorized clients; if undefined, `authorized_keys` in the state folder, if it exists. */
  readonly keysFile: string | undefined;
  /** The tokens of authorized clients. */
  readonly tokenFile: string | undefined;
  /** How long a stopping server waits for running transfers. */
  readonly graceMs: number;
  readonly logLevel: LogLevel;
  /** Log lines are JSON objects. */
  readonly json: boolean;
}

/** Options of a server that the command line sets alone. */
export type ServingOptions = Omit<ServerOptions, "access" | "identity" | "rateLimit" | "onEvent" | "onStats">;

interface RawOptions extends RawSendingOptions {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly readOnly?: boolean;
  readonly grace: number;
  readonly simulate?: FaultOptions;
  readonly native?: boolean;
  readonly logLevel: LogLevel;
  readonly json?: boolean;
  readonly state?: string;
  readonly open?: boolean;
  readonly authorizedKeys?: string;
  readonly tokenFile?: string;
}

/** The default folder of the files. */
const DEFAULT_ROOT = "./storage";

/** The table of the server's options in the config file; SLUICE_SERVE_PORT is that of `--port`. */
const SERVER_TABLE = "serve";

/** Seconds: long enough for most transfers, shorter than the stop timeout of systemd (90). */
const DEFAULT_GRACE_S = 30;

const EXAMPLES = `
Examples:
  sluice-server                       on ${DEFAULT_HOST}:${DEFAULT_PORT}, files in ${DEFAULT_ROOT}
  sluice-server --host 0.0.0.0 --authorized-keys clients --root /srv/files
  sluice-server --limit 100M          100 Mbit/s for all clients together
  sluice-server key                   prints the key that clients verify or pin
  sluice-server --simulate drop=10%   simulates a bad link

Everything is encrypted, and clients know the server by its key. On 127.0.0.1
your own client may do everything, and nobody else anything, until you list
authorized clients or pass --open; a server reachable from other machines needs
one of both. Two lines of a list, of which only the first word is required:

  jJbUoyxN9VhHJP1sRIzbYyfKIMzCQ-OK7wqz9SVvYF4 alice folder=alice quota=10G
  uix1qngsU1MHmSHB6x6OvdjCoIXo-5r8CyzmDaPTZkM bob rights=read,list,overwrite

The first word is the key that "sluice key" prints, or, in the file of
--token-file, a token of 16 characters or more. The rights are read, write,
list, overwrite and delete; the default is the first three. Changes take effect
within two seconds and close the affected connections.

Ctrl-C, SIGTERM or closing the terminal lets running transfers finish, and
accepts no new ones; a second one stops at once. SIGHUP to a server without a
terminal makes it read the list at once.

Options that are not given are taken from the environment, such as
SLUICE_SERVE_PORT, then from the table [serve] of the config file. It is
${CONFIG_PLACES}.`;

/** What the server's command line needs of its context. */
type Context = Pick<CliContext, "build" | "console" | "environment" | "readConfig">;

/** The two ways to start the server. */
export type ServerName = "sluice-server" | "sluice serve";

/** The server's command line, before it is parsed: `accept` is called when it was. */
export function createServerProgram(
  { name, context }: { readonly name: ServerName; readonly context: Pick<Context, "build" | "console"> },
  accept: (task: ServerArguments["task"]) => void,
): Command {
  const command = createCommand(name, context)
    .description("Receives files into a folder and sends them back, over UDP, verified by SHA-256.")
    .usage("[options]")
    .option("--host <address>", "address to listen on", (text) => valueOrThrow(parseHost(text)), DEFAULT_HOST)
    .option("--port <port>", "port to listen on; 0 lets the system choose", readPort, DEFAULT_PORT)
    .option("--root <folder>", "folder of the files; created if it does not exist", DEFAULT_ROOT)
    .option("--read-only", "send files, receive none")
    .option("--grace <seconds>", "time for running transfers to finish when stopping", readGrace, DEFAULT_GRACE_S)
    .addOption(
      new Option("--log-level <level>", "log messages of this level and above").choices(LOG_LEVELS).default("info"),
    )
    .option("--json", "log JSON, one object per line")
    .option("--state <folder>", `folder of the server's key (${STATE_PLACES})`)
    .option("--authorized-keys <file>", "keys of authorized clients (authorized_keys in the state folder)")
    .option("--token-file <file>", "tokens of authorized clients")
    .addOption(
      new Option("--open", "no access control: every client may do everything").conflicts([
        "authorizedKeys",
        "tokenFile",
      ]),
    )
    .option("--help-limits", "print the options that limit what clients can make the server do")
    .allowExcessArguments(false)
    .addHelpText("after", EXAMPLES.replaceAll("sluice-server", name));
  addSendingOptions(command);
  addSimulateOption(command);
  addNativeOption(command);
  command.action(() => accept("serve"));
  command.command("key").description("print this server's public key").helpOption("-h, --help", "print this help")
    .action(() => accept("key"));
  for (const entry of SERVER_LIMITS) command.addOption(limitOption(entry));
  return command.on("option:help-limits", () => {
    context.console.out(limitsHelp(command, name));
    throw new CommanderError(ExitCode.done, "commander.help", "help");
  });
}

/** Parses the server's command line; prints help, version and usage errors. Throws SluiceError for the config file. */
export function parseServerArguments(
  args: readonly string[],
  context: Context,
  name: ServerName = "sluice-server",
): Parsed<ServerArguments> {
  let task: ServerArguments["task"] = "serve";
  const command = createServerProgram({ name, context }, (accepted) => {
    task = accepted;
  });
  const value = (): ServerArguments => {
    const options = command.opts<RawOptions>();
    return {
      task,
      stateFolder: options.state,
      serving: {
        host: options.host,
        port: options.port,
        root: options.root,
        readOnly: options.readOnly ?? false,
        ...sendingOptions(options),
        ...(options.simulate === undefined ? {} : { simulate: options.simulate }),
        ...(options.native === false ? { native: false } : {}),
        limits: limitsGiven(command.opts()),
      },
      limit: options.limit,
      open: options.open ?? false,
      keysFile: options.authorizedKeys,
      tokenFile: options.tokenFile,
      graceMs: options.grace * 1000,
      logLevel: options.logLevel,
      json: options.json ?? false,
    };
  };
  const file = context.readConfig();
  const config = file === undefined ? undefined : new Config(file);
  // The rest of the file is the client's, which checks it.
  const keys = settingKeys(command, SERVER_TABLE).get(SERVER_TABLE)!;
  config?.checkKeys(new Map([["", config.keys], [SERVER_TABLE, keys]]));
  const settings = { environment: context.environment, config, table: SERVER_TABLE };
  return parseWith(command, args, { check: (all) => checkCommand(command, all), settings, value });
}

/** Reports a word that is no command, which commander would take for an argument too many. */
function checkCommand(command: Command, args: readonly string[]): void {
  const { operands: [word] } = command.parseOptions([...args]);
  const names = command.commands.map((each) => each.name());
  if (word === undefined || names.includes(word)) return;
  command.error(
    `error: unknown command ${quote(word)}${didYouMean(word, names)}; the only one is ${names.join(" and ")}`,
  );
}

function readPort(text: string): number {
  return valueOrThrow(parsePort(text, { allowZero: true }));
}

const readGrace = wholeNumber({ min: 0, max: 86_400 });

/** Not in the help, which they would fill. */
function limitOption({ option, what, default: value, min, max }: LimitEntry): Option {
  return new Option(option, `${what} (${value})`).argParser(wholeNumber({ min, max })).hideHelp();
}

/** The page of the limits. */
function limitsHelp(command: Command, name: ServerName): string {
  const flags = new Set(SERVER_LIMITS.map(({ option }) => option));
  const page = new Command(name).usage("[options]").helpOption(false).configureHelp(command.configureHelp());
  page.description(
    "Limits on what clients can make the server do, and their defaults. At each limit the server refuses or\
 drops what is new, and continues with what it has.",
  );
  for (const { flags: given, description } of command.options) {
    if (flags.has(given)) page.option(given, description);
  }
  page.configureHelp({ ...command.configureHelp(), helpWidth: command.configureOutput().getOutHelpWidth?.() ?? 80 });
  return page.helpInformation().trimEnd();
}

function limitsGiven(values: Readonly<Record<string, unknown>>): Partial<ServerLimits> {
  const given = SERVER_LIMITS.map(({ name, option }) => [name, values[new Option(option).attributeName()]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
