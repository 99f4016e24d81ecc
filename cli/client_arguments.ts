/**
 * The client's command line.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { quote } from "../base/display_text.ts";
import { invariant } from "../base/invariant.ts";
import type { FaultOptions } from "../app/api.ts";
import type { ClientOptions } from "../app/client/api.ts";
import { DEFAULT_HOST, DEFAULT_PORT, parseHost, parsePort, parseServer, type ServerName } from "./address.ts";
import {
  addNativeOption,
  addSendingOptions,
  addSimulateOption,
  createCommand,
  type Parsed,
  parseWith,
  type RawSendingOptions,
  readKey,
  sendingOptions,
  valueOrThrow,
} from "./command_line.ts";
import type { CliContext } from "./context.ts";
import { addHosts, type HostsTask } from "./hosts.ts";
import { addManagement, type ManagementTask } from "./management_arguments.ts";
import type { PathPattern } from "./path_filter.ts";
import { addTreeOptions, type RawTreeOptions, type TreeOptions, treeOptions } from "./tree_options.ts";

/** The command of the client. */
export type ClientTask =
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
  }
  | ManagementTask
  /** Print this client's public key. */
  | { readonly kind: "key" }
  | HostsTask
  | { readonly kind: "interactive" };

/** The parsed command line of the client. */
export interface ClientArguments {
  readonly task: ClientTask;
  /** How to connect; passed on as it is. */
  readonly connection: ConnectionOptions;
  /** The only server key to accept; if undefined, that of first contact. */
  readonly serverKey: Uint8Array | undefined;
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
  "identity" | "token" | "server" | "onFault" | "onRetry" | "signal" | "onStats"
>;

/** Options of every command. */
interface CommonOptions extends RawSendingOptions {
  readonly server?: ServerName;
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
  readonly state?: string;
  readonly tokenFile?: string;
}

const EXAMPLES = `
Examples:
  sluice send report.pdf photos.zip  to ${DEFAULT_HOST}:${DEFAULT_PORT}
  sluice send report.pdf --as may.pdf --server files.example.org:65432
  sluice send photos                 a folder; what is there already is skipped
  sluice get may.pdf --output ~/Downloads
  sluice list --server [2001:db8::7]:65432
  sluice rm -r old "*.tmp"           asks before it removes several
  sluice send film.mkv --retry-for 8h
  tar c photos | sluice send - --as photos.tar
  sluice key                         prints this client's public key
  sluice send film.mkv --rate 80M    at a fixed 80 Mbit/s
  sluice 192.0.2.7 65432             interactive session, like sftp; type "help"

Exit codes: 0 done and verified, 1 transfer failed, 2 usage, 3 not found,
4 refused, 5 cannot reach the server, 6 local disk, 7 standard output,
129 terminal closed, 130 interrupted, 141 reader of the output closed it.`;

const SEND_EXAMPLES = `
Examples:
  sluice send report.pdf --as may.pdf --force
  sluice send photos                      what is there and the same is skipped
  sluice send photos --update --delete    mirrors a folder
  sluice send src --exclude node_modules --exclude "*.log" --dry-run
  tar c photos | sluice send - --as photos.tar
  sluice send --follow /var/log/app.log

A pipe is stored when it comes to its end; whether the program before it
failed cannot be seen. A connection that is lost ends the transfer of a pipe.`;

const GET_EXAMPLES = `
Examples:
  sluice get may.pdf june.pdf --output ~/Downloads
  sluice get photos                       into the folder photos
  sluice get photos/ --output copy        what photos has, into copy
  sluice get photos --include "*.jpg"     these, in all folders
  sluice get photos.tar --output - | tar x

Standard output is written as the bytes arrive, and verified at the end:
what was written is right if the exit code is 0.`;

/** Parses the client's command line; prints help, version and usage errors. */
export function parseClientArguments(
  args: readonly string[],
  { console, environment, readText }: Pick<CliContext, "console" | "environment" | "readText">,
): Parsed<ClientArguments> {
  const program = createCommand("sluice", console)
    .description("Sends files to a Sluice server and gets them back, over UDP, verified by SHA-256.")
    .usage("COMMAND | HOST PORT   [options]")
    .argument("[host]", "server of an interactive session")
    .argument("[port]", "its port")
    .option("-s, --server <host:port>", `server (SLUICE_SERVER, else ${DEFAULT_HOST}:${DEFAULT_PORT})`, readServer)
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
  addSendingOptions(program);
  addSimulateOption(program);
  addNativeOption(program);

  let understood: { task: ClientTask; server: ServerName | undefined } | undefined;
  const accept = (task: ClientTask, server?: ServerName) => {
    understood = { task, server };
  };
  addSend(program, accept, readText);
  addGet(program, accept, readText);
  addManagement(program, accept);
  addHosts(program, accept);
  program.command("key").description("print this client's public key, for a server's authorized_keys")
    .helpOption("-h, --help", "print this help").action(() => accept({ kind: "key" }));
  program.action((host: string | undefined, port: string | undefined, { json }: CommonOptions) => {
    if (json) program.error("error: --json needs a command; an interactive session is for people");
    accept({ kind: "interactive" }, interactiveServer(program, { host, port }));
  });

  const value = (): ClientArguments => {
    const options = program.opts<CommonOptions>();
    const server = understood!.server ?? options.server ?? serverOfEnvironment(program, environment("SLUICE_SERVER"));
    return {
      task: understood!.task,
      connection: {
        ...server,
        ...sendingOptions(options),
        ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
        ...(options.retryFor === undefined ? {} : { retryForMs: options.retryFor * 1000 }),
        ...(options.compress === false ? { compress: false } : {}),
        ...("tree" in understood!.task && understood!.task.tree.modes ? { exactModes: true } : {}),
        ...(options.simulate === undefined ? {} : { simulate: options.simulate }),
        ...(options.native === false ? { native: false } : {}),
      },
      serverKey: options.serverKey,
      acceptNew: options.acceptNew ?? false,
      stateFolder: options.state,
      tokenFile: options.tokenFile,
      ...outputOptions(options),
    };
  };
  return parseWith(program, args, { check: () => checkCommand(program, args), value });
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
    .option(
      "--state <folder>",
      "folder of your key and of known_servers (SLUICE_STATE, else ~/.local/state/sluice)",
    );
}

type Accept = (task: ClientTask) => void;

type ReadText = CliContext["readText"];

function addSend(program: Command, accept: Accept, readText: ReadText): void {
  const patterns: PathPattern[] = [];
  const send: Command = program.command("send")
    .alias("put")
    .description("send files and folders; each is stored under its own name")
    .argument("<file...>", "files and folders to send; - is standard input")
    .option("-a, --as <name>", "name on the server (of one file or folder), or FOLDER/ to store all below it")
    .addOption(new Option("-f, --force", "replace what differs on the server").conflicts("update"))
    .option("--follow", "go on as the file grows, until Ctrl-C, or until it is renamed (one file only)");
  addTreeOptions(send, { patterns, readText })
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", SEND_EXAMPLES)
    .action((files: string[], options: RawTreeOptions & { as?: string; follow?: boolean }) => {
      const { as, follow = false } = options;
      if (follow && files.length > 1) send.error(`error: --follow takes one file, but ${files.length} files are given`);
      if (as !== undefined && files.length > 1 && !as.endsWith("/")) {
        send.error(
          `error: --as names one file, but ${files.length} files are given; --as FOLDER/ stores all below FOLDER`,
        );
      }
      accept({ kind: "send", files, as, tree: treeOptions(options, patterns), ...(follow ? { follow } : {}) });
    });
}

function addGet(program: Command, accept: Accept, readText: ReadText): void {
  const patterns: PathPattern[] = [];
  const get = program.command("get")
    .description("get files and folders; if a file exists here, the new one is saved as NAME_received, with a warning")
    .argument("<name...>", "names on the server; of a folder, NAME/ is what it has, and . is all")
    .option(
      "-o, --output <path>",
      "existing folder to save in; path to save at, where nothing is unless it is replaced; or - for standard output",
    )
    .addOption(new Option("-f, --force", "replace what differs here").conflicts("update"));
  addTreeOptions(get, { patterns, readText })
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", GET_EXAMPLES)
    .action((names: string[], options: RawTreeOptions & { output?: string }) => {
      accept({ kind: "get", names, output: options.output, tree: treeOptions(options, patterns) });
    });
}

/**
 * Reports an unknown command, such as `sluice snd a --as b`, before commander takes it for a host and reports what follows
 * it. A word is a host if it looks like an address or a port follows it.
 */
function checkCommand(program: Command, args: readonly string[]): void {
  const { operands: [word, next] } = program.parseOptions([...args]);
  if (word === undefined || program.commands.some((each) => each.name() === word || each.aliases().includes(word))) {
    return;
  }
  if (next !== undefined && (/^\d+$/.test(next) || /[.:]/.test(word))) return;
  program.error(
    `error: unknown command ${quote(word)}; the commands are ${
      commandNames(program)
    }; HOST PORT starts an interactive session`,
  );
}

/** "send, get, list and key". */
function commandNames(program: Command): string {
  const names = program.commands.map((command) => command.name());
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The server of `sluice HOST PORT`. */
function interactiveServer(
  program: Command,
  typed: { host: string | undefined; port: string | undefined },
): ServerName | undefined {
  if (typed.host === undefined) program.help({ error: true });
  invariant(typed.port !== undefined, "a word without a port after it is a command");
  const host = parseHost(typed.host);
  if (typeof host !== "string") program.error(`error: "${typed.host}": ${host.error}`);
  const port = parsePort(typed.port, { allowZero: false });
  if (typeof port !== "number") {
    program.error(`error: "${typed.port}": ${port.error}; the commands are ${commandNames(program)}`);
  }
  return { host, port };
}

function serverOfEnvironment(program: Command, text: string | undefined): ServerName {
  if (text === undefined || text === "") return { host: DEFAULT_HOST, port: DEFAULT_PORT };
  const address = parseServer(text);
  if ("error" in address) program.error(`error: SLUICE_SERVER is "${text}": ${address.error}`);
  return address;
}

function readServer(text: string): ServerName {
  return valueOrThrow(parseServer(text));
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
