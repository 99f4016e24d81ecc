/**
 * What this machine knows of the way to a peer before a packet is sent.
 *
 * @module
 */

import type { ConnectionConfig } from "../protocol/mod.ts";
import { isLoopback } from "./address.ts";

/**
 * On loopback a receive buffer of 208 KiB holds a dozen datagrams of 16 KiB, so such datagrams, and no more in
 * flight than that, are what pays; measured in `docs/ARCHITECTURE.md`. Elsewhere Ethernet's size is the ceiling: the
 * platform gives no way to forbid fragmentation, so a larger probe would arrive in fragments and prove nothing.
 */
const LOOPBACK: Partial<ConnectionConfig> = { maxDatagramBytes: 16_384, maxCongestionWindowBytes: 11 * 16_384 };

/** IPv6's header is 20 bytes longer than IPv4's. */
const IPV6: Partial<ConnectionConfig> = { maxDatagramBytes: 1452 };

/** What to assume of the path to `remote`. */
export function configFor(remote: string): Partial<ConnectionConfig> {
  if (isLoopback(remote)) return LOOPBACK;
  return remote.startsWith("[") ? IPV6 : {};
}
