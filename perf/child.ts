/**
 * A child process of a measurement, and the lines that it prints.
 *
 * @module
 */

import { type Line, parseLine } from "./lines.ts";

/** How long a process may take to end after its input was closed. */
const GRACE_MS = 3000;

/** Bound on what is kept of its standard error. */
const MAX_ERROR_CHARACTERS = 2000;

/** Permissions of a peer or a relay. */
const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];

/** The command that runs one of our programs behind a prefix, which may be empty. */
export function commandOf(prefix: readonly string[], program: string, args: readonly string[]): string[] {
  return [...prefix, Deno.execPath(), "run", "--quiet", "--unstable-net", ...PERMISSIONS, program, ...args];
}

/** See the module's description. */
export class Child implements AsyncDisposable {
  /** When it was started, on `performance.now()`'s clock. */
  readonly startedMs = performance.now();
  readonly #process: Deno.ChildProcess;
  readonly #lines: Line[] = [];
  readonly #reading: Promise<unknown>;
  #error = "";
  #hasEnded = false;
  #onChange = () => {};

  constructor(command: readonly string[]) {
    const [file, ...args] = command;
    this.#process = new Deno.Command(file!, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
    this.#reading = Promise.all([this.#readLines(), this.#readErrors()]).then(() => {
      this.#hasEnded = true;
      this.#onChange();
    });
  }

  /** The next line of that kind; others are skipped. Rejects if the process ends before, or takes too long. */
  async next<Kind extends Line["kind"]>(kind: Kind, limitMs: number): Promise<Extract<Line, { kind: Kind }>> {
    const deadlineMs = performance.now() + limitMs;
    while (true) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (line.kind === kind) return line as Extract<Line, { kind: Kind }>;
      }
      if (this.#hasEnded) throw new Error(`a process ended too early${this.#errorText}`);
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`timed out after ${Math.round(limitMs / 1000)} s`);
      await this.#change(leftMs);
    }
  }

  /** Closes its standard input: then it ends, and a relay reports its counters before. */
  endInput(): void {
    this.#process.stdin.close().catch(() => {});
  }

  /** Ends it, by SIGKILL if it does not end in time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.endInput();
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    await this.#process.status;
    clearTimeout(timer);
    await this.#reading;
  }

  get #errorText(): string {
    // deno-lint-ignore no-control-regex -- colours are control characters
    const line = this.#error.replaceAll(/\x1b\[[0-9;]*m/g, "").trim().split("\n")[0] ?? "";
    return line === "" ? "" : `: ${line}`;
  }

  /** Kills it, if it runs. */
  kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  }

  /** Resolves at the next line, at the end, or after the limit. */
  #change(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onChange = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #readLines(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const parsed = parseLine(line);
        if (parsed !== undefined) this.#lines.push(parsed);
      }
      this.#onChange();
    }
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      this.#error = (this.#error + text).slice(0, MAX_ERROR_CHARACTERS);
    }
  }
}
