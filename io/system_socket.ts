/**
 * Decides which socket a program gets: the one of Linux with batched calls where it can be had, and Deno's everywhere else.
 *
 * @module
 */

import type { DatagramSocket, SocketOptions } from "../app/platform.ts";
import { BatchSocket } from "./batch_socket.ts";
import { type LibC, systemLibC } from "./libc.ts";
import { UdpSocket } from "./udp_socket.ts";

/** Binds a socket; `libc` is the calls of the machine, or why it has none. Throws SluiceError if the address cannot be used. */
export function openSystemSocket(options: SocketOptions, libc: LibC | string = systemLibC): DatagramSocket {
  if (options.simulate !== undefined) return UdpSocket.open(options, "faults are injected");
  if (options.native === false) return UdpSocket.open(options, "--no-native");
  if (typeof libc === "string") return UdpSocket.open(options, libc);
  const socket = BatchSocket.open(options, libc);
  return typeof socket === "string" ? UdpSocket.open(options, socket) : socket;
}
