/**
 * `sluice`: sends files to a server and gets them. See `--help`, and README.md.
 *
 * @module
 */

import { runClient } from "./cli/client_program.ts";
import { onStopSignal, processConsole } from "./cli/console.ts";
import { connect } from "./mod.ts";
import { confine } from "./io/permissions.ts";
import { readToken } from "./io/access_files.ts";
import { findIdentity, KnownServers, openIdentity, readableEnvironment, stateFolder } from "./io/state_folder.ts";

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const console = processConsole();
  const exitCode = await runClient(Deno.args, {
    connect,
    console,
    onStopSignal,
    defaultServer: readableEnvironment("SLUICE_SERVER"),
    exit: (code) => Deno.exit(code),
    // Only a conversation needs the line editor, and it takes a while to load.
    openLines: async () => (await import("./cli/line_reader.ts")).openStandardInput(console),
    nowMs: () => performance.now(),
    isFolder,
    openIdentity: (folder) => openIdentity(stateFolder(folder, readableEnvironment), "client"),
    findIdentity: (folder) => findIdentity(stateFolder(folder, readableEnvironment), "client"),
    readToken,
    openKnownHosts: (folder) => new KnownServers(stateFolder(folder, readableEnvironment)),
    confine,
  });
  Deno.exit(exitCode);
}
