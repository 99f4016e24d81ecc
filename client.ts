/**
 * `sluice`: sends files to a server and gets them. See `--help`, and README.md.
 *
 * @module
 */

import { runClient } from "./io/cli/client_program.ts";
import { onStopSignal, processConsole } from "./io/cli/console.ts";
import { connect } from "./io/engine.ts";
import { confine } from "./io/permissions.ts";

/** SLUICE_SERVER, if this process may read it: asking for the permission would stop a script. */
function defaultServer(): string | undefined {
  const permission = Deno.permissions.querySync({ name: "env", variable: "SLUICE_SERVER" });
  return permission.state === "granted" ? Deno.env.get("SLUICE_SERVER") : undefined;
}

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
    defaultServer: defaultServer(),
    exit: (code) => Deno.exit(code),
    // Only a conversation needs the line editor, and it takes a while to load.
    openLines: async () => (await import("./io/cli/lines.ts")).openStandardInput(console),
    nowMs: () => performance.now(),
    isFolder,
    confine,
  });
  Deno.exit(exitCode);
}
