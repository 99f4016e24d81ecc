/**
 * The standard output and error of this process, and the signals that ask it to stop.
 *
 * @module
 */

import { Output, OutputQueue } from "./output.ts";
import { atomicBytesOf, leadToSamePlace, LineBufferedSink, UnbufferedSink } from "./standard_stream.ts";

/** File descriptors. */
const STDOUT = 1;
const STDERR = 2;

/** Standard output and error; their lines wait in order for a slow reader. */
export function processConsole() {
  const outQueue = new OutputQueue();
  const errQueue = leadToSamePlace(STDOUT, STDERR) ? outQueue : new OutputQueue();
  const out = new Output(new LineBufferedSink(Deno.stdout, atomicBytesOf(STDOUT)), outQueue);
  const err = new Output(new UnbufferedSink(Deno.stderr), errQueue);
  const outIsTerminal = out.sink.isTerminal;
  return {
    outIsTerminal,
    errIsTerminal: err.sink.isTerminal,
    outHasColors: outIsTerminal && !Deno.noColor,
    out: (line: string, onLost?: () => void) => out.write(line + "\n", onLost),
    err: (line: string) => err.write(line + "\n"),
    draw: (text: string) => err.write(text),
    columns: terminalColumns,
    outWaitingBytes: () => outQueue.waitingBytes,
    errWaitingBytes: () => errQueue.waitingBytes,
    async flushOut() {
      await outQueue.flush();
      return out.failure;
    },
    flushErr: () => errQueue.flush(),
  };
}

/** Width if the terminal does not say. */
const USUAL_COLUMNS = 80;

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

/**
 * Calls `handler` at SIGINT ("keyboard") and SIGTERM ("system"; on Windows SIGBREAK) until the returned function is called.
 */
export function onStopSignal(handler: (signal: "keyboard" | "system") => void): () => void {
  const systemSignal = Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM";
  const onKeyboard = () => handler("keyboard");
  const onSystem = () => handler("system");
  Deno.addSignalListener("SIGINT", onKeyboard);
  Deno.addSignalListener(systemSignal, onSystem);
  return () => {
    Deno.removeSignalListener("SIGINT", onKeyboard);
    Deno.removeSignalListener(systemSignal, onSystem);
  };
}
