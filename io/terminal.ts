/**
 * The standard output and error of this process, and the signals that ask it to stop.
 *
 * @module
 */

/** Writes lines at once, so that none is lost when the program ends. */
export function processConsole() {
  const outIsTerminal = Deno.stdout.isTerminal();
  return {
    outIsTerminal,
    errIsTerminal: Deno.stderr.isTerminal(),
    outHasColors: outIsTerminal && !Deno.noColor,
    out: (line: string) => writeAll(Deno.stdout, line + "\n"),
    err: (line: string) => writeAll(Deno.stderr, line + "\n"),
    draw: (text: string) => writeAll(Deno.stderr, text),
    columns: terminalColumns,
  };
}

const utf8 = new TextEncoder();

function writeAll(stream: typeof Deno.stdout, text: string): void {
  let bytes = utf8.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    // The reader has gone (`sluice list | head -1`): no reason to break off a transfer.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.WouldBlock)) throw error;
  }
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
