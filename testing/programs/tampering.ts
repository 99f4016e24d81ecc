/**
 * An on-path attacker without the keys: in each direction they modify a byte of some packets, replay some, immediately
 * and much later, and inject forged ones. The packet's position in the sequence decides what happens to it, so that
 * nothing depends on time.
 *
 * @module
 */

import type { Mischief, Relay } from "./relay.ts";

/** First bytes of packets, by type. */
const DATA = 0x40;
const HANDSHAKE = { hello: 0xc1, serverHello: 0xc2, clientFinish: 0xc3 } as const;

/** Offset of the packet number in a Data packet, after the type and the connection ID. */
const NUMBER_AT = 9;

/** Data packets with these positions, modulo {@link PERIOD}, are attacked. */
const PERIOD = 8;
const FLIPPED = 2;
const AT_ONCE = 4;
const LATER = 5;
const FORGED = 7;

/** Minimum distance between a packet and its late replay, in packets. */
const LATER_BY = 40;

/** Counts of the attacks, by kind. */
export interface Deeds {
  flipped: number;
  repeated: number;
  forged: number;
  truncated: number;
}

/** The attacker, for one direction of one relay. */
export class Tampering {
  readonly deeds: Deeds = { flipped: 0, repeated: 0, forged: 0, truncated: 0 };
  /** The first Data packets, unmodified. */
  readonly kept: Uint8Array[] = [];
  readonly #pass: (relay: Relay, datagram: Uint8Array) => Promise<void>;
  /** A Data packet of another connection. */
  readonly #foreign: Uint8Array;
  readonly #seenTypes = new Set<number>();
  #count = 0;
  #forgeries = 0;

  constructor(towards: "server" | "client", foreign: Uint8Array) {
    this.#foreign = foreign;
    this.#pass = (relay, datagram) => towards === "server" ? relay.toServer(datagram) : relay.toClient(datagram);
  }

  /** The function to pass to a {@link Relay}. */
  readonly mischief: Mischief = async (datagram, relay) => {
    const [type] = datagram;
    if (type !== DATA) return this.#onHandshake(type!, datagram);
    const genuine = datagram.slice();
    if (this.kept.length < LATER_BY) this.kept.push(genuine);
    switch (this.#count++ % PERIOD) {
      case FLIPPED:
        this.deeds.flipped++;
        // After the header, at any of the last 16 bytes.
        flip(datagram, datagram.length - 1 - this.#count % 16);
        return;
      case AT_ONCE:
        this.deeds.repeated++;
        return await this.#pass(relay, genuine);
      case LATER:
        if (this.#count < 2 * LATER_BY) return;
        this.deeds.repeated++;
        return await this.#pass(relay, this.kept[this.#count % LATER_BY]!);
      case FORGED:
        return await this.#pass(relay, this.#forgery(genuine));
    }
  };

  /** Damages the first packet of each handshake type; the retransmission arrives unmodified. */
  #onHandshake(type: number, datagram: Uint8Array): void {
    if (!Object.values<number>(HANDSHAKE).includes(type) || this.#seenTypes.has(type)) return;
    this.#seenTypes.add(type);
    this.deeds.flipped++;
    // In a ClientFinish this is a byte of the token; in the others any byte will do.
    flip(datagram, 60);
  }

  /** Random or foreign bytes after a genuine header, or a truncated packet. */
  #forgery(genuine: Uint8Array): Uint8Array {
    const headerEnd = NUMBER_AT + 2 ** (genuine[NUMBER_AT]! >> 6);
    switch (this.#forgeries++ % 4) {
      case 0:
        this.deeds.forged++;
        return Uint8Array.of(...genuine.subarray(0, headerEnd), ...crypto.getRandomValues(new Uint8Array(100)));
      case 1:
        this.deeds.forged++;
        return Uint8Array.of(...genuine.subarray(0, NUMBER_AT), ...this.#foreign.subarray(NUMBER_AT));
      case 2:
        this.deeds.forged++;
        return genuine.subarray(0, genuine.length - 1);
      default:
        this.deeds.truncated++;
        return genuine.subarray(0, NUMBER_AT - 3);
    }
  }
}

function flip(datagram: Uint8Array, at: number): void {
  datagram[at]! ^= 0x10;
}
