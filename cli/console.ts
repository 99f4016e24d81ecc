/**
 * The screen and the keyboard as the programs see them, and as tests replace them.
 *
 * @module
 */

import { sanitizeForDisplay } from "../transfer/file_name.ts";
import { SluiceError } from "../app/api.ts";

/** Where a program's lines go. What is asked for goes to `out`; errors, prompts and progress go to `err`. */
export interface Console {
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether colours are welcome: on a terminal, and not with NO_COLOR. */
  readonly outHasColors: boolean;
  /** Writes a line to standard output; the line break is added. */
  out(line: string): void;
  /** Writes a line to standard error; the line break is added. */
  err(line: string): void;
  /** Writes to standard error as is, for what is drawn over: a progress bar. */
  draw(text: string): void;
  /** Width of the terminal behind standard error, in characters. */
  columns(): number;
}

/** The console of this process. Lines are written at once, so that none is lost when the program ends. */
export function processConsole(): Console {
  const outIsTerminal = Deno.stdout.isTerminal();
  return {
    outIsTerminal,
    errIsTerminal: Deno.stderr.isTerminal(),
    outHasColors: outIsTerminal && !Deno.noColor,
    out: (line) => writeAll(Deno.stdout, line + "\n"),
    err: (line) => writeAll(Deno.stderr, line + "\n"),
    draw: (text) => writeAll(Deno.stderr, text),
    columns: terminalColumns,
  };
}

const utf8 = new TextEncoder();

function writeAll(stream: typeof Deno.stdout, text: string): void {
  let bytes = utf8.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    // Whoever read the lines has gone (`sluice list | head -1`): no reason to break off a transfer.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.WouldBlock)) throw error;
  }
}

/** Width where the terminal does not say. */
const USUAL_COLUMNS = 80;

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

/** What to show of something thrown: a SluiceError's message; of a bug, its stack too. */
export function describeError(error: unknown): string {
  if (error instanceof SluiceError) return sanitizeForDisplay(error.message);
  if (!(error instanceof Error)) return `internal error: ${sanitizeForDisplay(String(error))}`;
  const stack = (error.stack ?? error.message).split("\n").map(sanitizeForDisplay).join("\n");
  return `internal error, please report it: ${stack}`;
}

/** Who asks the program to stop: a person at the keyboard (Ctrl-C), or the system. */
export type StopSignal = "keyboard" | "system";

/** Calls `handler` for each request to stop, until the returned function is called. */
export type OnStopSignal = (handler: (signal: StopSignal) => void) => () => void;

/** {@link OnStopSignal} by SIGINT and, where the system has it, SIGTERM; Windows has SIGBREAK instead. */
export const onStopSignal: OnStopSignal = (handler) => {
  const systemSignal = Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM";
  const onKeyboard = () => handler("keyboard");
  const onSystem = () => handler("system");
  Deno.addSignalListener("SIGINT", onKeyboard);
  Deno.addSignalListener(systemSignal, onSystem);
  return () => {
    Deno.removeSignalListener("SIGINT", onKeyboard);
    Deno.removeSignalListener(systemSignal, onSystem);
  };
};
