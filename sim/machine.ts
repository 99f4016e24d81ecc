/**
 * A machine in the simulated world: an address, a disk, and the program that runs on it, which may be killed in the
 * middle of anything and started again.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import type { Random } from "../base/random.ts";
import type { Connection, ConnectionConfig } from "../protocol/mod.ts";
import type { DiskFaults } from "./disk/faults.ts";
import { SimulatedDisk } from "./disk/disk.ts";
import type { SendDatagram, SimNode } from "./node.ts";
import { Process } from "./process.ts";
import type { Turn } from "./quiescence.ts";
import type { Watch } from "./invariant_checker.ts";

/** What a machine is made with. */
export interface MachineOptions {
  /** Its connections are encrypted. Default: they are not, so that a trace can be read. */
  readonly isEncrypted?: boolean;
  readonly address: string;
  readonly random: Random;
  /** Of all connections of its programs. */
  readonly config: Partial<ConnectionConfig>;
  readonly turn: Turn;
  /** What its disk does wrong, and how slow it is. Default: nothing, and not at all. */
  readonly diskFaults?: DiskFaults;
}

/** See the module's description. */
export class Machine implements SimNode {
  readonly addresses: readonly string[];
  readonly disk: SimulatedDisk;
  readonly #options: MachineOptions;
  #send: SendDatagram | undefined;
  #process: Process | undefined;
  readonly #watches: Watch[] = [];
  #isDown = false;
  /** Half files that a killed program could not remove. */
  #leftovers = 0;

  constructor(options: MachineOptions) {
    this.addresses = [options.address];
    this.#options = options;
    const { diskFaults = {}, random, turn } = options;
    this.disk = new SimulatedDisk({
      random: random.fork("disk"),
      faults: diskFaults,
      schedule: (run, delayUs) => this.#schedule(run, delayUs),
      onSettled: () => turn.mark(),
    });
    // Of whatever but reads and writes, a promise may be the caller, and end with it.
    this.disk.meter.beforeOperation = (operation) => {
      if (operation !== "read" && operation !== "write") turn.mark();
    };
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

  /** Half files on its disk, but for those of programs that were killed: they go when they are a day old. */
  get halfFiles(): number {
    return this.disk.temporaryFiles - this.#leftovers;
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

  /** Starts a program; what ran before has been killed, or has come to its end. */
  boot(nowUs: () => number): Process {
    invariant(this.#send !== undefined, "a machine is on a network before it runs anything");
    const { address, random, config, turn } = this.#options;
    const { disk } = this;
    const send = this.#send;
    turn.mark();
    this.#isDown = false;
    const ownRandom = random.fork(`start ${this.#watches.length}`);
    const program = new Process({ address, nowUs, random: ownRandom, turn, send, config, disk });
    this.#watches.push(program.watcher);
    return this.#process = program;
  }

  /** The program is killed; what it has written stays. */
  kill(): void {
    this.#isDown = true;
    this.#process?.kill();
    this.disk.killProcess();
    this.#leftovers = this.disk.temporaryFiles;
  }

  /** The power fails: of what the disk was not told to keep, any part is lost. */
  cutPower(): void {
    this.kill();
    this.disk.crash(this.#options.random.fork(`power cut ${this.#watches.length}`));
    this.#leftovers = this.disk.temporaryFiles;
  }

  /** What the disk does for the program ends with it. */
  #schedule(action: () => void, delayUs: number): void {
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
