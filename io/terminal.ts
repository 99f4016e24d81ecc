/**
 * The standard output and error of this process, and the signals that ask it to stop.
 *
 * @module
 */

import fs from "node:fs";
import { type OnLost, Output, OutputQueue } from "./output.ts";
import { atomicBytesOf, leadToSamePlace, LineBufferedSink, UnbufferedSink } from "./standard_stream.ts";

/** File descriptors. */
const STDIN = 0;
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
    inIsTerminal: Deno.stdin.isTerminal(),
    outIsTerminal,
    errIsTerminal: err.sink.isTerminal,
    outHasColors: outIsTerminal && !Deno.noColor,
    out: (line: string, onLost?: OnLost) => out.write(line + "\n", onLost),
    outBytes: (bytes: Uint8Array) => out.writeBytes(bytes),
    err: (line: string) => err.write(line + "\n"),
    draw: (text: string) => err.write(text),
    columns: terminalColumns,
    outWaitingBytes: () => outQueue.waitingBytes,
    errWaitingBytes: () => errQueue.waitingBytes,
    async flushOut() {
      await outQueue.flush();
      return out.loss;
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

/** Where a request to stop comes from: Ctrl-C, the system, or a terminal that has gone. */
type StopCause = "keyboard" | "system" | "hangup";

const IS_WINDOWS = Deno.build.os === "windows";

/**
 * Returns what calls a handler at SIGINT, SIGTERM (on Windows SIGBREAK) and SIGHUP, until the returned function is called.
 * SIGHUP does nothing in a process that was started to outlive its terminal.
 */
export function stopSignals() {
  const signals: [StopCause, Deno.Signal][] = [["keyboard", "SIGINT"], ["system", IS_WINDOWS ? "SIGBREAK" : "SIGTERM"]];
  if (!IS_WINDOWS) {
    // Deno ends at a SIGHUP that nobody listens to, even if it was started with the signal ignored.
    if (isHangupIgnored()) Deno.addSignalListener("SIGHUP", () => {});
    else signals.push(["hangup", "SIGHUP"]);
  }
  return (handler: (cause: StopCause) => void): () => void => {
    const listeners = signals.map(([cause, signal]) => [signal, () => handler(cause)] as const);
    for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
    return () => {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    };
  };
}

/**
 * Whether the process was started with SIGHUP ignored. Linux tells in /proc, which Deno lets only those programs read that
 * it allows everything. Otherwise it shows by what the `nohup` of GNU makes of a terminal as standard input: a /dev/null that
 * cannot be read. Not found out: `trap '' HUP` in a shell, and the `nohup` of other systems.
 */
function isHangupIgnored(): boolean {
  try {
    const [, ignored] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return isUnreadableNull(STDIN);
  }
}

function isUnreadableNull(descriptor: number): boolean {
  try {
    if (fs.fstatSync(descriptor).rdev !== fs.statSync("/dev/null").rdev) return false;
  } catch {
    return false;
  }
  try {
    fs.readSync(descriptor, new Uint8Array(1));
    return false;
  } catch {
    return true;
  }
}
