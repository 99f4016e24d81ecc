/**
 * A UDP socket of Linux that sends and receives many datagrams in one call: `sendmsg` with segmentation offload (GSO, Linux
 * 4.18), `recvmmsg` with coalescing (GRO, 5.0), and a receive buffer of megabytes. `docs/ARCHITECTURE.md` has the figures.
 *
 * Participants: `libc.ts` has the calls, `message_vectors.ts` the structures; `system_socket.ts` decides whether this socket
 * is used. A thread of Deno's pool waits in `recvmmsg` and fetches what comes first; the rest is fetched by the main thread,
 * which sends as well, neither of them waiting. The thread writes only while the main thread reads nothing received.
 *
 * The socket's number is closed when no call uses it any more, never before: the system gives it to the next file.
 *
 * Non-goal: forbidding fragments, which is an option of a socket and not of a datagram, while large datagrams are worth
 * their fragments on some paths (`jumbo_policy.ts`).
 *
 * Hot: allocates nothing per datagram from a known address.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { getSystemErrorName } from "node:util";
import type { DatagramReceiver, DatagramSocket, SocketOptions } from "../app/platform.ts";
import { NetAddress } from "../base/net_address.ts";
import { formatBytes } from "../base/units.ts";
import { DEFAULT_CONFIG } from "../protocol/mod.ts";
import { nowUs } from "./clock.ts";
import type { LibC } from "./libc.ts";
import { INTERVAL_US, ReceiveModeration } from "./receive_moderation.ts";
import { ReceiveVector, SendMessage, VECTOR_LENGTH } from "./message_vectors.ts";
import { AF_INET, AF_INET6, decodeAddress, encodeAddress, SOCKADDR_IN6_BYTES } from "./socket_address.ts";
import { ErrorQueue } from "./error_queue.ts";
import { bindError, unreachableReason } from "./udp_socket.ts";

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SHUT_RDWR = 2;
const MSG_DONTWAIT = 0x40;
/** Waits for the first message alone. */
const MSG_WAITFORONE = 0x10000;
const POLLOUT = 4;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
/** As SO_RCVBUF, beyond the system's limit, for a privileged program. */
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

const EINTR = 4;
const EIO = 5;
const EBADF = 9;
const EAGAIN = 11;
const EFAULT = 14;
const EINVAL = 22;
const ENOTSOCK = 88;
const EMSGSIZE = 90;

/** Of each buffer. The system allows an unprivileged program `net.core.rmem_max`, 4 MiB or 208 KiB, and doubles it. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * The share of the receive buffer, as the system reports it, that may arrive at once: half of what it holds of Ethernet's
 * datagrams, whose bookkeeping takes a third of it.
 */
const BURST_SHARE = 5 / 16;

/** A thread of Deno's pool waits for each; it has 512, which also read and write files. */
const MAX_SOCKETS = 64;

/** As many as the kernel makes of one message. */
const MAX_SEGMENTS = 64;

/** While datagrams keep coming, the timers and the other sockets have their turn after so many calls. */
const ROUNDS_PER_TURN = 4;

/** A socket that answers so often that it is ready, and then that it is not, is broken. */
const MAX_FAILURES = 100;

/** Addresses are known until there are so many, see {@link NetAddressCache}. */
const MAX_KNOWN_ADDRESSES = 4096;

/** How long a full send buffer is waited for at a time, milliseconds. */
const POLL_TIMEOUT_MS = 1000;

/** An address that is sent to. */
interface Target {
  readonly name: Uint8Array;
  /** Longer datagrams are not sent in one call, since the device or the path refused. */
  maxSegmentBytes: number;
}

/** See the module's description. */
export class BatchSocket implements DatagramSocket {
  static #openCount = 0;
  readonly hostname: string;
  readonly port: number;
  readonly description: string;
  readonly maxSegments = MAX_SEGMENTS;
  readonly receiveBurstBytes: number;
  readonly #libc: LibC;
  readonly #fd: number;
  readonly #isIPv6: boolean;
  readonly #onUnreachable: SocketOptions["onUnreachable"];
  /** Undefined where nobody asks what the network says. */
  readonly #errors: ErrorQueue | undefined;
  readonly #vector: ReceiveVector;
  readonly #message: SendMessage;
  readonly #hasGso: boolean;
  readonly #targets = new WeakMap<NetAddress, Target>();
  /** Addresses by the words of their structures. */
  readonly #known = new Map<string, NetAddress>();
  /** Most datagrams come from where the one before came from. */
  readonly #lastName = new Uint32Array(SOCKADDR_IN6_BYTES / 4);
  #lastSender: NetAddress | undefined;
  /** `pollfd`: the socket, and that it has room for what is sent. It lives as long as the socket. */
  readonly #wanted = new Int32Array(new ArrayBuffer(8));
  /** Calls that wait in other threads. */
  #waiting = 0;
  #isClosed = false;

  private constructor(libc: LibC, options: SocketOptions, { fd, isIPv6 }: { fd: number; isIPv6: boolean }) {
    this.#libc = libc;
    this.#fd = fd;
    this.#isIPv6 = isIPv6;
    this.#onUnreachable = options.onUnreachable;
    this.#errors = options.onUnreachable && ErrorQueue.open(libc, { fd, isIPv6 });
    const name = new Uint8Array(new ArrayBuffer(SOCKADDR_IN6_BYTES));
    libc.getsockname(fd, name, Uint32Array.of(SOCKADDR_IN6_BYTES));
    ({ host: this.hostname, port: this.port } = decodeAddress(name));
    this.#hasGso = getOption(libc, fd, [SOL_UDP, UDP_SEGMENT]) !== undefined;
    const hasGro = setOption(libc, fd, [SOL_UDP, UDP_GRO], 1);
    if (!setOption(libc, fd, [SOL_SOCKET, SO_RCVBUFFORCE], BUFFER_BYTES)) {
      setOption(libc, fd, [SOL_SOCKET, SO_RCVBUF], BUFFER_BYTES);
    }
    setOption(libc, fd, [SOL_SOCKET, SO_SNDBUF], BUFFER_BYTES);
    const bufferBytes = getOption(libc, fd, [SOL_SOCKET, SO_RCVBUF]) ?? 0;
    this.receiveBurstBytes = Math.max(DEFAULT_CONFIG.receiveBurstBytes, Math.floor(BURST_SHARE * bufferBytes));
    const offloads = [...(this.#hasGso ? ["GSO"] : []), ...(hasGro ? ["GRO"] : [])];
    this.description = `batched calls (${[...offloads, `receive buffer ${formatBytes(bufferBytes)}`].join(", ")})`;
    this.#wanted.set([fd, POLLOUT]);
    this.#vector = new ReceiveVector(libc);
    this.#message = new SendMessage(libc);
  }

  /** Binds a socket, or returns why it cannot be used. Throws SluiceError if the address cannot be used. */
  static open(options: SocketOptions, libc: LibC): BatchSocket | string {
    const address = NetAddress.of(options.hostname, options.port);
    const { isIPv6 } = address;
    if (BatchSocket.#openCount >= MAX_SOCKETS) return `${MAX_SOCKETS} sockets have batched calls already`;
    const fd = libc.socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw openError(libc, options);
    const name = encodeAddress(address, { isIPv6, interfaceIndex: (zone) => interfaceIndex(libc, zone) });
    try {
      // Some sandboxes lack the call, or forbid it.
      const probe = new Uint8Array(new ArrayBuffer(64));
      if (libc.recvmmsg(fd, probe, 0, MSG_DONTWAIT, null) !== 0) {
        const reason = `recvmmsg: ${libc.strerror(libc.errno())}`;
        libc.close(fd);
        return reason;
      }
      if (libc.bind(fd, name, name.length) !== 0) throw openError(libc, options);
      const socket = new BatchSocket(libc, options, { fd, isIPv6 });
      BatchSocket.#openCount++;
      return socket;
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Passes every datagram to `receiver`, until the socket is closed. */
  async receiveAll(receiver: DatagramReceiver): Promise<void> {
    let datagrams = 0;
    const read = (bytes: Uint8Array, name: Uint32Array): void => {
      datagrams++;
      if (!this.#isClosed) receiver.datagram(bytes, this.#senderOf(name));
    };
    const moderation = new ReceiveModeration();
    this.#waiting++;
    try {
      for (let failures = 0; !this.#isClosed && failures < MAX_FAILURES; failures++) {
        const { isModerated } = moderation;
        const beganUs = nowUs();
        datagrams = 0;
        let count = await (isModerated ? this.#libc.usleepWaiting(INTERVAL_US) : this.#wait());
        const waitedUs = nowUs() - beganUs;
        if (isModerated || (count < 0 && this.#fetchErrors())) failures = 0;
        if (count <= 0 && !this.#isClosed) count = this.#receiveNow();
        for (let round = 1; count > 0 && !this.#isClosed; round++) {
          failures = 0;
          this.#vector.read(count, read);
          receiver.batchEnded();
          if (round % ROUNDS_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
          if (!this.#isClosed) count = this.#receiveNow();
        }
        if (isModerated) moderation.onInterval(datagrams);
        else moderation.onWake(waitedUs, datagrams);
      }
      if (!this.#isClosed) throw new Error("the socket is ready to receive, and nothing comes");
    } finally {
      this.#waiting--;
      this.#closeUnused();
    }
  }

  /**
   * Sends datagrams, see {@link DatagramSocket.send}: at once, unless the send buffer is full. A datagram that the network
   * refuses counts as lost.
   */
  send(bytes: Uint8Array, segmentBytes: number, remote: NetAddress): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    const target = this.#targetOf(remote);
    const sentBytes = this.#sendNow(bytes, segmentBytes, target);
    return sentBytes === bytes.length ? undefined : this.#sendLater(bytes.subarray(sentBytes), segmentBytes, target);
  }

  /** Nothing is held back. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Wakes the threads that wait for it, and says that it was not connected.
    this.#libc.shutdown(this.#fd, SHUT_RDWR);
    this.#closeUnused();
  }

  #closeUnused(): void {
    if (!this.#isClosed || this.#waiting > 0) return;
    this.#libc.close(this.#fd);
    BatchSocket.#openCount--;
    this.#vector.release();
  }

  /** Waits for what comes, and fetches it: how many messages, or less than 1 if another call tells more. */
  #wait(): Promise<number> {
    return this.#libc.recvmmsgWaiting(this.#fd, this.#vector.headers, VECTOR_LENGTH, MSG_WAITFORONE, null);
  }

  /** Fetches what has come; returns how many messages, 0 for none. */
  #receiveNow(): number {
    const count = this.#libc.recvmmsg(this.#fd, this.#vector.headers, VECTOR_LENGTH, MSG_DONTWAIT, null);
    if (count >= 0) return count;
    this.#throwIfBroken(this.#libc.errno());
    this.#fetchErrors();
    return 0;
  }

  /** Fetches what the network says of what was sent; returns whether it said anything. */
  #fetchErrors(): boolean {
    let isReported = false;
    if (!this.#isClosed) {
      this.#errors?.fetch((errno) => {
        isReported = true;
        this.#tellUnreachable(errno);
      });
    }
    return isReported;
  }

  #tellUnreachable(errno: number): void {
    const reason = unreachableReason(getSystemErrorName(-errno));
    if (reason !== undefined) this.#onUnreachable?.(reason);
  }

  /** Sends what fits into the send buffer; returns how many bytes that was. */
  #sendNow(bytes: Uint8Array, segmentBytes: number, target: Target): number {
    let at = 0;
    // Once for an empty datagram, too.
    do {
      const leftBytes = bytes.length - at;
      const isBatch = leftBytes > segmentBytes && this.#hasGso && segmentBytes <= target.maxSegmentBytes;
      const length = isBatch ? leftBytes : Math.min(segmentBytes, leftBytes);
      const part = length === bytes.length ? bytes : bytes.subarray(at, at + length);
      this.#message.set(part, isBatch ? segmentBytes : 0, target.name);
      if (this.#libc.sendmsg(this.#fd, this.#message.header, MSG_DONTWAIT) >= 0) {
        at += length;
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === EAGAIN) break;
      if (errno === EINTR) continue;
      if (isBatch && isRefusedOffload(errno)) {
        // A device without checksums refuses all; a datagram that is sent in fragments is refused for its length.
        target.maxSegmentBytes = errno === EIO ? 0 : segmentBytes - 1;
        continue;
      }
      this.#throwIfBroken(errno);
      this.#tellUnreachable(errno);
      this.#fetchErrors();
      at += length;
    } while (at < bytes.length);
    return at;
  }

  /** Sends the rest when the send buffer has room. */
  async #sendLater(bytes: Uint8Array, segmentBytes: number, target: Target): Promise<void> {
    this.#waiting++;
    try {
      let rest = bytes;
      while (rest.length > 0 && !this.#isClosed) {
        await this.#libc.pollWaiting(this.#wanted, 1n, POLL_TIMEOUT_MS);
        if (!this.#isClosed) rest = rest.subarray(this.#sendNow(rest, segmentBytes, target));
      }
    } finally {
      this.#waiting--;
      this.#closeUnused();
    }
  }

  /** Network errors are losses, from which the protocol recovers; others are ours. */
  #throwIfBroken(errno: number): void {
    if (errno === EBADF || errno === ENOTSOCK || errno === EFAULT) {
      throw new Error(`a call of the socket failed: ${this.#libc.strerror(errno)}`);
    }
  }

  #targetOf(remote: NetAddress): Target {
    let target = this.#targets.get(remote);
    if (target === undefined) {
      const name = encodeAddress(remote, {
        isIPv6: this.#isIPv6,
        interfaceIndex: (zone) => interfaceIndex(this.#libc, zone),
      });
      this.#targets.set(remote, target = { name, maxSegmentBytes: Infinity });
      // What comes from there is from this very address, also if a zone is spelled in another way.
      this.#remember(keyOf(new Uint32Array(name.buffer)), remote);
    }
    return target;
  }

  #senderOf(name: Uint32Array): NetAddress {
    const last = this.#lastName;
    const length = (name[0]! & 0xffff) === AF_INET ? 2 : last.length;
    let isSame = this.#lastSender !== undefined;
    for (let word = 0; word < length && isSame; word++) isSame = last[word] === name[word];
    if (isSame) return this.#lastSender!;
    const key = keyOf(name);
    const sender = this.#known.get(key) ?? this.#remember(key, decodeAddress(new Uint8Array(name.slice().buffer)));
    last.set(name);
    return this.#lastSender = sender;
  }

  /** An attacker can forge any number of addresses. */
  #remember(key: string, address: NetAddress): NetAddress {
    if (this.#known.size >= MAX_KNOWN_ADDRESSES) this.#known.clear();
    this.#known.set(key, address);
    return address;
  }
}

/** The words of a structure that make up the address. */
function keyOf(name: Uint32Array): string {
  return (name[0]! & 0xffff) === AF_INET ? `${name[0]},${name[1]}` : name.join(",");
}

function isRefusedOffload(errno: number): boolean {
  return errno === EIO || errno === EINVAL || errno === EMSGSIZE;
}

function openError(libc: LibC, options: SocketOptions): Error {
  const errno = libc.errno();
  return bindError(options, getSystemErrorName(-errno), `${libc.strerror(errno)} (os error ${errno})`);
}

function interfaceIndex(libc: LibC, name: string): number {
  return libc.if_nametoindex(new TextEncoder().encode(`${name}\0`));
}

function setOption(libc: LibC, fd: number, [level, option]: readonly [number, number], value: number): boolean {
  return libc.setsockopt(fd, level, option, Int32Array.of(value), 4) === 0;
}

function getOption(libc: LibC, fd: number, [level, option]: readonly [number, number]): number | undefined {
  const value = Int32Array.of(0);
  return libc.getsockopt(fd, level, option, value, Uint32Array.of(4)) === 0 ? value[0] : undefined;
}
