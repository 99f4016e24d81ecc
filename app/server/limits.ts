/**
 * Every limit of a server that has an option: its default, the option, the attack that it stops, and what happens when
 * it is reached. At each limit the server refuses or drops what is new, and continues with what it has.
 *
 * The table in `docs/ARCHITECTURE.md` and the options of `sluice-server` have the same content, which tests check.
 *
 * @module
 */

import { type AdmissionLimits, DEFAULT_ADMISSION, DEFAULT_CONFIG } from "../../protocol/mod.ts";
import { DEFAULT_REQUEST_BOUNDS, type RequestBounds } from "../../transfer/server/request_limits.ts";

/** Limits of a server that its administrator may set. Whole numbers; times are in seconds. */
export interface ServerLimits extends AdmissionLimits, Omit<RequestBounds, "stallTimeoutUs"> {
  /** Concurrent requests of one connection. */
  readonly maxStreams: number;
  /** Memory of all connections together, MiB. */
  readonly maxMemoryMiB: number;
  /** Memory of one connection, MiB. */
  readonly maxMemoryPerConnectionMiB: number;
  /** Transfers of a client that responds but makes no progress for this long are aborted. */
  readonly stallTimeoutS: number;
  /** A connection on which nothing arrives for this long is aborted. */
  readonly idleTimeoutS: number;
}

/** One limit. */
export interface LimitEntry {
  readonly name: keyof ServerLimits;
  /** The option of `sluice-server` that sets it, with a placeholder for its value. */
  readonly option: string;
  /** What it limits, for the help. */
  readonly what: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** The attack that it stops. */
  readonly stops: string;
  /** What happens at the limit. */
  readonly then: string;
}

/** The highest value of most limits. */
const MANY = 1_000_000;
const DAY_S = 86_400;

/** Every limit by its name, so that the compiler checks that none is missing; those of admission control first. */
const TABLE: Readonly<Record<keyof ServerLimits, Omit<LimitEntry, "name">>> = {
  maxConnections: {
    option: "--max-connections <count>",
    what: "concurrent connections",
    default: DEFAULT_ADMISSION.maxConnections,
    min: 1,
    max: MANY,
    stops: "filling the memory with connections from many addresses",
    then: "a new one is closed at once, with a reason",
  },
  maxConnectionsPerAddress: {
    option: "--max-connections-per-address <count>",
    what: "concurrent connections from an IPv4 address or an IPv6 /64",
    default: DEFAULT_ADMISSION.maxConnectionsPerAddress,
    min: 1,
    max: MANY,
    stops: "using all connections from a few addresses",
    then: "a new one is closed at once, with a reason",
  },
  maxHandshakes: {
    option: "--max-handshakes <count>",
    what: "handshakes per second",
    default: DEFAULT_ADMISSION.maxHandshakes,
    min: 1,
    max: MANY,
    stops: "exhausting the processor with handshakes",
    then: "clients must validate their address first (RFC 9000, 8.1); validated ones are delayed",
  },
  maxHandshakesPerAddress: {
    option: "--max-handshakes-per-address <count>",
    what: "handshakes per second of a validated address or /64",
    default: DEFAULT_ADMISSION.maxHandshakesPerAddress,
    min: 1,
    max: MANY,
    stops: "opening and closing connections at a high rate from a few addresses",
    then: "the packet is dropped; the client retries and is delayed",
  },
  maxAnswers: {
    option: "--max-answers <count>",
    what: "unauthenticated replies per second",
    default: DEFAULT_ADMISSION.maxAnswers,
    min: 1,
    max: MANY,
    stops: "reflecting a flood to spoofed addresses",
    then: "nothing is answered",
  },
  maxStreams: {
    option: "--max-streams <count>",
    what: "concurrent requests of a connection",
    default: DEFAULT_CONFIG.maxStreams,
    min: 1,
    max: 65_536,
    stops: "an unlimited number of requests on one connection",
    then: "the client waits; one that does not is disconnected",
  },
  maxTransfers: {
    option: "--max-transfers <count>",
    what: "concurrent transfers, thus open files",
    default: DEFAULT_REQUEST_BOUNDS.maxTransfers,
    min: 1,
    max: MANY,
    stops: "exhausting open files, and 128 KiB of buffers for each",
    then: "a new transfer is refused as busy; the client retries for a while",
  },
  maxTransfersPerAddress: {
    option: "--max-transfers-per-address <count>",
    what: "the same for an IPv4 address or an IPv6 /64",
    default: DEFAULT_REQUEST_BOUNDS.maxTransfersPerAddress,
    min: 1,
    max: MANY,
    stops: "using all transfers from a few addresses",
    then: "a new transfer is refused as busy; the client retries for a while",
  },
  maxPipes: {
    option: "--max-pipes <count>",
    what: "concurrent pipes, being sent or paused by their reader: they never count as stalled",
    default: DEFAULT_REQUEST_BOUNDS.maxPipes,
    min: 1,
    max: MANY,
    stops: "beginning pipes, and sending or reading nothing of them",
    then: "a new one is refused as busy, and the client retries for a while; a paused one counts as stalled",
  },
  maxPipesPerAddress: {
    option: "--max-pipes-per-address <count>",
    what: "the same for an IPv4 address or an IPv6 /64",
    default: DEFAULT_REQUEST_BOUNDS.maxPipesPerAddress,
    min: 1,
    max: MANY,
    stops: "the same from a few addresses",
    then: "a new one is refused as busy, and the client retries for a while; a paused one counts as stalled",
  },
  maxLists: {
    option: "--max-lists <count>",
    what: "concurrent listings",
    default: DEFAULT_REQUEST_BOUNDS.maxLists,
    min: 1,
    max: MANY,
    stops: "requesting long listings without receiving them",
    then: "a new listing is refused as busy; the client retries for a while",
  },
  maxListsPerAddress: {
    option: "--max-lists-per-address <count>",
    what: "the same for an IPv4 address or an IPv6 /64",
    default: DEFAULT_REQUEST_BOUNDS.maxListsPerAddress,
    min: 1,
    max: MANY,
    stops: "the same from a few addresses",
    then: "a new listing is refused as busy; the client retries for a while",
  },
  maxMemoryMiB: {
    option: "--max-memory <MiB>",
    what: "memory of all connections, MiB",
    default: 256,
    min: 16,
    max: 1_048_576,
    stops: "sending data with gaps, which must be buffered, on all streams; never acknowledging",
    then: "a connection that uses much of it is closed, with a reason",
  },
  maxMemoryPerConnectionMiB: {
    option: "--max-memory-per-connection <MiB>",
    what: "memory of a connection, MiB",
    // At 10 Gbit/s and 200 ms some 170,000 packets are in flight, and a sender remembers 256 bytes of each.
    default: 64,
    min: 1,
    max: 1_048_576,
    stops: "the same on one connection",
    then: "it is closed, with a reason",
  },
  stallTimeoutS: {
    option: "--stall-timeout <seconds>",
    what: "stalled transfer timeout, seconds",
    default: DEFAULT_REQUEST_BOUNDS.stallTimeoutUs / 1e6,
    min: 1,
    max: DAY_S,
    stops: "starting transfers and keeping them open with an occasional PING",
    then: "its transfers are aborted; the connection stays",
  },
  idleTimeoutS: {
    option: "--idle-timeout <seconds>",
    what: "idle connection timeout, seconds",
    default: DEFAULT_CONFIG.idleTimeoutUs / 1e6,
    min: 1,
    max: DAY_S,
    stops: "starting connections and abandoning them",
    then: "the connection and all of its transfers are aborted",
  },
};

const NAMES = Object.keys(TABLE) as (keyof ServerLimits)[];

/** All limits that can be set, in the order of the help. */
export const SERVER_LIMITS: readonly LimitEntry[] = NAMES.map((name) => ({ name, ...TABLE[name] }));

const DEFAULT_LIMITS = mapValues(TABLE, (limit) => limit.default);

function mapValues<Key extends string, From, To>(from: Readonly<Record<Key, From>>, map: (value: From) => To) {
  const to = {} as Record<Key, To>;
  for (const key of Object.keys(from) as Key[]) to[key] = map(from[key]);
  return to;
}

/** All limits; those that are not given have their defaults. */
export function resolveLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  return { ...DEFAULT_LIMITS, ...limits };
}
