/**
 * A client's machine in the simulated world: an endpoint with one connection, a session, its files, and goals.
 *
 * @module
 */

import type { TransferOutcome } from "../transfer/client_request.ts";
import type { QueryOutcome } from "../transfer/client_query.ts";
import { ClientSession } from "../transfer/client_session.ts";
import type { TransferFailure } from "../transfer/failure.ts";
import { ApplicationErrorCode } from "../transfer/handler.ts";
import { type CloseReason, type Connection, type ConnectionConfig, Endpoint, type Random } from "../protocol/mod.ts";
import { invariant } from "../protocol/invariant.ts";
import { Host, type HostEntry } from "./host.ts";
import { MemoryStore } from "./memory_store.ts";

/** One thing that a client wants. A file's content follows from the world's seed and its name. */
export type Goal =
  | { readonly kind: "put"; readonly name: string; readonly sizeBytes: number }
  | { readonly kind: "get"; readonly name: string; readonly sizeBytes: number }
  | { readonly kind: "list" };

/** How a goal ended. */
export type GoalOutcome = TransferOutcome | QueryOutcome | TransferFailure;

/** What a client's machine is made with. */
export interface ClientHostOptions {
  readonly address: string;
  readonly serverAddress: string;
  readonly goals: readonly Goal[];
  readonly random: Random;
  readonly config: Partial<ConnectionConfig>;
  /** Keeps the connection when all goals have an outcome. */
  readonly stays: boolean;
  /** What a file that is to be sent holds, over and over. */
  readonly content: (goal: Goal) => Uint8Array;
  readonly onOutcome: (goal: Goal, outcome: GoalOutcome) => void;
  /** Completes a commit when the simulated disk is done. */
  readonly schedule: (run: () => void) => void;
}

/** See the module's description. */
export class ClientHost extends Host {
  /** What it got. */
  readonly files: MemoryStore;
  /** What it sends. */
  readonly sources = new MemoryStore();
  readonly #options: ClientHostOptions;
  #entry: HostEntry | undefined;
  #session: ClientSession | undefined;
  #outcomes = 0;
  #closedFor: CloseReason | undefined;

  constructor(options: ClientHostOptions) {
    super({
      addresses: [options.address],
      endpoint: new Endpoint({
        isServer: false,
        randomBytes: (count) => options.random.bytes(count),
        config: options.config,
      }),
    });
    this.#options = options;
    this.files = new MemoryStore({ schedule: options.schedule });
  }

  /** Its connection; undefined before {@link start}. */
  get connection(): Connection | undefined {
    return this.#entry?.connection;
  }

  /** Why its connection ended; undefined while it has not. */
  get closedFor(): CloseReason | undefined {
    return this.#closedFor;
  }

  /** Goals that have an outcome. */
  get outcomes(): number {
    return this.#outcomes;
  }

  get goalCount(): number {
    return this.#options.goals.length;
  }

  get isDone(): boolean {
    return this.#outcomes === this.goalCount;
  }

  /** Connects, and sets out for all of its goals at once. */
  start(nowUs: number): void {
    if (this.isDown) return;
    this.nowUs = nowUs;
    const connection = this.endpoint.connect(nowUs, this.#options.serverAddress);
    const entry = this.register(connection);
    const session = new ClientSession({
      connection,
      wake: () => this.touch(entry),
      onClosed: (reason) => {
        this.#closedFor = reason;
      },
    });
    entry.session = session;
    this.#entry = entry;
    this.#session = session;
    for (const goal of this.#options.goals) this.#request(session, goal);
    this.touch(entry);
  }

  /** Gives every goal up, as a user does who presses Ctrl-C. */
  cancel(nowUs: number): void {
    this.nowUs = nowUs;
    this.#session?.cancelAll({ kind: "interrupted", message: "interrupted" });
  }

  #request(session: ClientSession, goal: Goal): void {
    let ended = false;
    const onDone = (outcome: GoalOutcome): void => {
      invariant(!ended, "a request has one outcome");
      ended = true;
      this.#onOutcome(goal, outcome);
    };
    switch (goal.kind) {
      case "put":
        this.sources.put(goal.name, this.#options.content(goal), { sizeBytes: goal.sizeBytes, modifiedMs: 1000 });
        session.put({ name: goal.name, file: this.sources.open(goal.name), overwrite: false, onDone });
        break;
      case "get":
        session.get({
          name: goal.name,
          create: (info) => this.files.create(info.name, { ...info, overwrite: false }),
          onDone,
        });
        break;
      case "list":
        session.query({ onDone });
        break;
    }
  }

  #onOutcome(goal: Goal, outcome: GoalOutcome): void {
    this.#outcomes++;
    this.#options.onOutcome(goal, outcome);
    if (this.isDone && !this.#options.stays) {
      this.connection!.close(this.nowUs, ApplicationErrorCode.noError, "");
      this.touch(this.#entry!);
    }
  }
}
