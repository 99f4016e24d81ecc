/**
 * Options that are not on the command line: first the environment says what they are, then the config file, then the
 * default. `--retry-for` of the client is SLUICE_RETRY_FOR and `retry-for`; `--update` of its command `send` is
 * SLUICE_SEND_UPDATE, and `update` in the table `[send]`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { quote } from "../base/display_text.ts";
import type { Config } from "./config.ts";

/** Where settings come from. */
export interface SettingSources {
  readonly environment: (name: string) => string | undefined;
  readonly config: Config | undefined;
  /** The table of the program's own options in the config file; undefined if they are at the top. */
  readonly table?: string;
}

/** An option that may be given several times, and puts what it is given behind the rest of a list. */
export class CollectingOption extends Option {
  constructor(flags: string, description: string, readonly collected: unknown[]) {
    super(flags, description);
  }
}

/** Options that ask for a text: they are no settings. */
const NO_SETTINGS = ["version", "help", "help-limits"];

/** The name of an option in the config file, and for the environment; undefined if it is no setting. */
export function settingName(option: Option): string | undefined {
  const name = option.long?.replace(/^--(?:no-)?/, "");
  return name === undefined || NO_SETTINGS.includes(name) ? undefined : name;
}

/** The variable of a setting; `table` is that of its command. */
export function variableOf(table: string | undefined, name: string): string {
  return ["SLUICE", ...table === undefined ? [] : [table], name].join("_").replaceAll("-", "_").toUpperCase();
}

/** The settings of a program: the keys of each table; "" is the top. */
export function settingKeys(program: Command, table?: string): Map<string, string[]> {
  const keysOf = (command: Command) => command.options.flatMap((option) => settingName(option) ?? []);
  const keys = new Map([[table ?? "", keysOf(program)]]);
  if (table === undefined) { for (const command of program.commands) keys.set(command.name(), keysOf(command)); }
  return keys;
}

/**
 * Completes the options of a command, and of the program that it belongs to, with settings. A setting that conflicts with
 * an option of a stronger source does not count. Reports mistakes as commander does.
 */
export function applySettings(program: Command, command: Command, sources: SettingSources): void {
  for (const each of command === program ? [program] : [program, command]) {
    const table = each === program ? sources.table : sources.table ?? each.name();
    // The commands of a program that has a table have no settings of their own.
    if (each === program || sources.table === undefined) completeOptions(each, table, sources);
  }
}

/** The sources below the command line, the stronger first, by the names that commander takes for them. */
const LAYERS = ["env", "config"] as const;

function completeOptions(command: Command, table: string | undefined, sources: SettingSources): void {
  for (const layer of LAYERS) {
    const stronger = new Set(
      command.options.filter((option) => isGiven(command, option)).map((option) => option.attributeName()),
    );
    const found: Option[] = [];
    for (const option of command.options) {
      const name = settingName(option);
      const isCollecting = option instanceof CollectingOption;
      if (name === undefined || stronger.has(option.attributeName()) && !isCollecting) continue;
      if ([...stronger].some((other) => areInConflict(command, option, other))) continue;
      const setting = layer === "env"
        ? fromEnvironment(sources.environment, variableOf(table, name))
        : fromConfig(sources.config, table, name);
      if (setting === undefined) continue;
      setOption(command, option, { ...setting, layer });
      found.push(option);
    }
    checkConflicts(command, found);
  }
}

/** Whether the command line, or a stronger source, has given an option. */
function isGiven(command: Command, option: Option): boolean {
  return !["default", undefined].includes(command.getOptionValueSource(option.attributeName()));
}

/** A value that was found, and where, for an error. */
interface Setting {
  readonly value: unknown;
  readonly where: string;
  /** Makes a path of a text. */
  readonly toPath: (text: string) => string;
}

function fromEnvironment(environment: SettingSources["environment"], variable: string): Setting | undefined {
  const value = environment(variable);
  return value === undefined || value === ""
    ? undefined
    : { value, where: `${variable} is ${quote(value)}`, toPath: (text) => text };
}

function fromConfig(config: Config | undefined, table: string | undefined, name: string): Setting | undefined {
  const value = config?.value(table, name);
  if (config === undefined || value === undefined) return undefined;
  const where = config.location(table === undefined ? [name] : [table, name]);
  return { value, where, toPath: (text) => config.path(text) };
}

function setOption(command: Command, option: Option, setting: Setting & { readonly layer: string }): void {
  const fail = (reason: string): never => command.error(`error: ${setting.where}: ${reason}`);
  const parse = (value: unknown): unknown => {
    if (typeof value !== "string" && typeof value !== "number") return fail("it must be a string or a number");
    const text = /<(?:file|folder)>/.test(option.flags) ? setting.toPath(String(value)) : String(value);
    try {
      return option.parseArg?.(text, undefined) ?? text;
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      return fail(error.message);
    }
  };
  let value: unknown;
  if (option instanceof CollectingOption) {
    // The command line is read already, and comes behind.
    const typed = option.collected.splice(0);
    for (const each of Array.isArray(setting.value) ? setting.value : [setting.value]) value = parse(each);
    option.collected.push(...typed);
  } else {
    const isSwitch = !option.required && !option.optional;
    value = isSwitch ? readSwitch(setting.value) ?? fail("it must be true or false") : parse(setting.value);
  }
  command.setOptionValueWithSource(option.attributeName(), value, setting.layer);
}

function readSwitch(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return undefined;
  return /^(?:1|true|yes|on)$/i.test(value) ? true : /^(?:0|false|no|off)$/i.test(value) ? false : undefined;
}

function areInConflict(command: Command, option: Option, other: string): boolean {
  const conflicts = (one: Option): readonly string[] => (one as unknown as { conflictsWith: string[] }).conflictsWith;
  const otherOption = command.options.find((each) => each.attributeName() === other);
  return conflicts(option).includes(other) ||
    otherOption !== undefined && conflicts(otherOption).includes(option.attributeName());
}

function checkConflicts(command: Command, found: readonly Option[]): void {
  const isOn = (option: Option) => command.getOptionValue(option.attributeName()) !== false;
  for (const option of found.filter(isOn)) {
    const other = found.filter(isOn).find((each) =>
      each !== option && areInConflict(command, option, each.attributeName())
    );
    if (other !== undefined) {
      command.error(`error: the settings ${option.long} and ${other.long} cannot be used together`);
    }
  }
}
