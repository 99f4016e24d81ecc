/**
 * The client as a conversation: `put`, `get`, `ls`, `rate`, `help`, `quit`.
 *
 * An error does not end it. Ctrl-C cancels the running command, and at the prompt ends the conversation; where
 * nobody is at the keyboard (a pipe), the exit code is that of the first command that failed. What a person types
 * while a command runs waits for its turn, but for `rate`, which is meant for what is under way.
 *
 * @module
 */

import { formatAddress } from "../app/address.ts";
import { SluiceError } from "../app/api.ts";
import type { Client } from "../app/client/api.ts";
import type { Address } from "./address.ts";
import type { ClientTask } from "./client_arguments.ts";
import { type Console, describeError, type OnStopSignal, type StopSignal } from "./console.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import type { LineSource } from "./line_reader.ts";
import type { ProgressView } from "./progress.ts";
import { printListing, transfersOf } from "./requests.ts";
import { formatBitRate, parseRate } from "../app/rate.ts";
import { asInterruption, runTransfers } from "./transfers.ts";
import { splitWords } from "./words.ts";

/** A connection idle for longer is replaced before the next command: half of the protocol's idle timeout. */
const MAX_IDLE_MS = 30_000;

const HELP = [
  "put FILE [NAME]    send a file, stored as NAME",
  "get NAME [PATH]    get a file, saved at PATH; an existing file is kept, and this one saved as NAME_received",
  "ls                 list the server's files",
  "rate RATE          send at this rate whatever is lost, such as 20M (bits per second); also during a transfer",
  "rate auto          send as fast as the link allows; rate alone: what it is",
  "help               this help",
  "quit               end",
  "",
  "--force after put or get replaces an existing file. Put names with spaces in quotes.",
];

/** What the conversation needs. */
export interface InteractiveParts {
  readonly connect: (signal: AbortSignal) => Promise<Client>;
  readonly console: Console;
  readonly onStopSignal: OnStopSignal;
  readonly exit: (code: ExitCode) => void;
  readonly openLines: () => Promise<LineSource>;
  readonly isFolder: (path: string) => boolean;
  readonly nowMs: () => number;
  readonly view: ProgressView;
  readonly server: Address;
  /** The rate that `connect` sets, bits per second. */
  readonly rate: number | undefined;
  readonly quiet: boolean;
}

/** Holds the conversation; rejects with SluiceError when the server cannot be reached at the start. */
export async function runInteractive(parts: InteractiveParts): Promise<ExitCode> {
  const conversation = new Conversation(parts);
  return await conversation.run();
}

class Conversation {
  readonly #parts: InteractiveParts;
  /** Cancels the running command; undefined at the prompt. */
  #abort: AbortController | undefined;
  /** Wakes {@link #readLine} with the end of the conversation. */
  #leave = Promise.withResolvers<undefined>();
  #interrupted = false;
  #client: Client | undefined;
  #lastUseMs = 0;
  /** Bits per second; undefined while congestion control decides. */
  #rate: number | undefined;

  constructor(parts: InteractiveParts) {
    this.#parts = parts;
    this.#rate = parts.rate;
  }

  async run(): Promise<ExitCode> {
    const { console, openLines, onStopSignal, quiet, server } = this.#parts;
    const stopListening = onStopSignal((signal) => this.#onInterrupt(signal));
    let lines: LineSource | undefined;
    try {
      await this.#cancellable((signal) => this.#connected(signal));
      lines = await openLines();
      const stopEditor = lines.onInterrupt((signal) => this.#onInterrupt(signal));
      if (!quiet && lines.isInteractive) {
        console.err(`Connected to ${formatAddress(server.host, server.port)}; "help" lists the commands.`);
      }
      const exitCode = await this.#converse(lines);
      stopEditor();
      return exitCode;
    } finally {
      lines?.close();
      await this.#disconnect();
      stopListening();
    }
  }

  async #converse(lines: LineSource): Promise<ExitCode> {
    const { host, port } = this.#parts.server;
    const prompt = `${formatAddress(host, port)}> `;
    let firstFailure: ExitCode = ExitCode.done;
    while (!this.#interrupted) {
      const line = await Promise.race([lines.read(prompt), this.#leave.promise]);
      if (line === undefined) break;
      const stopTaking = lines.isInteractive ? lines.intercept((typed) => this.#takeRate(typed)) : () => {};
      const exitCode = await this.#execute(line);
      stopTaking();
      if (exitCode === "quit") break;
      if (firstFailure === ExitCode.done) firstFailure = exitCode;
    }
    if (this.#interrupted) return ExitCode.interrupted;
    return lines.isInteractive ? ExitCode.done : firstFailure;
  }

  /** Does what `line` says; never throws. */
  async #execute(line: string): Promise<ExitCode | "quit"> {
    const { console, view } = this.#parts;
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
    } finally {
      this.#lastUseMs = this.#parts.nowMs();
    }
  }

  /** A line typed while a command runs: `rate` is obeyed at once. */
  #takeRate(line: string): boolean {
    const { console, view } = this.#parts;
    const words = splitWords(line);
    if ("error" in words || words[0] !== "rate") return false;
    try {
      this.#setRate(words);
    } catch (error) {
      view.print(() => console.err(`error: ${describeError(error)}`));
    }
    return true;
  }

  /** `rate 20M`, `rate auto`, or `rate` to hear what it is. Throws SluiceError (usage). */
  #setRate(words: readonly string[]): ExitCode {
    const { console, quiet, view } = this.#parts;
    const text = words.slice(1).join(" ");
    if (text !== "") {
      const rate = text === "auto" ? undefined : parseRate(text);
      if (typeof rate === "object") throw new SluiceError("usage", `"${text}": ${rate.error}, or auto`);
      this.#rate = rate;
      this.#client?.setRate(rate);
    }
    const says = this.#rate === undefined ? "as fast as the link allows" : `at ${formatBitRate(this.#rate)}`;
    if (text === "" || !quiet) view.print(() => console.out(`sending ${says}`));
    return ExitCode.done;
  }

  async #request(words: readonly string[], signal: AbortSignal): Promise<ExitCode> {
    const { console, isFolder } = this.#parts;
    const task = readTask(words);
    if (task.kind === "list") {
      try {
        await printListing(await this.#connected(signal), { console, signal });
      } catch (error) {
        if (exitCodeOf(error) === ExitCode.unreachable) await this.#disconnect();
        throw error;
      }
      return ExitCode.done;
    }
    const transfers = transfersOf(task, isFolder);
    const client = await this.#connected(signal);
    const exitCode = await runTransfers(transfers, { ...this.#parts, client, signal });
    // The connection may have ended with the transfer: the next command gets a new one.
    if (exitCode === ExitCode.failed || exitCode === ExitCode.unreachable) await this.#disconnect();
    return exitCode;
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
    const { console, exit, view } = this.#parts;
    if (signal === "system" || this.#abort === undefined) this.#end();
    if (this.#abort === undefined) return;
    if (this.#abort.signal.aborted) return exit(ExitCode.interrupted);
    this.#abort.abort();
    view.print(() => console.err("Cancelling; Ctrl-C again quits at once."));
  }

  #end(): void {
    this.#interrupted = true;
    this.#leave.resolve(undefined);
  }

  /** The connection; a new one when there is none or the old one has been idle too long. */
  async #connected(signal: AbortSignal): Promise<Client> {
    if (this.#parts.nowMs() - this.#lastUseMs > MAX_IDLE_MS) await this.#disconnect();
    if (this.#client === undefined) {
      this.#client = await this.#parts.connect(signal);
      if (this.#rate !== this.#parts.rate) this.#client.setRate(this.#rate);
    }
    this.#lastUseMs = this.#parts.nowMs();
    return this.#client;
  }

  async #disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }
}

type ConversationTask = Exclude<ClientTask, { kind: "interactive" | "key" }>;

/** The task that the words of a line ask for. Throws SluiceError (usage). */
function readTask(words: readonly string[]): ConversationTask {
  const [command, ...rest] = words;
  const force = rest.includes("--force") || rest.includes("-f");
  const operands = rest.filter((word) => word !== "--force" && word !== "-f");
  const [first, second] = operands;
  switch (command) {
    case "put":
    case "send":
      if (first === undefined || operands.length > 2) throw new SluiceError("usage", "put FILE [NAME] [--force]");
      return { kind: "send", files: [first], as: second, force };
    case "get":
      if (first === undefined || operands.length > 2) throw new SluiceError("usage", "get NAME [PATH] [--force]");
      return { kind: "get", names: [first], output: second, force };
    case "ls":
    case "list":
      if (rest.length > 0) throw new SluiceError("usage", "ls takes nothing after it");
      return { kind: "list" };
    default:
      throw new SluiceError("usage", `"${command}" is not a command; "help" lists them`);
  }
}
