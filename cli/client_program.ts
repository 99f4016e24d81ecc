/**
 * The client from its arguments to its exit code.
 *
 * @module
 */

import type { Client, ClientOptions, Connect } from "../app/client/api.ts";
import { formatKey } from "../app/keys.ts";
import { type ClientArguments, type ClientTask, parseClientArguments } from "./client_arguments.ts";
import { type Console, describeError, type OnStopSignal } from "./console.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { runInteractive } from "./interactive.ts";
import type { LineSource } from "./line_reader.ts";
import { createProgressView, type ProgressView } from "./progress.ts";
import { type Needs, WHOLE_DISK_NEEDS } from "../io/permissions.ts";
import type { Identity } from "../io/state_folder.ts";
import { needsOf, printListing, transfersOf } from "./requests.ts";
import { HostKeyVerifier, type KnownHosts } from "./known_hosts.ts";
import { asInterruption, runTransfers } from "./transfers.ts";

/** What the client needs of the world; tests give fakes. */
export interface ClientParts {
  readonly connect: Connect;
  readonly console: Console;
  readonly onStopSignal: OnStopSignal;
  /** SLUICE_SERVER's value. */
  readonly defaultServer: string | undefined;
  /** Ends the process at once. */
  readonly exit: (code: ExitCode) => void;
  /** Standard input, line by line. */
  readonly openLines: () => Promise<LineSource>;
  /** A clock for rates; any origin. */
  readonly nowMs: () => number;
  readonly isFolder: (path: string) => boolean;
  /** The keys of known servers; in the user's own folder for such things where it is undefined. */
  readonly openKnownHosts: (stateFolder: string | undefined) => KnownHosts;
  /** The client's key, made the first time. Throws SluiceError, as do those below. */
  readonly openIdentity: (stateFolder: string | undefined) => Identity;
  /** The client's key, if it was made. */
  readonly findIdentity: (stateFolder: string | undefined) => Identity | undefined;
  /** The token in a file. */
  readonly readToken: (file: string) => Uint8Array;
  /** Gives up what the commands given do not need. */
  readonly confine: (needs: Needs) => void;
}

/** Runs the client; returns its exit code and never throws. */
export async function runClient(args: readonly string[], parts: ClientParts): Promise<ExitCode> {
  const parsed = parseClientArguments(args, parts);
  if ("exitCode" in parsed) return parsed.exitCode;
  const { stateFolder, task } = parsed.value;
  const view = createProgressView(parts.console, { enabled: !parsed.value.quiet, nowMs: parts.nowMs });
  try {
    if (task.kind === "key") {
      parts.console.out(formatKey(parts.openIdentity(stateFolder).publicKey));
      return ExitCode.done;
    }
    if (task.kind === "interactive") {
      const trust = new HostKeyVerifier(parsed.value, parts.openKnownHosts(stateFolder));
      const credentials = credentialsOf(parsed.value, parts);
      parts.confine(WHOLE_DISK_NEEDS);
      return await runInteractive({
        ...parts,
        view,
        quiet: parsed.value.quiet,
        server: parsed.value.server,
        rate: parsed.value.sending.rate,
        connect: (signal) => connectAs(parsed.value, { parts, view, signal, trust, credentials }),
      });
    }
    return await runOnce(task, { arguments: parsed.value, parts, view });
  } catch (error) {
    view.print(() => parts.console.err(`error: ${describeError(error)}`));
    return exitCodeOf(error);
  } finally {
    view.close();
  }
}

interface Run {
  readonly arguments: ClientArguments;
  readonly parts: ClientParts;
  readonly view: ProgressView;
}

async function runOnce(task: Exclude<ClientTask, { kind: "interactive" | "key" }>, run: Run): Promise<ExitCode> {
  const { parts, view } = run;
  // A mistake of the person's is told before the network is touched.
  const transfers = task.kind === "list" ? [] : transfersOf(task, parts.isFolder);
  const trust = new HostKeyVerifier(run.arguments, parts.openKnownHosts(run.arguments.stateFolder));
  const credentials = credentialsOf(run.arguments, parts);
  const { read, write } = needsOf(transfers);
  parts.confine({ read, write: [...write, ...trust.foldersWritten] });
  const abort = new AbortController();
  const stopListening = parts.onStopSignal(() => {
    if (abort.signal.aborted) return parts.exit(ExitCode.interrupted);
    abort.abort();
    view.print(() => parts.console.err("Stopping; Ctrl-C again quits at once."));
  });
  let client: Client | undefined;
  try {
    client = await connectAs(run.arguments, { parts, view, signal: abort.signal, trust, credentials });
    if (task.kind === "list") {
      await printListing(client, { console: parts.console, signal: abort.signal });
      return ExitCode.done;
    }
    const quiet = run.arguments.quiet;
    const exitCode = await runTransfers(transfers, {
      client,
      view,
      quiet,
      console: parts.console,
      signal: abort.signal,
      nowMs: parts.nowMs,
    });
    return exitCode !== ExitCode.done && abort.signal.aborted ? ExitCode.interrupted : exitCode;
  } catch (error) {
    throw asInterruption(error, abort.signal);
  } finally {
    await client?.close();
    stopListening();
  }
}

/** What shows a server who asks. Throws SluiceError. */
function credentialsOf(
  { stateFolder, tokenFile }: ClientArguments,
  { findIdentity, readToken }: ClientParts,
): Pick<ClientOptions, "identity" | "token"> {
  const identity = findIdentity(stateFolder)?.privateKey;
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(tokenFile === undefined ? {} : { token: readToken(tokenFile) }),
  };
}

/** Connects as the command line says; injected faults are told unless `--quiet`. */
async function connectAs(
  args: ClientArguments,
  options: {
    parts: ClientParts;
    view: ProgressView;
    signal: AbortSignal;
    trust: HostKeyVerifier;
    credentials: Pick<ClientOptions, "identity" | "token">;
  },
): Promise<Client> {
  const { credentials, parts, view, signal, trust } = options;
  const onFault = (line: string) => view.print(() => parts.console.err(line));
  const client = await parts.connect({
    ...args.server,
    ...credentials,
    ...(trust.expected === undefined ? {} : { server: trust.expected }),
    ...args.sending,
    signal,
    ...(args.timeoutMs === undefined ? {} : { timeoutMs: args.timeoutMs }),
    ...(args.simulate === undefined ? {} : { simulate: args.simulate }),
    ...(args.quiet ? {} : { onFault }),
  });
  const news = trust.onConnected(client);
  if (news !== undefined && !args.quiet) view.print(() => parts.console.err(news));
  return client;
}
