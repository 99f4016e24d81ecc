/**
 * One run of a program on a machine of the simulated world: the platform that it sees, on virtual time. When it is
 * killed, nothing that it waits for ever comes.
 *
 * @module
 */

import { parseAddress } from "../app/address.ts";
import type { DatagramReceiver, DatagramSocket, LinkOptions, Platform, SocketOptions, Timer } from "../app/platform.ts";
import { invariant } from "../base/invariant.ts";
import type { Random } from "../base/random.ts";
import type { ConnectionConfig } from "../protocol/mod.ts";
import { EventHeap, ScheduledEvent } from "../netem/event_heap.ts";
import type { Disk } from "../store/disk.ts";
import type { SendDatagram } from "./node.ts";
import type { Turn } from "./quiescence.ts";
import { Watch } from "./invariant_checker.ts";

/** What a process is made with. */
export interface ProcessOptions {
  /** The machine's only address. */
  readonly address: string;
  readonly nowUs: () => number;
  readonly random: Random;
  readonly turn: Turn;
  readonly send: SendDatagram;
  /** Of all of its connections. */
  readonly config: Partial<ConnectionConfig>;
  readonly disk: Disk;
}

/** See the module's description. */
export class Process implements Platform {
  readonly watcher: Watch;
  readonly disk: Disk;
  readonly nowUs: () => number;
  readonly #options: ProcessOptions;
  readonly #timers = new EventHeap<ProcessTimer>();
  #socket: ProcessSocket | undefined;
  #isDead = false;
  #bug: unknown;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.nowUs = options.nowUs;
    this.disk = options.disk;
    this.watcher = new Watch(options.address, options.nowUs);
  }

  // --- what the program sees ---

  randomBytes(count: number): Uint8Array {
    return this.#options.random.bytes(count);
  }

  timer(action: () => void): Timer {
    return new ProcessTimer(this, action);
  }

  defer<Value>(): PromiseWithResolvers<Value> {
    return this.#options.turn.defer();
  }

  resolveHost(host: string): Promise<string> {
    return Promise.resolve(host);
  }

  openSocket(_options: SocketOptions): DatagramSocket {
    invariant(this.#socket === undefined || this.#socket.isClosed, "a process has one socket");
    return this.#socket = new ProcessSocket(this.#options, this.defer());
  }

  linkOptions(_isSimulated: boolean): LinkOptions {
    return { config: this.#options.config };
  }

  crash(error: unknown): void {
    this.#bug ??= error;
    this.#options.turn.mark();
  }

  // --- what the machine does ---

  /** Whether it was killed, or has closed its socket and so come to its end. */
  get isOver(): boolean {
    return this.#isDead || this.#socket?.isClosed === true;
  }

  /** When the first of its timers is due; Infinity where none is set. */
  get dueUs(): number {
    return this.#isDead ? Infinity : this.#timers.nextUs;
  }

  /** Why the program ended, where that was a bug of ours. */
  get bug(): unknown {
    return this.#bug;
  }

  receive(datagram: Uint8Array, from: string): void {
    if (!this.#isDead) this.#socket?.receive(datagram, from);
  }

  /** Runs what is due. */
  handleTimers(nowUs: number): void {
    for (let timer = this.#timers.popUntil(nowUs); timer !== undefined; timer = this.#timers.popUntil(nowUs)) {
      timer.action();
    }
  }

  /** Nothing more is heard or said, and nothing that it waits for comes. */
  kill(): void {
    this.#isDead = true;
    this.#socket?.die();
  }

  /** Has a timer wait for its time. */
  schedule(timer: ProcessTimer, delayUs: number): void {
    this.#timers.schedule(timer, this.nowUs() + Math.max(0, Math.ceil(delayUs)));
  }

  /** Takes it back. */
  cancel(timer: ProcessTimer): void {
    this.#timers.cancel(timer);
  }
}

class ProcessTimer extends ScheduledEvent implements Timer {
  constructor(readonly process: Process, readonly action: () => void) {
    super();
  }

  set(delayUs: number): void {
    if (delayUs < Infinity) this.process.schedule(this, delayUs);
    else this.clear();
  }

  clear(): void {
    this.process.cancel(this);
  }
}

/** Sends at once, so nothing ever waits for it. */
class ProcessSocket implements DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  readonly #send: SendDatagram;
  readonly #closed: PromiseWithResolvers<void>;
  #receiver: DatagramReceiver | undefined;
  #isClosed = false;

  constructor({ address, send }: ProcessOptions, closed: PromiseWithResolvers<void>) {
    const { hostname, port } = parseAddress(address);
    this.hostname = hostname;
    this.port = port;
    this.#send = send;
    this.#closed = closed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  receiveAll(receiver: DatagramReceiver): Promise<void> {
    this.#receiver = receiver;
    return this.#closed.promise;
  }

  send(bytes: Uint8Array, remote: string): undefined {
    if (!this.#isClosed) this.#send(bytes, remote);
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.die();
    this.#closed.resolve();
  }

  receive(datagram: Uint8Array, from: string): void {
    this.#receiver?.(datagram, from);
  }

  /** Nobody hears of it. */
  die(): void {
    this.#isClosed = true;
    this.#receiver = undefined;
  }
}
