/**
 * Host names to addresses.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { SluiceError } from "../app/api.ts";

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
