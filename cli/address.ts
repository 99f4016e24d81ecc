/**
 * Servers as a user names them: `HOST:PORT`, `192.0.2.7:65432`, `[::1]:65432`.
 *
 * @module
 */

import { canonicalIp, parsePortNumber, splitHostPort } from "../base/net_address.ts";

/** Where a server listens unless told otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The default port, one of the dynamic ports (RFC 6335, section 6), which are assigned to no other service. */
export const DEFAULT_PORT = 65432;

/** A host, a name or a canonical IP literal without brackets, and a port. */
export interface ServerName {
  readonly host: string;
  readonly port: number;
}

/** What is wrong with what the user typed, as the end of a sentence. */
export interface AddressError {
  readonly error: string;
}

/** Reads a port. A server may listen on 0 (the system chooses a port); a client cannot connect to 0. */
export function parsePort(text: string, options: { allowZero: boolean }): number | AddressError {
  const lowest = options.allowZero ? 0 : 1;
  const port = parsePortNumber(text);
  if (port !== undefined && port >= lowest) return port;
  return { error: `a port is a whole number from ${lowest} to 65535` };
}

/** What to write in place of what other programs take: a web address, or a user's name in front of the host. */
export function adviceOn(text: string): string | undefined {
  const { scheme, host: authority = "" } = /^(?<scheme>[a-z][a-z0-9+.-]+):\/\/(?<host>[^/]*)/i.exec(text)?.groups ?? {};
  const host = authority.replace(/^.*@/, "");
  if (scheme !== undefined) return `write a server without "${scheme}://"${host === "" ? "" : `: ${host}`}`;
  const { user, rest = "" } = /^(?<user>[^@/\\\s]+)@(?<rest>[^@\s]+)$/.exec(text)?.groups ?? {};
  if (user === undefined) return undefined;
  return `there are no user names: a server knows a client by its key; write ${rest}`;
}

/** Reads a host name or an IP literal; an IPv6 address may be in brackets. */
export function parseHost(text: string): string | AddressError {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  const host = bracketed ?? text;
  if (bracketed !== undefined || host.includes(":")) {
    const address = host.includes(":") ? canonicalIp(host) : undefined;
    return address ?? { error: "this is not an IPv6 address" };
  }
  const advice = adviceOn(text);
  if (advice !== undefined) return { error: advice };
  // RFC 1123, section 2.1, and underscores, which local names have.
  if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(host) && host.length <= 253) return host;
  return { error: "a host is a name or an IP address" };
}

/** Reads `HOST:PORT`; without the port it is {@link DEFAULT_PORT}. */
export function parseServer(text: string): ServerName | AddressError {
  const advice = adviceOn(text);
  if (advice !== undefined) return { error: advice };
  const { host: hostText, port: portText } = splitHostPort(text);
  if (portText === undefined && hostText.includes(":") && !text.startsWith("[")) {
    return { error: "write an IPv6 address in brackets: [::1]:65432" };
  }
  const host = parseHost(hostText);
  if (typeof host !== "string") return host;
  const port = portText === undefined ? DEFAULT_PORT : parsePort(portText, { allowZero: false });
  return typeof port === "number" ? { host, port } : port;
}
