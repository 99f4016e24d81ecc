/**
 * The server's command line.
 *
 * @module
 */

import { Option } from "commander";
import type { FaultOptions, SendingOptions } from "../app/api.ts";
import { type LimitEntry, SERVER_LIMITS, type ServerLimits } from "../app/server/limits.ts";
import { DEFAULT_HOST, DEFAULT_PORT, parseHost, parsePort } from "./address.ts";
import {
  addSendingOptions,
  addSimulateOption,
  createCommand,
  type Parsed,
  parseWith,
  sendingOptions,
  valueOrThrow,
  wholeNumber,
} from "./command_line.ts";
import type { Console } from "./console.ts";

/** How much the server's log says: a level, and what is graver. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The server's command line, understood. */
export interface ServerArguments {
  /** Serve, or print the server's public key. */
  readonly task: "serve" | "key";
  /** Where the server's key is; where this user keeps such things when undefined. */
  readonly stateFolder: string | undefined;
  /** Whoever reaches the server may do everything. */
  readonly open: boolean;
  /** Who may do what, by key; where this user keeps such things, if it is there, when undefined. */
  readonly keysFile: string | undefined;
  /** The same by token. */
  readonly tokenFile: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly readOnly: boolean;
  /** How long a stopping server waits for running transfers. */
  readonly graceMs: number;
  /** Those bounds that were given. */
  readonly limits: Partial<ServerLimits>;
  readonly sending: SendingOptions;
  readonly simulate: FaultOptions | undefined;
  readonly logLevel: LogLevel;
  /** Log lines are JSON objects. */
  readonly json: boolean;
}

interface RawOptions extends SendingOptions {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly readOnly?: boolean;
  readonly grace: number;
  readonly simulate?: FaultOptions;
  readonly logLevel: LogLevel;
  readonly json?: boolean;
  readonly state?: string;
  readonly open?: boolean;
  readonly authorizedKeys?: string;
  readonly tokenFile?: string;
}

/** Where files are kept unless told otherwise. */
const DEFAULT_ROOT = "./storage";

/** Grace of a stopping server, seconds: long enough for most transfers, short of a service manager's patience (90). */
const DEFAULT_GRACE_S = 30;

const EXAMPLES = `
Examples:
  sluice-server                                  on ${DEFAULT_HOST}:${DEFAULT_PORT}, files in ${DEFAULT_ROOT}
  sluice-server --host 0.0.0.0 --authorized-keys clients --root /srv/files
  sluice-server --rate 100M                      100 Mbit/s to each client, whatever is lost
  sluice-server key                              prints the public key, to be compared or pinned by clients
  sluice-server --simulate drop=10%,delay=50ms   a bad link, for trying things out

All is encrypted, and clients know the server by its key. On 127.0.0.1 everybody may do everything, unless a file says
who may do what; a server that others can reach needs one, or --open. A line of it, of which the first word is enough:

  jJbUoyxN9VhHJP1sRIzbYyfKIMzCQ-OK7wqz9SVvYF4 alice rights=read,write,list,overwrite folder=alice quota=10G

The first word is what "sluice key" prints, or a token of 16 characters or more in the file of --token-file. The rights
are read, write and list unless given. Changes count within two seconds, and end the connections that they concern.

Ctrl-C or SIGTERM: takes nothing new, lets running transfers finish; once more: stops at once.`;

/** Reads the server's command line; help, version and mistakes are answered on the console. */
export function parseServerArguments(args: readonly string[], console: Console): Parsed<ServerArguments> {
  const command = createCommand("sluice-server", console)
    .description("Keeps files in a folder, and takes and gives them over UDP, verified by SHA-256.")
    .usage("[options]")
    .option("--host <address>", "address to listen on", (text) => valueOrThrow(parseHost(text)), DEFAULT_HOST)
    .option("--port <port>", "port to listen on; 0 lets the system choose", readPort, DEFAULT_PORT)
    .option("--root <folder>", "where the files are kept; created when it is not there", DEFAULT_ROOT)
    .option("--read-only", "give files, take none")
    .option("--grace <seconds>", "how long running transfers may go on when stopping", readGrace, DEFAULT_GRACE_S)
    .addOption(new Option("--log-level <level>", "how much to log").choices(LOG_LEVELS).default("info"))
    .option("--json", "log JSON, one object a line")
    .option("--state <folder>", "where the server's key is kept (SLUICE_STATE, else your folder for such things)")
    .option("--authorized-keys <file>", "who may do what, by key (authorized_keys in the folder of --state)")
    .option("--token-file <file>", "who may do what, by token")
    .addOption(
      new Option("--open", "whoever reaches it may do everything").conflicts(["authorizedKeys", "tokenFile"]),
    )
    .allowExcessArguments(false)
    .addHelpText("after", EXAMPLES);
  addSendingOptions(command);
  addSimulateOption(command);
  let task: ServerArguments["task"] = "serve";
  command.action(() => {});
  command.command("key").description("print this server's public key").helpOption("-h, --help", "print this help")
    .action(() => void (task = "key"));
  const limits = SERVER_LIMITS.map((entry) => ({ entry, option: limitOption(entry) }));
  for (const { option } of limits) command.addOption(option);
  return parseWith(command, args, () => {
    const options = command.opts<RawOptions>();
    return {
      task,
      stateFolder: options.state,
      open: options.open ?? false,
      keysFile: options.authorizedKeys,
      tokenFile: options.tokenFile,
      host: options.host,
      port: options.port,
      root: options.root,
      readOnly: options.readOnly ?? false,
      graceMs: options.grace * 1000,
      limits: limitsGiven(limits, command.opts()),
      sending: sendingOptions(options),
      simulate: options.simulate,
      logLevel: options.logLevel,
      json: options.json ?? false,
    };
  });
}

function readPort(text: string): number {
  return valueOrThrow(parsePort(text, { allowZero: true }));
}

const readGrace = wholeNumber({ min: 0, max: 86_400 });

/** What clients can make the server do, apart from all else in the help. */
const LIMITS_HEADING = "Limits, and what they are unless you set them:";

function limitOption({ option, what, default: value, min, max }: LimitEntry): Option {
  return new Option(option, `${what} (${value})`).argParser(wholeNumber({ min, max })).helpGroup(LIMITS_HEADING);
}

function limitsGiven(
  limits: readonly { readonly entry: LimitEntry; readonly option: Option }[],
  values: Readonly<Record<string, unknown>>,
): Partial<ServerLimits> {
  const given = limits.filter(({ option }) => values[option.attributeName()] !== undefined);
  return Object.fromEntries(given.map(({ entry, option }) => [entry.name, values[option.attributeName()]]));
}
