/**
 * What the programs need of a machine: a clock, random bytes, timers, sockets, a disk. `io/` has the real one, `sim/` one of
 * virtual time, which runs the same programs from a seed.
 *
 * @module
 */

import type { NetAddress } from "../base/net_address.ts";
import type { Connection, ConnectionConfig, Endpoint } from "../protocol/mod.ts";
import type { Disk } from "../store/disk.ts";
import type { FaultOptions } from "./api.ts";

/** A machine. */
export interface Platform {
  /** Whole microseconds since some moment; monotonic. */
  nowUs(): number;
  /** Unpredictable bytes. */
  randomBytes(count: number): Uint8Array;
  /** A timer that calls `action`; it is not set yet. */
  timer(action: () => void): Timer;
  /**
   * A promise that its maker settles. Programs make theirs here, so that a machine of virtual time learns when one was
   * settled, and runs what awaits it before its clock advances.
   */
  defer<Value>(): PromiseWithResolvers<Value>;
  /**
   * The addresses of a host name as canonical IP literals, at least one, in the order of the system's resolver; of an IP
   * literal that one. Rejects with SluiceError.
   */
  resolveHost(host: string): Promise<readonly string[]>;
  /** Binds a socket. Throws SluiceError if the address cannot be used. */
  openSocket(options: SocketOptions): DatagramSocket;
  /** What is known of its links in advance. `isSimulated`: faults are injected, and loopback stands for a real link. */
  linkOptions(isSimulated: boolean): LinkOptions;
  readonly disk: Disk;
  /** Ends the program: a bug, or a socket that failed. */
  crash(error: unknown): void;
  /** Observes the connections. */
  readonly watcher?: Watcher;
}

/** A timer that can be set any number of times. */
export interface Timer {
  /** Sets it to fire once, in a later tick, when at least `delayUs` have passed; replaces the previous deadline. */
  set(delayUs: number): void;
  /** Stops it until it is set again. */
  clear(): void;
}

/** Options of connections, by what is known of their links. */
export interface LinkOptions {
  readonly config: Partial<ConnectionConfig>;
  /** What differs for one peer, by its address. */
  readonly configFor?: (remote: NetAddress) => Partial<ConnectionConfig>;
}

/** Where to bind, and what to inject. */
export interface SocketOptions {
  /** An IP literal. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly simulate?: FaultOptions | undefined;
  /** Whether the system's own calls may be used where Deno's are slower. Default: yes. */
  readonly native?: boolean | undefined;
  /** Called with one line for each injected fault. */
  readonly onFault?: ((line: string) => void) | undefined;
  /**
   * Called when the system has no route to the address of a datagram, or, where the system's own calls are used, when the
   * network reports that its host or port cannot be reached; `reason` says so.
   */
  readonly onUnreachable?: ((reason: string) => void) | undefined;
}

/** Takes what arrives, in batches of one datagram or more. */
export interface DatagramReceiver {
  /** Takes a datagram; the bytes are a view that is valid only during the call. */
  datagram(bytes: Uint8Array, remote: NetAddress): void;
  /** Called after the last datagram of each batch, and perhaps where one had none. */
  batchEnded(): void;
}

/** A bound UDP socket. */
export interface DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  /** What it is, for a log: which calls it makes, and why not better ones. */
  readonly description: string;
  /** How many datagrams one {@link send} takes, at least 1. */
  readonly maxSegments: number;
  /** How many bytes may arrive at once without the loss of a datagram, while nothing else does. */
  readonly receiveBurstBytes: number;
  /** Passes every datagram to `receiver`; resolves when the socket is closed. */
  receiveAll(receiver: DatagramReceiver): Promise<void>;
  /**
   * Sends datagrams of `segmentBytes` each, of which the last may be shorter: up to {@link maxSegments}, and together no
   * more than the largest datagram, `MAX_DATAGRAM_BYTES`. The buffer may be reused when the promise has resolved, or at once if there is none.
   * A datagram that the network refuses counts as lost.
   */
  send(bytes: Uint8Array, segmentBytes: number, remote: NetAddress): Promise<void> | undefined;
  /** Resolves when no datagram is held back any more, so that closing loses no CONNECTION_CLOSE. */
  drained(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Observes a machine's connections; throws if an invariant does not hold. */
export interface Watcher {
  onEndpoint(endpoint: Endpoint): void;
  /** The connection has sent all that it has to send now. */
  onServed(connection: Connection): void;
}

/** Resolves after `delayMs`. */
export function sleep(platform: Pick<Platform, "defer" | "timer">, delayMs: number): Promise<void> {
  const { promise, resolve } = platform.defer<void>();
  platform.timer(resolve).set(delayMs * 1000);
  return promise;
}
