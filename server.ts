/**
 * `sluice-server`: keeps files. See `--help`, and README.md.
 *
 * @module
 */

import { onStopSignal, processConsole } from "./cli/console.ts";
import { runServer } from "./cli/server_program.ts";
import { startServer } from "./mod.ts";
import { confine } from "./io/permissions.ts";
import { openAccess } from "./io/access_files.ts";
import { openIdentity, readableEnvironment, stateFolder } from "./io/state_folder.ts";

if (import.meta.main) {
  const exitCode = await runServer(Deno.args, {
    startServer,
    console: processConsole(),
    onStopSignal,
    openIdentity: (folder) => openIdentity(stateFolder(folder, readableEnvironment), "server"),
    openAccess: ({ keysFile, tokenFile, ...told }) =>
      openAccess({ keysFile, tokenFile, stateFolder: stateFolder(told.stateFolder, readableEnvironment) }),
    confine,
    exit: (code) => Deno.exit(code),
  });
  Deno.exit(exitCode);
}
