/**
 * Resolves host names by the system's resolver, which knows `/etc/hosts` as well as DNS.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { SluiceError } from "../app/api.ts";
import { canonicalIp } from "../base/net_address.ts";

/** The addresses of a host name or an IP literal, see `Platform`. Rejects with SluiceError. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return [literal];
  let isTemporary = false;
  try {
    const found = await lookup(host, { all: true });
    const addresses = found.map(({ address }) => canonicalIp(address)).filter((address) => address !== undefined);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    // RFC 3493, section 6.1: no DNS server answered. Whatever else it says, the name is not known.
    isTemporary = (error as { code?: string }).code === "EAI_AGAIN";
  }
  throw new SluiceError(
    "unreachable",
    isTemporary
      ? `the host name "${host}" could not be looked up; check the spelling and the network, or give an IP address`
      : `the host name "${host}" is not known; check the spelling, or give an IP address`,
    // Without a network no name is known.
    { retry: "reconnect" },
  );
}
