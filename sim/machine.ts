/**
 * A machine of the simulated world: an address, a disk, and the program that runs on it, which can be killed at any
 * point and started again.
 *
 * @module
 */

import { WORTH_KEEPING_BYTES } from "../store/temporary_file.ts";
import { invariant } from "../base/invariant.ts";
import type { Random } from "../base/random.ts";
import type { Connection, ConnectionConfig, ConnectionObserver } from "../protocol/mod.ts";
import type { DiskFaults } from "./disk/faults.ts";
import { SimulatedDisk } from "./disk/disk.ts";
import type { SendDatagram, SimNode } from "./node.ts";
import { Process } from "./process.ts";
import { Processor, type ProcessorOptions } from "./processor.ts";
import type { InvariantChecker } from "./invariant_checker.ts";
import type { Quiescence } from "./quiescence.ts";

/** What a new partial file is locked with. */
const LOCKING = ["lock", "lstat", "fstat"] as const;

/** What a machine is made with. */
export interface MachineOptions {
  readonly address: string;
  readonly random: Random;
  /** For all connections of its programs. */
  readonly config: Partial<ConnectionConfig>;
  readonly quiescence: Quiescence;
  /** Faults and delays of its disk. Default: none. */
  readonly diskFaults?: DiskFaults;
  /** Other work that its processor has. Default: none. */
  readonly processor?: ProcessorOptions | undefined;
  /** How many datagrams its programs' sockets send in one call. Default: 1. */
  readonly maxSegments?: number | undefined;
  /** Looks into its connections. */
  readonly observer?: ConnectionObserver | undefined;
}

/** See the module's description. */
export class Machine implements SimNode {
  readonly addresses: readonly string[];
  readonly disk: SimulatedDisk;
  readonly #options: MachineOptions;
  readonly #processor: Processor | undefined;
  #send: SendDatagram | undefined;
  #process: Process | undefined;
  readonly #checkers: InvariantChecker[] = [];
  #isDown = false;
  /** Partial files of programs that were killed. */
  #stalePartialFiles = 0;

  constructor(options: MachineOptions) {
    this.addresses = [options.address];
    this.#options = options;
    const { diskFaults = {}, processor, random, quiescence } = options;
    this.#processor = processor === undefined ? undefined : new Processor(processor, random.fork("processor"));
    this.disk = new SimulatedDisk({
      random: random.fork("disk"),
      faults: diskFaults,
      schedule: (run, delayUs) => this.#schedule(run, delayUs),
      onSettled: () => quiescence.disturb(),
    });
    // After any operation but reads and writes, the promise of an asynchronous caller may settle.
    this.disk.meter.beforeOperation = (operation) => {
      if (operation !== "read" && operation !== "write") quiescence.disturb();
    };
  }

  get address(): string {
    return this.addresses[0]!;
  }

  /** The present program, or the last one; undefined before the first start. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** Whether it is down: it neither receives nor sends. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /**
   * Partial files on its disk that nobody resumes, without those that are removed when they are a week old: those of
   * programs that were killed, and empty ones that could not be locked.
   */
  get partialFiles(): number {
    return Math.max(0, this.#smallPartialFiles - this.#stalePartialFiles - this.#unlockedPartialFiles);
  }

  /** A new one that could not be locked, or not be looked at then, stays for the next try. */
  get #unlockedPartialFiles(): number {
    const { faultCounts } = this.disk.meter;
    const faults = LOCKING.reduce((sum, operation) => sum + (faultCounts.get(`EIO ${operation}`) ?? 0), 0);
    return Math.min(faults, this.disk.temporarySizes().filter((sizeBytes) => sizeBytes === 0).length);
  }

  get #smallPartialFiles(): number {
    return this.disk.temporarySizes().filter((sizeBytes) => sizeBytes < WORTH_KEEPING_BYTES).length;
  }

  /** The checker of each program that ran. */
  get checkers(): readonly InvariantChecker[] {
    return this.#checkers;
  }

  /** Its connections that are not closed. */
  get connections(): Iterable<Connection> {
    return this.#process?.watcher.connections ?? [];
  }

  get connectionCount(): number {
    const program = this.#process;
    return program === undefined || program.isOver ? 0 : program.watcher.connectionCount;
  }

  /** Starts a program; the previous one was killed or has ended. */
  boot(nowUs: () => number): Process {
    invariant(this.#send !== undefined, "a machine is on a network before it runs a program");
    const { address, random, config, quiescence, maxSegments, observer } = this.#options;
    const { disk } = this;
    const own = { random: random.fork(`start ${this.#checkers.length}`), send: this.#send };
    quiescence.disturb();
    this.#isDown = false;
    const program = new Process({ address, nowUs, quiescence, config, disk, maxSegments, observer, ...own });
    this.#checkers.push(program.watcher);
    return this.#process = program;
  }

  /** Suspends the machine for a while; `hasClockStood`: see {@link Process.resume}. */
  sleep(options: { readonly hasClockStood: boolean }): { wake(): void } {
    const program = this.#process;
    program?.suspend();
    return { wake: () => program?.resume(options) };
  }

  /** Kills the program; what it has written stays. */
  kill(): void {
    this.#isDown = true;
    this.#process?.kill();
    this.#processor?.clear();
    this.disk.killProcess();
    this.#stalePartialFiles = this.#smallPartialFiles;
  }

  /** Cuts the power: any part of what was not synced is lost. */
  cutPower(): void {
    this.kill();
    this.disk.crash(this.#options.random.fork(`power cut ${this.#checkers.length}`));
    this.#stalePartialFiles = this.#smallPartialFiles;
  }

  /** Disk operations of a program end with it. */
  #schedule(action: () => void, delayUs: number): void {
    if (delayUs === 0) action();
    else this.#process!.timer(action).set(delayUs);
  }

  // --- for the network ---

  attach(send: SendDatagram): void {
    this.#send = send;
  }

  receive(nowUs: number, datagram: Uint8Array, from: string): void {
    const processor = this.#processor;
    const hasToWait = processor !== undefined && (processor.hasWaiting || processor.availableUs(nowUs) > nowUs);
    if (hasToWait) processor.keep(datagram, from);
    else this.#process?.receive(datagram, from);
  }

  /** Programs send at once, by {@link attach}. */
  pollTransmit(): undefined {}

  pollTimeout(): number {
    const dueUs = this.#process?.dueUs ?? Infinity;
    return this.#processor?.nextUs(dueUs) ?? dueUs;
  }

  /** With a busy processor, one event at a time, so that what awaits it runs before the next, as in an event loop. */
  handleTimeout(nowUs: number): void {
    const [program, processor] = [this.#process, this.#processor];
    if (processor === undefined) return program?.handleTimers(nowUs);
    if (processor.availableUs(nowUs) > nowUs) return;
    if (program?.handleTimer(nowUs) === true) return;
    const waiting = processor.takeWaiting();
    if (waiting !== undefined) program?.receive(waiting.datagram, waiting.from);
  }
}
