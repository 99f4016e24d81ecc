/**
 * Addresses as text, `192.0.2.7:50000` or `[2001:db8::7]:50000`: what the transport takes for opaque, and people read.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { SluiceError } from "./api.ts";

/** Writes an address as text. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Reads what {@link formatAddress} wrote. */
export function parseAddress(text: string): Deno.NetAddr {
  const colon = text.lastIndexOf(":");
  const hostname = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { transport: "udp", hostname, port: Number(text.slice(colon + 1)) };
}

/** Whether an address, with or without its port, is this machine's loopback. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("[::1]:");
}

/** An IP literal for a host name; IPv4 where the host has both, as most servers listen there. Throws SluiceError. */
export async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    const found = await lookup(host, { all: true });
    const address = found.find((entry) => entry.family === 4) ?? found[0];
    if (address !== undefined) return address.address;
  } catch {
    // Said below: whatever the resolver's words are, this is what the user can do about it.
  }
  throw new SluiceError(
    "unreachable",
    `the host name "${host}" is not known; check the spelling, or give an IP address`,
  );
}
