/**
 * Who counts as one: addresses that one party has at hand are a single source, so that it gains nothing by using many.
 *
 * @module
 */

/** Of an IPv6 address, the network that one customer gets at the least (RFC 6177, section 2): the first four groups. */
const IPV6_NETWORK_GROUPS = 4;

const IPV6_GROUPS = 8;

/**
 * The source that an address with its port belongs to: of IPv4 the address, of IPv6 its /64, and of an IPv4 address
 * written as IPv6 (`::ffff:192.0.2.7`; RFC 4291, section 2.5.5.2) the IPv4 address. What is no address is a source of
 * its own.
 */
export function sourceOf(remote: string): string {
  const host = remote.slice(0, Math.max(0, remote.lastIndexOf(":")));
  if (!host.startsWith("[")) return host === "" ? remote : host;
  // A zone (`%eth0`) says through which door an address is reached, not whose it is.
  const address = host.slice(1, host.endsWith("]") ? -1 : undefined).split("%", 1)[0]!;
  const groups = groupsOf(address);
  if (groups === undefined) return remote;
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return [groups[6]! >> 8, groups[6]! & 0xff, groups[7]! >> 8, groups[7]! & 0xff].join(".");
  return `${groups.slice(0, IPV6_NETWORK_GROUPS).map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight groups of an IPv6 address in any of its forms (RFC 4291, section 2.2), or undefined where it is none. */
function groupsOf(address: string): number[] | undefined {
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const head = numbersOf(halves[0]!);
  const tail = halves.length === 2 ? numbersOf(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups between colons, the last of which may be an IPv4 address: two groups. */
function numbersOf(text: string): number[] | undefined {
  if (text === "") return [];
  const numbers: number[] = [];
  for (const part of text.split(":")) {
    const bytes = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(part)?.slice(1).map(Number);
    if (bytes !== undefined && bytes.every((byte) => byte < 256)) {
      numbers.push(bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      numbers.push(parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return numbers;
}
