/**
 * Mistakes in what the programs take from a command line, its environment and the config file.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const CLIENT_ARGUMENTS_TEST = "tests/unit/cli/client_arguments_test.ts";

/** See the module's description. */
export const COMMAND_LINE_MUTANTS: readonly Mutant[] = [
  {
    id: "settings-first",
    broken: "The environment and the config file count before the command line",
    file: "cli/settings.ts",
    text: "stronger.has(option.attributeName()) && !isCollecting",
    becomes: "false",
    caughtBy: CLIENT_ARGUMENTS_TEST,
  },
  {
    id: "config-first",
    broken: "The config file counts before the environment",
    file: "cli/settings.ts",
    text: '["env", "config"] as const',
    becomes: '["config", "env"] as const',
    caughtBy: CLIENT_ARGUMENTS_TEST,
  },
  {
    id: "conflict-unseen",
    broken: "A setting counts although the command line has an option that excludes it",
    file: "cli/settings.ts",
    text: "if ([...stronger].some((other) => areInConflict(command, option, other))) continue;",
    becomes: "",
    caughtBy: CLIENT_ARGUMENTS_TEST,
  },
  {
    id: "file-as-place",
    broken: "A file of this machine is taken for a server, as its name has a colon",
    file: "cli/transfer_arguments.ts",
    text: "entryAt(last) === undefined ? parsePlace(last) : undefined",
    becomes: "parsePlace(last)",
    caughtBy: CLIENT_ARGUMENTS_TEST,
  },
  {
    id: "cwd-of-npm",
    broken: "A program that a script of npm runs works in another folder than that script's",
    file: "io/start_folder.ts",
    text: " || !isCurrent(programFolder)",
    becomes: "",
  },
  {
    id: "hangup-ends-service",
    broken: "A service that is told by SIGHUP to read its files again ends",
    file: "cli/server_program.ts",
    text: 'signal === "hangup" && !console.outIsTerminal && !console.errIsTerminal',
    becomes: "false",
  },
  {
    id: "folder-of-failed-start",
    broken: "A server that cannot start leaves an empty folder behind",
    file: "app/server/server.ts",
    text: "if (store.isNew) await attemptAsync(() => disk.rmdir(store.rootPath));",
    becomes: "",
    caughtBy: "tests/e2e/command_line_test.ts",
  },
];
