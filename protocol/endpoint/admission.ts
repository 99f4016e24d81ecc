/**
 * Admission control: which clients may begin a connection, and how much work a server does for the others. Decided before
 * that work.
 *
 * A handshake costs the server time, and its source address may be forged. So requests from unvalidated addresses are
 * limited together, never by address, which would let an attacker who forges an address lock out its owner. Their verdict is
 * "ok" while there is time for them, then "validate": the client must first show, at the price of one HMAC, that it receives
 * at its address (address validation, RFC 9000, section 8.1). A client that has shown that is limited by its source, an IPv4
 * address or an IPv6 network (`NetAddress.source`), and a flood from unvalidated addresses takes nothing from it. Even the
 * cheap answer is limited: beyond that limit a Hello is dropped unread, and the client repeats it; a single source gets at
 * most an eighth of the cheap answers, so that one machine cannot take them all.
 *
 * Time is an argument. Memory does not grow: unvalidated addresses share a fixed number of buckets, sources are remembered
 * as long as they have connections, or up to a limit.
 *
 * @module
 */

import { MAX_CONNECTIONS, MAX_REMEMBERED_SOURCES } from "../limits.ts";
import { FairSlots } from "../../base/fair_slots.ts";
import type { NetAddress } from "../../base/net_address.ts";
import { TokenBucket, TokenBuckets } from "../../base/token_bucket.ts";

/** The most that a server does for its clients. */
export interface AdmissionLimits {
  /** Connections at once. */
  readonly maxConnections: number;
  /** Connections at once with one source: an IPv4 address, an IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** Handshakes a second: so many begun for unvalidated addresses, as many for validated ones, as many completed. */
  readonly maxHandshakes: number;
  /** Handshakes a second for one validated source. */
  readonly maxHandshakesPerAddress: number;
  /** Cheap answers a second: so many Cookies, and as many answers to packets of no connection. */
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

/** The answer to a Hello: a ServerHello, a Cookie that validates the client's address, or nothing. */
export type Verdict = "ok" | "validate" | "drop";

/**
 * The burst for unvalidated addresses, in seconds of their rate: while the server works on it, it receives nothing, and the
 * 208 KiB that a socket buffers are 17 ms of a link of 100 Mbit/s.
 */
const UNVALIDATED_BURST_S = 0.1;

/** The burst of a validated source, in seconds of its rate. */
const SOURCE_BURST_S = 2;

/** A single source gets this share of the cheap answers: one in eight. */
const SHARE_OF_ANSWERS = 8;

/** Buckets that unvalidated sources share, by a hash of the source that an attacker cannot predict. */
const UNVALIDATED_BUCKETS = 1024;

/** See the module's description. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #slots: FairSlots;
  /** The source of each connection, by its ID: its address when it began, even if it has migrated since. */
  readonly #sources = new Map<number, string>();
  readonly #hashSeed: number;
  readonly #unvalidated: TokenBucket;
  readonly #validated: TokenBucket;
  readonly #completing: TokenBucket;
  readonly #cheap: TokenBucket;
  readonly #cheapEach: TokenBuckets;
  readonly #unknown: TokenBucket;
  /** By source, the least recently used first. Validated addresses only. */
  readonly #validatedEach = new Map<string, TokenBucket>();

  /** `hashSeed` is a random number of 32 bits. Limits that are not given have their defaults. */
  constructor(options: { readonly limits?: Partial<AdmissionLimits>; readonly hashSeed: number }) {
    const limits = { ...DEFAULT_ADMISSION, ...options.limits };
    this.#limits = limits;
    this.#hashSeed = options.hashSeed;
    this.#slots = new FairSlots({ max: limits.maxConnections, maxEach: limits.maxConnectionsPerAddress });
    this.#unvalidated = forUnvalidated(limits.maxHandshakes);
    this.#validated = forValidated(limits.maxHandshakes);
    this.#completing = forValidated(limits.maxHandshakes);
    this.#cheap = forUnvalidated(limits.maxAnswers);
    this.#unknown = forUnvalidated(limits.maxAnswers);
    const perSecond = Math.max(1, limits.maxAnswers / SHARE_OF_ANSWERS);
    const burst = Math.max(1, UNVALIDATED_BURST_S * perSecond);
    this.#cheapEach = new TokenBuckets({ perSecond, burst, count: UNVALIDATED_BUCKETS });
  }

  /** Sources whose rate is remembered. */
  get rememberedSources(): number {
    return this.#validatedEach.size;
  }

  /**
   * Judges a Hello, before anything is computed for it. `isValidated`: its cookie has shown that the client receives at
   * `remote`; it is not asked for that again.
   */
  judge(nowUs: number, remote: NetAddress, { isValidated }: { readonly isValidated: boolean }): Verdict {
    if (!isValidated) {
      if (this.#unvalidated.take(nowUs)) return "ok";
      const isFair = this.#cheapEach.take(nowUs, this.#bucketOf(remote.source));
      return isFair && this.#cheap.take(nowUs) ? "validate" : "drop";
    }
    return this.#takeBoth(nowUs, remote, this.#validated) ? "ok" : "drop";
  }

  /** Whether a ClientFinish may be read; its token has validated the client's address. */
  mayEnd(nowUs: number, remote: NetAddress): boolean {
    return this.#takeBoth(nowUs, remote, this.#completing);
  }

  /** Whether a packet of no connection may be answered: with a Reset or a VersionNegotiation. */
  mayAnswerUnknown(nowUs: number): boolean {
    return this.#unknown.take(nowUs);
  }

  /** Takes a slot for a new connection; returns why there is none, for a person, or undefined. */
  admit(connectionId: number, remote: NetAddress): string | undefined {
    const source = remote.source;
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

  /** The connection has ended. Does nothing if it was never admitted. */
  release(connectionId: number): void {
    const source = this.#sources.get(connectionId);
    if (source === undefined) return;
    this.#sources.delete(connectionId);
    this.#slots.release(source);
  }

  /** A token of the source's bucket and one of the shared bucket: both, or neither. */
  #takeBoth(nowUs: number, remote: NetAddress, ofAll: TokenBucket): boolean {
    const own = this.#rateOf(remote.source);
    if (!own.take(nowUs)) return false;
    if (ofAll.take(nowUs)) return true;
    own.putBack();
    return false;
  }

  #rateOf(source: string): TokenBucket {
    const perSecond = this.#limits.maxHandshakesPerAddress;
    const bucket = this.#validatedEach.get(source) ?? new TokenBucket({ perSecond, burst: SOURCE_BURST_S * perSecond });
    this.#validatedEach.delete(source);
    this.#validatedEach.set(source, bucket);
    if (this.#validatedEach.size > MAX_REMEMBERED_SOURCES) {
      for (const oldest of this.#validatedEach.keys()) {
        this.#validatedEach.delete(oldest);
        break;
      }
    }
    return bucket;
  }

  /** FNV-1a from a secret offset. */
  #bucketOf(source: string): number {
    let hash = this.#hashSeed;
    for (let i = 0; i < source.length; i++) hash = Math.imul(hash ^ source.charCodeAt(i), 0x01000193);
    return (hash >>> 8) % UNVALIDATED_BUCKETS;
  }
}

function connections(count: number): string {
  return `${count} ${count === 1 ? "connection" : "connections"}`;
}

/** The burst is one second's worth: these clients are genuine, and repeat their packets if they have to wait. */
function forValidated(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: perSecond });
}

function forUnvalidated(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: Math.max(1, UNVALIDATED_BURST_S * perSecond) });
}
