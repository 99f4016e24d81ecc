/**
 * The server from its arguments to its exit code.
 *
 * @module
 */

import { formatKey } from "../app/keys.ts";
import { type AccessSource, AccessTable } from "../app/server/access.ts";
import { limitAt } from "../app/rate.ts";
import { isLoopbackHost } from "../base/net_address.ts";
import { RIGHTS } from "../transfer/rights.ts";
import { COMPLETE_COMMAND, completionLines } from "./completion.ts";
import { type Console, finishOutput } from "./console.ts";
import type { CliContext } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { followSchedule } from "./rate_limit.ts";
import {
  createServerProgram,
  parseServerArguments,
  type ServerArguments,
  type ServerName,
} from "./server_arguments.ts";
import { createProgressView } from "./progress.ts";
import { jsonLine, tellError, usageRecords } from "./results.ts";
import { openServerLog } from "./server_log.ts";

/** How long a server that stops waits for the reader of its log. */
const FLUSH_TIMEOUT_US = 2_000_000;

/** Runs the server, or prints its key, under the `name` that started it; returns its exit code and never throws. */
export async function runServer(
  args: readonly string[],
  context: CliContext,
  name: ServerName = "sluice-server",
): Promise<ExitCode> {
  const { clock, console } = context;
  const timeout = () => new Promise<void>((resolve) => clock.timer(resolve).set(FLUSH_TIMEOUT_US));
  return await finishOutput(console, await run(args, context, name), { timeout, isLog: true });
}

async function run(args: readonly string[], context: CliContext, name: ServerName): Promise<ExitCode> {
  const { console, openIdentity } = context;
  const isJson = args.includes("--json");
  if (args[0] === COMPLETE_COMMAND) {
    const lines = completionLines(createServerProgram({ name, context }, () => {}), args.slice(1), { servers: [] });
    for (const line of lines) console.out(line);
    return ExitCode.done;
  }
  try {
    const parsed = parseServerArguments(args, isJson ? { ...context, console: usageRecords(console) } : context, name);
    if ("exitCode" in parsed) return parsed.exitCode;
    const { stateFolder, task } = parsed.value;
    const identity = openIdentity("server", stateFolder);
    if (task === "key") printKey(formatKey(identity.publicKey), console, parsed.value);
    else await serve(parsed.value, context, identity.privateKey);
    return ExitCode.done;
  } catch (error) {
    tellError({ console, json: isJson, view: createProgressView(context, { enabled: false }) }, error);
    return exitCodeOf(error);
  }
}

function printKey(key: string, console: Console, { json }: ServerArguments): void {
  console.out(json ? jsonLine({ type: "key", key }) : key);
}

/** Serves until the first signal to stop, which lets running transfers finish; the second one ends the process. */
async function serve(args: ServerArguments, context: CliContext, identity: Uint8Array): Promise<void> {
  const { confine, console, exit, onStopSignal, openAccess, startServer } = context;
  const log = openServerLog(context, args);
  const stopRequested = Promise.withResolvers<void>();
  let signals = 0;
  let reload = () => {};
  let stopFollowing = () => {};
  const stopListening = onStopSignal((signal) => {
    // To a service, which has no terminal that could go, it says that files have changed.
    if (signal === "hangup" && !console.outIsTerminal && !console.errIsTerminal) reload();
    else if (++signals === 1) stopRequested.resolve();
    // The kernel and a shell may both tell of the terminal that has gone.
    else if (signal !== "hangup") exit(ExitCode.interrupted);
  });
  try {
    const files = args.open ? undefined : openAccess(args);
    const access = args.open ? "open" : files ?? ownerAccess(args, context);
    const server = await startServer({
      ...args.serving,
      identity,
      ...(args.limit === undefined ? {} : { rateLimit: limitAt(args.limit, context.minuteOfDay()) }),
      ...(access === undefined ? {} : { access }),
      onEvent: (event) => log.event(event),
    });
    reload = () => server.reloadAccess();
    const { root } = server;
    const { native, readOnly } = args.serving;
    const needs = { read: [root, ...files?.paths ?? []], write: readOnly ? [] : [root] };
    if (!confine(needs, { native })) {
      const reason = `${root} requires all permissions of Deno, as all of /dev, /proc and /sys: none was given up`;
      log.event({ kind: "exposed", reason });
    }
    stopFollowing = followSchedule(args.limit, context, (bytesPerSecond) => server.setRateLimit(bytesPerSecond));
    await stopRequested.promise;
    await server.stop({ graceMs: args.graceMs });
  } finally {
    stopFollowing();
    stopListening();
    log.close();
  }
}

/**
 * What a server of this machine alone accepts where no list of clients says otherwise: this user's client, by its key, which
 * is made if there is none. Other users of the machine cannot write in the folder. Undefined where other machines reach the
 * server. Throws SluiceError.
 */
function ownerAccess({ serving, stateFolder }: ServerArguments, context: CliContext): AccessSource | undefined {
  if (!isLoopbackHost(serving.host)) return undefined;
  const { publicKey: secret } = context.openIdentity("client", stateFolder);
  const table = new AccessTable([
    { kind: "key", secret, name: "owner", rights: RIGHTS, folder: undefined, quotaBytes: undefined },
  ]);
  return { isOwnerOnly: true, read: () => table, poll: () => undefined };
}
