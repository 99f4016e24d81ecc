/**
 * A UDP socket by Deno's own calls. Hot: a datagram from or to a known address allocates no address.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import { invariant } from "../base/invariant.ts";
import type { DatagramReceiver, DatagramSocket, SocketOptions } from "../app/platform.ts";
import { formatHostPort, type NetAddress, NetAddressCache } from "../base/net_address.ts";
import { allocateAeadBuffer, releaseAeadBuffer } from "../protocol/mod.ts";

/** No UDP payload is larger. */
const BUFFER_BYTES = 65_536;

/** The kernel's default receive buffer, which Deno cannot set: it holds twice as much of full datagrams of Ethernet. */
const RECEIVE_BURST_BYTES = 65_536;

/** Error codes of a system that has no route to an address, and what they mean to the user. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: "this machine has no address of that kind",
  EAFNOSUPPORT: "this machine has no address of that kind",
  ECONNREFUSED: "connection refused: no server listens on this port",
  EHOSTUNREACH: "the host is unreachable from this machine; check the network",
  ENETUNREACH: "the network is unreachable from this machine; check the network",
};

/** A socket of the operating system. */
export class UdpSocket implements DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  readonly description: string;
  readonly maxSegments = 1;
  readonly receiveBurstBytes = RECEIVE_BURST_BYTES;
  readonly #listener: Deno.DatagramConn;
  readonly #onUnreachable: SocketOptions["onUnreachable"];
  /** The addresses of senders. */
  readonly #senders = new NetAddressCache();
  /** What Deno sends to, by address. */
  readonly #targets = new WeakMap<NetAddress, Deno.NetAddr>();
  readonly #isIPv6: boolean;
  #isClosed = false;

  private constructor(listener: Deno.DatagramConn, options: SocketOptions, reason: string) {
    this.#listener = listener;
    this.description = `a call for each datagram (${reason})`;
    this.#onUnreachable = options.onUnreachable;
    const address = listener.addr as Deno.NetAddr;
    this.hostname = address.hostname;
    this.port = address.port;
    this.#isIPv6 = address.hostname.includes(":");
  }

  /** Binds a socket; `reason` says why there is no better one. Throws SluiceError if the address cannot be used. */
  static open(options: SocketOptions, reason = "Deno's socket"): UdpSocket {
    const { hostname, port } = options;
    try {
      return new UdpSocket(Deno.listenDatagram({ transport: "udp", hostname, port }), options, reason);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw bindError(options, codeOf(error), text);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Passes every datagram to `receiver`, until the socket is closed. */
  async receiveAll(receiver: DatagramReceiver): Promise<void> {
    const buffer = allocateAeadBuffer(BUFFER_BYTES);
    try {
      await this.#receiveInto(buffer, receiver);
    } finally {
      releaseAeadBuffer(buffer);
    }
  }

  async #receiveInto(buffer: Uint8Array, receiver: DatagramReceiver): Promise<void> {
    while (!this.#isClosed) {
      let bytes: Uint8Array;
      let from: Deno.NetAddr;
      try {
        const received = await this.#listener.receive(buffer);
        bytes = received[0];
        from = received[1] as Deno.NetAddr;
      } catch (error) {
        if (this.#isClosed) return;
        // An ICMP error for something sent earlier (the peer's port is closed, no route): no datagram is lost by it.
        if (isTransient(error)) continue;
        throw error;
      }
      const remote = this.#senders.of(from.hostname, from.port);
      receiver.datagram(bytes, remote);
      receiver.batchEnded();
    }
  }

  /**
   * Sends one datagram. The buffer may be reused when the promise has resolved: at once, unless the send buffer is full. A
   * datagram that the network refuses counts as lost.
   */
  async send(bytes: Uint8Array, segmentBytes: number, remote: NetAddress): Promise<void> {
    invariant(bytes.length <= segmentBytes, "Deno's socket takes one datagram at a time");
    if (this.#isClosed) return;
    try {
      await this.#listener.send(bytes, this.#targetOf(remote));
    } catch (error) {
      if (this.#isClosed) return;
      if (!isTransient(error)) throw error;
      const reason = unreachableReason(codeOf(error));
      if (reason !== undefined) this.#onUnreachable?.(reason);
    }
  }

  /** Nothing is held back. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
  }

  /** What Deno sends to; made once for each address. */
  #targetOf(remote: NetAddress): Deno.NetAddr {
    let target = this.#targets.get(remote);
    if (target === undefined) {
      target = { transport: "udp", hostname: remote.hostFor({ isIPv6: this.#isIPv6 }), port: remote.port };
      this.#targets.set(remote, target);
    }
    return target;
  }
}

/** What the user is told when a socket cannot be bound, by the error's code and the system's text. */
export function bindError({ hostname, port }: SocketOptions, code: string, text: string): SluiceError {
  const where = formatHostPort(hostname, port);
  switch (code) {
    case "EADDRINUSE":
      return new SluiceError("failed", `${where} is in use by another program; stop it, or choose another port`);
    case "EADDRNOTAVAIL":
      return new SluiceError("failed", `${hostname} is not an address of this machine; choose one that is, or 0.0.0.0`);
    default:
      return new SluiceError("failed", `cannot listen on ${where}: ${text}`);
  }
}

/**
 * What the user should know of an error in sending, by its code, if there is no route to the address; undefined for other
 * errors.
 */
export function unreachableReason(code: string): string | undefined {
  return UNREACHABLE[code];
}

/** The code of an error of the operating system; "" if it has none. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Whether an error is the network's, from which the protocol recovers or times out, and not the program's. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Deno.errors.NotCapable) return false;
  return !(error instanceof TypeError) && !(error instanceof Deno.errors.BadResource);
}
