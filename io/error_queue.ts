/**
 * What the network says of the datagrams that a socket of Linux sent: a closed port, an unreachable host (ICMP), as `ip(7)`
 * and `ipv6(7)` have it (IP_RECVERR). Without the option the system tells an unconnected socket nothing of it.
 *
 * A report is pending on the socket, where the next call fails with it, and lies in the socket's queue, where it must be
 * fetched: until then, `poll` returns at once.
 *
 * @module
 */

import type { LibC } from "./libc.ts";

const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;

const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x2000;

/** The header of one message, see `message_vectors.ts`, and after it room for the control data. */
const HEADER_BYTES = 64;
const CONTROL_BYTES = 512;
/** `cmsghdr`: len 0 (of 64 bits), level 8, type 12, then `sock_extended_err`, which begins with the error. */
const CMSG_HEADER_BYTES = 16;

/** Reports fetched at a time: a flood of them must not hold the program up. */
const MAX_REPORTS = 64;

/** The reports on one socket. */
export class ErrorQueue {
  readonly #libc: LibC;
  readonly #fd: number;
  readonly #message = new ArrayBuffer(HEADER_BYTES + CONTROL_BYTES);
  readonly #header = new Uint32Array(this.#message, 0, HEADER_BYTES / 4);
  readonly #control = new Uint32Array(this.#message, HEADER_BYTES);

  private constructor(libc: LibC, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    const words = new BigUint64Array(this.#message);
    words[4] = libc.addressOf(new Uint8Array(this.#message)) + BigInt(HEADER_BYTES);
  }

  /** Asks for reports; undefined if the system does not have them. */
  static open(libc: LibC, socket: { readonly fd: number; readonly isIPv6: boolean }): ErrorQueue | undefined {
    const { fd, isIPv6 } = socket;
    const on = new Uint8Array(Int32Array.of(1).buffer);
    const level = isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const result = libc.setsockopt(fd, level, isIPv6 ? IPV6_RECVERR : IP_RECVERR, on, on.length);
    return result === 0 ? new ErrorQueue(libc, fd) : undefined;
  }

  /** Fetches the reports, and passes on the error of each, see `errno(3)`. */
  fetch(report: (errno: number) => void): void {
    for (let count = 0; count < MAX_REPORTS; count++) {
      // The kernel writes how much there is over how much there is room for.
      this.#header[10] = CONTROL_BYTES;
      if (this.#libc.recvmmsg(this.#fd, this.#header, 1, MSG_ERRQUEUE | MSG_DONTWAIT, null) !== 1) return;
      for (let at = 0; at + CMSG_HEADER_BYTES < this.#header[10]!;) {
        const word = at / 4;
        const [length, level, type] = [this.#control[word]!, this.#control[word + 2], this.#control[word + 3]];
        if (level === IPPROTO_IP && type === IP_RECVERR || level === IPPROTO_IPV6 && type === IPV6_RECVERR) {
          report(this.#control[word + 4]!);
        }
        at += Math.max(CMSG_HEADER_BYTES, length + 7 & ~7);
      }
    }
  }
}
