/**
 * A client's machine in the simulated world: the client program, its files, and goals.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { Client, LimitSample, RetryEvent, TransferReport } from "../app/client/api.ts";
import { NetAddress } from "../base/net_address.ts";
import { connect } from "../app/client/connect.ts";
import type { CloseReason, Connection, RateLimit, SendPolicy } from "../protocol/mod.ts";
import type { FileInfo } from "../transfer/file_store.ts";
import { Machine, type MachineOptions } from "./machine.ts";

/** A request of a client. A file's content follows from the world's seed, its name and its zeros. */
export type Goal =
  /** `isPipe`: it is sent from a pipe, whose size is not known. */
  | (GoalFile & { readonly kind: "put"; readonly overwrite?: boolean; readonly isPipe?: boolean })
  /** `isAbsent`: the server has no such file. `isListed`: the client knows its size beforehand. */
  | (GoalFile & { readonly kind: "get"; readonly isAbsent?: boolean; readonly isListed?: boolean })
  | { readonly kind: "list" };

/** The file of a request. */
interface GoalFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Which bytes are zeros: runs of them, all, or so many at its beginning. Default: what chance has it. */
  readonly zeros?: "runs" | "all" | number;
  /** Whether it is half as large if it is compressed. Default: no. */
  readonly shrinks?: boolean;
}

/** How a goal ended. */
export type GoalOutcome =
  | { readonly kind: "done"; readonly report?: TransferReport; readonly entries?: readonly FileInfo[] }
  | { readonly kind: SluiceError["kind"]; readonly message: string };

/** What a client's machine is made with. */
export interface ClientHostOptions extends MachineOptions {
  readonly serverAddress: string;
  readonly goals: readonly Goal[];
  /** Its private key. Default: a new one for each connection. */
  readonly identity?: Uint8Array;
  /** How long it waits for a silent server, milliseconds. Default: the program's. */
  readonly timeoutMs?: number | undefined;
  /** How long it goes on by itself where it fails for the time being, milliseconds; undefined: the program's. */
  readonly retryForMs: number | undefined;
  /** Whether files that shrink are compressed. */
  readonly compress: boolean;
  /** Hears what limits its transfers. */
  readonly onSample?: ((sample: LimitSample) => void) | undefined;
  /** Keeps the connection when all goals have an outcome. */
  readonly stays: boolean;
  /** The content of a file that is sent, to be repeated. */
  readonly content: (goal: Goal) => Uint8Array;
  readonly onOutcome: (goal: Goal, outcome: GoalOutcome) => void;
}

/** Where the files are that it sends, and those that it receives. */
const OUT = "/out";
const IN = "/in";

/** See the module's description. */
export class ClientHost extends Machine {
  readonly #options: ClientHostOptions;
  readonly #ended = new Set<Goal>();
  /** How often its programs told that they go on by themselves, and that they succeeded. */
  readonly retries = new Map<RetryEvent["kind"], number>();
  #abort = new AbortController();
  #client: Client | undefined;
  #sendPolicy: SendPolicy | undefined;
  #rateLimit: RateLimit | undefined;

  constructor(options: ClientHostOptions) {
    super(options);
    this.#options = options;
    // Creates the folder.
    this.disk.put(this.pathOf(".keep"), new Uint8Array(0));
  }

  /** Its last connection, even if closed; undefined before {@link start}. */
  get connection(): Connection | undefined {
    return this.process?.watcher.lastConnection;
  }

  /** Why its connection was closed; undefined if it is open. */
  get closeReason(): CloseReason | undefined {
    return this.connection?.closeReason;
  }

  /** Goals that have an outcome. */
  get outcomeCount(): number {
    return this.#ended.size;
  }

  get goalCount(): number {
    return this.#options.goals.length;
  }

  get isDone(): boolean {
    return this.#ended.size === this.goalCount;
  }

  /** Connects, and pursues all goals that have no outcome, concurrently. */
  start(nowUs: () => number): void {
    this.#client = undefined;
    this.#abort = new AbortController();
    const program = this.boot(nowUs);
    const { host, port } = NetAddress.parse(this.#options.serverAddress);
    const { identity, timeoutMs, retryForMs, compress, onSample } = this.#options;
    const options = {
      compress,
      onRetry: ({ kind }: RetryEvent) => void this.retries.set(kind, (this.retries.get(kind) ?? 0) + 1),
      ...(identity === undefined ? {} : { identity }),
      ...(onSample === undefined ? {} : { onSample }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(retryForMs === undefined ? {} : { retryForMs }),
    };
    this.#run(connect({ host, port, signal: this.#abort.signal, ...options }, program))
      .catch((error) => program.crash(error));
  }

  /** The path of a file that it receives: all go into one folder. */
  pathOf(name: string): string {
    return `${IN}/${name.replaceAll("/", "_")}`;
  }

  /** The bytes of a file that it received, or undefined if there is none of that name. */
  contents(name: string): Uint8Array | undefined {
    return this.disk.contents(this.pathOf(name));
  }

  /** Aborts every goal, as Ctrl-C does. */
  cancel(): void {
    if (this.isDown) return;
    this.#abort.abort();
    for (const goal of this.#options.goals) if (goal.kind === "list") void this.#client?.close();
  }

  /** Changes its send policy, now or as soon as it is connected. */
  setSendPolicy(policy: SendPolicy): void {
    this.#sendPolicy = policy;
    if (!this.isDown) this.#client?.setSendPolicy(policy);
  }

  /** Limits its rate in each direction, now or as soon as it is connected. */
  setRateLimit(limit: RateLimit): void {
    this.#rateLimit = limit;
    if (!this.isDown) this.#client?.setRateLimit(limit);
  }

  async #run(connecting: Promise<Client>): Promise<void> {
    const { stays } = this.#options;
    const goals = this.#options.goals.filter((goal) => !this.#ended.has(goal));
    let client: Client;
    try {
      client = await connecting;
    } catch (error) {
      for (const goal of goals) this.#onOutcome(goal, failure(error));
      return;
    }
    this.#client = client;
    if (this.#sendPolicy !== undefined) client.setSendPolicy(this.#sendPolicy);
    if (this.#rateLimit !== undefined) client.setRateLimit(this.#rateLimit);
    await Promise.all(goals.map((goal) => this.#pursue(client, goal)));
    if (!stays) await client.close();
  }

  async #pursue(client: Client, goal: Goal): Promise<void> {
    let outcome: GoalOutcome;
    try {
      outcome = await this.#attempt(client, goal);
    } catch (error) {
      outcome = failure(error);
    }
    this.#onOutcome(goal, outcome);
  }

  async #attempt(client: Client, goal: Goal): Promise<GoalOutcome> {
    const { signal } = this.#abort;
    switch (goal.kind) {
      case "put": {
        const { name, sizeBytes, overwrite = false } = goal;
        if (goal.isPipe === true) {
          const source = piecesOf(this.#options.content(goal), sizeBytes);
          return { kind: "done", report: await client.sendFrom(source, { as: name, overwrite, signal }) };
        }
        // Two goals may have the same name.
        const path = `${OUT}/${this.#options.goals.indexOf(goal)}-${name}`;
        this.disk.put(path, this.#options.content(goal), { sizeBytes, modifiedMs: 1000 });
        return { kind: "done", report: await client.send(path, { as: name, overwrite, signal }) };
      }
      case "get": {
        const listed = goal.isListed === true ? { sizeBytes: goal.sizeBytes } : {};
        return {
          kind: "done",
          report: await client.get(goal.name, { output: this.pathOf(goal.name), signal, ...listed }),
        };
      }
      case "list":
        return { kind: "done", entries: await client.list() };
    }
  }

  #onOutcome(goal: Goal, outcome: GoalOutcome): void {
    this.#ended.add(goal);
    this.#options.onOutcome(goal, outcome);
  }
}

/** The outcome of a goal that failed with `error`; rethrows an error that is a bug. */
function failure(error: unknown): GoalOutcome {
  if (!(error instanceof SluiceError)) throw error;
  return { kind: error.kind, message: error.message };
}

/** What a pipe yields at a time. */
const PIECE_BYTES = 60_000;

/** A pipe that repeats `content` up to a size. */
async function* piecesOf(content: Uint8Array, sizeBytes: number): AsyncIterable<Uint8Array> {
  for (let done = 0; done < sizeBytes;) {
    const at = done % content.length;
    const piece = content.subarray(at, Math.min(at + PIECE_BYTES, at + sizeBytes - done));
    done += piece.length;
    yield piece;
  }
}
