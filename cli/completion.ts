/**
 * What may follow on a command line that somebody is typing. The scripts of `sluice completion SHELL` call the program with
 * the hidden command `__complete` and the words so far, the last one perhaps empty, and get a line for each candidate:
 * the word, and behind a tab what it means. A last line says whether names of files (`:files`) or of folders (`:folders`)
 * fit as well, or nothing more (`:none`). Nothing here asks a server.
 *
 * @module
 */

import type { Command, Option } from "commander";

/** The hidden command. */
export const COMPLETE_COMMAND = "__complete";

/** Says that the last word is empty, for shells that cannot pass an empty argument. */
const EMPTY_LAST = "--empty";

/** Paths of this machine that fit. */
type Paths = "files" | "folders" | "none";

interface Completion {
  readonly candidates: readonly (readonly [word: string, meaning: string])[];
  readonly paths: Paths;
}

const NOTHING: Completion = { candidates: [], paths: "none" };

/** What completes a command line besides commands and options. */
export interface CompletionSources {
  /** Servers of the config file. */
  readonly servers: readonly string[];
  /** The program that has the command `serve` as its own; undefined in that program. */
  readonly serve?: Command;
}

/** The lines for the words behind the program's name. */
export function completionLines(program: Command, words: readonly string[], sources: CompletionSources): string[] {
  const typed = words[0] === EMPTY_LAST ? [...words.slice(1), ""] : words;
  const { candidates, paths } = complete(program, typed.length === 0 ? [""] : typed, sources);
  const last = typed.at(-1) ?? "";
  const fitting = candidates.filter(([word]) => word.startsWith(last));
  return [...fitting.map(([word, meaning]) => `${word}\t${meaning}`), `:${paths}`];
}

function complete(program: Command, words: readonly string[], sources: CompletionSources): Completion {
  const { serve, servers } = sources;
  if (serve !== undefined && words[0] === "serve" && words.length > 1) {
    return complete(serve, words.slice(1), { servers });
  }
  // Commander does not know this word as a command.
  if (words[0] === "help" && words.length === 2) return { candidates: commandsOf(program, program), paths: "none" };
  const last = words.at(-1)!;
  const { command, operands, option } = readWords(program, words.slice(0, -1));
  if (option !== undefined) return valuesOf(option, servers);
  const [, name, start] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
  if (start !== undefined) {
    const written = optionsOf(program, command).find((each) => each.long === name);
    const values = written === undefined ? NOTHING : valuesOf(written, servers);
    return { ...values, candidates: values.candidates.map(([value, meaning]) => [`${name}=${value}`, meaning]) };
  }
  if (last.startsWith("-")) {
    const options = optionsOf(program, command).map(({ long, description }) => [long!, description] as const);
    return { candidates: [...options, ["--help", "print help"]], paths: "none" };
  }
  if (command === program || command.commands.length > 0) {
    return operands === 0 ? { candidates: commandsOf(command, program), paths: "none" } : NOTHING;
  }
  // Behind the colon of a place only its server knows what there is.
  return /^(?:[^/:]{2,}|\[.*\]):/.test(last) ? NOTHING : argumentsOf(command, { operands, servers, program });
}

/** Where the words lead: to a command with so many operands, and perhaps to an option that waits for its value. */
function readWords(program: Command, words: readonly string[]) {
  let command = program;
  let operands = 0;
  let option: Option | undefined;
  let areAllOperands = false;
  for (const word of words) {
    if (option !== undefined) option = undefined;
    else if (!areAllOperands && word === "--") areAllOperands = true;
    else if (!areAllOperands && word.startsWith("-") && word !== "-") {
      const found = optionsOf(program, command).find(({ long, short }) => word === long || word === short);
      if (found?.required || found?.optional) option = found;
    } else {
      const named = command !== program || operands > 0
        ? undefined
        : program.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (named === undefined) operands++;
      else command = named;
    }
  }
  return { command, operands, option };
}

function optionsOf(program: Command, command: Command): readonly Option[] {
  return command === program ? program.options : [...command.options, ...program.options];
}

function commandsOf(command: Command, program: Command): [string, string][] {
  const commands = command.commands.map((each): [string, string] => [each.name(), each.description()]);
  return command !== program
    ? commands
    : [...commands, ["help", "print help for a command"], ["version", "print the version"]];
}

function valuesOf(option: Option, servers: readonly string[]): Completion {
  if (option.argChoices !== undefined) {
    return { candidates: option.argChoices.map((value) => [value, ""]), paths: "none" };
  }
  if (option.long === "--server") return { candidates: servers.map((name) => [name, "config file"]), paths: "none" };
  if (/<(?:file|path)>/.test(option.flags)) return { candidates: [], paths: "files" };
  return /<folder>/.test(option.flags) ? { candidates: [], paths: "folders" } : NOTHING;
}

/** What the operands of a command may be. */
function argumentsOf(
  command: Command,
  { operands, servers, program }: {
    readonly operands: number;
    readonly servers: readonly string[];
    readonly program: Command;
  },
): Completion {
  const places = servers.map((name): [string, string] => [`${name}:`, "config file"]);
  const choices = command.registeredArguments[operands]?.argChoices;
  if (choices !== undefined) return { candidates: choices.map((value) => [value, ""]), paths: "none" };
  switch (command.name()) {
    case "send":
      return { candidates: operands === 0 ? [] : places, paths: "files" };
    case "get":
      return { candidates: places, paths: operands === 0 ? "none" : "files" };
    default:
      return command.registeredArguments.length === 0 || command.parent !== program
        ? NOTHING
        : { candidates: places, paths: "none" };
  }
}
