/**
 * Every bound of a server that has an option: its value, the option, the attack that it stops, and what happens when it
 * is reached. At each of them the server refuses or forgets what is new, and goes on with what it has.
 *
 * The table in `docs/ARCHITECTURE.md` and the options of `sluice-server` are this one: tests hold them to it.
 *
 * @module
 */

import { type AdmissionLimits, DEFAULT_ADMISSION, DEFAULT_CONFIG } from "../../protocol/mod.ts";
import { DEFAULT_REQUEST_BOUNDS, type RequestBounds } from "../../transfer/server/request_limits.ts";

/** Bounds of a server that its owner may set. Whole numbers; of times, seconds. */
export interface ServerLimits extends AdmissionLimits, Omit<RequestBounds, "stallTimeoutUs"> {
  /** Requests of one connection at once. */
  readonly maxStreams: number;
  /** What all connections together take in memory, MiB. */
  readonly maxMemoryMiB: number;
  /** What one of them takes, MiB. */
  readonly maxMemoryPerConnectionMiB: number;
  /** A peer that is there, and has let its transfers stand still for so long, loses them. */
  readonly stallTimeoutS: number;
  /** A connection on which nothing arrives for so long is given up. */
  readonly idleTimeoutS: number;
}

/** One bound. */
export interface LimitEntry {
  readonly name: keyof ServerLimits;
  /** The option of `sluice-server` that sets it, with its value. */
  readonly option: string;
  /** What it bounds, for a person. */
  readonly what: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** The attack. */
  readonly stops: string;
  /** What happens to a client at the bound. */
  readonly then: string;
}

/** The highest value of most bounds. */
const MANY = 1_000_000;
const DAY_S = 86_400;

/** Every bound by its name, so that the compiler misses none; those of admission control first. */
const TABLE: Readonly<Record<keyof ServerLimits, Omit<LimitEntry, "name">>> = {
  maxConnections: {
    option: "--max-connections <count>",
    what: "concurrent connections",
    default: DEFAULT_ADMISSION.maxConnections,
    min: 1,
    max: MANY,
    stops: "filling the memory with connections from many addresses",
    then: "a new one is closed at once, and told why",
  },
  maxConnectionsPerAddress: {
    option: "--max-connections-per-address <count>",
    what: "concurrent connections from an IPv4 address or an IPv6 /64",
    default: DEFAULT_ADMISSION.maxConnectionsPerAddress,
    min: 1,
    max: MANY,
    stops: "filling all connections from a few addresses",
    then: "a new one is closed at once, and told why",
  },
  maxHandshakes: {
    option: "--max-handshakes <count>",
    what: "handshakes per second",
    default: DEFAULT_ADMISSION.maxHandshakes,
    min: 1,
    max: MANY,
    stops: "keeping the processor busy with handshakes",
    then: "clients must validate their address first (RFC 9000, 8.1); validated ones are delayed",
  },
  maxHandshakesPerAddress: {
    option: "--max-handshakes-per-address <count>",
    what: "handshakes per second of a validated address or /64",
    default: DEFAULT_ADMISSION.maxHandshakesPerAddress,
    min: 1,
    max: MANY,
    stops: "opening and closing connections from a few addresses as fast as they can",
    then: "nothing is answered; the client retries and is delayed",
  },
  maxAnswers: {
    option: "--max-answers <count>",
    what: "unauthenticated replies per second",
    default: DEFAULT_ADMISSION.maxAnswers,
    min: 1,
    max: MANY,
    stops: "a flood from forged addresses that is to be answered",
    then: "nothing is answered",
  },
  maxStreams: {
    option: "--max-streams <count>",
    what: "concurrent requests of a connection",
    default: DEFAULT_CONFIG.maxStreams,
    min: 1,
    max: 65_536,
    stops: "requests without end on one connection",
    then: "the client waits; one that does not is disconnected",
  },
  maxTransfers: {
    option: "--max-transfers <count>",
    what: "concurrent transfers, thus open files",
    default: DEFAULT_REQUEST_BOUNDS.maxTransfers,
    min: 1,
    max: MANY,
    stops: "using up the open files, and 128 KiB of buffers for each",
    then: "a new transfer is refused as busy; the client tries again for a while",
  },
  maxTransfersPerAddress: {
    option: "--max-transfers-per-address <count>",
    what: "the same for an IPv4 address or an IPv6 /64",
    default: DEFAULT_REQUEST_BOUNDS.maxTransfersPerAddress,
    min: 1,
    max: MANY,
    stops: "filling all transfers from a few addresses",
    then: "a new transfer is refused as busy; the client tries again for a while",
  },
  maxLists: {
    option: "--max-lists <count>",
    what: "concurrent listings",
    default: DEFAULT_REQUEST_BOUNDS.maxLists,
    min: 1,
    max: MANY,
    stops: "asking for long lists and not taking them",
    then: "a new list is refused as busy; the client tries again for a while",
  },
  maxListsPerAddress: {
    option: "--max-lists-per-address <count>",
    what: "the same for an IPv4 address or an IPv6 /64",
    default: DEFAULT_REQUEST_BOUNDS.maxListsPerAddress,
    min: 1,
    max: MANY,
    stops: "the same from a few addresses",
    then: "a new list is refused as busy; the client tries again for a while",
  },
  maxMemoryMiB: {
    option: "--max-memory <MiB>",
    what: "memory of all connections, MiB",
    default: 256,
    min: 16,
    max: 1_048_576,
    stops: "sending what has to be held, with gaps, on as many streams as there may be; never acknowledging",
    then: "a connection that holds much of it is closed, and told why",
  },
  maxMemoryPerConnectionMiB: {
    option: "--max-memory-per-connection <MiB>",
    what: "memory of a connection, MiB",
    // At 10 Gbit/s and 200 ms some 170,000 packets are on their way, of which a sender remembers 256 bytes each.
    default: 64,
    min: 1,
    max: 1_048_576,
    stops: "the same on one connection",
    then: "it is closed, and told why",
  },
  stallTimeoutS: {
    option: "--stall-timeout <seconds>",
    what: "stalled transfer timeout, seconds",
    default: DEFAULT_REQUEST_BOUNDS.stallTimeoutUs / 1e6,
    min: 1,
    max: DAY_S,
    stops: "beginning transfers, and keeping their places with a PING at times",
    then: "its transfers are given up; the connection stays",
  },
  idleTimeoutS: {
    option: "--idle-timeout <seconds>",
    what: "idle connection timeout, seconds",
    default: DEFAULT_CONFIG.idleTimeoutUs / 1e6,
    min: 1,
    max: DAY_S,
    stops: "beginning connections and leaving them",
    then: "the connection is given up, and all of its transfers",
  },
};

const NAMES = Object.keys(TABLE) as (keyof ServerLimits)[];

/** All bounds that can be set, in the order of the help. */
export const SERVER_LIMITS: readonly LimitEntry[] = NAMES.map((name) => ({ name, ...TABLE[name] }));

const DEFAULT_LIMITS = mapValues(TABLE, (limit) => limit.default);

function mapValues<Key extends string, From, To>(from: Readonly<Record<Key, From>>, map: (value: From) => To) {
  const to = {} as Record<Key, To>;
  for (const key of Object.keys(from) as Key[]) to[key] = map(from[key]);
  return to;
}

/** All bounds; the defaults for those that are not given. */
export function resolveLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  return { ...DEFAULT_LIMITS, ...limits };
}
