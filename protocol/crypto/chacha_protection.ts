/**
 * Protection of version 2: each packet sealed with ChaCha20-Poly1305 (RFC 8439), its number the nonce, its header
 * authenticated with it.
 *
 * Keys change by themselves: after every 2^22 packet numbers a side goes on with the key that follows from the one before
 * (the Noise specification, section 11.3, Rekey, but for the nonce: 2^53-1, the largest there is here, where section 4.2 has
 * 2^64-1), so both know from the number which key a packet has, and nothing need be
 * agreed on. That is far below any limit of the cipher (RFC 9001, section 6.6), and a key that leaks opens no packet of the
 * keys before it.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, ChaCha20Poly1305 } from "./chacha20poly1305/aead.ts";
import type { TransportKeys } from "./noise.ts";
import type { PacketProtection } from "./packet_protection.ts";

/** Packet numbers that share a key. */
export const PACKETS_PER_KEY: number = 2 ** 22;

/** The nonce that no packet has: 2^64-1 in the specification (section 4.2, REKEY). */
const REKEY_NONCE = 2 ** 53 - 1;

/** The key that follows: 32 zero bytes, encrypted under the one before with a nonce that no packet has. */
export function nextKey(key: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(AEAD_KEY_BYTES + AEAD_TAG_BYTES);
  const aead = new ChaCha20Poly1305(key);
  aead.seal(buffer, 0, 0, AEAD_KEY_BYTES, REKEY_NONCE);
  aead.wipe();
  return buffer.subarray(0, AEAD_KEY_BYTES);
}

/** A key in use, and which it is: packets from `epoch * PACKETS_PER_KEY` on have it. */
class Epoch {
  readonly aead: ChaCha20Poly1305;

  constructor(readonly epoch: number, readonly key: Uint8Array) {
    this.aead = new ChaCha20Poly1305(key);
  }

  next(): Epoch {
    return new Epoch(this.epoch + 1, nextKey(this.key));
  }

  wipe(): void {
    this.key.fill(0);
    this.aead.wipe();
  }
}

/** Seals and opens the packets of one connection. */
export class ChaChaProtection implements PacketProtection {
  readonly overheadBytes = AEAD_TAG_BYTES;
  #send: Epoch;
  #receive: Epoch;
  /** For packets that come late. */
  #previous: Epoch | undefined;
  /** Made when the first packet claims to have it, and in use once one does. */
  #upcoming: Epoch | undefined;

  /** The keys are overwritten with the connection's end. */
  constructor({ receive, send }: TransportKeys) {
    this.#send = new Epoch(0, send);
    this.#receive = new Epoch(0, receive);
  }

  seal(buffer: Uint8Array, headerEnd: number, payloadEnd: number, packetNumber: number): number {
    const epoch = epochOf(packetNumber);
    while (this.#send.epoch < epoch) {
      const next = this.#send.next();
      this.#send.wipe();
      this.#send = next;
    }
    this.#send.aead.seal(buffer, 0, headerEnd, payloadEnd, packetNumber);
    return payloadEnd + AEAD_TAG_BYTES;
  }

  open(datagram: Uint8Array, headerEnd: number, packetNumber: number): number {
    const payloadEnd = datagram.length - AEAD_TAG_BYTES;
    if (payloadEnd < headerEnd) return -1;
    const epoch = epochOf(packetNumber);
    const key = this.#keyOf(epoch);
    if (key === undefined || !key.aead.open(datagram, 0, headerEnd, payloadEnd, packetNumber)) return -1;
    if (key === this.#upcoming) this.#advance(key);
    return payloadEnd;
  }

  wipe(): void {
    for (const epoch of [this.#send, this.#receive, this.#previous, this.#upcoming]) epoch?.wipe();
  }

  #keyOf(epoch: number): Epoch | undefined {
    if (epoch === this.#receive.epoch) return this.#receive;
    if (epoch === this.#receive.epoch + 1) return this.#upcoming ??= this.#receive.next();
    return epoch === this.#previous?.epoch ? this.#previous : undefined;
  }

  #advance(key: Epoch): void {
    this.#previous?.wipe();
    this.#previous = this.#receive;
    this.#receive = key;
    this.#upcoming = undefined;
  }
}

function epochOf(packetNumber: number): number {
  return Math.floor(packetNumber / PACKETS_PER_KEY);
}
