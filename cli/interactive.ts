/**
 * The interactive shell, like that of `sftp`: `put`, `get`, `ls`, `rm`, `rate`, `help`, `quit` and others.
 *
 * An error does not end it. Ctrl-C cancels the running command, and at the prompt ends the shell. If commands come from
 * a pipe, the exit code is that of the first command that failed. A line that is typed while a command runs waits until
 * that is done, except for `rate`, which changes the running transfer.
 *
 * @module
 */

import { formatHostPort } from "../base/net_address.ts";
import { SluiceError } from "../app/api.ts";
import type { Client } from "../app/client/api.ts";
import type { ServerName } from "./address.ts";
import type { ClientTask } from "./client_arguments.ts";
import { ask, type Confirm } from "./confirm.ts";
import { describeError, type LineReader, type StopSignal } from "./console.ts";
import type { CliSession } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { runManagement } from "./management.ts";
import { parseManagement } from "./management_arguments.ts";
import { prepareTransfers } from "./requests.ts";
import { DEFAULT_CONFIG, type SendPolicy } from "../protocol/mod.ts";
import { describeSendPolicy, parseFixedRate } from "../app/rate.ts";
import type { PathPattern } from "./path_filter.ts";
import { type TreeOptions, treeOptions } from "./tree_options.ts";
import { asInterruption } from "./transfers.ts";
import { splitWords } from "./words.ts";

const HELP = [
  "put FILE [NAME]    send a file or folder, stored as NAME",
  "get NAME [PATH]    get a file or folder, saved at PATH, where nothing may be, or",
  "                   as NAME, a file as NAME_received if that exists",
  "ls [-l] [-R] [WHAT]  list a folder, or what matches a pattern",
  "stat NAME...       all that the server knows; --checksum: the SHA-256, too",
  "rm [-r] NAME...    remove files, or what matches a pattern; -r: folders",
  "mv FROM TO         move or rename; mkdir FOLDER makes a folder",
  "df                 how much can be stored",
  "rate RATE          send at this rate whatever is lost, such as 20M (bits per",
  "                   second); also during a transfer",
  "rate auto          send as fast as the link allows; rate alone: what it is",
  "help               this help",
  "quit               end",
  "",
  "After put or get: --force replaces what differs, --update what is older;",
  "--delete removes from folders what the source does not have; --checksum",
  "compares by content, --dry-run only prints; --exclude PATTERN.",
  "Put names with spaces in quotes.",
];

/** The server that the shell talks to. */
export interface ShellTarget {
  readonly server: ServerName;
  readonly connect: (signal: AbortSignal) => Promise<Client>;
  /** The policy with which `connect` begins; undefined for the default. */
  readonly sendPolicy: SendPolicy | undefined;
}

/** Runs the shell; rejects with SluiceError if the server cannot be reached at the start. */
export function runShell(session: CliSession, target: ShellTarget): Promise<ExitCode> {
  return new Shell(session, target).run();
}

class Shell {
  readonly #session: CliSession;
  readonly #target: ShellTarget;
  /** Cancels the running command; undefined at the prompt. */
  #abort: AbortController | undefined;
  /** Resolves when the shell must end, even while it waits for a line. */
  #leave = Promise.withResolvers<undefined>();
  #interrupted = false;
  #lines: LineReader | undefined;
  #client: Client | undefined;
  #sendPolicy: SendPolicy;

  constructor(session: CliSession, target: ShellTarget) {
    this.#session = session;
    this.#target = target;
    this.#sendPolicy = this.#initialPolicy;
  }

  async run(): Promise<ExitCode> {
    const { console, onStopSignal, openLineReader, quiet } = this.#session;
    const stopListening = onStopSignal((signal) => this.#onInterrupt(signal));
    try {
      this.#client = await this.#cancellable((signal) => this.#target.connect(signal));
      const lines = this.#lines = await openLineReader();
      const stopEditor = lines.onInterrupt((signal) => this.#onInterrupt(signal));
      if (!quiet && lines.isInteractive) {
        console.err(`Connected to ${this.#address}; "help" lists the commands.`);
      }
      const exitCode = await this.#readAndExecute(lines);
      stopEditor();
      return exitCode;
    } finally {
      this.#lines?.close();
      await this.#client?.close();
      stopListening();
    }
  }

  get #address(): string {
    const { host, port } = this.#target.server;
    return formatHostPort(host, port);
  }

  async #readAndExecute(lines: LineReader): Promise<ExitCode> {
    const prompt = `${this.#address}> `;
    let firstFailure: ExitCode = ExitCode.done;
    while (!this.#interrupted) {
      const line = await Promise.race([lines.read(prompt), this.#leave.promise]);
      if (line === undefined) break;
      const stopTaking = lines.isInteractive ? lines.intercept((typed) => this.#takeRate(typed)) : () => {};
      const exitCode = await this.#execute(line);
      stopTaking();
      // A script whose output nobody reads does not fill the memory.
      await Promise.race([this.#session.console.flushOut(), this.#leave.promise]);
      if (exitCode === "quit") break;
      if (firstFailure === ExitCode.done) firstFailure = exitCode;
    }
    if (this.#interrupted) return ExitCode.interrupted;
    return lines.isInteractive ? ExitCode.done : firstFailure;
  }

  /** Executes a line; never throws. */
  async #execute(line: string): Promise<ExitCode | "quit"> {
    const { console, view } = this.#session;
    try {
      const words = splitWords(line);
      if ("error" in words) throw new SluiceError("usage", words.error);
      const command = words[0];
      if (command === undefined) return ExitCode.done;
      if (command === "quit" || command === "exit") return "quit";
      if (command === "help" || command === "?") {
        for (const text of HELP) console.out(text);
        return ExitCode.done;
      }
      if (command === "rate") return this.#setRate(words);
      return await this.#cancellable((signal) => this.#request(words, signal));
    } catch (error) {
      view.print(() => console.err(`error: ${describeError(error)}`));
      return exitCodeOf(error);
    }
  }

  /** Takes a line that was typed while a command runs: `rate` is executed at once. */
  #takeRate(line: string): boolean {
    const { console, view } = this.#session;
    const words = splitWords(line);
    if ("error" in words || words[0] !== "rate") return false;
    try {
      this.#setRate(words);
    } catch (error) {
      view.print(() => console.err(`error: ${describeError(error)}`));
    }
    return true;
  }

  /** `rate 20M`, `rate auto`, or `rate` to print the current one. Throws SluiceError (usage). */
  #setRate(words: readonly string[]): ExitCode {
    const { console, quiet, view } = this.#session;
    const text = words.slice(1).join(" ");
    if (text !== "") {
      const policy = text === "auto" ? this.#automatic : parseFixedRate(text);
      if ("error" in policy) throw new SluiceError("usage", `"${text}": ${policy.error}, or auto`);
      this.#sendPolicy = this.#session.tally.sendPolicy = policy;
      this.#client?.setSendPolicy(policy);
    }
    if (text === "" || !quiet) view.print(() => console.out(`sending ${describeSendPolicy(this.#sendPolicy)}`));
    return ExitCode.done;
  }

  /** What `rate auto` returns to: the algorithm of the command line, or the default. */
  get #automatic(): SendPolicy {
    return this.#initialPolicy.kind === "fixed" ? DEFAULT_CONFIG.sendPolicy : this.#initialPolicy;
  }

  get #initialPolicy(): SendPolicy {
    return this.#target.sendPolicy ?? DEFAULT_CONFIG.sendPolicy;
  }

  async #request(words: readonly string[], signal: AbortSignal): Promise<ExitCode> {
    const { console } = this.#session;
    const session = { ...this.#session, client: this.#client!, signal, followUntil: signal };
    const confirm: Confirm = (shown, question) =>
      ask(this.#lines!, { console, shown, question, signal, ifInterrupted: "nothing was removed" });
    const management = parseManagement(words, this.#session);
    if (management === undefined) {
      if (words.includes("-")) {
        const message = "a session has no pipes; for a file of the name -: ./-, and on the command line: -";
        throw new SluiceError("usage", message);
      }
      return await prepareTransfers(readTask(words), this.#session).run(session, confirm);
    }
    if ("exitCode" in management) return management.exitCode;
    return await runManagement(management.value, { ...session, confirm });
  }

  /** Runs a command that Ctrl-C cancels. */
  async #cancellable<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      return await run(abort.signal);
    } catch (error) {
      throw asInterruption(error, abort.signal);
    } finally {
      this.#abort = undefined;
    }
  }

  #onInterrupt(signal: StopSignal): void {
    const { console, exit, view } = this.#session;
    if (signal !== "keyboard" || this.#abort === undefined) this.#end();
    if (this.#abort === undefined) return;
    if (this.#abort.signal.aborted) {
      // The kernel and a shell may both tell of the terminal that has gone.
      if (signal !== "hangup") exit(ExitCode.interrupted);
      return;
    }
    this.#abort.abort();
    view.print(() => console.err("Cancelling; Ctrl-C again quits at once."));
  }

  #end(): void {
    this.#interrupted = true;
    this.#leave.resolve(undefined);
  }
}

type ShellTask = Extract<ClientTask, { kind: "send" | "get" }>;

/** The task that the words of a line ask for. Throws SluiceError (usage). */
function readTask(words: readonly string[]): ShellTask {
  const [command, ...rest] = words;
  switch (command) {
    case "put":
    case "send": {
      const { operands: [file, as], tree } = readOptions(rest, "put FILE [NAME] [--force]");
      return { kind: "send", files: [file], as, tree };
    }
    case "get": {
      const { operands: [name, output], tree } = readOptions(rest, "get NAME [PATH] [--force]");
      return { kind: "get", names: [name], output, tree };
    }
    default:
      throw new SluiceError("usage", `"${command}" is not a command; "help" lists them`);
  }
}

const FLAGS = {
  "-f": "force",
  "--force": "force",
  "-u": "update",
  "--update": "update",
  "-c": "checksum",
  "--checksum": "checksum",
  "-n": "dryRun",
  "--dry-run": "dryRun",
  "-y": "yes",
  "--yes": "yes",
  "--delete": "delete",
} as const;

/** One or two operands, and the options. Throws SluiceError with the `usage`. */
function readOptions(
  words: readonly string[],
  usage: string,
): { readonly operands: readonly [string, string | undefined]; readonly tree: TreeOptions } {
  const flags: Partial<Record<(typeof FLAGS)[keyof typeof FLAGS], boolean>> = {};
  const patterns: PathPattern[] = [];
  const operands: string[] = [];
  const ahead = [...words];
  for (let word = ahead.shift(); word !== undefined; word = ahead.shift()) {
    const pattern = word === "--exclude" || word === "--include" ? ahead.shift() : undefined;
    if (pattern !== undefined) patterns.push({ kind: word === "--exclude" ? "exclude" : "include", pattern });
    else if (word in FLAGS) flags[FLAGS[word as keyof typeof FLAGS]] = true;
    else operands.push(word);
  }
  const [first, second] = operands;
  if (first === undefined || operands.length > 2 || operands.some((word) => word.startsWith("--"))) {
    throw new SluiceError("usage", usage);
  }
  return { operands: [first, second], tree: treeOptions(flags, patterns) };
}
