/**
 * The screen and the keyboard as the programs see them: `io/` has the real ones, `testing/` has fakes.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { Progress } from "../app/client/api.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { ExitCode } from "./exit_codes.ts";

/**
 * Where a program's lines go. Results go to `out`; errors, prompts and progress go to `err`. Nothing here throws or blocks:
 * what the reader does not take yet waits in memory.
 */
export interface Console {
  readonly inIsTerminal: boolean;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether to use colours: on a terminal, and without NO_COLOR. */
  readonly outHasColors: boolean;
  /**
   * Writes a line to standard output; the line break is added. `onLost` is called if it cannot be written, and with the
   * reason unless the reader has gone.
   */
  out(line: string, onLost?: (reason: string | undefined) => void): void;
  /** Writes bytes to standard output. Resolves when they have been written, or to why they could not be. */
  outBytes(bytes: Uint8Array): Promise<OutputLoss | undefined>;
  /** Writes a line to standard error; the line break is added. */
  err(line: string): void;
  /** Writes to standard error without a line break: a progress bar, which is overwritten later. */
  draw(text: string): void;
  /** Width of the terminal behind standard error, in columns. */
  columns(): number;
  /** Bytes that wait to be written before the next line to standard output, and to standard error. */
  outWaitingBytes(): number;
  errWaitingBytes(): number;
  /** Resolves when no line to standard output waits; to why some could not be written. */
  flushOut(): Promise<OutputLoss | undefined>;
  /** Resolves when no line to standard error waits. */
  flushErr(): Promise<void>;
}

/** Standard output could not be written: the reason, or none if its reader has gone. */
export interface OutputLoss {
  readonly reason: string | undefined;
}

/** The bars of several transfers. */
export interface ProgressView {
  /** Adds a bar for a transfer; it is drawn from its first update on. */
  start(): ProgressTask;
  /** Adds a line for work of which nobody knows how long it takes, at once. */
  busy(text: string): Pick<ProgressTask, "finish">;
  /** Runs `write`, which prints lines, while the bars are removed. */
  print(write: () => void): void;
  /** Removes the bars. */
  close(): void;
}

/** The bar of one transfer. */
export interface ProgressTask {
  update(progress: Progress): void;
  /** Removes the bar. */
  finish(): void;
}

/** Where a request to stop comes from: Ctrl-C on the keyboard, the system (SIGTERM), or a terminal that has gone (SIGHUP). */
export type StopSignal = "keyboard" | "system" | "hangup";

/** Calls `handler` for each request to stop, until the returned function is called. */
export type OnStopSignal = (handler: (signal: StopSignal) => void) => () => void;

/** Where the interactive shell's commands come from: a keyboard, or a pipe. */
export interface LineReader {
  /** Whether a person types, and is shown a prompt. */
  readonly isInteractive: boolean;
  /** The next line without its line break; undefined at the end. `prompt` is shown to a person only. */
  read(prompt: string): Promise<string | undefined>;
  /** Offers every line to `take` as it arrives; if that returns true, `read` skips it. Returns a function that stops it. */
  intercept(take: (line: string) => boolean): () => void;
  /** Ctrl-C as the line editor sees it: while it reads the keyboard, the terminal sends no signal. */
  readonly onInterrupt: OnStopSignal;
  close(): void;
}

/** How to end the output. */
export interface FinishOptions {
  /** Waits for a reader until this resolves. Default: for as long as it takes. */
  readonly timeout?: () => Promise<void>;
  /** It is a log, whose reader may go without anything being wrong. */
  readonly isLog?: boolean;
}

/**
 * Writes what still waits before a program ends. Returns the exit code, which tells if standard output could not be written
 * though all else went well. A reader that has gone is told nothing.
 */
export async function finishOutput(
  console: Console,
  exitCode: ExitCode,
  { isLog = false, timeout = () => new Promise(() => {}) }: FinishOptions = {},
): Promise<ExitCode> {
  const loss = await Promise.race([console.flushOut(), timeout().then(() => ({ reason: "it is not being read" }))]);
  if (loss?.reason !== undefined) console.err(`error: could not write to standard output: ${loss.reason}`);
  await Promise.race([console.flushErr(), timeout()]);
  if (loss === undefined || exitCode !== ExitCode.done) return exitCode;
  if (loss.reason !== undefined) return ExitCode.output;
  return isLog ? exitCode : ExitCode.outputClosed;
}

/** The text to show for a thrown value: the message of a SluiceError; of a bug the stack, too. */
export function describeError(error: unknown): string {
  if (error instanceof SluiceError) return sanitizeForDisplay(error.message);
  if (!(error instanceof Error)) return `internal error: ${sanitizeForDisplay(String(error))}`;
  const stack = (error.stack ?? error.message).split("\n").map(sanitizeForDisplay).join("\n");
  return `internal error, please report it: ${stack}`;
}
