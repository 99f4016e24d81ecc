/**
 * Addresses of UDP sockets: an IP address and a port. {@link NetAddress} is made once, where a datagram comes in or a
 * connection is asked for; everything behind that compares, prints and rate-limits it without parsing text again.
 *
 * Equal addresses have one text: IPv4 in dotted decimal, IPv6 by RFC 5952, an IPv4-mapped IPv6 address (RFC 4291,
 * section 2.5.5.2) as the IPv4 address that it stands for. A zone (`fe80::1%eth0`, RFC 4007, section 11) is kept for the
 * socket, and is part of the address. Host names are no addresses: {@link splitHostPort} and {@link formatHostPort} take
 * them too, for texts that people write and read.
 *
 * @module
 */

import { invariant } from "./invariant.ts";

/** The least part of IPv6 that one customer gets (RFC 6177, section 2), in groups of 16 bits: a /64. */
const IPV6_SOURCE_GROUPS = 4;

const IPV6_GROUPS = 8;

/** A cache of addresses holds this many unless told otherwise. */
const MAX_CACHED_ADDRESSES = 4096;

/** One octet of an IPv4 address. A leading zero is refused: some programs read it as octal (RFC 6943, section 3.1.1). */
const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

/** The name or number of an interface. */
const ZONE = /^[\w.:~-]{1,64}$/;

/** An IP address. */
interface Ip {
  /** The canonical text, without brackets. */
  readonly text: string;
  /** The eight groups of an IPv6 address; undefined for IPv4. */
  readonly groups: readonly number[] | undefined;
}

/** See the module's description. Immutable. */
export class NetAddress {
  /** The IP address, canonical, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` or `[host]:port`: the same text for the same address, so that it serves as a key as well. */
  readonly text: string;
  readonly isIPv6: boolean;
  /** Whether the address is on this machine's loopback interface: 127.0.0.0/8 or ::1. */
  readonly isLoopback: boolean;
  /**
   * What one party has at the least: the IPv4 address or the IPv6 /64, whatever the port. Rate limits count by it, so that
   * a party gains nothing by using many of its addresses.
   */
  readonly source: string;

  private constructor({ text: host, groups }: Ip, port: number) {
    this.host = host;
    this.port = port;
    this.text = formatHostPort(host, port);
    this.isIPv6 = groups !== undefined;
    this.isLoopback = groups === undefined ? host.startsWith("127.") : /^::1(?:%|$)/.test(host);
    this.source = groups === undefined ? host : `${groups.slice(0, IPV6_SOURCE_GROUPS).map(toHex).join(":")}::/64`;
  }

  /** The address of an IP literal and a port, 0 to 65535. Throws InvariantError if `host` is none, such as a host name. */
  static of(host: string, port: number): NetAddress {
    const ip = parseIp(host);
    invariant(ip !== undefined, "a network address has an IP literal as its host");
    return new NetAddress(ip, port);
  }

  /** Reads `host:port` or `[host]:port`, as {@link NetAddress.text} has it. Throws InvariantError if it is none. */
  static parse(text: string): NetAddress {
    const { host, port } = splitHostPort(text);
    const number = port === undefined ? undefined : parsePortNumber(port);
    invariant(number !== undefined, "a network address has a port");
    return NetAddress.of(host, number);
  }

  /**
   * The host as a socket of either family takes it. An IPv6 socket takes IPv4-mapped addresses everywhere, IPv4 addresses on
   * Linux alone.
   */
  hostFor(socket: { readonly isIPv6: boolean }): string {
    return socket.isIPv6 && !this.isIPv6 ? `::ffff:${this.host}` : this.host;
  }

  /** Whether both are the same address. Hot: mostly they are the same object. */
  equals(other: NetAddress): boolean {
    return this === other || this.text === other.text;
  }
}

/** Makes an address once for each host and port, so that a datagram from a known address allocates nothing. Hot. */
export class NetAddressCache {
  readonly #maxCount: number;
  readonly #byHost = new Map<string, Map<number, NetAddress>>();
  #count = 0;
  /** Most datagrams come from where the one before came from. */
  #last: NetAddress | undefined;
  #lastHost = "";

  /** When it holds `maxCount` addresses, it is emptied: clients come and go, and an attacker can forge any number. */
  constructor(maxCount = MAX_CACHED_ADDRESSES) {
    this.#maxCount = maxCount;
  }

  /** How many addresses it holds. */
  get count(): number {
    return this.#count;
  }

  /** See {@link NetAddress.of}. */
  of(host: string, port: number): NetAddress {
    const last = this.#last;
    if (last !== undefined && last.port === port && this.#lastHost === host) return last;
    const address = this.#byHost.get(host)?.get(port) ?? this.#add(host, port);
    this.#last = address;
    this.#lastHost = host;
    return address;
  }

  #add(host: string, port: number): NetAddress {
    if (this.#count >= this.#maxCount) {
      this.#byHost.clear();
      this.#count = 0;
    }
    const address = NetAddress.of(host, port);
    let byPort = this.#byHost.get(host);
    if (byPort === undefined) this.#byHost.set(host, byPort = new Map());
    byPort.set(port, address);
    this.#count++;
    return address;
  }
}

/** Writes a host, a name or an IP literal, and a port: `example.org:1`, `192.0.2.7:1`, `[2001:db8::7]:1`. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether a host, a name or an IP literal without brackets, is this machine's loopback interface. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === "localhost" || (parseIp(host) !== undefined && NetAddress.of(host, 0).isLoopback);
}

/**
 * Splits what {@link formatHostPort} wrote; `port` is undefined if the text has none. Neither part is checked, and an IPv6
 * address without brackets is a host without a port.
 */
export function splitHostPort(text: string): { readonly host: string; readonly port: string | undefined } {
  // Brackets hold an IPv6 address; around anything else they stay, and make it no host.
  const bracketed = /^\[([^[\]]*:[^[\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed !== null) return { host: bracketed[1]!, port: bracketed[2] };
  const colon = text.indexOf(":");
  if (colon < 0 || colon !== text.lastIndexOf(":")) return { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** A port, 0 to 65535, in decimal; undefined if the text is none. */
export function parsePortNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  return port <= 65_535 ? port : undefined;
}

/** An IP literal without brackets in its canonical text; undefined if the text is none, such as a host name. */
export function canonicalIp(text: string): string | undefined {
  return parseIp(text)?.text;
}

function parseIp(text: string): Ip | undefined {
  if (!text.includes(":")) return IPV4.test(text) ? { text, groups: undefined } : undefined;
  const percent = text.indexOf("%");
  const zone = percent < 0 ? undefined : text.slice(percent + 1);
  if (zone !== undefined && !ZONE.test(zone)) return undefined;
  const groups = parseGroups(percent < 0 ? text : text.slice(0, percent));
  if (groups === undefined) return undefined;
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return { text: formatIPv4(groups[6]!, groups[7]!), groups: undefined };
  return { text: zone === undefined ? formatIPv6(groups) : `${formatIPv6(groups)}%${zone}`, groups };
}

/** The eight groups of an IPv6 address in any of its forms (RFC 4291, section 2.2); undefined if the text is none. */
function parseGroups(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseHalf(halves[0]!, halves.length === 1);
  const tail = halves.length === 1 ? [] : parseHalf(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** The groups between colons. The last two of an address may be written as an IPv4 address. */
function parseHalf(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const octets = isEnd && index === parts.length - 1 ? IPV4.exec(part)?.slice(1).map(Number) : undefined;
    if (octets !== undefined) groups.push(octets[0]! * 256 + octets[1]!, octets[2]! * 256 + octets[3]!);
    else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function formatIPv4(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** RFC 5952, section 4: lowercase, without leading zeros, `::` for the first of the longest runs of two zeros or more. */
function formatIPv6(groups: readonly number[]): string {
  let start = 0;
  let length = 1;
  for (let at = 0; at < IPV6_GROUPS; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length === 1) return groups.map(toHex).join(":");
  return `${groups.slice(0, start).map(toHex).join(":")}::${groups.slice(start + length).map(toHex).join(":")}`;
}

function toHex(group: number): string {
  return group.toString(16);
}
