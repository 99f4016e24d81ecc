/**
 * Packet protection: each packet that carries frames (ClientFinish, Data) is sealed with ChaCha20-Poly1305 (RFC 8439). Its
 * packet number is the nonce, its header the associated data.
 *
 * Keys are updated without negotiation: after every 2^22 packet numbers a side goes on with the next key (the Noise
 * specification, section 11.3, Rekey, but for the nonce: 2^53-1, the largest number here, where section 4.2 has 2^64-1), so
 * that the packet number tells which key a packet has. That is far below any limit of the cipher (RFC 9001, section 6.6), and
 * a key that leaks opens no packet of earlier keys.
 *
 * Hot: once per packet each way.
 *
 * @module
 */

import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, ChaCha20Poly1305 } from "./chacha20poly1305/aead.ts";
import type { TransportKeys } from "./noise.ts";
import { PACKETS_PER_KEY } from "../wire/packet.ts";

/** The nonce that no packet has: 2^64-1 in the specification (section 4.2, REKEY). */
const REKEY_NONCE = 2 ** 53 - 1;

/** The next key: 32 zero bytes, encrypted under the key before it with a nonce that no packet has. */
export function nextKey(key: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(AEAD_KEY_BYTES + AEAD_TAG_BYTES);
  const aead = new ChaCha20Poly1305(key);
  aead.seal(buffer, 0, 0, AEAD_KEY_BYTES, REKEY_NONCE);
  aead.wipe();
  return buffer.subarray(0, AEAD_KEY_BYTES);
}

/** A key, and its index: packets from `epoch * PACKETS_PER_KEY` on have it. */
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

/** Seals and opens the packets of one connection that carry frames. */
export class PacketProtection {
  /** Bytes that {@link seal} adds after the payload. */
  readonly overheadBytes = AEAD_TAG_BYTES;
  #send: Epoch;
  #receive: Epoch;
  /** For packets that arrive late. */
  #previous: Epoch | undefined;
  /** Derived when the first packet claims to have it, and in use once an authentic one does. */
  #upcoming: Epoch | undefined;

  /** The keys are overwritten by {@link wipe}. */
  constructor({ receive, send }: TransportKeys) {
    this.#send = new Epoch(0, send);
    this.#receive = new Epoch(0, receive);
  }

  /**
   * Seals the packet that starts at the beginning of `buffer`, with its header up to `headerEnd` and its frames up to
   * `payloadEnd`; the caller left {@link overheadBytes} of room after that. Returns the datagram's length.
   */
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

  /**
   * Opens the packet that is the whole of `datagram`, in place. Returns where its frames end, or -1 where it is not
   * authentic.
   */
  open(datagram: Uint8Array, headerEnd: number, packetNumber: number): number {
    const payloadEnd = datagram.length - AEAD_TAG_BYTES;
    if (payloadEnd < headerEnd) return -1;
    const epoch = epochOf(packetNumber);
    const key = this.#keyOf(epoch);
    if (key === undefined || !key.aead.open(datagram, 0, headerEnd, payloadEnd, packetNumber)) return -1;
    if (key === this.#upcoming) this.#advance(key);
    return payloadEnd;
  }

  /** The connection is over: overwrites the keys. */
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
