/**
 * `sluice-server`: keeps files. See `--help`, and README.md.
 *
 * @module
 */

import { onStopSignal, processConsole } from "./io/cli/console.ts";
import { runServer } from "./io/cli/server_program.ts";
import { startServer } from "./io/engine.ts";
import { confine } from "./io/permissions.ts";

if (import.meta.main) {
  const exitCode = await runServer(Deno.args, {
    startServer,
    console: processConsole(),
    onStopSignal,
    confine,
    exit: (code) => Deno.exit(code),
  });
  Deno.exit(exitCode);
}
