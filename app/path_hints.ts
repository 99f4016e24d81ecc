/**
 * What this machine knows of a path before it sends the first packet.
 *
 * @module
 */

import type { LinkOptions } from "./platform.ts";
import type { NetAddress } from "../base/net_address.ts";
import { type ConnectionConfig, MAX_DATAGRAM_BYTES } from "../protocol/mod.ts";

/**
 * On loopback a datagram costs about the same whatever its size, so the largest pays. Linux's default receive buffer, of
 * 208 KiB, holds three of those, beside the one that is being handled; a peer with a larger one says so.
 * `docs/ARCHITECTURE.md` has the figures.
 */
const LOOPBACK: Partial<ConnectionConfig> = {
  maxDatagramBytes: MAX_DATAGRAM_BYTES,
  maxCongestionWindowBytes: 4 * MAX_DATAGRAM_BYTES,
  isQueueless: true,
};

/** UDP payload of an Ethernet frame over IPv4. */
const ETHERNET_IPV4_BYTES = 1472;

/** IPv6's header is 20 bytes longer than IPv4's, and six fragments carry 8,680 bytes. */
const IPV6: Partial<ConnectionConfig> = { maxDatagramBytes: 1452, maxJumboBytes: 8680 };

/**
 * What to assume of the path to `remote`. Except on loopback, the datagrams of Ethernet are the ceiling until the rate is
 * high: the platform cannot forbid fragmentation, so a larger datagram may be sent in fragments, which pays only then.
 */
export function configFor(remote: NetAddress): Partial<ConnectionConfig> {
  if (remote.isLoopback) return LOOPBACK;
  return remote.isIPv6 ? IPV6 : {};
}

/**
 * What to assume of an endpoint's links. If faults are injected, loopback stands for a real link, and datagrams are no larger
 * than those of one, in either direction.
 */
export function linkOptions(isSimulated: boolean): LinkOptions {
  return isSimulated ? { config: { maxReceivedBytes: ETHERNET_IPV4_BYTES } } : { config: {}, configFor };
}
