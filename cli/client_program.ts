/**
 * The client from its arguments to its exit code.
 *
 * @module
 */

import type { StatsReader } from "../app/api.ts";
import type { Client, ClientOptions, RetryEvent } from "../app/client/api.ts";
import { formatKey } from "../app/keys.ts";
import { limitAt } from "../app/rate.ts";
import type { ServerName } from "./address.ts";
import { SluiceError } from "../app/api.ts";
import {
  type ClientArguments,
  type ClientTask,
  createClientProgram,
  parseClientArguments,
} from "./client_arguments.ts";
import { COMPLETE_COMMAND, completionLines } from "./completion.ts";
import { COMPLETION_SCRIPTS } from "./completion_scripts.ts";
import { Config } from "./config.ts";
import { confirmOnTerminal } from "./confirm.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatHostPort } from "../base/net_address.ts";
import { formatBytes, formatDuration } from "../base/units.ts";
import { finishOutput, type ProgressTask } from "./console.ts";
import { type CliContext, type CliSession, nowMs, WHOLE_DISK } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { FaultCounter } from "./faults.ts";
import { counted } from "./format.ts";
import { runShell } from "./interactive.ts";
import { runHosts } from "./hosts.ts";
import { HostKeyVerifier } from "./known_hosts.ts";
import { LimitTally } from "./limit.ts";
import { followSchedule } from "./rate_limit.ts";
import { runManagement } from "./management.ts";
import { createProgressView } from "./progress.ts";
import { isStandardOutput } from "./pipes.ts";
import { prepareTransfers } from "./requests.ts";
import { tellError, tellMessage, tellResult, usageRecords } from "./results.ts";
import { createServerProgram } from "./server_arguments.ts";
import { runServer } from "./server_program.ts";
import { asInterruption } from "./transfers.ts";
import type { ConnectionStats } from "../protocol/mod.ts";

/** Runs the client, or, as `sluice serve`, the server; returns its exit code and never throws. */
export async function runClient(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const [word, command] = args;
  if (word === COMPLETE_COMMAND) return await finishOutput(context.console, complete(args.slice(1), context));
  if (word === "serve") return await runServer(args.slice(1), context, "sluice serve");
  if (word === "help" && command === "serve") return await runServer(["--help"], context, "sluice serve");
  return await finishOutput(context.console, await run(args, context));
}

/** Prints what may follow on a command line. */
function complete(words: readonly string[], context: CliContext): ExitCode {
  const serve = createServerProgram({ name: "sluice serve", context }, () => {});
  const program = createClientProgram(context, () => {});
  for (const line of completionLines(program, words, { servers: serverNames(context), serve })) {
    context.console.out(line);
  }
  return ExitCode.done;
}

/** The servers of the config file; none if it cannot be read, which is no matter for a line that is being typed. */
function serverNames({ readConfig }: CliContext): string[] {
  try {
    const file = readConfig();
    return file === undefined ? [] : new Config(file).serverNames;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return [];
  }
}

async function run(args: readonly string[], context: CliContext): Promise<ExitCode> {
  // Also what is wrong with the arguments.
  const end = args.indexOf("--");
  const isJson = args.slice(0, end < 0 ? args.length : end).includes("--json");
  const console = isJson ? usageRecords(context.console) : context.console;
  try {
    const parsed = parseClientArguments(args, { ...context, console });
    return "exitCode" in parsed ? parsed.exitCode : await execute(parsed.value, context);
  } catch (error) {
    tellError({ console: context.console, json: isJson, view: createProgressView(context, { enabled: false }) }, error);
    return exitCodeOf(error);
  }
}

async function execute(args: ClientArguments, context: CliContext): Promise<ExitCode> {
  const { json, quiet, stateFolder, task, verbose } = args;
  if (task.kind === "completion") {
    context.console.out(COMPLETION_SCRIPTS[task.shell]);
    return ExitCode.done;
  }
  // A bar would stand in the middle of a file on the screen.
  const isOnScreen = context.console.outIsTerminal && task.kind === "get" && isStandardOutput(task.output);
  const session: CliSession = {
    ...context,
    quiet,
    verbose,
    json,
    tally: new LimitTally(args.connection.sendPolicy),
    view: createProgressView(context, { enabled: !quiet && !isOnScreen, json }),
  };
  const { onStopSignal, view } = session;
  let interrupted: ExitCode = ExitCode.interrupted;
  const stopListening = onStopSignal((cause) => {
    if (cause === "hangup") interrupted = ExitCode.hungUp;
  });
  try {
    if (task.kind === "key") {
      const key = formatKey(context.openIdentity("client", stateFolder).publicKey);
      tellResult(session, { type: "key", key }, [key]);
      return ExitCode.done;
    }
    if (task.kind === "hosts") return runHosts(task, session.openKnownHosts(stateFolder), session);
    const exitCode = task.kind === "interactive"
      ? await runInteractively(args, session)
      : await runOnce(task, args, session);
    return exitCode === ExitCode.interrupted ? interrupted : exitCode;
  } catch (error) {
    tellError(session, withSuggestion(error, args.similarServer));
    const exitCode = exitCodeOf(error);
    return exitCode === ExitCode.interrupted ? interrupted : exitCode;
  } finally {
    stopListening();
    view.close();
  }
}

/** An error of a server that cannot be reached, with the one that may be meant. */
function withSuggestion(error: unknown, similarServer: string | undefined): unknown {
  if (similarServer === undefined || !(error instanceof SluiceError) || error.kind !== "unreachable") return error;
  return new SluiceError(error.kind, `${error.message}; did you mean ${similarServer}, a server of the config file?`);
}

async function runInteractively(args: ClientArguments, session: CliSession): Promise<ExitCode> {
  const connect = connector(args, session);
  session.confine(WHOLE_DISK, args.connection);
  try {
    return await runShell(session, {
      server: args.connection,
      sendPolicy: args.connection.sendPolicy,
      connect: connect.connect,
    });
  } finally {
    connect.finish();
  }
}

async function runOnce(
  task: Exclude<ClientTask, { kind: "completion" | "hosts" | "interactive" | "key" }>,
  args: ClientArguments,
  session: CliSession,
): Promise<ExitCode> {
  const { confine, exit, onStopSignal } = session;
  // A usage error is reported before the network is touched.
  const request = task.kind === "send" || task.kind === "get" ? prepareTransfers(task, session) : task;
  const { connect, finish, foldersWritten } = connector(args, session);
  const { read, write } = "needs" in request ? request.needs : { read: [], write: [] };
  confine({ read, write: [...write, ...foldersWritten] }, args.connection);
  const abort = new AbortController();
  const { signal } = abort;
  let client: Client | undefined;
  const follow = new AbortController();
  const isFollowing = task.kind === "send" && task.follow === true;
  const stopListening = onStopSignal((cause) => {
    if (signal.aborted) {
      // The kernel and a shell may both tell of the terminal that has gone.
      if (cause !== "hangup") exit(ExitCode.interrupted);
      return;
    }
    if (isFollowing && client !== undefined && !follow.signal.aborted) {
      follow.abort();
      tellMessage(session, { severity: "note", text: "Completing the file as it is now; Ctrl-C again gives it up." });
      return;
    }
    abort.abort();
    tellMessage(session, { severity: "note", text: "Stopping; Ctrl-C again quits at once." });
  });
  try {
    client = await connect(signal);
    const confirm = confirmOnTerminal(session, signal, "nothing was removed");
    const exitCode = "needs" in request
      ? await request.run({ ...session, client, signal, followUntil: follow.signal }, confirm)
      : await runManagement(request, { ...session, client, signal, confirm });
    return exitCode !== ExitCode.done && signal.aborted ? ExitCode.interrupted : exitCode;
  } catch (error) {
    throw asInterruption(error, signal);
  } finally {
    await client?.close();
    stopListening();
    finish();
  }
}

/** Connects to the server as the command line says. Reads keys and token at once; throws SluiceError. */
function connector(args: ClientArguments, session: CliSession): {
  readonly connect: (signal: AbortSignal) => Promise<Client>;
  /** Folders that {@link connect} writes to. */
  readonly foldersWritten: readonly string[];
  /** Tells what is to be told of the connection when it has ended. */
  readonly finish: () => void;
} {
  const { quiet, verbose } = session;
  const verifier = new HostKeyVerifier(args, session);
  const credentials = credentialsOf(args, session);
  const note = (text: string) => {
    if (!quiet) tellMessage(session, { severity: "note", text });
  };
  const detail = (text: string) => {
    if (verbose) note(text);
  };
  let stopFollowing = () => {};
  const { background: isBackground, limit = [] } = args;
  const faults = new FaultCounter();
  let readStats: StatsReader | undefined;
  return {
    foldersWritten: verifier.foldersWritten,
    finish() {
      stopFollowing();
      if (faults.summary !== undefined) note(faults.summary);
      if (readStats !== undefined) detail(describeStats(readStats()));
    },
    async connect(signal) {
      const { expected } = verifier;
      let isConnected = false;
      const address = formatHostPort(args.connection.host, args.connection.port);
      detail(`connecting to ${address}`);
      const startMs = nowMs(session);
      const client = await showingAttempt(
        session,
        args.connection,
        () =>
          session.connect({
            ...args.connection,
            ...credentials,
            ...(limit.length === 0 && !isBackground
              ? {}
              : { rateLimit: { bytesPerSecond: limitAt(limit, session.minuteOfDay()), isBackground } }),
            ...(expected === undefined ? {} : { server: expected }),
            onFault: (line) => {
              faults.add(line);
              detail(line);
            },
            onStats: (read) => readStats = read,
            onSample: (sample) => session.tally.add(sample),
            onRetry: (event) => note(retryLine(event, isConnected)),
            signal,
          }),
      );
      isConnected = true;
      detail(`connected after ${formatDuration(nowMs(session) - startMs)}, server key ${formatKey(client.serverKey)}`);
      try {
        const news = await verifier.verify(client, confirmOnTerminal(session, signal, "nothing was sent"));
        if (news !== undefined) note(news);
        stopFollowing = followLimit(client, args, session);
        return client;
      } catch (error) {
        await client.close();
        throw error;
      }
    },
  };
}

/** What a connection carried, in words. */
function describeStats(stats: ConnectionStats): string {
  const { bytesReceived, bytesSent, datagramBytes, datagramsReceived, datagramsSent, retransmittedBytes } = stats;
  const { minRttUs, packetsLost, smoothedRttUs, spuriousLosses } = stats;
  return `connection: ${formatBytes(bytesSent)} sent in ${counted(datagramsSent, "datagram")} of up to ` +
    `${datagramBytes} bytes, ${packetsLost - spuriousLosses} lost, ${formatBytes(retransmittedBytes)} retransmitted; ` +
    `${formatBytes(bytesReceived)} received in ${counted(datagramsReceived, "datagram")}; round trip ` +
    `${formatDuration(smoothedRttUs / 1000)}, at least ${formatDuration(minRttUs / 1000)}`;
}

/** Applies the limit of the command line as it changes with the time of day, until the returned function is called. */
function followLimit(client: Client, { background, limit = [] }: ClientArguments, session: CliSession): () => void {
  session.tally.limitBytesPerSecond = limitAt(limit, session.minuteOfDay());
  return followSchedule(limit, session, (bytesPerSecond) => {
    session.tally.limitBytesPerSecond = bytesPerSecond;
    client.setRateLimit({ bytesPerSecond, isBackground: background });
  });
}

/** An attempt to connect that takes so long is shown. */
const ATTEMPT_SHOWN_AFTER_US = 1_000_000;

/** Shows that the client is connecting, if that takes a while. */
async function showingAttempt(
  { clock, view }: CliSession,
  { host, port }: ServerName,
  connect: () => Promise<Client>,
): Promise<Client> {
  let shown: Pick<ProgressTask, "finish"> | undefined;
  const timer = clock.timer(() => {
    shown = view.busy(`connecting to ${formatHostPort(host, port)}`);
  });
  timer.set(ATTEMPT_SHOWN_AFTER_US);
  try {
    return await connect();
  } finally {
    timer.clear();
    shown?.finish();
  }
}

/** What the user is told when the client goes on by itself. `wasConnected`: it was connected before. */
function retryLine(event: RetryEvent, wasConnected: boolean): string {
  switch (event.kind) {
    case "connection-lost":
      return `connection lost: ${sanitizeForDisplay(event.reason)}; reconnecting for up to ${
        formatDuration(event.retryForMs)
      }`;
    case "unavailable":
      return `${sanitizeForDisplay(event.reason)}; trying again for up to ${formatDuration(event.retryForMs)}`;
    case "connected":
      return `${wasConnected ? "reconnected" : "connected"} after ${formatElapsed(event.afterMs)}`;
    case "resumed":
      return `the server is no longer busy, after ${formatElapsed(event.afterMs)}`;
  }
}

/** To the second, beyond the first. */
function formatElapsed(elapsedMs: number): string {
  return formatDuration(elapsedMs < 1000 ? elapsedMs : Math.round(elapsedMs / 1000) * 1000);
}

/** The client's key, if it has one, and its token. Throws SluiceError. */
function credentialsOf(
  { stateFolder, tokenFile }: ClientArguments,
  { findIdentity, readToken }: CliContext,
): Pick<ClientOptions, "identity" | "token"> {
  const identity = findIdentity("client", stateFolder)?.privateKey;
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(tokenFile === undefined ? {} : { token: readToken(tokenFile) }),
  };
}
