/**
 * Addresses as a person types them: `HOST:PORT`, `192.0.2.7:65432`, `[::1]:65432`.
 *
 * @module
 */

import { isIPv6 } from "node:net";

/** Where a server listens unless told otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The default port, one of the dynamic ports (RFC 6335, section 6), which are assigned to no other service. */
export const DEFAULT_PORT = 65432;

/** Host and port; an IPv6 host without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What is wrong with what was typed, as the end of a sentence. */
export interface AddressError {
  readonly error: string;
}

/** Reads a port. A server may listen on 0 (the system chooses a port); a client cannot connect to 0. */
export function parsePort(text: string, options: { allowZero: boolean }): number | AddressError {
  const lowest = options.allowZero ? 0 : 1;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port >= lowest && port <= 65535) return port;
  return { error: `a port is a whole number from ${lowest} to 65535` };
}

/** Reads a host name or an IP address; brackets around an IPv6 address are taken off. */
export function parseHost(text: string): string | AddressError {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  const host = bracketed ?? text;
  if (bracketed !== undefined || host.includes(":")) {
    return isIPv6(host) ? host : { error: "this is not an IPv6 address" };
  }
  // RFC 1123, section 2.1, and underscores, which local names have.
  if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(host) && host.length <= 253) return host;
  return { error: "a host is a name or an IP address" };
}

/** Reads `HOST:PORT`; without the port it is {@link DEFAULT_PORT}. */
export function parseAddress(text: string): Address | AddressError {
  const colon = text.lastIndexOf(":");
  const hasPort = colon >= 0 && !text.endsWith("]");
  if (hasPort && text.indexOf(":") !== colon && !text.startsWith("[")) {
    return { error: "write an IPv6 address in brackets: [::1]:65432" };
  }
  const host = parseHost(hasPort ? text.slice(0, colon) : text);
  if (typeof host !== "string") return host;
  const port = hasPort ? parsePort(text.slice(colon + 1), { allowZero: false }) : DEFAULT_PORT;
  return typeof port === "number" ? { host, port } : port;
}
