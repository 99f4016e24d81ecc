/**
 * What the command lines of the two programs share: how they use commander, the options of both, and usage errors: one
 * line that names the error, one that points to the help, exit code 2.
 *
 * @module
 */

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { CONGESTION_NAMES, type SendPolicy } from "../protocol/mod.ts";
import { quote, REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import type { FaultOptions, SendingOptions } from "../app/api.ts";
import { parseKey } from "../app/keys.ts";
import { parseFaults } from "./faults.ts";
import { parseFixedRate, parseRateSchedule, type RateSchedule } from "../app/rate.ts";
import type { Console } from "./console.ts";
import { ExitCode } from "./exit_codes.ts";
import { applySettings, type SettingSources } from "./settings.ts";

/** The version that `--version` prints; a test holds it equal to deno.json's. */
export const VERSION = "0.1.0";

/** A parsed command line, or the exit code: 0 after help or version, 2 after a usage error. */
export type Parsed<T> = { readonly value: T } | { readonly exitCode: ExitCode };

/** Where the state folder is unless an option says, for the help. */
export const STATE_PLACES = "SLUICE_STATE, else ~/.local/state/sluice, on Windows %LOCALAPPDATA%\\Sluice";

/** Where the config file is, for the help. */
export const CONFIG_PLACES = `~/.config/sluice/config.toml, on Windows
%APPDATA%\\Sluice\\config.toml, or the file that SLUICE_CONFIG names`;

/** How a program was built; the commit is known of a build and of a clone. */
export interface BuildInfo {
  readonly commit: string | undefined;
  /** The version of Deno. */
  readonly deno: string;
  /** The machine and system that it runs on, such as `x86_64-unknown-linux-gnu`. */
  readonly target: string;
}

/** The line that `--version` prints. */
function versionLine(name: string, { commit, deno, target }: BuildInfo): string {
  return `${name} ${VERSION} (${commit === undefined ? "" : `commit ${commit}, `}Deno ${deno}, ${target})`;
}

/** A command that throws instead of ending the process, and writes to `console`. */
export function createCommand(
  name: string,
  { console, build }: { readonly console: Console; readonly build: () => BuildInfo },
): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => console.out(text.trimEnd()),
      writeErr: (text) => console.err(text.trimEnd()),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => Math.min(HELP_COLUMNS, console.columns()),
      getErrHelpWidth: () => Math.min(HELP_COLUMNS, console.columns()),
    })
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: MIN_WRAPPED_COLUMNS })
    .showHelpAfterError("Try --help.")
    .addOption(
      new Option("-V, --version", "print the version, and how the program was built"),
    )
    .on("option:version", function (this: Command) {
      console.out(versionLine(name.replace(/ .*$/, ""), build()));
      throw new CommanderError(ExitCode.done, "commander.version", "version");
    })
    .helpOption("-h, --help", "print this help")
    .helpCommand(false);
}

/** What `help`, `help COMMAND` and `version` stand for. */
function withoutWordCommands(args: readonly string[]): readonly string[] {
  const [word, command] = args;
  if (word === "version" && args.length === 1) return ["--version"];
  if (word !== "help" || args.length > 2) return args;
  return command === undefined ? ["--help"] : [command, "--help"];
}

/** Descriptions are wrapped if they have this many columns; commander's 40 leaves those beside long options whole. */
const MIN_WRAPPED_COLUMNS = 20;

/** The most columns of a line of help, which every terminal has; a narrower one has fewer. */
const HELP_COLUMNS = 80;

/**
 * Parses `args`; `value` is called once the actions of `command` have run, and `check` before. `settings` complete what the
 * command line leaves open.
 */
export function parseWith<T>(
  command: Command,
  typed: readonly string[],
  { check, settings, value }: {
    readonly check?: (args: readonly string[]) => void;
    readonly settings?: SettingSources;
    readonly value: () => T;
  },
): Parsed<T> {
  try {
    const args = withoutWordCommands(typed);
    requireUtf8(command, args);
    check?.(args);
    if (settings !== undefined) command.hook("preAction", (_, action) => applySettings(command, action, settings));
    command.parse(args, { from: "user" });
    return { value: value() };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // 0 is help or version; everything else that commander stops at is a usage error.
    return { exitCode: error.exitCode === 0 ? ExitCode.done : ExitCode.usage };
  }
}

/** Deno hands over arguments with U+FFFD in place of bytes that are not UTF-8, and there may be a file of that name. */
function requireUtf8(command: Command, args: readonly string[]): void {
  const bad = args.find((argument) => argument.includes(REPLACEMENT_CHARACTER));
  if (bad === undefined) return;
  command.error(
    `error: ${quote(bad)} is not valid UTF-8, and cannot be told from a name with the character U+FFFD: rename it`,
  );
}

/** The option `--simulate`, the same on both programs. */
export function addSimulateOption(command: Command): Command {
  return command.option(
    "--simulate <faults>",
    "inject faults into this side's traffic, for testing: drop=10%,delay=50ms; also corrupt, duplicate, reorder, jitter",
    readFaults,
  );
}

/** The option `--no-native`, the same on both programs. */
export function addNativeOption(command: Command): Command {
  return command.option("--no-native", "use Deno's sockets, not the faster ones of Linux");
}

/** The options `--congestion`, `--fixed-rate` and `--limit`, the same on both programs. */
export function addSendingOptions(command: Command): Command {
  const congestion = new Option(
    "--congestion <name>",
    `congestion control algorithm (${CONGESTION_NAMES[0]})`,
  )
    .choices(CONGESTION_NAMES);
  const limit = new Option(
    "--limit <rate>",
    "limit the rate in each direction: 20M, 1.5G (bits per second), or by the time of day: 08:00,20M 18:00,off",
  )
    .argParser((text) => valueOrThrow(parseRateSchedule(text)));
  // Its former name is the other one.
  const fixed = new Option(
    "--rate, --fixed-rate <rate>",
    "send at a fixed rate, without congestion control: 80M, 1.5G (bits per second)",
  )
    .argParser((text) => valueOrThrow(parseFixedRate(text)))
    .conflicts("congestion");
  return command.addOption(congestion).addOption(limit).addOption(fixed);
}

/** What commander makes of the options that {@link addSendingOptions} adds. */
export interface RawSendingOptions {
  readonly congestion?: (typeof CONGESTION_NAMES)[number];
  readonly fixedRate?: SendPolicy;
  readonly limit?: RateSchedule;
}

/** The send policy that a command line asks for; empty without one. */
export function sendingOptions({ congestion, fixedRate }: RawSendingOptions): SendingOptions {
  const sendPolicy = fixedRate ?? (congestion && { kind: congestion });
  return sendPolicy === undefined ? {} : { sendPolicy };
}

function readFaults(text: string): FaultOptions {
  return valueOrThrow(parseFaults(text));
}

/** Turns a reader's `{ error }` into what commander reports, as the second sentence after its own. */
export function valueOrThrow<T>(result: T | { readonly error: string }): T {
  if (typeof result !== "object" || result === null || !("error" in result)) return result as T;
  throw new InvalidArgumentError(result.error.replace(/^[a-z]/, (letter) => letter.toUpperCase()));
}

/** A reader of public keys for commander. */
export function readKey(text: string): Uint8Array {
  const key = parseKey(text);
  if (key === undefined) throw new InvalidArgumentError("A key is the 43 characters that `sluice-server key` prints.");
  return key;
}

/** A reader of whole numbers for commander. */
export function wholeNumber(options: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= options.min && value <= options.max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${options.min} to ${options.max}.`);
  };
}
