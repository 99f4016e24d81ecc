/**
 * The machine on which the programs run, as far as they need one: a clock, chance, timers, sockets, a disk. `io/` is the
 * real one; `sim/` has one of virtual time, on which the same programs are tried out from a seed.
 *
 * @module
 */

import type { NetAddress } from "../base/net_address.ts";
import type { Connection, ConnectionConfig, Endpoint } from "../protocol/mod.ts";
import type { Disk } from "../store/disk.ts";
import type { FaultOptions } from "./api.ts";

/** A machine. */
export interface Platform {
  /** Microseconds since some moment, whole, never going back. */
  nowUs(): number;
  /** Unpredictable bytes. */
  randomBytes(count: number): Uint8Array;
  /** A timer that calls `action`; it is not set yet. */
  timer(action: () => void): Timer;
  /**
   * A promise to be settled by hand. Programs make theirs here, so that a machine of virtual time hears when one was
   * settled, and lets those who wait for it go on before time does.
   */
  defer<Value>(): PromiseWithResolvers<Value>;
  /** An IP literal for a host name. Rejects with SluiceError. */
  resolveHost(host: string): Promise<string>;
  /** Binds a socket. Throws SluiceError where the address cannot be used. */
  openSocket(options: SocketOptions): DatagramSocket;
  /** What is known beforehand of its links. `isSimulated`: faults are injected, and loopback stands for a real link. */
  linkOptions(isSimulated: boolean): LinkOptions;
  readonly disk: Disk;
  /** A bug, or a dead socket: ends the program. */
  crash(error: unknown): void;
  /** Looks on. */
  readonly watcher?: Watcher;
}

/** A timer that can be set any number of times. */
export interface Timer {
  /** Has it fire once, not before `delayUs` have passed, on a later turn; what it was set to before is forgotten. */
  set(delayUs: number): void;
  /** It does not fire any more until it is set again. */
  clear(): void;
}

/** Of the connections to a peer. */
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
  /** Hears one line for each injected fault. */
  readonly onFault?: ((line: string) => void) | undefined;
}

/** Takes a datagram; the bytes are a view that is valid during the call alone. */
export type DatagramReceiver = (bytes: Uint8Array, remote: NetAddress) => void;

/** A UDP socket that was bound. */
export interface DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  /** Gives every datagram to `receiver`; resolves when the socket was closed. */
  receiveAll(receiver: DatagramReceiver): Promise<void>;
  /**
   * Sends a datagram. The buffer may be reused when the promise has resolved, or at once where there is none. What the
   * network refuses counts as lost on the way.
   */
  send(bytes: Uint8Array, remote: NetAddress): Promise<void> | undefined;
  /** Resolves when nothing is held back any more, so that closing loses no last word. */
  drained(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Who looks on at a machine's connections, and may throw where something is not as it must be. */
export interface Watcher {
  onEndpoint(endpoint: Endpoint): void;
  /** The connection has said all that it has to say for now. */
  onServed(connection: Connection): void;
}

/** Resolves after `delayMs`. */
export function sleep(platform: Pick<Platform, "defer" | "timer">, delayMs: number): Promise<void> {
  const { promise, resolve } = platform.defer<void>();
  platform.timer(resolve).set(delayMs * 1000);
  return promise;
}
