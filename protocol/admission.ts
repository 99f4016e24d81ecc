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
 * (In version 1 of the protocol a Retry is that cheap proof already: "ok" and "prove first" are answered alike.)
 *
 * Time is virtual, an argument. Memory does not grow: strangers share buckets of a fixed number, sources are remembered
 * as long as they have connections, or up to a bound.
 *
 * @module
 */

import { MAX_CONNECTIONS, MAX_REMEMBERED_SOURCES } from "./limits.ts";
import { Slots } from "./slots.ts";
import { sourceOf } from "./source_address.ts";
import { TokenBucket, TokenBuckets } from "./token_bucket.ts";

/** What a server does at most, for others. */
export interface AdmissionLimits {
  /** Connections at once. */
  readonly maxConnections: number;
  /** Connections at once with one source: an IPv4 address, an IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** Handshakes a second that are done in full: so many for strangers, and as many for those who have proven where they are. */
  readonly maxHandshakes: number;
  /** Handshakes a second for one source that is proven. */
  readonly maxHandshakesPerAddress: number;
  /** Cheap answers a second: so many to those who ask for a handshake, and as many to packets that are for nobody. */
  readonly maxAnswers: number;
}

/**
 * The defaults. A handshake is reckoned at 150 us, so that 2000 of them take a third of a processor. A cheap answer was
 * measured at 30 us with its Retry on the way out: at 10,000 a second, a flood of Hellos took half of the speed from who
 * was connected. At 4000, of a flood of 20,000 Hellos a second a quarter is answered, and a client that repeats its own
 * seventeen times is as good as certain to be among them. A program that starts a client for each file of a folder,
 * sixteen at a time, makes some fifty handshakes a second.
 */
export const DEFAULT_ADMISSION: AdmissionLimits = Object.freeze({
  maxConnections: MAX_CONNECTIONS,
  maxConnectionsPerAddress: 64,
  maxHandshakes: 1000,
  maxHandshakesPerAddress: 50,
  maxAnswers: 4_000,
});

/** What to do for who asks for a handshake: all of it, have him prove his address cheaply, or nothing. */
export type Verdict = "ok" | "prove first" | "drop";

/** A source that is proven gets as many handshakes at once as it may have in so many seconds. */
const SOURCE_BURST_S = 2;

/** Of the cheap answers, what a single source gets. */
const SHARE_OF_ANSWERS = 8;

/** Buckets that strangers share, by a hash of their source that they cannot foresee. */
const STRANGER_BUCKETS = 1024;

/** See the module's description. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #slots: Slots;
  /** The source of each connection, by its ID: where it was when it began, wherever it has gone since. */
  readonly #sources = new Map<number, string>();
  readonly #hashSeed: number;
  readonly #strangers: TokenBucket;
  readonly #proven: TokenBucket;
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
    this.#slots = new Slots({ max: limits.maxConnections, maxEach: limits.maxConnectionsPerAddress });
    this.#strangers = aSecond(limits.maxHandshakes);
    this.#proven = aSecond(limits.maxHandshakes);
    this.#cheap = aSecond(limits.maxAnswers);
    this.#unknown = aSecond(limits.maxAnswers);
    const each = Math.max(1, limits.maxAnswers / SHARE_OF_ANSWERS);
    this.#cheapEach = new TokenBuckets({ perSecond: each, burst: each, count: STRANGER_BUCKETS });
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
    const own = this.#rateOf(sourceOf(remote));
    if (!own.take(nowUs)) return "drop";
    if (this.#proven.take(nowUs)) return "ok";
    own.putBack();
    return "drop";
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

function aSecond(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: perSecond });
}
