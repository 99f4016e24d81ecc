/**
 * `sluice-server`: keeps files. See `--help`, and README.md.
 *
 * @module
 */

import { onStopSignal, processConsole } from "./io/cli/console.ts";
import { runServer } from "./io/cli/server_program.ts";
import { startServer } from "./io/engine.ts";
import { confine } from "./io/permissions.ts";
import { openServerIdentity, readableEnvironment, stateFolder } from "./io/state_folder.ts";

if (import.meta.main) {
  const exitCode = await runServer(Deno.args, {
    startServer,
    console: processConsole(),
    onStopSignal,
    openIdentity: (folder) => openServerIdentity(stateFolder(folder, readableEnvironment)),
    confine,
    exit: (code) => Deno.exit(code),
  });
  Deno.exit(exitCode);
}
