/**
 * Questions to the user.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { Console, LineReader } from "./console.ts";
import type { CliSession } from "./context.ts";

/**
 * Shows lines and asks a question; resolves to the answer, or to undefined where nobody can be asked. Rejects with
 * SluiceError (interrupted) at Ctrl-C.
 */
export type Confirm = (shown: readonly string[], question: string) => Promise<boolean | undefined>;

/** What a question is about, as it follows "interrupted; " at Ctrl-C. */
export type Consequence = "nothing was removed" | "nothing was sent";

/** Asks on the terminal of a command, if it has one; reads no answer from a pipe. */
export function confirmOnTerminal(session: CliSession, signal: AbortSignal, ifInterrupted: Consequence): Confirm {
  return async (shown, question) => {
    const { console } = session;
    // A line reader would take what a pipe has for the command itself.
    if (!console.inIsTerminal || !console.errIsTerminal) return undefined;
    const lines = await session.openLineReader();
    try {
      return await ask(lines, { console, shown, question, signal, ifInterrupted });
    } finally {
      lines.close();
    }
  };
}

/**
 * Asks where a shell reads its commands; undefined if those come from a pipe. The end of the input is a no. Rejects as
 * {@link Confirm} does.
 */
export async function ask(
  lines: LineReader,
  { console, shown, question, signal, ifInterrupted }: {
    readonly console: Console;
    readonly shown: readonly string[];
    readonly question: string;
    readonly signal: AbortSignal;
    readonly ifInterrupted: Consequence;
  },
): Promise<boolean | undefined> {
  if (!lines.isInteractive) return undefined;
  for (const line of shown) console.err(line);
  // The line editor writes to the terminal by itself.
  await console.flushErr();
  const stopped = Promise.withResolvers<never>();
  const onAbort = () => stopped.reject(new SluiceError("interrupted", `interrupted; ${ifInterrupted}`));
  // While the line editor reads the keyboard, the terminal sends no signal for Ctrl-C.
  const stopListening = lines.onInterrupt(onAbort);
  signal.addEventListener("abort", onAbort);
  try {
    const answer = await Promise.race([lines.read(`${question} [y/N] `), stopped.promise]);
    return /^\s*y(?:es)?\s*$/i.test(answer ?? "");
  } finally {
    signal.removeEventListener("abort", onAbort);
    stopListening();
  }
}
