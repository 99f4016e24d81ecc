/**
 * Decides which socket a program gets: the one of Linux with batched calls where it can be had, and Deno's everywhere else;
 * with the faults that the user wants injected.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { DatagramSocket, SocketOptions } from "../app/platform.ts";
import { canonicalIp } from "../base/net_address.ts";
import { BatchSocket } from "./batch_socket.ts";
import { FaultySocket } from "./faulty_socket.ts";
import { type LibC, systemLibC } from "./libc.ts";
import { UdpSocket } from "./udp_socket.ts";

/** How the sockets of a program are used. */
interface SocketUse extends Pick<SocketOptions, "native"> {
  /** A host that is looked up, now and again, unless this is an IP address. */
  readonly host?: string;
}

/** Whether Deno asks for the permission to use the network, at each datagram or to look up the host. */
export function needsNetworkPermission({ host, ...options }: SocketUse, libc: LibC | string = systemLibC): boolean {
  if (host !== undefined && canonicalIp(host) === undefined) return true;
  if (whyDenos(options, libc) !== undefined) return true;
  try {
    const socket = BatchSocket.open({ hostname: "127.0.0.1", port: 0 }, libc as LibC);
    if (typeof socket === "string") return true;
    socket.close();
    return false;
  } catch (error) {
    // Without loopback nothing can be said.
    if (error instanceof SluiceError) return true;
    throw error;
  }
}

/** Binds a socket; `libc` is the calls of the machine, or why it has none. Throws SluiceError if the address cannot be used. */
export function openSystemSocket(options: SocketOptions, libc: LibC | string = systemLibC): DatagramSocket {
  const { simulate: faults, onFault } = options;
  const native = whyDenos(options, libc) ?? BatchSocket.open(options, libc as LibC);
  const socket = typeof native === "string" ? UdpSocket.open(options, native) : native;
  return faults === undefined ? socket : new FaultySocket(socket, { faults, onFault });
}

/** Why a socket has to be Deno's; undefined if it has not. */
function whyDenos({ native }: SocketUse, libc: LibC | string): string | undefined {
  if (native === false) return "--no-native";
  return typeof libc === "string" ? libc : undefined;
}
