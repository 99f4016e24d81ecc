/**
 * Resolves host names.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { SluiceError } from "../app/api.ts";
import { canonicalIp } from "../base/net_address.ts";

/**
 * The canonical IP literal for a host name or an IP literal; IPv4 if the host has both, because most servers listen there.
 * Throws SluiceError.
 */
export async function resolveHost(host: string): Promise<string> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return literal;
  try {
    const found = await lookup(host, { all: true });
    const address = found.find((entry) => entry.family === 4) ?? found[0];
    if (address !== undefined) return address.address;
  } catch {
    // Whatever the resolver says, the message below tells the user what to do.
  }
  throw new SluiceError(
    "unreachable",
    `the host name "${host}" is not known; check the spelling, or give an IP address`,
  );
}
