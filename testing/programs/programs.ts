/**
 * The programs as a person runs them: `server.ts` and `client.ts` in processes of their own, with the permissions
 * that the tasks of `deno.json` give them and no more, in a folder that vanishes with the test.
 *
 * @module
 */

import path from "node:path";
import { untilPartialFile } from "./files.ts";
import { permissionFlags, type PermissionSet } from "./permission_sets.ts";

/** A test that waits longer than this for anything has failed; nothing is expected to take nearly as long. */
const PATIENCE_MS = 90_000;

const PROJECT = path.join(import.meta.dirname!, "..", "..");

/** How a task of `deno.json` runs a program: `deno run -q --no-prompt -P=SET PROGRAM ...`. */
const TASK_COMMAND = /^deno run -q --no-prompt -P=(?<set>client|server) (?<program>\S+\.ts)\b/;

/** A program and what stands before its own arguments. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** How the task of this name runs its program, by this very Deno; each permission is a flag, which a test may take away. */
export async function launchOfTask(task: string): Promise<Launch> {
  const { tasks } = JSON.parse(await Deno.readTextFile(path.join(PROJECT, "deno.json")));
  const { set, program } = TASK_COMMAND.exec(tasks[task].command)?.groups ?? {};
  if (set === undefined || program === undefined) throw new Error(`task ${task} of deno.json runs no program`);
  const flags = ["--quiet", "--no-prompt", ...permissionFlags(set as PermissionSet)];
  return { command: Deno.execPath(), args: ["run", ...flags, path.join(PROJECT, program)] };
}

/** What is left of a program that has ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects when `promise` takes longer than any machine needs. */
export async function inTime<Value>(promise: Promise<Value>, what: () => string): Promise<Value> {
  let timeout: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => reject(new Error(`waited in vain for ${what()}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timeout);
  }
}

/** What a program writes, while it writes it. */
class Output {
  text = "";
  readonly ended: Promise<void>;
  #onText = new Set<() => void>();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  /** The first match, or undefined when the program ended without one. */
  async matching(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      const more = Promise.withResolvers<void>();
      this.#onText.add(more.resolve);
      const hasEnded = await Promise.race([more.promise, this.ended.then(() => true)]);
      this.#onText.delete(more.resolve);
      if (hasEnded && !pattern.test(this.text)) return undefined;
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.text += decoder.decode(bytes, { stream: true });
      for (const notify of this.#onText) notify();
    }
  }
}

/** How a program is run. */
export interface RunOptions {
  /** What it reads from standard input; nothing without it. */
  readonly stdin?: string;
  /** After that, standard input stays open. */
  readonly keepStdinOpen?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** A shell's commands to run before, such as `ulimit -f 8`. */
  readonly shell?: string;
}

/** What a client says of each server that it meets; `trust_test.ts` looks at it, and for all others it is left out. */
export const NEW_SERVER = /^First connection to \S+\. Its key is \S+ \(saved\)\. .*\n/m;

/** What a client prints every few seconds where standard error is no terminal: how many depends on the machine. */
const PROGRESS = /^progress: .*\n/gm;

/** The number of files that a client reported as done, in its output as text. */
export function reportsIn(stdout: string): number {
  return stdout.match(/^\S.* {2}[\d.]+ [kM]B\/s(?: {2}.*)?$/gm)?.length ?? 0;
}

/** Where the programs of a stage keep keys: beside its folder. */
function stateFolderOf(folder: string): string {
  return `${folder}-state`;
}

/** A program that runs. */
export class Program {
  readonly #process: Deno.ChildProcess;
  readonly #stdout: Output;
  readonly #stderr: Output;
  #feeding: Promise<void> | undefined;
  #hasEnded = false;

  constructor(launch: Launch, options: RunOptions & { args: readonly string[]; cwd: string }) {
    const { stdin, env = {}, shell, cwd } = options;
    const args = [...launch.args, ...options.args];
    // `exec`: the program takes the shell's place, and signals reach it.
    const command = shell === undefined ? launch.command : "sh";
    this.#process = new Deno.Command(command, {
      args: shell === undefined ? args : ["-c", `${shell}; exec "$@"`, "sh", launch.command, ...args],
      cwd,
      // The developer's own server and config file are not those of the tests, nor is the folder in which npm was called.
      env: {
        SLUICE_SERVER: "",
        SLUICE_CONFIG: "",
        SLUICE_STATE: stateFolderOf(cwd),
        INIT_CWD: cwd,
        NO_COLOR: "1",
        ...env,
      },
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#process.status.then(() => this.#hasEnded = true);
    this.#stdout = new Output(this.#process.stdout);
    this.#stderr = new Output(this.#process.stderr);
    if (stdin !== undefined) this.#feeding = this.#feed(stdin, options.keepStdinOpen ?? false);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** Waits until it has written what matches to standard output. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#writes(this.#stdout, pattern);
  }

  /** Waits until it has written what matches to standard error. */
  complains(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#writes(this.#stderr, pattern);
  }

  async #writes(output: Output, pattern: RegExp): Promise<RegExpExecArray> {
    const match = await inTime(output.matching(pattern), () => `${pattern} in: ${this.stdout}${this.stderr}`);
    if (match !== undefined) return match;
    const { code, stdout, stderr } = await this.finished();
    throw new Error(`the program ended with ${code} and without ${pattern}: ${stdout}${stderr}`);
  }

  /** Sends a signal; one that has ended already does not mind. */
  signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Waits for its end. */
  async finished(): Promise<Finished> {
    const { code } = await inTime(this.#process.status, () => `the end of a program that said: ${this.stderr}`);
    await Promise.all([this.#stdout.ended, this.#stderr.ended, this.#feeding]);
    return { code, stdout: this.stdout, stderr: this.stderr.replace(NEW_SERVER, "").replaceAll(PROGRESS, "") };
  }

  async #feed(stdin: string, keepOpen: boolean): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(stdin));
      if (keepOpen) await this.#process.status;
      await writer.close();
    } catch {
      // It ended without reading all of it.
    }
  }
}

/** A server program that listens. */
export class ServerProgram {
  constructor(readonly program: Program, readonly root: string, readonly port: number) {}

  /** `HOST:PORT`, as `--server` takes it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Its log so far. */
  get log(): string {
    return this.program.stdout;
  }

  /** Stops it in good order. */
  stop(): Promise<Finished> {
    this.program.signal("SIGTERM");
    return this.program.finished();
  }
}

/** How a server is started. */
export interface ServerStart extends RunOptions {
  readonly args?: readonly string[];
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Its folder, below the stage's; "storage" without it. */
  readonly root?: string;
}

/** A folder to work in, and the programs that run there. Leaves neither behind. */
export class Stage implements AsyncDisposable {
  readonly folder: string;
  readonly #programs: Program[] = [];
  readonly #over = new AbortController();
  readonly #launches: { readonly server: Launch; readonly client: Launch };

  private constructor(folder: string, launches: { server: Launch; client: Launch }) {
    this.folder = folder;
    this.#launches = launches;
  }

  /** Opens a stage. `launches` are the programs, where others than those of `deno.json`'s tasks are meant. */
  static async open(launches?: { server: Launch; client: Launch }): Promise<Stage> {
    const programs = launches ?? { server: await launchOfTask("serve"), client: await launchOfTask("list") };
    return new Stage(await Deno.makeTempDir({ prefix: "sluice-e2e-" }), programs);
  }

  /** A path below the stage's folder. */
  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Starts a server; resolves once it listens. */
  async startServer(start: ServerStart = {}): Promise<ServerProgram> {
    const root = this.path(start.root ?? "storage");
    const program = this.runServer(["--port", String(start.port ?? 0), "--root", root, ...start.args ?? []], start);
    const [, port] = await program.says(/listening on 127\.0\.0\.1:(\d+)/);
    return new ServerProgram(program, root, Number(port));
  }

  /** Runs the server program with these very arguments. */
  runServer(args: readonly string[], options: RunOptions = {}): Program {
    return this.run(this.#launches.server, args, options);
  }

  /** Starts the client program. */
  startClient(args: readonly string[], options: RunOptions = {}): Program {
    return this.run(this.#launches.client, args, options);
  }

  /** Runs the client program to its end. */
  async client(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return await this.startClient(args, options).finished();
  }

  /** Starts a program in another way than as its task. */
  run(launch: Launch, args: readonly string[], options: RunOptions = {}): Program {
    const program = new Program(launch, { ...options, args, cwd: this.folder });
    this.#programs.push(program);
    return program;
  }

  /** Resolves once an unfinished file in `folder` holds some bytes. */
  async untilPartialFile(folder: string): Promise<void> {
    await inTime(untilPartialFile(folder, this.#over.signal), () => `an unfinished file in ${folder}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    for (const program of this.#programs) program.signal("SIGKILL");
    await Promise.all(this.#programs.map((program) => program.finished()));
    await Deno.remove(this.folder, { recursive: true });
    try {
      await Deno.remove(stateFolderOf(this.folder), { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
