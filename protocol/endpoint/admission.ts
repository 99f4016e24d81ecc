/**
 * Who may begin a connection, and how much work a server does for those who have not: decided before that work.
 *
 * A handshake costs the server something, and whoever asks for one may have forged his address. So strangers are
 * counted together, never by address, which would let one who forges an address lock out whoever lives there. Their
 * answer is "ok" while there is time for them, then "prove first": they are to show, at the price of one HMAC, that
 * they receive at their address. Who has shown that is counted by his source, an IPv4 address or an IPv6 network
 * (`source_address.ts`), and a flood of strangers takes nothing from him. Even the cheap answer is bounded: beyond that
 * bound a stranger is dropped unseen, and asks again; a single source gets no more than an eighth of the cheap answers,
 * so that one machine cannot take them all.
 *
 * (In version 1 of the protocol a ServerHello is that cheap proof already: "ok" and "prove first" are answered alike.)
 *
 * Time is virtual, an argument. Memory does not grow: strangers share buckets of a fixed number, sources are remembered
 * as long as they have connections, or up to a bound.
 *
 * @module
 */

import { MAX_CONNECTIONS, MAX_REMEMBERED_SOURCES } from "../limits.ts";
import { FairSlots } from "../../base/fair_slots.ts";
import { sourceOf } from "../../base/source_address.ts";
import { TokenBucket, TokenBuckets } from "../../base/token_bucket.ts";

/** What a server does at most, for others. */
export interface AdmissionLimits {
  /** Connections at once. */
  readonly maxConnections: number;
  /** Connections at once with one source: an IPv4 address, an IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** Handshakes a second: so many begun for strangers, as many for those who have proven where they are, as many ended. */
  readonly maxHandshakes: number;
  /** Handshakes a second for one source that is proven. */
  readonly maxHandshakesPerAddress: number;
  /** Cheap answers a second: so many to those who ask for a handshake, and as many to packets that are for nobody. */
  readonly maxAnswers: number;
}

/**
 * The defaults. A ServerHello was measured at 255 us and the end of a handshake at 126 us, so that what they allow, 600
 * of these and 300 of those, is a fifth of a processor. A cheap answer was measured at 25
 * us: at 4000 a second, a tenth. Of a flood of 20,000 Hellos a second a fifth is answered then, and a client that
 * repeats its own seventeen times is as good as certain to be among them. A program that starts a client for each file
 * of a folder, sixteen at a time, makes some fifty handshakes a second.
 */
export const DEFAULT_ADMISSION: AdmissionLimits = Object.freeze({
  maxConnections: MAX_CONNECTIONS,
  maxConnectionsPerAddress: 64,
  maxHandshakes: 300,
  maxHandshakesPerAddress: 50,
  maxAnswers: 4_000,
});

/** What to do for who asks for a handshake: all of it, have him prove his address cheaply, or nothing. */
export type Verdict = "ok" | "prove first" | "drop";

/**
 * Strangers get as much at once as they may have in so many seconds: while it is done nothing is received, and the 208 KiB
 * that a socket holds of what comes are 17 ms of a link of 100 Mbit/s.
 */
const STRANGERS_BURST_S = 0.1;

/** A source that is proven gets as many handshakes at once as it may have in so many seconds. */
const SOURCE_BURST_S = 2;

/** Of the cheap answers, what a single source gets. */
const SHARE_OF_ANSWERS = 8;

/** Buckets that strangers share, by a hash of their source that they cannot foresee. */
const STRANGER_BUCKETS = 1024;

/** See the module's description. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #slots: FairSlots;
  /** The source of each connection, by its ID: where it was when it began, wherever it has gone since. */
  readonly #sources = new Map<number, string>();
  readonly #hashSeed: number;
  readonly #strangers: TokenBucket;
  readonly #proven: TokenBucket;
  readonly #ending: TokenBucket;
  readonly #cheap: TokenBucket;
  readonly #cheapEach: TokenBuckets;
  readonly #unknown: TokenBucket;
  /** By source, that which was used longest ago first. Only who has proven its address gets in here. */
  readonly #provenEach = new Map<string, TokenBucket>();

  /** `hashSeed` is a random number of 32 bits. Limits that are not given have their defaults. */
  constructor(options: { readonly limits?: Partial<AdmissionLimits>; readonly hashSeed: number }) {
    const limits = { ...DEFAULT_ADMISSION, ...options.limits };
    this.#limits = limits;
    this.#hashSeed = options.hashSeed;
    this.#slots = new FairSlots({ max: limits.maxConnections, maxEach: limits.maxConnectionsPerAddress });
    this.#strangers = forStrangers(limits.maxHandshakes);
    this.#proven = forProven(limits.maxHandshakes);
    this.#ending = forProven(limits.maxHandshakes);
    this.#cheap = forStrangers(limits.maxAnswers);
    this.#unknown = forStrangers(limits.maxAnswers);
    const perSecond = Math.max(1, limits.maxAnswers / SHARE_OF_ANSWERS);
    const burst = Math.max(1, STRANGERS_BURST_S * perSecond);
    this.#cheapEach = new TokenBuckets({ perSecond, burst, count: STRANGER_BUCKETS });
  }

  /** Sources whose rate is remembered. */
  get rememberedSources(): number {
    return this.#provenEach.size;
  }

  /**
   * Judges a request for a handshake, before anything is computed for it. `isProven` says that whoever asks has shown
   * that he receives at `remote`; he is not told to prove it again.
   */
  judge(nowUs: number, remote: string, { isProven }: { readonly isProven: boolean }): Verdict {
    if (!isProven) {
      if (this.#strangers.take(nowUs)) return "ok";
      const isFair = this.#cheapEach.take(nowUs, this.#bucketOf(sourceOf(remote)));
      return isFair && this.#cheap.take(nowUs) ? "prove first" : "drop";
    }
    return this.#takeBoth(nowUs, remote, this.#proven) ? "ok" : "drop";
  }

  /** Whether the last message of a handshake may be looked at, whose sender has proven where he is by a token. */
  mayEnd(nowUs: number, remote: string): boolean {
    return this.#takeBoth(nowUs, remote, this.#ending);
  }

  /** Whether a packet that is for nobody may be answered: with a Reset, or with the versions spoken here. */
  mayAnswerUnknown(nowUs: number): boolean {
    return this.#unknown.take(nowUs);
  }

  /** Takes a place for a new connection; returns why there is none, for a person, or undefined. */
  admit(connectionId: number, remote: string): string | undefined {
    const source = sourceOf(remote);
    switch (this.#slots.take(source)) {
      case "all":
        return `the server is full, with ${connections(this.#limits.maxConnections)}; try again later`;
      case "each":
        return `the server has enough of your address, with ${
          connections(this.#slots.countOf(source))
        }; try again later`;
      case undefined:
        this.#sources.set(connectionId, source);
        return undefined;
    }
  }

  /** The connection has ended. Does nothing where it was never admitted. */
  release(connectionId: number): void {
    const source = this.#sources.get(connectionId);
    if (source === undefined) return;
    this.#sources.delete(connectionId);
    this.#slots.release(source);
  }

  /** A token of the source's own, and one of all; of both, or of none. */
  #takeBoth(nowUs: number, remote: string, ofAll: TokenBucket): boolean {
    const own = this.#rateOf(sourceOf(remote));
    if (!own.take(nowUs)) return false;
    if (ofAll.take(nowUs)) return true;
    own.putBack();
    return false;
  }

  #rateOf(source: string): TokenBucket {
    const perSecond = this.#limits.maxHandshakesPerAddress;
    const bucket = this.#provenEach.get(source) ?? new TokenBucket({ perSecond, burst: SOURCE_BURST_S * perSecond });
    this.#provenEach.delete(source);
    this.#provenEach.set(source, bucket);
    if (this.#provenEach.size > MAX_REMEMBERED_SOURCES) {
      for (const oldest of this.#provenEach.keys()) {
        this.#provenEach.delete(oldest);
        break;
      }
    }
    return bucket;
  }

  /** FNV-1a from a secret start. */
  #bucketOf(source: string): number {
    let hash = this.#hashSeed;
    for (let i = 0; i < source.length; i++) hash = Math.imul(hash ^ source.charCodeAt(i), 0x01000193);
    return (hash >>> 8) % STRANGER_BUCKETS;
  }
}

function connections(count: number): string {
  return `${count} ${count === 1 ? "connection" : "connections"}`;
}

/** So many at once as well: a crowd that is not forged, and whose members ask again if they have to wait. */
function forProven(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: perSecond });
}

function forStrangers(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: Math.max(1, STRANGERS_BURST_S * perSecond) });
}
