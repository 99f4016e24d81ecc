/**
 * One run of a program on a machine of the simulated world: the platform that it sees, on virtual time. When it is
 * killed, nothing that it awaits ever settles.
 *
 * @module
 */

import type { DatagramReceiver, DatagramSocket, LinkOptions, Platform, SocketOptions, Timer } from "../app/platform.ts";
import { invariant } from "../base/invariant.ts";
import { NetAddress } from "../base/net_address.ts";
import type { Random } from "../base/random.ts";
import { type ConnectionConfig, type ConnectionObserver, DEFAULT_CONFIG } from "../protocol/mod.ts";
import { EventHeap, ScheduledEvent } from "../netem/event_heap.ts";
import type { Disk } from "../store/disk.ts";
import type { SendDatagram } from "./node.ts";
import { InvariantChecker } from "./invariant_checker.ts";
import type { Quiescence } from "./quiescence.ts";

/** What a process is made with. */
export interface ProcessOptions {
  /** The machine's only address. */
  readonly address: string;
  readonly nowUs: () => number;
  readonly random: Random;
  readonly quiescence: Quiescence;
  readonly send: SendDatagram;
  /** For all of its connections. */
  readonly config: Partial<ConnectionConfig>;
  readonly disk: Disk;
  /** How many datagrams its socket sends in one call. Default: 1. */
  readonly maxSegments?: number | undefined;
  /** Looks into its connections. */
  readonly observer?: ConnectionObserver | undefined;
}

/** See the module's description. */
export class Process implements Platform {
  readonly watcher: InvariantChecker;
  readonly disk: Disk;
  readonly nowUs: () => number;
  readonly #options: ProcessOptions;
  readonly #timers = new EventHeap<ProcessTimer>();
  #socket: ProcessSocket | undefined;
  #isDead = false;
  /** Since when it is suspended, in the world's time. */
  #suspendedUs: number | undefined;
  /** How far its clock is behind the world's. */
  #behindUs = 0;
  #bug: unknown;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.nowUs = () => options.nowUs() - this.#behindUs;
    this.disk = options.disk;
    this.watcher = new InvariantChecker(options.address, this.nowUs, options.observer);
  }

  // --- the platform, for the program ---

  randomBytes(count: number): Uint8Array {
    return this.#options.random.bytes(count);
  }

  timer(action: () => void): Timer {
    return new ProcessTimer(this, action);
  }

  defer<Value>(): PromiseWithResolvers<Value> {
    return this.#options.quiescence.defer();
  }

  resolveHost(host: string): Promise<readonly string[]> {
    return Promise.resolve([host]);
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
    this.#options.quiescence.disturb();
  }

  // --- for the machine ---

  /** Whether it was killed, or has closed its socket, with which a program ends. */
  get isOver(): boolean {
    return this.#isDead || this.#socket?.isClosed === true;
  }

  /** When its first timer is due; Infinity if none is set. */
  get dueUs(): number {
    return this.#isDead || this.#suspendedUs !== undefined ? Infinity : this.#timers.nextUs + this.#behindUs;
  }

  /** The first error that the program did not handle: a bug of ours. */
  get bug(): unknown {
    return this.#bug;
  }

  receive(datagram: Uint8Array, from: string): void {
    if (!this.#isDead && this.#suspendedUs === undefined) this.#socket?.receive(datagram, from);
  }

  /** Runs the timers that are due. */
  handleTimers(nowUs: number): void {
    while (this.handleTimer(nowUs));
  }

  /** Runs the first timer that is due; returns whether there was one. */
  handleTimer(nowUs: number): boolean {
    const timer = this.#isDead ? undefined : this.#timers.popUntil(nowUs - this.#behindUs);
    timer?.action();
    return timer !== undefined;
  }

  /** The machine sleeps: no timer fires, and what is sent to it is lost. */
  suspend(): void {
    this.#suspendedUs = this.#options.nowUs();
  }

  /** The machine wakes. Its clock went on meanwhile, as Windows has it, or stood still, as Linux has it. */
  resume({ hasClockStood }: { readonly hasClockStood: boolean }): void {
    invariant(this.#suspendedUs !== undefined, "a machine that wakes has slept");
    if (hasClockStood) this.#behindUs += this.#options.nowUs() - this.#suspendedUs;
    this.#suspendedUs = undefined;
  }

  /** It neither receives nor sends any more, and nothing that it awaits settles. */
  kill(): void {
    this.#isDead = true;
    this.#socket?.die();
  }

  /** Sets a timer. Unless it is for the next turn of the event loop, it fires as late as the machine's resolution has it. */
  schedule(timer: ProcessTimer, delayUs: number): void {
    const { timerTickUs = 0 } = this.#options.config;
    const waitUs = delayUs <= 0 ? 0 : Math.max(timerTickUs, Math.ceil(delayUs + timerTickUs / 2));
    this.#timers.schedule(timer, this.nowUs() + waitUs);
  }

  /** Clears a timer. */
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

/** Sends at once, so it is always drained. */
class ProcessSocket implements DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  readonly description = "simulated";
  readonly maxSegments: number;
  readonly receiveBurstBytes: number;
  readonly #send: SendDatagram;
  /** The addresses that it received datagrams from, by the text by which the simulated network routes. */
  readonly #addresses = new Map<string, NetAddress>();
  readonly #closed: PromiseWithResolvers<void>;
  #receiver: DatagramReceiver | undefined;
  #isClosed = false;

  constructor({ address, config, maxSegments = 1, send }: ProcessOptions, closed: PromiseWithResolvers<void>) {
    const { host, port } = NetAddress.parse(address);
    this.hostname = host;
    this.port = port;
    this.maxSegments = maxSegments;
    this.receiveBurstBytes = config.receiveBurstBytes ?? DEFAULT_CONFIG.receiveBurstBytes;
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

  send(bytes: Uint8Array, segmentBytes: number, remote: NetAddress): undefined {
    invariant(bytes.length <= this.maxSegments * segmentBytes, "a socket sends no more datagrams at once than it says");
    for (let at = 0; at < bytes.length && !this.#isClosed; at += segmentBytes) {
      this.#send(bytes.subarray(at, at + segmentBytes), remote.text);
    }
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.die();
    this.#closed.resolve();
  }

  receive(datagram: Uint8Array, from: string): void {
    let remote = this.#addresses.get(from);
    if (remote === undefined) this.#addresses.set(from, remote = NetAddress.parse(from));
    this.#receiver?.datagram(datagram, remote);
    this.#receiver?.batchEnded();
  }

  /** Closes without notice: the promise of {@link receiveAll} never settles. */
  die(): void {
    this.#isClosed = true;
    this.#receiver = undefined;
  }
}
