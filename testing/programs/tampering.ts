/**
 * An attacker on the path without the keys: of the packets of each direction some get another byte,
 * some are sent again, at once and much later, and forged ones come in between. Which ones follows from their number, so
 * that nothing depends on time.
 *
 * @module
 */

import type { Mischief, Relay } from "./relay.ts";

/** First bytes of packets. */
const DATA = 0x40;
const HANDSHAKE = { hello: 0xc1, serverHello: 0xc2, clientFinish: 0xc3 } as const;

/** Where a Data packet's number stands, after its type and the connection ID. */
const NUMBER_AT = 9;

/** Every packet of these numbers, modulo {@link PERIOD}, has its fate. */
const PERIOD = 8;
const FLIPPED = 2;
const AT_ONCE = 4;
const LATER = 5;
const FORGED = 7;

/** How much later "much later" is, in packets at least. */
const LATER_BY = 40;

/** What was done, by what it is. */
export interface Deeds {
  flipped: number;
  repeated: number;
  forged: number;
  truncated: number;
}

/** See the module's description; for one direction of one relay. */
export class Tampering {
  readonly deeds: Deeds = { flipped: 0, repeated: 0, forged: 0, truncated: 0 };
  /** The first Data packets, as they were. */
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

  /** To be given to a {@link Relay}. */
  readonly mischief: Mischief = async (datagram, relay) => {
    const [type] = datagram;
    if (type !== DATA) return this.#onHandshake(type!, datagram);
    const genuine = datagram.slice();
    if (this.kept.length < LATER_BY) this.kept.push(genuine);
    switch (this.#count++ % PERIOD) {
      case FLIPPED:
        this.deeds.flipped++;
        // Behind the header, wherever it ends, and in front of the tag's last bytes or in them.
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

  /** The first of each type arrives damaged; the next one has to do. */
  #onHandshake(type: number, datagram: Uint8Array): void {
    if (!Object.values<number>(HANDSHAKE).includes(type) || this.#seenTypes.has(type)) return;
    this.#seenTypes.add(type);
    this.deeds.flipped++;
    // Of a ClientFinish packet that is a byte of its token; of the others any, under their checksum.
    flip(datagram, 60);
  }

  /** Something under a real header, or what is left of a packet. */
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
