/**
 * Addresses of sockets as Linux has them in memory (`sockaddr_in` and `sockaddr_in6`, see `ip(7)` and `ipv6(7)`), from and to
 * {@link NetAddress}.
 *
 * @module
 */

import { NetAddress } from "../base/net_address.ts";

/** The family of IPv4. */
export const AF_INET = 2;

/** The family of IPv6. */
export const AF_INET6 = 10;

const SOCKADDR_IN_BYTES = 16;

/** The size of the larger structure. */
export const SOCKADDR_IN6_BYTES = 28;

const IPV6_GROUPS = 8;

/** The first 96 bits of an IPv4-mapped address (RFC 4291, section 2.5.5.2), as groups. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff];

/** How an address is written for a socket. */
export interface EncodingOptions {
  /** Whether the socket is one of IPv6, which takes IPv4 addresses as mapped ones. */
  readonly isIPv6: boolean;
  /** The number of the network interface with this name; 0 if there is none. */
  readonly interfaceIndex: (name: string) => number;
}

/** The structure of an address for a socket of either family. */
export function encodeAddress(address: NetAddress, options: EncodingOptions): Uint8Array<ArrayBuffer> {
  const isIPv6 = options.isIPv6 || address.isIPv6;
  const bytes = new Uint8Array(new ArrayBuffer(isIPv6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIPv6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, address.port);
  const [host = "", zone] = address.host.split("%");
  if (!isIPv6) {
    bytes.set(octetsOf(host), 4);
    return bytes;
  }
  groupsOf(host).forEach((group, index) => view.setUint16(8 + 2 * index, group));
  if (zone !== undefined) view.setUint32(24, /^\d+$/.test(zone) ? Number(zone) : options.interfaceIndex(zone), true);
  return bytes;
}

/** The address in a structure of either family. */
export function decodeAddress(bytes: Uint8Array): NetAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) return NetAddress.of(bytes.subarray(4, 8).join("."), port);
  const groups = Array.from({ length: IPV6_GROUPS }, (_, index) => view.getUint16(8 + 2 * index).toString(16));
  const zone = view.getUint32(24, true);
  return NetAddress.of(`${groups.join(":")}${zone === 0 ? "" : `%${zone}`}`, port);
}

function octetsOf(host: string): number[] {
  return host.split(".").map(Number);
}

/** The groups of an address in its canonical text. */
function groupsOf(host: string): number[] {
  if (!host.includes(":")) {
    const [a = 0, b = 0, c = 0, d = 0] = octetsOf(host);
    return [...MAPPED, a << 8 | b, c << 8 | d];
  }
  const [head = [], tail] = host.split("::").map((half) =>
    half === "" ? [] : half.split(":").map((group) => parseInt(group, 16))
  );
  if (tail === undefined) return head;
  return [...head, ...new Array<number>(IPV6_GROUPS - head.length - tail.length).fill(0), ...tail];
}
