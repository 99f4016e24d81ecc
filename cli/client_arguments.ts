/**
 * The client's command line.
 *
 * @module
 */

import { Argument, type Command, InvalidArgumentError } from "commander";
import { quote } from "../base/display_text.ts";
import type { FaultOptions } from "../app/api.ts";
import type { ClientOptions } from "../app/client/api.ts";
import { DEFAULT_HOST, DEFAULT_PORT, parseHost, parsePort, parseServer, type ServerName } from "./address.ts";
import {
  addNativeOption,
  addSendingOptions,
  addSimulateOption,
  CONFIG_PLACES,
  createCommand,
  type Parsed,
  parseWith,
  type RawSendingOptions,
  readKey,
  sendingOptions,
  STATE_PLACES,
} from "./command_line.ts";
import { type Shell, SHELLS } from "./completion_scripts.ts";
import { Config } from "./config.ts";
import type { CliContext } from "./context.ts";
import { addHosts, type HostsTask } from "./hosts.ts";
import { addManagement, type ManagementTask, PLACED } from "./management_arguments.ts";
import { settingKeys } from "./settings.ts";
import { closestTo, didYouMean } from "./suggestions.ts";
import { addTransfers, type TransferTask } from "./transfer_arguments.ts";
import type { RateSchedule } from "../app/rate.ts";

/** The command of the client. */
export type ClientTask =
  | TransferTask
  | ManagementTask
  /** Print this client's public key. */
  | { readonly kind: "key" }
  | HostsTask
  /** Print the completion script of a shell. */
  | { readonly kind: "completion"; readonly shell: Shell }
  | { readonly kind: "interactive" };

/** The parsed command line of the client. */
export interface ClientArguments {
  readonly task: ClientTask;
  /** How to connect; passed on as it is. */
  readonly connection: ConnectionOptions;
  /** The only server key to accept; if undefined, that of first contact. */
  readonly serverKey: ServerKey | undefined;
  /** The rate in each direction, by the time of day. */
  readonly limit: RateSchedule | undefined;
  /** Yield to all other traffic. */
  readonly background: boolean;
  /** A server of the config file that is spelled much like the host, which may be what was meant. */
  readonly similarServer: string | undefined;
  /** Trust a new server without a question. */
  readonly acceptNew: boolean;
  /** A file with a token to show to the server. */
  readonly tokenFile: string | undefined;
  /** Where the client's key and known_servers are; the user's state folder if undefined. */
  readonly stateFolder: string | undefined;
  /** Neither progress nor reports: only errors, warnings, and what was asked for. */
  readonly quiet: boolean;
  /** Also what goes on, and checksums. */
  readonly verbose: boolean;
  /** Results and messages are JSON objects. */
  readonly json: boolean;
}

/** Options of a connection that the command line sets alone. */
export type ConnectionOptions = Omit<
  ClientOptions,
  "identity" | "token" | "rateLimit" | "server" | "onFault" | "onRetry" | "onSample" | "signal" | "onStats"
>;

/** A server's key, and where it was given. */
export interface ServerKey {
  readonly key: Uint8Array;
  /** Such as `--server-key`. */
  readonly source: string;
}

/** Options of every command. */
interface CommonOptions extends RawSendingOptions {
  readonly server?: string;
  readonly timeout?: number;
  readonly retryFor?: number;
  readonly compress?: boolean;
  readonly simulate?: FaultOptions;
  readonly native?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly serverKey?: Uint8Array;
  readonly acceptNew?: boolean;
  readonly background?: boolean;
  readonly state?: string;
  readonly tokenFile?: string;
}

const EXAMPLES = `
Examples:
  sluice send report.pdf photos.zip  to ${DEFAULT_HOST}:${DEFAULT_PORT}
  sluice send report.pdf files.example.org:2026/may.pdf
  sluice send report.pdf --as may.pdf --server files.example.org:65432
  sluice send photos                 a folder; what is there already is skipped
  sluice get may.pdf --output ~/Downloads
  sluice list --server [2001:db8::7]:65432
  sluice rm -r old "*.tmp"           asks before it removes several
  sluice send film.mkv --retry-for 8h
  tar c photos | sluice send - --as photos.tar
  sluice key                         prints this client's public key
  sluice serve                       the server; see "sluice help serve"
  sluice send film.mkv --limit 20M   no faster than 20 Mbit/s
  sluice 192.0.2.7 65432             interactive session, like sftp; type "help"
  sluice completion bash             see "sluice help completion"

"sluice help COMMAND" has the options of a command. Options that are not given
are taken from the environment, such as SLUICE_RETRY_FOR or SLUICE_SEND_UPDATE,
then from the config file, which can give servers names ("sluice send x work:").
It is ${CONFIG_PLACES}.

Exit codes: 0 done and verified, 1 transfer failed, 2 usage, 3 not found,
4 refused, 5 cannot reach the server, 6 local disk, 7 standard output,
129 terminal closed, 130 interrupted, 141 reader of the output closed it.`;

const COMPLETION_HELP = `
To have it at each start, add the line to the file:
  bash        ~/.bashrc                    source <(sluice completion bash)
  zsh         ~/.zshrc, behind compinit    source <(sluice completion zsh)
  fish        ~/.config/fish/config.fish   sluice completion fish | source
  powershell  $PROFILE   sluice completion powershell | Out-String | iex`;

/** What the client's command line needs of its context. */
type Context = Pick<CliContext, "build" | "console" | "entryAt" | "environment" | "readConfig" | "readText">;

/** Takes what was understood: the task, and a server that the command itself names. */
type Accept = (task: ClientTask, server?: string | ServerName) => void;

/** The client's command line, before it is parsed: `accept` is called when it was. */
export function createClientProgram(context: Context, accept: Accept): Command {
  const program = createCommand("sluice", context)
    .description("Sends files to a Sluice server and gets them back, over UDP, verified by SHA-256.")
    .usage("COMMAND | HOST PORT | HOST:PORT   [options]")
    .argument("[host]", "server of an interactive session")
    .argument("[port]", "its port")
    .option(
      "-s, --server <host:port>",
      `server: HOST, HOST:PORT, or a name in the config file (${DEFAULT_HOST}:${DEFAULT_PORT})`,
    )
    .option(
      "-t, --timeout <seconds>",
      "take the server for gone if it does not respond for this long (10; once connected 60)",
      readSeconds,
    )
    .option(
      "--retry-for <time>",
      "after a lost connection, or while the server is busy, try again for this long: 90, 10m, 2h; 0: never (10m)",
      readDuration,
    )
    .option("--no-compress", "do not compress files on the way")
    .addHelpText("after", EXAMPLES);
  addOutputOptions(program);
  addTrustOptions(program);
  addSendingOptions(program).option("--background", "yield to all other traffic of the link, in each direction");
  addSimulateOption(program);
  addNativeOption(program);
  addTransfers(program, accept, context);
  addManagement(program, accept, PLACED);
  addHosts(program, accept);
  program.command("key").description("print this client's public key, for a server's authorized_keys")
    .helpOption("-h, --help", "print this help").action(() => accept({ kind: "key" }));
  program.command("completion").description('print the script by which a shell completes "sluice"')
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .helpOption("-h, --help", "print this help").addHelpText("after", COMPLETION_HELP)
    .action((shell: Shell) => accept({ kind: "completion", shell }));
  // The programs look for this word in front of all others; here it is for the help.
  program.command("serve").description("keep files: the server; all of its options stand behind this word")
    .allowUnknownOption().allowExcessArguments().helpOption(false)
    .action(() => program.error('error: write "sluice serve" in front of the options of the server'));
  return program;
}

/** Parses the client's command line; prints help, version and usage errors. Throws SluiceError for the config file. */
export function parseClientArguments(args: readonly string[], context: Context): Parsed<ClientArguments> {
  let understood: { task: ClientTask; server: string | ServerName | undefined } | undefined;
  const program: Command = createClientProgram(context, (task, server) => {
    understood = { task, server };
  });
  const file = context.readConfig();
  const config = file === undefined ? undefined : new Config(file);
  program.action((host: string | undefined, port: string | undefined, { json }: CommonOptions) => {
    if (json) program.error("error: --json needs a command; an interactive session is for people");
    understood = { task: { kind: "interactive" }, server: interactiveServer(program, { host, port, config }) };
  });
  const value = (): ClientArguments => {
    const { task, server } = understood!;
    const options = program.opts<CommonOptions>();
    const { connection, ...credentials } = chooseServer(program, { server, config, options });
    return {
      task,
      connection: {
        ...connection,
        ...sendingOptions(options),
        ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
        ...(options.retryFor === undefined ? {} : { retryForMs: options.retryFor * 1000 }),
        ...(options.compress === false ? { compress: false } : {}),
        ...("tree" in task && task.tree.modes ? { exactModes: true } : {}),
        ...(options.simulate === undefined ? {} : { simulate: options.simulate }),
        ...(options.native === false ? { native: false } : {}),
      },
      ...credentials,
      acceptNew: options.acceptNew ?? false,
      limit: options.limit,
      background: options.background ?? false,
      stateFolder: options.state,
      ...outputOptions(options),
    };
  };
  config?.checkKeys(new Map([...settingKeys(program), ["serve", Object.keys(config.value(undefined, "serve") ?? {})]]));
  const settings = { environment: context.environment, config };
  return parseWith(program, args, { check: (all) => checkCommand(program, { args: all, config }), settings, value });
}

/** The server, and what the client shows to it and expects of it. */
function chooseServer(
  program: Command,
  { server, config, options }: {
    readonly server: string | ServerName | undefined;
    readonly config: Config | undefined;
    readonly options: CommonOptions;
  },
): { connection: ServerName } & Pick<ClientArguments, "serverKey" | "similarServer" | "tokenFile"> {
  const isTyped = (name: string) => ["cli", "env"].includes(program.getOptionValueSource(name) ?? "");
  const ofOptions = options.serverKey === undefined ? undefined : { key: options.serverKey, source: "--server-key" };
  const own = { serverKey: ofOptions, similarServer: undefined, tokenFile: options.tokenFile };
  if (typeof server === "object") return { connection: server, ...own };
  const text = server ?? options.server;
  if (text === undefined) return { connection: { host: DEFAULT_HOST, port: DEFAULT_PORT }, ...own };
  const named = config?.server(text);
  if (named === undefined) {
    const address = parseServer(text);
    if (!("error" in address)) {
      return { connection: address, ...own, similarServer: closestTo(address.host, config?.serverNames ?? []) };
    }
    const source = server !== undefined
      ? quote(text)
      : program.getOptionValueSource("server") === "config"
      ? `${config!.location(["server"])}: ${quote(text)}`
      : `${program.getOptionValueSource("server") === "env" ? "SLUICE_SERVER" : "--server"} is ${quote(text)}`;
    return program.error(`error: ${source}: ${address.error}`);
  }
  const { host, port, key, tokenFile } = named;
  const ofFile = key === undefined ? undefined : { key, source: config!.location(["servers", text, "key"]) };
  return {
    connection: { host, port },
    similarServer: undefined,
    serverKey: isTyped("serverKey") ? ofOptions : ofFile ?? ofOptions,
    tokenFile: isTyped("tokenFile") ? options.tokenFile : tokenFile ?? options.tokenFile,
  };
}

function outputOptions(options: CommonOptions): Pick<ClientArguments, "json" | "quiet" | "verbose"> {
  const { json = false, quiet = false, verbose = false } = options;
  return { json, quiet, verbose };
}

function addOutputOptions(program: Command): void {
  program
    .option("-q, --quiet", "print errors and warnings only")
    .option("-v, --verbose", "also print what goes on, and checksums")
    .option("--json", "print progress, results and messages as JSON, one object per line");
}

/** Who the two sides are for each other. */
function addTrustOptions(program: Command): void {
  program
    .option("--server-key <key>", 'accept only a server with this key, as "sluice-server key" prints it', readKey)
    .option("--accept-new", "trust a new server without a question")
    .option("--token-file <file>", "file with a token that the server knows")
    .option("--state <folder>", `folder of your key and of known_servers (${STATE_PLACES})`);
}

/**
 * Reports an unknown command, such as `sluice snd a --as b`, before commander takes it for a host and reports what follows
 * it. A word is a host if a port follows it, or it looks like an address and anything follows it, or a port is in it, or the
 * config file has it.
 */
function checkCommand(
  program: Command,
  { args, config }: { readonly args: readonly string[]; readonly config: Config | undefined },
): void {
  const { operands: [word, next] } = program.parseOptions([...args]);
  const names = program.commands.flatMap((each) => [each.name(), ...each.aliases()]);
  if (word === undefined || names.includes(word)) return;
  if (next === undefined ? isServer(word, config) : /^\d+$/.test(next) || /[.:]/.test(word)) return;
  program.error(
    `error: unknown command ${quote(word)}${didYouMean(word, names)}; the commands are ${
      commandNames(program)
    }; HOST PORT starts an interactive session`,
  );
}

function isServer(word: string, config: Config | undefined): boolean {
  return /:(?:\d+)?$|^\[.*\]$|:\/\//.test(word) || config?.serverNames.includes(word) === true;
}

/** "send, get, list and key". */
function commandNames(program: Command): string {
  const names = program.commands.map((command) => command.name());
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The server of `sluice HOST PORT`, `sluice HOST:PORT` or `sluice NAME`. */
function interactiveServer(
  program: Command,
  { host: word, port: portText, config }: {
    readonly host: string | undefined;
    readonly port: string | undefined;
    readonly config: Config | undefined;
  },
): ServerName | string {
  if (word === undefined) program.help({ error: true });
  if (portText === undefined) {
    return config?.serverNames.includes(word) ? word : word.replace(/(?<=[^:]):$/, "");
  }
  const host = parseHost(word);
  if (typeof host !== "string") program.error(`error: "${word}": ${host.error}`);
  const port = parsePort(portText, { allowZero: false });
  if (typeof port !== "number") {
    program.error(`error: "${portText}": ${port.error}; the commands are ${commandNames(program)}`);
  }
  return { host, port };
}

function readSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (seconds >= 0.1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError("It must be a number of seconds from 0.1 to 3600.");
}

/** The longest time that `--retry-for` takes, seconds: 30 days. */
const MAX_RETRY_S = 2_592_000;

/** Reads a time such as 90, 90s, 10m or 2h; returns seconds. */
function readDuration(text: string): number {
  const { number, unit = "s" } = /^(?<number>\d+(?:\.\d+)?)(?<unit>[smh])?$/.exec(text)?.groups ?? {};
  const seconds = Number(number) * { s: 1, m: 60, h: 3600 }[unit as "s" | "m" | "h"];
  if (seconds <= MAX_RETRY_S) return seconds;
  throw new InvalidArgumentError("It must be a time such as 90 (seconds), 10m or 2h, at most 720h; 0 for never.");
}
