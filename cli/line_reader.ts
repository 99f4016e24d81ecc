/**
 * Lines typed by a person, with editing and history, or read from a pipe.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { Console, OnStopSignal } from "./console.ts";

/** Where an interactive program's commands come from. */
export interface LineSource {
  /** Whether a person types: then there is a prompt. */
  readonly isInteractive: boolean;
  /** The next line without its end; undefined when there is no more. `prompt` is shown to a person only. */
  read(prompt: string): Promise<string | undefined>;
  /** Hears of every line as it comes, before it is read; what `take` returns true for is not. Returns how to stop. */
  intercept(take: (line: string) => boolean): () => void;
  /** Ctrl-C as the line editor hears it: while it has the keyboard, the terminal makes no signal of it. */
  readonly onInterrupt: OnStopSignal;
  close(): void;
}

/** Standard input. */
export function openStandardInput(console: Console): LineSource {
  const isInteractive = Deno.stdin.isTerminal() && console.errIsTerminal;
  const editor = createInterface({
    input: process.stdin,
    ...(isInteractive ? { output: process.stderr } : {}),
    terminal: isInteractive,
  });
  const queue: string[] = [];
  let isClosed = false;
  let wake = () => {};
  let isTaken: (line: string) => boolean = () => false;
  editor.on("line", (line: string) => {
    if (isTaken(line)) return;
    queue.push(line);
    wake();
  });
  editor.on("close", () => {
    isClosed = true;
    wake();
  });
  return {
    isInteractive,
    async read(prompt) {
      while (queue.length === 0) {
        if (isClosed) return undefined;
        const woken = new Promise<void>((resolve) => wake = resolve);
        if (isInteractive) {
          editor.setPrompt(prompt);
          editor.prompt();
        }
        await woken;
      }
      return queue.shift();
    },
    intercept(take) {
      isTaken = take;
      return () => isTaken = () => false;
    },
    onInterrupt(handler) {
      const onSigint = () => handler("keyboard");
      editor.on("SIGINT", onSigint);
      return () => editor.off("SIGINT", onSigint);
    },
    close: () => editor.close(),
  };
}
