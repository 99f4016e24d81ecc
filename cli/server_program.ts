/**
 * The server from its arguments to its exit code.
 *
 * @module
 */

import type { ServerOptions, StartServer } from "../app/server/api.ts";
import { formatKey } from "../app/keys.ts";
import { type Console, describeError, type OnStopSignal } from "./console.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { parseServerArguments, type ServerArguments } from "./server_arguments.ts";
import type { Needs } from "../io/permissions.ts";
import type { OpenedAccess } from "../io/access_files.ts";
import type { Identity } from "../io/state_folder.ts";
import { openServerLog, type ServerLog } from "./server_log.ts";

/** What the server needs of the world; tests give fakes. */
export interface ServerParts {
  readonly startServer: StartServer;
  readonly console: Console;
  readonly onStopSignal: OnStopSignal;
  /** The server's key, made the first time; the folder is the user's own for such things where it is undefined. */
  readonly openIdentity: (stateFolder: string | undefined) => Identity;
  /** What the owner wrote about who may do what; undefined where he wrote nothing. */
  readonly openAccess: (
    where: Pick<ServerArguments, "keysFile" | "stateFolder" | "tokenFile">,
  ) => OpenedAccess | undefined;
  /** Gives up what a server that has started does not need. */
  readonly confine: (needs: Needs) => void;
  /** Ends the process at once. */
  readonly exit: (code: ExitCode) => void;
}

/**
 * Runs the server until it is told to stop; returns its exit code and never throws. The first signal stops it in
 * good order, the second at once.
 */
export async function runServer(args: readonly string[], parts: ServerParts): Promise<ExitCode> {
  const { console, exit, onStopSignal, startServer } = parts;
  const parsed = parseServerArguments(args, console);
  if ("exitCode" in parsed) return parsed.exitCode;
  if (parsed.value.task === "key") return printKey(parsed.value, parts);
  const { json, logLevel: level, graceMs } = parsed.value;
  const log = openServerLog({ json, level, colors: console.outHasColors, write: (line) => console.out(line) });
  const asked = Promise.withResolvers<void>();
  let requests = 0;
  const stopListening = onStopSignal(() => {
    requests++;
    if (requests === 1) asked.resolve();
    else exit(ExitCode.interrupted);
  });
  try {
    const { privateKey } = parts.openIdentity(parsed.value.stateFolder);
    const { files, ...access } = accessOf(parsed.value, parts);
    const server = await startServer({ ...serverOptions(parsed.value, log), ...access, identity: privateKey });
    parts.confine({ read: [server.root, ...files], write: parsed.value.readOnly ? [] : [server.root] });
    await asked.promise;
    await server.stop({ graceMs });
    return ExitCode.done;
  } catch (error) {
    console.err(`error: ${describeError(error)}`);
    return exitCodeOf(error);
  } finally {
    stopListening();
    log.close();
  }
}

/** Who may do what, and the files that say it. */
function accessOf(
  args: ServerArguments,
  { openAccess }: ServerParts,
): Pick<ServerOptions, "access"> & { readonly files: readonly string[] } {
  if (args.open) return { access: "open", files: [] };
  const written = openAccess(args);
  if (written === undefined) return { files: [] };
  return { access: written.source, files: written.files };
}

function printKey({ stateFolder }: ServerArguments, { console, openIdentity }: ServerParts): ExitCode {
  try {
    console.out(formatKey(openIdentity(stateFolder).publicKey));
    return ExitCode.done;
  } catch (error) {
    console.err(`error: ${describeError(error)}`);
    return exitCodeOf(error);
  }
}

function serverOptions(args: ServerArguments, log: ServerLog): ServerOptions {
  const { host, port, root, readOnly, sending, simulate, limits } = args;
  return {
    host,
    port,
    root,
    readOnly,
    ...sending,
    onEvent: (event) => log.event(event),
    ...(simulate === undefined ? {} : { simulate }),
    limits,
  };
}
