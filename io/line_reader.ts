/**
 * Standard input line by line: typed, with editing and history, or from a pipe.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";

/** Reads standard input; the prompt goes to standard error, if that is a terminal as well. */
export function openStandardInput({ errIsTerminal }: { readonly errIsTerminal: boolean }) {
  const isInteractive = Deno.stdin.isTerminal() && errIsTerminal;
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
    async read(prompt: string): Promise<string | undefined> {
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
    intercept(take: (line: string) => boolean): () => void {
      isTaken = take;
      return () => isTaken = () => false;
    },
    onInterrupt(handler: (signal: "keyboard") => void): () => void {
      const onSigint = () => handler("keyboard");
      editor.on("SIGINT", onSigint);
      return () => editor.off("SIGINT", onSigint);
    },
    close: () => editor.close(),
  };
}
