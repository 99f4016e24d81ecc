/**
 * Addresses as text, `192.0.2.7:50000` or `[2001:db8::7]:50000`: what the transport takes for opaque, and people read.
 *
 * @module
 */

/** Writes an address as text. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Reads what {@link formatAddress} wrote. */
export function parseAddress(text: string): { transport: "udp"; hostname: string; port: number } {
  const colon = text.lastIndexOf(":");
  const hostname = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { transport: "udp", hostname, port: Number(text.slice(colon + 1)) };
}

/** Whether an address, with or without its port, is this machine's loopback. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("[::1]:");
}
