/**
 * The context of the programs on this machine.
 *
 * @module
 */

import { sanitizeForDisplay } from "../base/display_text.ts";
import { cpuUs, minuteOfDay, nowUs } from "../io/clock.ts";
import { openAccess, readToken } from "../io/access_files.ts";
import { commitOfClone, takeBuildArgument } from "../io/build_info.ts";
import { readConfigFile } from "../io/config_file.ts";
import { localSide, readText } from "../io/local_files.ts";
import { nodeDisk } from "../io/node_disk.ts";
import { confine, revokeLibraries } from "../io/permissions.ts";
import { isPipe, readPipe, readStandardInput } from "../io/pipes.ts";
import { systemPlatform } from "../io/platform.ts";
import {
  entryAt,
  findIdentity,
  findStateFolder,
  KnownServers,
  openIdentity,
  readableEnvironment,
  sizeOf,
  stateFolder,
} from "../io/state_folder.ts";
import { enterUsersFolder } from "../io/start_folder.ts";
import { processConsole, stopSignals } from "../io/terminal.ts";
import { needsNetworkPermission } from "../io/system_socket.ts";
import { connect, startServer } from "../mod.ts";
import type { CliContext } from "./context.ts";
import { ExitCode } from "./exit_codes.ts";

/** Runs a program with the arguments of this process, and ends the process. `programFolder` is where its sources are. */
export async function runProgram(
  run: (args: readonly string[], context: CliContext) => Promise<ExitCode>,
  programFolder: string | undefined,
): Promise<never> {
  const { args, commit } = takeBuildArgument(Deno.args);
  Deno.exit(await run(args, systemContext({ programFolder, commit })));
}

/**
 * Makes the context of this process, which from now on loads no library. `programFolder` is where its sources are: a task,
 * which runs there, is told of the user's folder, and goes on in that. Ends the process if it cannot. `commit` is what the
 * program was built from, if a build says so.
 */
export function systemContext(
  { programFolder, commit }: { readonly programFolder?: string | undefined; readonly commit?: string | undefined } = {},
): CliContext {
  revokeLibraries();
  const console = processConsole();
  const failure = enterUsersFolder(programFolder);
  if (failure !== undefined) {
    console.err(`error: ${sanitizeForDisplay(failure)}`);
    Deno.exit(ExitCode.localDisk);
  }
  return {
    console,
    clock: { nowUs, timer: systemPlatform.timer },
    cpuUs,
    minuteOfDay,
    onStopSignal: stopSignals(),
    // Only the interactive shell needs the line editor, and it takes a while to load.
    openLineReader: async () => (await import("../io/line_reader.ts")).openStandardInput(console),
    build: () => ({
      commit: commit ?? commitOfClone(programFolder),
      deno: Deno.version.deno,
      target: Deno.build.target,
    }),
    readConfig: () => readConfigFile(readableEnvironment),
    environment: readableEnvironment,
    exit: (code) => Deno.exit(code),
    connect,
    startServer,
    nameRules: nodeDisk.nameRules,
    entryAt,
    sizeOf,
    localSide,
    readText,
    isPipe,
    readPipe: (path) => path === undefined ? readStandardInput() : readPipe(path),
    openIdentity: (owner, folder) => openIdentity(stateFolder(folder, readableEnvironment), owner),
    findIdentity(owner, folder) {
      const found = findStateFolder(folder, readableEnvironment);
      return found === undefined ? undefined : findIdentity(found, owner);
    },
    openKnownHosts: (folder) => new KnownServers(stateFolder(folder, readableEnvironment)),
    openAccess: ({ stateFolder: folder, ...files }) =>
      openAccess({ ...files, stateFolder: stateFolder(folder, readableEnvironment) }),
    readToken,
    confine: (files, network) => confine({ ...files, network: needsNetworkPermission(network) }),
  };
}
