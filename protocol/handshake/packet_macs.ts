/**
 * Authentication of the two handshake packets that carry no frames: the tag of a ServerHello and the MAC of a Refusal, both
 * HMAC-SHA256, truncated to 16 bytes, under keys of the handshake itself (`docs/PROTOCOL.md`, section 4.5).
 *
 * Message 2 of the handshake authenticates itself, but not the header around it: with the tag, neither the server's
 * connection ID nor the token can be changed on the way. A Refusal is sealed under none of the connection's packet keys,
 * which may seal another packet of the same number later.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { MAC_BYTES } from "../wire/packet.ts";

/** The key's use, so that no other use of the same secret yields the same key. */
const SERVER_HELLO_LABEL = "sluice server hello";
const REFUSAL_LABEL = "sluice refusal";

/** Ends the ServerHello at the start of `buffer` with its tag; returns the datagram's length. */
export function sealServerHello(buffer: Uint8Array, length: number, chainingKey: Uint8Array): number {
  buffer.set(serverHelloTag(buffer.subarray(0, length), chainingKey), length);
  return length + MAC_BYTES;
}

/** Whether a ServerHello ends with the tag of all bytes before it. `chainingKey` is Noise's after message 2. */
export function isServerHelloAuthentic(datagram: Uint8Array, chainingKey: Uint8Array): boolean {
  const tagStart = datagram.length - MAC_BYTES;
  return timingSafeEqual(datagram.subarray(tagStart), serverHelloTag(datagram.subarray(0, tagStart), chainingKey));
}

function serverHelloTag(bytes: Uint8Array, chainingKey: Uint8Array): Uint8Array {
  return createHmac("sha256", derive(chainingKey, SERVER_HELLO_LABEL)).update(bytes).digest().subarray(0, MAC_BYTES);
}

/** The key of a handshake's Refusal; `serverKey` is the key under which the server seals its first packets. */
export function refusalKeyOf(serverKey: Uint8Array): Uint8Array {
  return new Uint8Array(derive(serverKey, REFUSAL_LABEL));
}

/** Puts the MAC in its place, at `macStart`, into a Refusal that is otherwise complete. */
export function sealRefusal(datagram: Uint8Array, macStart: number, refusalKey: Uint8Array): void {
  datagram.set(refusalMac(datagram, macStart, refusalKey), macStart);
}

/** Whether the MAC of a Refusal, at `macStart`, is that of all bytes before and after it. */
export function isRefusalAuthentic(datagram: Uint8Array, macStart: number, refusalKey: Uint8Array): boolean {
  const mac = datagram.subarray(macStart, macStart + MAC_BYTES);
  return timingSafeEqual(mac, refusalMac(datagram, macStart, refusalKey));
}

function refusalMac(datagram: Uint8Array, macStart: number, refusalKey: Uint8Array): Uint8Array {
  const hmac = createHmac("sha256", refusalKey);
  hmac.update(datagram.subarray(0, macStart)).update(datagram.subarray(macStart + MAC_BYTES));
  return hmac.digest().subarray(0, MAC_BYTES);
}

function derive(secret: Uint8Array, label: string): Uint8Array {
  return createHmac("sha256", secret).update(label, "utf8").digest();
}
