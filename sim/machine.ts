/**
 * A machine in the simulated world: an address, a disk, and the program that runs on it, which may be killed in the
 * middle of anything and started again.
 *
 * @module
 */

import type { Files } from "../app/platform.ts";
import { invariant } from "../protocol/invariant.ts";
import type { Connection, ConnectionConfig, Random } from "../protocol/mod.ts";
import type { SendDatagram, SimNode } from "./node.ts";
import { Process } from "./process.ts";
import type { Turn } from "./turn.ts";
import type { Watch } from "./watch.ts";

/** What a machine is made with. */
export interface MachineOptions {
  readonly address: string;
  readonly random: Random;
  /** Of all connections of its programs. */
  readonly config: Partial<ConnectionConfig>;
  readonly turn: Turn;
}

/** See the module's description. */
export class Machine implements SimNode {
  readonly addresses: readonly string[];
  readonly #options: MachineOptions;
  #send: SendDatagram | undefined;
  #process: Process | undefined;
  readonly #watches: Watch[] = [];
  #isDown = false;

  constructor(options: MachineOptions) {
    this.addresses = [options.address];
    this.#options = options;
  }

  get address(): string {
    return this.addresses[0]!;
  }

  /** The program that runs, or ran last; undefined before the first. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** Switched off: hears nothing and says nothing. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** What was seen of each program that ran. */
  get watches(): readonly Watch[] {
    return this.#watches;
  }

  /** Its connections that have not ended. */
  get connections(): Iterable<Connection> {
    return this.#process?.watcher.connections ?? [];
  }

  get connectionCount(): number {
    const program = this.#process;
    return program === undefined || program.isOver ? 0 : program.watcher.connectionCount;
  }

  /** Starts a program; what ran before has been killed. */
  boot(nowUs: () => number, files: Files): Process {
    invariant(this.#send !== undefined, "a machine is on a network before it runs anything");
    const { address, random, config, turn } = this.#options;
    const send = this.#send;
    turn.mark();
    this.#isDown = false;
    const ownRandom = random.fork(`start ${this.#watches.length}`);
    const program = new Process({ address, nowUs, random: ownRandom, turn, send, config, files });
    this.#watches.push(program.watcher);
    return this.#process = program;
  }

  /** Power off. */
  kill(): void {
    this.#isDown = true;
    this.#process?.kill();
  }

  /** Runs `action` in a while, unless the program is killed before; at once where that is 0. */
  schedule(action: () => void, delayUs: number): void {
    if (delayUs === 0) action();
    else this.#process!.timer(action).set(delayUs);
  }

  // --- for the network ---

  attach(send: SendDatagram): void {
    this.#send = send;
  }

  receive(_nowUs: number, datagram: Uint8Array, from: string): void {
    this.#process?.receive(datagram, from);
  }

  /** All has been said already. */
  pollTransmit(): undefined {}

  pollTimeout(): number {
    return this.#process?.dueUs ?? Infinity;
  }

  handleTimeout(nowUs: number): void {
    this.#process?.handleTimers(nowUs);
  }
}
